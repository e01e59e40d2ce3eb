package ledger

import (
	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// cursor visits the parts of a window throughout which the total and two
// accounts are constant.
type cursor struct {
	part  span.Window
	end   span.Time
	books [3]book
	index [3]int
}

// Books of a cursor.
const (
	total = iota
	own
	pool
)

// over returns a cursor before the first part of w.
func (l *Ledger) over(w span.Window, holder, second *account) cursor {
	c := cursor{part: span.Window{End: w.Start}, end: w.End}
	c.books = [3]book{total: l.total, own: holder.book, pool: second.book}
	for i, b := range c.books {
		c.index[i] = b.find(w.Start)
	}
	return c
}

// next moves to the next part; false after the last one.
func (c *cursor) next() bool {
	start, end := c.part.End, c.end
	if start >= end {
		return false
	}
	for i, b := range c.books {
		following := c.index[i] + 1
		if following < len(b) && b[following].at <= start {
			c.index[i] = following
			following++
		}
		if following < len(b) {
			end = min(end, b[following].at)
		}
	}
	c.part = span.Window{Start: start, End: end}
	return true
}

func (c *cursor) step(i int) *step { return &c.books[i][c.index[i]] }

// ask is an amount that would be promised anew: to a claim on two holders, or as
// firm reservation of one.
type ask struct {
	amount    resource.Vector
	claim     bool
	own, pool *account
}

// covered returns how much of the ask the holders have already: a claim uses up
// firm that is not claimed yet, a firm reservation is used up by what is
// allocated beyond firm.
func (q *ask) covered(c *cursor) resource.Vector {
	if !q.claim {
		return q.amount.Min(beyond(c.step(own).allocated, c.step(own).promised))
	}
	idle := beyond(c.step(own).promised, c.step(own).allocated)
	return q.amount.Min(idle.Plus(beyond(c.step(pool).promised, c.step(pool).allocated)))
}

// beyond returns how much more than w the amounts of v are, 0 where they are less.
func beyond(v, w resource.Vector) resource.Vector {
	return v.Minus(w).Max(resource.Vector{})
}

// room returns the most that the ask may be in this part.
func (l *Ledger) room(q *ask, c *cursor) resource.Vector {
	return l.limit.Minus(c.step(total).promised).Plus(q.covered(c))
}

// admit returns a Refusal unless the ask fits at every instant of w.
func (l *Ledger) admit(w span.Window, q ask) *Refusal {
	if l.isFree(w, q.amount) {
		return nil
	}
	var short resource.Vector
	for c := l.over(w, q.own, q.pool); c.next(); {
		if room := l.room(&q, &c); !q.amount.Fits(room) {
			short = short.Max(q.amount.Shortfall(room))
		}
	}
	if short.IsZero() {
		return nil
	}
	return &Refusal{Short: short, When: span.Never}
}

// isFree says whether the amount fits whatever the holders have already: mostly
// it does, and that is cheap to see.
func (l *Ledger) isFree(w span.Window, amount resource.Vector) bool {
	steps := l.total.during(w)
	for i := range steps {
		if !amount.Fits(l.limit.Minus(steps[i].promised)) {
			return false
		}
	}
	return true
}

// when returns the earliest start from w.Start on at which the ask would fit for
// as long as w.
func (l *Ledger) when(w span.Window, q ask) span.Time {
	start := w.Start
	for c := l.over(span.Window{Start: start, End: l.now.Add(MaxAhead)}, q.own, q.pool); c.next(); {
		switch {
		case !q.amount.Fits(l.room(&q, &c)):
			start = c.part.End
		case c.part.End.Sub(start) >= w.Length():
			return start
		}
	}
	return span.Never
}

// rest returns what of w is not over.
func (l *Ledger) rest(w span.Window) span.Window {
	w.Start = max(w.Start, l.now)
	return w
}
