package persistence

import (
	"fmt"
	"math"
)

// itemBytes is what an item of a proposal costs beside its strings and bytes: the
// most that its lengths and numbers take when encoded.
const itemBytes = 24

// check returns an error that wraps ErrInvalid or ErrTooLarge unless b keeps the
// form and the bounds that Batch states.
func (b *Batch) check() error {
	switch {
	case b.Actor.Kind == "" || b.Actor.ID == "":
		return fmt.Errorf("%w: batch of actor %q lacks kind or id", ErrInvalid, b.Actor)
	case b.Version.Number == 0 || b.Version == b.Base:
		return fmt.Errorf("%w: batch of %v has version %v on base %v", ErrInvalid, b.Actor, b.Version, b.Base)
	case b.Snapshot != nil && len(b.Records) > 0:
		return fmt.Errorf("%w: batch of %v has both a snapshot and records", ErrInvalid, b.Actor)
	}
	if err := checkTimes(b.NowMs, b.Rows); err != nil {
		return err
	}
	for i := range b.Wakes {
		if at := b.Wakes[i].AtMs; at < 0 || at > MaxTimeMs {
			return fmt.Errorf("%w: reminder %q of %v at %d ms", ErrInvalid, b.Wakes[i].Key, b.Actor, at)
		}
	}
	most := MaxBatchBytes
	if b.Snapshot != nil {
		most = MaxSnapshotBytes
	}
	return within(b.size(), most, b.Actor.String())
}

// checkIngest is check for the rows of an ingest.
func checkIngest(nowMs int64, rows []Row) error {
	if len(rows) > MaxRows {
		return fmt.Errorf("%w: %d rows, at most %d go in one ingest", ErrTooLarge, len(rows), MaxRows)
	}
	if err := checkTimes(nowMs, rows); err != nil {
		return err
	}
	total := itemBytes
	for i := range rows {
		a := rows[i].Actor
		if a.Kind == "" || a.ID == "" {
			return fmt.Errorf("%w: row of actor %q lacks kind or id", ErrInvalid, a)
		}
		total += actorBytes(a) + rows[i].size()
	}
	return within(total, MaxIngestBytes, "ingest")
}

// checkTimes refuses instants outside of [0, MaxTimeMs].
func checkTimes(nowMs int64, rows []Row) error {
	if nowMs < 0 || nowMs > MaxTimeMs {
		return fmt.Errorf("%w: clock at %d ms", ErrInvalid, nowMs)
	}
	for i := range rows {
		if at := rows[i].AtMs; at < 0 || at > MaxTimeMs {
			return fmt.Errorf("%w: row %q at %d ms", ErrInvalid, rows[i].Identity, at)
		}
	}
	return nil
}

// within refuses what is longer than most.
func within(bytes, most int, of string) error {
	if bytes <= most {
		return nil
	}
	if bytes >= math.MaxInt32 {
		return fmt.Errorf("%w: a name in %s has more than %d bytes", ErrTooLarge, of, MaxKeyBytes)
	}
	return fmt.Errorf("%w: %s has %d bytes of %d", ErrTooLarge, of, bytes, most)
}

// size returns at least the number of bytes of b when encoded.
func (b *Batch) size() int {
	n := 4*itemBytes + actorBytes(b.Actor) + len(b.Snapshot)
	for _, r := range b.Records {
		n += itemBytes + len(r)
	}
	for i := range b.Answers {
		n += itemBytes + nameBytes(b.Answers[i].Request) + len(b.Answers[i].Result)
	}
	for i := range b.Wakes {
		n += itemBytes + nameBytes(b.Wakes[i].Key)
	}
	for i := range b.Rows {
		n += b.Rows[i].size()
	}
	return n
}

// size is that of a row without its actor.
func (r *Row) size() int { return itemBytes + nameBytes(r.Identity) + len(r.Data) }

