package forecast

import (
	"math"

	"github.com/zonecast/zonecast/actors/span"
)

// Versions of the marshalled states, their first byte.
const (
	poolVersion   = 1
	habitsVersion = 1
	usageVersion  = 1
)

// MarshalBinary returns p's state, about 2 to 4 KiB. It never fails.
func (p *Pool) MarshalBinary() ([]byte, error) {
	e := encoder{out: []byte{poolVersion}}
	e.int(int64(p.offset))
	e.int(p.hour)
	e.int(int64(p.clock))
	e.float(p.count)
	for i := range p.tables {
		p.tables[i].encode(&e)
	}
	e.floats(p.season[:]...)
	e.floats(p.weights[:]...)
	for _, r := range append(p.ratios[:len(p.ratios):len(p.ratios)], p.users) {
		e.floats(r.actual, r.expected)
	}
	e.floats(p.excess, p.square, p.band.Offset, p.band.Scale)
	p.open.encode(&e)
	return e.out, nil
}

// UnmarshalBinary sets p to a state that MarshalBinary returned. Error: ErrState;
// then p is unchanged.
func (p *Pool) UnmarshalBinary(data []byte) error {
	d := decoder{in: data}
	d.version(poolVersion)
	var q Pool
	q.offset = int(d.int(-MaxOffset, MaxOffset))
	q.hour = d.int(-maxHour, maxHour)
	q.clock = d.time()
	q.count = d.amount()
	for i := range q.tables {
		q.tables[i].decode(&d)
	}
	d.weights(q.season[:])
	d.weights(q.weights[:])
	for i := range q.ratios {
		q.ratios[i] = ratio{d.amount(), d.amount()}
	}
	q.users = ratio{d.amount(), d.amount()}
	q.excess, q.square = d.float(), d.amount()
	q.band = Conformal{d.float(), d.amount()}
	q.open.decode(&d)
	if d.err == nil && hourOf(q.clock, q.offset) != q.hour {
		d.fail("the clock is not in the open hour")
	}
	if err := d.end(); err != nil {
		return err
	}
	*p = q
	return nil
}

// maxHour bounds local hours: the year 2999.
const maxHour = int64(span.MaxTime)/int64(span.Hour) + 24

// time reads an instant that a message could have named.
func (d *decoder) time() span.Time { return span.Time(d.int(int64(span.MinTime), int64(span.MaxTime))) }

// encode writes the cells that are not empty, each with its distance from the one
// before it.
func (t *rateTable) encode(e *encoder) {
	e.float(t.unit)
	full := 0
	for _, c := range t.cells {
		if c != (cell{}) {
			full++
		}
	}
	e.int(int64(full))
	next := 0
	for i, c := range t.cells {
		if c != (cell{}) {
			e.int(int64(i - next))
			e.small(c.count)
			e.small(c.hours)
			next = i + 1
		}
	}
}

func (t *rateTable) decode(d *decoder) {
	if t.unit = d.float(); d.err == nil && !(t.unit >= 1 && t.unit <= 2*unitLimit) {
		d.fail("a table's unit is %v", t.unit)
	}
	next := 0
	for range d.int(0, cellCount) {
		i := next + int(d.int(0, int64(cellCount-1-next)))
		if d.err != nil {
			return
		}
		t.cells[i] = cell{d.small(), d.small()}
		next = min(i+1, cellCount-1)
	}
}

func (w *scoring) encode(e *encoder) {
	e.int(int64(w.start))
	e.int(int64(w.end))
	if w.end == 0 {
		return
	}
	heard := int64(1)
	if math.IsNaN(w.announced) {
		heard = 0
	}
	e.int(heard)
	if heard == 1 {
		e.floats(w.announced, w.means[expertUsers])
	}
	e.floats(w.means[:expertUsers]...)
	e.floats(w.mean, w.deviation, w.count)
}

func (w *scoring) decode(d *decoder) {
	w.start, w.end = d.time(), d.time()
	if w.end == 0 {
		return
	}
	w.announced, w.means[expertUsers] = math.NaN(), math.NaN()
	if d.int(0, 1) == 1 {
		w.announced, w.means[expertUsers] = d.amount(), d.amount()
	}
	for i := range w.means[:expertUsers] {
		w.means[i] = d.amount()
	}
	w.mean, w.deviation, w.count = d.amount(), d.amount(), d.amount()
}
