package ledger

import (
	"fmt"
	"slices"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// State is all that a ledger knows, for snapshots: equal ledgers have equal
// states.
type State struct {
	Capacity     resource.Vector
	Overcommit   int64 // per mille
	Foreign      resource.Vector
	Now          span.Time     // latest that the ledger has seen
	Reservations []Reservation // in order of creation
	Allocations  []Allocation  // by Until, then request
	Remembered   []Ended       // oldest first
}

// State returns the ledger's state. It shares no memory that later calls write.
func (l *Ledger) State() State {
	s := State{
		Capacity: l.capacity, Overcommit: l.overcommit, Foreign: l.foreign, Now: l.now,
		Remembered: slices.Clone(l.remembered),
	}
	for _, r := range slices.SortedFunc(slices.Values(l.byEnd), compareCreated) {
		s.Reservations = append(s.Reservations, r.Reservation)
	}
	for _, a := range l.leases {
		s.Allocations = append(s.Allocations, *a)
	}
	return s
}

// Restore returns the ledger that had this state. A state that no ledger has is
// an error that wraps ErrInvalid, resource.ErrAmount or span.ErrWindow.
func Restore(s State) (*Ledger, error) {
	l, err := New(s.Capacity, s.Overcommit)
	if err != nil {
		return nil, err
	}
	if err := l.SetForeign(s.Foreign); err != nil {
		return nil, err
	}
	if len(s.Reservations)+len(s.Allocations) > maxHoldings || len(s.Remembered) > MaxRemembered {
		return nil, ErrTooMany
	}
	l.now, l.floor = s.Now, s.Now
	for _, r := range s.Reservations {
		if err := l.restoreReservation(r); err != nil {
			return nil, fmt.Errorf("reservation %q: %w", r.ID, err)
		}
	}
	for _, a := range s.Allocations {
		if err := l.restoreAllocation(a); err != nil {
			return nil, fmt.Errorf("allocation %q: %w", a.Request, err)
		}
	}
	l.remembered = slices.Clone(s.Remembered)
	for _, e := range s.Remembered {
		l.ended[e.Request] = true
	}
	return l, nil
}

func (l *Ledger) restoreReservation(r Reservation) error {
	// The window may be over where the reservation waits for Sweep.
	if err := r.validate(min(l.now, r.Window.End-1)); err != nil {
		return err
	}
	if r.Amount.IsZero() || l.reservations[r.key()] != nil {
		return fmt.Errorf("%w: empty or there twice", ErrInvalid)
	}
	n := l.open(r)
	l.post(n.account, r.Window, r.firm(), resource.Vector{})
	l.amend(n, r)
	return nil
}

func (l *Ledger) restoreAllocation(a Allocation) error {
	if err := a.validate(min(l.now, a.Window.End-1)); err != nil {
		return err
	}
	if l.allocations[a.Request] != nil {
		return fmt.Errorf("%w: there twice", ErrInvalid)
	}
	for _, d := range a.Draws {
		if d.Holder != a.Holder && d.Holder != a.Pool || !d.Amount.Fits(a.Amount) {
			return fmt.Errorf("%w: a draw is not part of its claim", ErrInvalid)
		}
	}
	n := &a
	l.allocations[a.Request] = n
	l.leases = insert(l.leases, n, compareLeases)
	if n.Until <= l.now {
		l.lapsed++
	} else {
		l.enter(n)
	}
	return nil
}