func actorBytes(a Actor) int { return itemBytes + nameBytes(a.Kind) + nameBytes(a.ID) }

// nameBytes returns the length of a name; one over MaxKeyBytes makes the whole
// proposal too large.
func nameBytes(s string) int {
	if len(s) > MaxKeyBytes {
		return math.MaxInt32
	}
	return len(s)
}

// table is what apply reads and writes of a shard's state.
type table interface {
	// version returns the stored version of a.
	version(a Actor) (Version, error)
	// answered reports whether a stored answer of a was settled after afterMs.
	answered(a Actor, request string, afterMs int64) (bool, error)
	// keep stores all of an accepted batch but its rows; its answers at nowMs. The
	// last call of version was for the same actor, with nothing written since.
	keep(b *Batch, nowMs int64) error
	// place stores p unless a row with its identity is stored.
	place(p *Placed) (stored bool, err error)
}

// clock is what apply counts of a shard; it is stored with the state.
type clock struct {
	nowMs int64  // log time
	last  uint64 // position of the last row

	unfenced bool // see Group.Unfenced; not stored
}

// positionBits are the low bits of a position, the number of the row within the
// day of log time that its other bits name: a trillion rows a day.
const positionBits = 40

// day returns the day that contains ms, counted from the epoch.
func day(ms int64) uint64 { return uint64(ms / dayMs) }

// applyBatch applies b, of an entry appended in term, to t: all of it, or nothing
// but its clock when refused says why. It appends the rows that were stored to dst.
func (c *clock) applyBatch(t table, term uint64, b *Batch, dst []Placed) (rows []Placed, refused, err error) {
	c.raise(b.NowMs)
	if refused, err = c.judge(t, term, b); refused != nil || err != nil {
		return dst, refused, err
	}
	if err := t.keep(b, c.nowMs); err != nil {
		return dst, nil, err
	}
	for i := range b.Rows {
		row := b.Rows[i]
		row.Actor = b.Actor
		if dst, err = c.place(t, row, dst); err != nil {
			return dst, nil, err
		}
	}
	return dst, nil, nil
}

// applyIngest applies rows to t and appends those that were stored to dst.
func (c *clock) applyIngest(t table, nowMs int64, rows []Row, dst []Placed) (_ []Placed, err error) {
	c.raise(nowMs)
	for i := range rows {
		if dst, err = c.place(t, rows[i], dst); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// judge is the fence and the dedupe of request ids.
func (c *clock) judge(t table, term uint64, b *Batch) (refused, err error) {
	if b.Version.Term != term {
		return fmt.Errorf("%w: batch %v of %v in term %d", ErrFenced, b.Version, b.Actor, term), nil
	}
	stored, err := t.version(b.Actor)
	if err != nil {
		return nil, err
	}
	if stored != b.Base && !c.unfenced {
		return fmt.Errorf("%w: %v is at %v, batch %v is on %v", ErrFenced, b.Actor, stored, b.Version, b.Base), nil
	}
	for i := range b.Answers {
		known, err := t.answered(b.Actor, b.Answers[i].Request, c.answersAfter())
		if err != nil {
			return nil, err
		}
		if known {
			return fmt.Errorf("%w: %q of %v", ErrDuplicate, b.Answers[i].Request, b.Actor), nil
		}
	}
	return nil, nil
}

// answersAfter returns the log time after which an answer was settled that is
// still kept.
func (c *clock) answersAfter() int64 { return c.nowMs - AnswersKeptMs }

func (c *clock) raise(nowMs int64) { c.nowMs = max(c.nowMs, nowMs) }

// place gives row the next position if it is new.
func (c *clock) place(t table, row Row, dst []Placed) ([]Placed, error) {
	p := Placed{Row: row, Position: max(c.last+1, day(c.nowMs)<<positionBits)}
	stored, err := t.place(&p)
	if err != nil || !stored {
		return dst, err
	}
	c.last = p.Position
	return append(dst, p), nil
}
