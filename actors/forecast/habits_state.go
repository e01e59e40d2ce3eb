package forecast

import "github.com/zonecast/zonecast/actors/span"

// MarshalBinary returns h's state: 2 to 4 KiB for a typical user. It never fails.
func (h *Habits) MarshalBinary() ([]byte, error) {
	e := encoder{out: []byte{habitsVersion}}
	e.int(int64(h.offset))
	e.int(int64(h.start))
	e.int(int64(len(h.zones)))
	for _, z := range h.zones {
		e.name(z)
	}
	e.int(int64(len(h.places)))
	for _, p := range h.places {
		e.int(int64(p.zone))
		e.name(p.dataset)
		e.int(p.bytes)
	}
	e.int(int64(len(h.visits)))
	var last span.Time
	for _, v := range h.visits {
		e.int(int64(v.at.Sub(last)))
		e.int(int64(v.place))
		last = v.at
	}
	e.floats(h.zoneWeights[:]...)
	e.floats(h.placeWeights[:]...)
	e.floats(h.fresh.visits, h.fresh.zones, h.fresh.places)
	e.floats(h.duration.weight, h.duration.sum, h.duration.square)
	h.rhythm.encode(&e)
	return e.out, nil
}

// UnmarshalBinary sets h to a state that MarshalBinary returned. Error: ErrState;
// then h is unchanged.
func (h *Habits) UnmarshalBinary(data []byte) error {
	d := decoder{in: data}
	d.version(habitsVersion)
	var g Habits
	g.offset = int(d.int(-MaxOffset, MaxOffset))
	g.start = d.time()
	g.decodePlaces(&d)
	g.decodeVisits(&d)
	d.weights(g.zoneWeights[:])
	d.weights(g.placeWeights[:])
	g.fresh = novelty{d.amount(), d.amount(), d.amount()}
	if g.fresh.zones > g.fresh.visits || g.fresh.places > g.fresh.visits {
		d.fail("more new places than visits")
	}
	g.duration = moments{d.amount(), d.amount(), d.amount()}
	g.rhythm.decode(&d)
	g.rhythm.start = g.start
	if err := d.end(); err != nil {
		return err
	}
	*h = g
	return nil
}

func (h *Habits) decodePlaces(d *decoder) {
	for range d.int(0, MaxPlaces+1) {
		h.zones = append(h.zones, d.name())
	}
	for range d.int(0, MaxPlaces) {
		zone := d.int(0, max(0, int64(len(h.zones))-1))
		h.places = append(h.places, place{zone: int(zone), dataset: d.name(), bytes: d.int(0, 1<<62)})
	}
	if len(h.zones) == 0 && len(h.places) > 0 {
		d.fail("places without zones")
	}
}

func (h *Habits) decodeVisits(d *decoder) {
	var at span.Time
	for range d.int(0, MaxVisits) {
		at = at.Add(span.Duration(d.int(0, int64(span.MaxTime.Sub(at)))))
		i := d.int(0, MaxPlaces-1)
		if d.err == nil && i >= int64(len(h.places)) {
			d.fail("a visit to place %d of %d", i, len(h.places))
		}
		if d.err != nil {
			return
		}
		h.visits = append(h.visits, visited{at, int16(i), uint8(kindOf(hourOf(at, h.offset)))})
		h.places[i].visits++
	}
}

func (r *rhythm) encode(e *encoder) {
	e.int(int64(r.last))
	e.float(r.unit)
	for t := range r.hours {
		for _, w := range r.hours[t] {
			e.small(w)
		}
	}
	for i := range r.actual {
		e.small(r.actual[i])
		e.small(r.expected[i])
	}
}

func (r *rhythm) decode(d *decoder) {
	r.last = d.time()
	if r.unit = d.float(); d.err == nil && !(r.unit >= 1 && r.unit <= unitLimit) {
		d.fail("the unit is %v", r.unit)
	}
	for t := range r.hours {
		for i := range r.hours[t] {
			r.hours[t][i] = d.small()
		}
	}
	for i := range r.actual {
		r.actual[i], r.expected[i] = d.small(), d.small()
	}
}
