package ledger

import (
	"slices"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// Free returns what is neither promised nor used by others at now; negative
// where there is an overdraft.
func (l *Ledger) Free(now span.Time) resource.Vector {
	l.advance(now)
	return l.limit.Minus(l.total[l.total.find(l.now)].promised)
}

// FreeOver returns the least that is free throughout what is left of w: what a
// newcomer could have. Of a window that is over it returns Free(now).
func (l *Ledger) FreeOver(now span.Time, w span.Window) resource.Vector {
	l.advance(now)
	steps := l.total.during(l.rest(w))
	most := steps[0].promised
	for i := range steps[1:] {
		most = most.Max(steps[i+1].promised)
	}
	return l.limit.Minus(most)
}

// Overdraft returns how much more is promised and used by others than there is,
// at now.
func (l *Ledger) Overdraft(now span.Time) resource.Vector {
	return beyond(resource.Vector{}, l.Free(now))
}

// OverdraftOver returns the largest overdraft of what is left of w.
func (l *Ledger) OverdraftOver(now span.Time, w span.Window) resource.Vector {
	return beyond(resource.Vector{}, l.FreeOver(now, w))
}

// Peak returns the most that is allocated at any instant of what is left of w,
// or at now where it is over.
func (l *Ledger) Peak(now span.Time, w span.Window) resource.Vector {
	l.advance(now)
	steps := l.total.during(l.rest(w))
	most := steps[0].allocated
	for i := range steps[1:] {
		most = most.Max(steps[i+1].allocated)
	}
	return most
}

// Idle is what a holder has reserved and not claimed at an instant: what is to
// be staged for it.
type Idle struct {
	Holder  Holder
	Firm    resource.Vector // guaranteed
	Soft    resource.Vector // honoured: what is free has room for it
	Revoked resource.Vector // soft without room
}

// Idle returns what the holder has idle at now. Soft reservations are honoured
// in order of creation, each resource by itself, less what the holder has
// allocated beyond its firm.
func (l *Ledger) Idle(now span.Time, holder Holder) Idle {
	l.advance(now)
	l.honour()
	a := l.holders[holder]
	if a == nil {
		return Idle{Holder: holder}
	}
	l.begin(a)
	return a.idle
}

// IdleAll appends to dst what every holder has idle at now, by holder, without
// those that have nothing.
func (l *Ledger) IdleAll(dst []Idle, now span.Time) []Idle {
	l.advance(now)
	l.honour()
	for _, a := range l.accounts {
		l.begin(a)
		if !a.idle.Firm.IsZero() || !a.idle.Soft.IsZero() || !a.idle.Revoked.IsZero() {
			dst = append(dst, a.idle)
		}
	}
	return dst
}

// honour begins a new round of reckoning and goes through the soft reservations.
func (l *Ledger) honour() {
	l.round++
	left := beyond(l.limit, l.total[l.total.find(l.now)].promised)
	for _, r := range l.soft {
		if !r.Window.Contains(l.now) {
			continue
		}
		a := r.account
		l.begin(a)
		used := r.Amount.Min(a.excess)
		idle := r.Amount.Minus(used)
		honoured := idle.Min(left)
		a.excess = a.excess.Minus(used)
		left = left.Minus(honoured)
		a.idle.Soft = a.idle.Soft.Plus(honoured)
		a.idle.Revoked = a.idle.Revoked.Plus(idle.Minus(honoured))
	}
}

// begin reckons a's firm, once in a round.
func (l *Ledger) begin(a *account) {
	if a.round == l.round {
		return
	}
	s := &a.book[a.book.find(l.now)]
	a.round = l.round
	a.idle = Idle{Holder: a.holder, Firm: beyond(s.promised, s.allocated)}
	a.excess = beyond(s.allocated, s.promised)
}

// Hit is a firm reservation that an overdue allocation leaves without room.
type Hit struct {
	Reservation Reservation
	Missing     resource.Vector // the most at any instant
}

// Overdue returns the firm reservations that, from now on, are not claimed yet
// and lack room where an allocation was renewed past its booked end, by the end
// of their windows, then creation.
func (l *Ledger) Overdue(now span.Time) []Hit {
	l.advance(now)
	var late []*Allocation
	for _, a := range l.leases[l.lapsed:] {
		if a.Until > a.Window.End {
			late = append(late, a)
		}
	}
	var hits []Hit
	for _, r := range l.byEnd {
		var missing resource.Vector
		for _, a := range late {
			missing = missing.Max(l.missing(r, a))
		}
		if !missing.IsZero() {
			hits = append(hits, Hit{r.Reservation, missing})
		}
	}
	return slices.Clip(hits)
}

// missing returns the most that r lacks because of the overdue a.
func (l *Ledger) missing(r *reservation, a *Allocation) resource.Vector {
	both := r.firm().Min(a.Amount)
	late := span.Window{Start: a.Window.End, End: a.Until}
	var most resource.Vector
	for c := l.over(l.rest(r.Window.Intersect(late)), r.account, &l.nobody); c.next(); {
		idle := beyond(c.step(own).promised, c.step(own).allocated)
		overdraft := beyond(c.step(total).promised, l.limit)
		most = most.Max(both.Min(idle).Min(overdraft))
	}
	return most
}
