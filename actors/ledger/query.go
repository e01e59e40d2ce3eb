package ledger

import (
	"fmt"
	"sort"

	"github.com/zonecast/zonecast/actors/span"
)

// SetOvercommit changes how much is promised per 1000 that exist, from now on.
// Error: ErrInvalid.
func (l *Ledger) SetOvercommit(perMille int64) error {
	if perMille < 1 || perMille > MaxOvercommit {
		return fmt.Errorf("%w: overcommit is %d per mille, must be from 1 to %d", ErrInvalid, perMille, MaxOvercommit)
	}
	l.overcommit = perMille
	l.limit = l.capacity.PerMille(perMille).Minus(l.foreign)
	return nil
}

// Allocation returns the request's allocation, false when it has none that lives.
func (l *Ledger) Allocation(now span.Time, request string) (Allocation, bool) {
	l.advance(now)
	a, err := l.live(request)
	return a.copy(), err == nil
}

// Forbidden reports whether the request had an allocation that ended, or was
// released before it was claimed: it cannot be claimed any more.
func (l *Ledger) Forbidden(now span.Time, request string) bool {
	l.advance(now)
	_, err := l.live(request)
	return err == ErrEnded
}

// Ended returns the leases and holds that ended by now and wait for Sweep, by
// Until, then request.
func (l *Ledger) Ended(now span.Time) []Allocation {
	l.advance(now)
	ended := make([]Allocation, 0, l.lapsed)
	for _, a := range l.leases[:l.lapsed] {
		ended = append(ended, *a)
	}
	return ended
}

// NextEnd returns when the next lease or hold ends, in the past for one that waits
// for Sweep; span.Never if there is none.
func (l *Ledger) NextEnd() span.Time {
	if len(l.leases) == 0 {
		return span.Never
	}
	return l.leases[0].Until
}

// Lapsed returns how many reservations are over at now and wait for Sweep.
func (l *Ledger) Lapsed(now span.Time) int {
	return sort.Search(len(l.byEnd), func(i int) bool { return l.byEnd[i].Window.End > now })
}

// NextChange returns the next instant after now at which time alone changes what is
// free or idle, leases and holds (NextEnd) apart: a window begins or ends;
// span.Never if none does.
func (l *Ledger) NextChange(now span.Time) span.Time {
	l.advance(now)
	next := span.Never
	if i := l.total.find(l.now) + 1; i < len(l.total) {
		next = min(next, l.total[i].at)
	}
	for _, r := range l.soft {
		switch {
		case r.Window.Start > l.now:
			next = min(next, r.Window.Start)
		case r.Window.End > l.now:
			next = min(next, r.Window.End)
		}
	}
	return next
}
