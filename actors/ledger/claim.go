package ledger

import (
	"fmt"
	"slices"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// Claim asks for an amount for a request.
type Claim struct {
	Request string
	Holder  Holder          // on whose firm reservations it draws first
	Pool    Holder          // on whose it draws next; the zero Holder for none
	Window  span.Window     // booked: what it takes is sure from its start to its end
	Amount  resource.Vector // may be zero
	Renewal span.Duration   // 0: it ends with Window; else it must be renewed in less than this, and may be past the end
}

func (q *Claim) validate(now span.Time) error {
	if err := validateID("request", q.Request); err != nil {
		return err
	}
	if err := q.Holder.validate(); err != nil {
		return err
	}
	if q.Pool != (Holder{}) {
		if err := q.Pool.validate(); err != nil {
			return err
		}
		if q.Pool.Tenant != q.Holder.Tenant || q.Pool == q.Holder {
			return fmt.Errorf("%w: the pool must be another holder of tenant %q", ErrInvalid, q.Holder.Tenant)
		}
	}
	if err := validateWindow(now, q.Window); err != nil {
		return err
	}
	if q.Renewal < 0 || q.Renewal > MaxAhead {
		return fmt.Errorf("%w: renewal period is %v, must be from 0 to %v", ErrInvalid, q.Renewal, MaxAhead)
	}
	return q.Amount.Validate(resource.MaxAmount)
}

// Allocation is a claim that was granted: capacity taken under a lease.
type Allocation struct {
	Claim
	Held  bool      // not confirmed yet
	Until span.Time // when it ends unless it is confirmed or renewed before

	// Draws says whose firm the amount uses up: at every instant they add up
	// to Amount. They are not to be written to.
	Draws []Draw
}

// Draw is what an allocation counts against one holder during a window.
type Draw struct {
	Holder Holder
	Window span.Window
	Amount resource.Vector
}

// end is when the allocation leaves the books if nothing else happens.
func (a *Allocation) end() span.Time { return max(a.Window.End, a.Until) }

// Claim takes the amount and holds it unconfirmed for hold (at most MaxHold). It
// fits if at every instant of the booked window the amount is at most what is
// free plus what the holder's and the pool's firm reservations have unclaimed; the
// holder's are used up first, then the pool's, then what is free. A request that
// has an allocation gets the same one again. Errors: *Refusal, ErrEnded for a
// request whose allocation has ended, ErrTooMany, ErrInvalid, resource.ErrAmount,
// span.ErrWindow.
func (l *Ledger) Claim(now span.Time, q Claim, hold span.Duration) (Allocation, error) {
	l.advance(now)
	if a, err := l.live(q.Request); err != ErrUnknown {
		return a.copy(), err
	}
	if err := q.validate(l.now); err != nil {
		return Allocation{}, err
	}
	if hold <= 0 || hold > MaxHold {
		return Allocation{}, fmt.Errorf("%w: hold is %v, must be more than 0 and at most %v", ErrInvalid, hold, MaxHold)
	}
	if l.holdings() >= maxHoldings {
		return Allocation{}, ErrTooMany
	}
	w := l.rest(q.Window)
	asked := ask{amount: q.Amount, claim: true, own: l.account(q.Holder), pool: l.account(q.Pool)}
	if refusal := l.admit(w, asked); refusal != nil {
		refusal.When = l.when(w, asked)
		return Allocation{}, refusal
	}
	a := &Allocation{Claim: q, Held: true, Until: min(l.now.Add(hold), q.Window.End), Draws: l.draw(w, &q)}
	l.allocations[q.Request] = a
	l.leases = insert(l.leases, a, compareLeases)
	l.enter(a)
	return *a, nil
}

// live returns the request's allocation, ErrEnded or ErrUnknown.
func (l *Ledger) live(request string) (*Allocation, error) {
	a := l.allocations[request]
	switch {
	case a != nil && a.Until > l.now:
		return a, nil
	case a != nil || l.ended[request]:
		return nil, ErrEnded
	}
	return nil, ErrUnknown
}

func (a *Allocation) copy() Allocation {
	if a == nil {
		return Allocation{}
	}
	return *a
}

// draw splits a claim: first what the holder's firm has unclaimed, the rest
// against the pool, or the holder itself where no pool is named.
func (l *Ledger) draw(w span.Window, q *Claim) []Draw {
	holder := l.account(q.Holder)
	if q.Pool == (Holder{}) || holder == &l.nobody {
		last := q.Pool
		if last == (Holder{}) {
			last = q.Holder
		}
		return extend(nil, Draw{last, w, q.Amount})
	}
	var draws []Draw
	for c := l.over(w, holder, &l.nobody); c.next(); {
		first := q.Amount.Min(beyond(c.step(own).promised, c.step(own).allocated))
		draws = extend(draws, Draw{q.Holder, c.part, first})
		draws = extend(draws, Draw{q.Pool, c.part, q.Amount.Minus(first)})
	}
	return draws
}

// extend appends d, or lengthens the draw that it continues, one of the last two.
func extend(draws []Draw, d Draw) []Draw {
	if d.Amount.IsZero() {
		return draws
	}
	for i := max(0, len(draws)-2); i < len(draws); i++ {
		if e := &draws[i]; e.Holder == d.Holder && e.Window.End == d.Window.Start && e.Amount.Equal(d.Amount) {
			e.Window.End = d.Window.End
			return draws
		}
	}
	return append(draws, d)
}

// enter puts a's draws into the books.
func (l *Ledger) enter(a *Allocation) {
	for _, d := range a.Draws {
		l.post(l.hold(d.Holder), d.Window, resource.Vector{}, d.Amount)
	}
}

// leave takes a's draws out of the books.
func (l *Ledger) leave(a *Allocation) {
	for _, d := range a.Draws {
		holder := l.holders[d.Holder]
		l.post(holder, d.Window, resource.Vector{}, d.Amount.Times(-1))
		l.drop(holder)
	}
}

// Confirm turns a claim into a leased allocation; one that is leased stays as it
// is. Errors: ErrEnded where the hold has expired, ErrUnknown.
func (l *Ledger) Confirm(now span.Time, request string) (Allocation, error) {
	l.advance(now)
	a, err := l.live(request)
	if err != nil {
		return Allocation{}, err
	}
	if a.Held {
		until := a.Window.End
		if a.Renewal > 0 {
			until = min(until, max(l.now, a.Window.Start).Add(a.Renewal))
		}
		a.Held = false
		l.lease(a, until)
	}
	return *a, nil
}

// lease moves the time at which a ends.
func (l *Ledger) lease(a *Allocation, until span.Time) {
	l.leases = remove(l.leases, a, compareLeases)
	a.Until = until
	l.leases = insert(l.leases, a, compareLeases)
}

// Renew prolongs an allocation's lease to one renewal period from now. Past the
// booked end it goes on against the holders that it drew on last, be there room
// or not: it is overdue. Errors: ErrEnded, ErrHeld, ErrFixed, ErrUnknown.
func (l *Ledger) Renew(now span.Time, request string) (Allocation, error) {
	l.advance(now)
	a, err := l.live(request)
	switch {
	case err != nil:
		return Allocation{}, err
	case a.Held:
		return Allocation{}, ErrHeld
	case a.Renewal == 0:
		return Allocation{}, ErrFixed
	}
	before := a.end()
	l.lease(a, max(a.Until, l.now.Add(a.Renewal)))
	if longer := (span.Window{Start: before, End: a.end()}); longer.Length() > 0 {
		a.Draws = slices.Clone(a.Draws)
		for i := range a.Draws {
			if d := &a.Draws[i]; d.Window.End == longer.Start {
				l.post(l.holders[d.Holder], longer, resource.Vector{}, d.Amount)
				d.Window.End = longer.End
			}
		}
	}
	return *a, nil
}

// Release ends an allocation and returns it. Errors: ErrEnded, ErrInvalid, and
// ErrUnknown for a request that has none: its later claim is refused, as a
// release may overtake the claim that it cancels.
func (l *Ledger) Release(now span.Time, request string) (Allocation, error) {
	l.advance(now)
	if err := validateID("request", request); err != nil {
		return Allocation{}, err
	}
	a, err := l.live(request)
	switch err {
	case nil:
		l.leave(a)
		delete(l.allocations, request)
		l.leases = remove(l.leases, a, compareLeases)
		l.remember(request)
	case ErrUnknown:
		l.remember(request)
	}
	return a.copy(), err
}
