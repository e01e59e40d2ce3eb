package measure

import (
	"slices"

	"github.com/zonecast/zonecast/actors/ledger"
	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// list is the slow, obvious ledger: holdings in a list, and what is free summed up
// anew for every instant that is asked about. Claims count against their pools.
type list struct {
	limit        resource.Vector
	reservations []ledger.Reservation
	claims       []listed
}

// listed is a claim; held is one that isn't confirmed.
type listed struct {
	ledger.Claim
	held bool
}

// free is capacity less the sum over holders of max(firm, allocated).
func (l *list) free(at span.Time) resource.Vector {
	type promise struct{ firm, allocated resource.Vector }
	promises := map[ledger.Holder]promise{}
	for i := range l.reservations {
		if r := &l.reservations[i]; r.Tier == ledger.Firm && r.Window.Contains(at) {
			p := promises[r.Holder]
			p.firm = p.firm.Plus(r.Amount)
			promises[r.Holder] = p
		}
	}
	for i := range l.claims {
		if c := &l.claims[i]; c.Window.Contains(at) {
			p := promises[c.Pool]
			p.allocated = p.allocated.Plus(c.Amount)
			promises[c.Pool] = p
		}
	}
	left := l.limit
	for _, p := range promises {
		left = left.Minus(p.firm.Max(p.allocated))
	}
	return left
}

// overdrawn reports whether anything is promised twice at some instant of w: what
// is free falls only where a holding begins.
func (l *list) overdrawn(w span.Window) bool {
	begins := []span.Time{w.Start}
	add := func(t span.Time) {
		if w.Contains(t) && !slices.Contains(begins, t) {
			begins = append(begins, t)
		}
	}
	for i := range l.reservations {
		add(l.reservations[i].Window.Start)
	}
	for i := range l.claims {
		add(l.claims[i].Window.Start)
	}
	return slices.ContainsFunc(begins, func(t span.Time) bool {
		short := l.free(t).Times(-1).Max(resource.Vector{})
		return !short.IsZero()
	})
}

// reserve replaces the reservation of the same name, or adds it, and takes that
// back where it doesn't fit.
func (l *list) reserve(r ledger.Reservation) error {
	i := slices.IndexFunc(l.reservations, func(o ledger.Reservation) bool {
		return o.Holder == r.Holder && o.ID == r.ID && o.Window == r.Window
	})
	if i < 0 {
		l.reservations = append(l.reservations, r)
		if l.overdrawn(r.Window) {
			l.reservations = l.reservations[:len(l.reservations)-1]
			return ledger.ErrFull
		}
		return nil
	}
	old := l.reservations[i]
	if l.reservations[i] = r; l.overdrawn(r.Window) {
		l.reservations[i] = old
		return ledger.ErrFull
	}
	return nil
}

func (l *list) claim(c ledger.Claim) error {
	l.claims = append(l.claims, listed{c, true})
	if l.overdrawn(c.Window) {
		l.claims = l.claims[:len(l.claims)-1]
		return ledger.ErrFull
	}
	return nil
}

func (l *list) find(request string) int {
	return slices.IndexFunc(l.claims, func(c listed) bool { return c.Request == request })
}

func (l *list) confirm(request string) error {
	i := l.find(request)
	if i < 0 {
		return ledger.ErrUnknown
	}
	l.claims[i].held = false
	return nil
}

func (l *list) release(request string) error {
	i := l.find(request)
	if i < 0 {
		return ledger.ErrUnknown
	}
	l.claims = slices.Delete(l.claims, i, i+1)
	return nil
}
