package ledger

import (
	"fmt"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// Tier says what a reservation is worth.
type Tier uint8

// Tiers.
const (
	Soft Tier = iota + 1 // priority access to what is free; revocable
	Firm                 // guaranteed
)

// String returns soft or firm.
func (t Tier) String() string {
	switch t {
	case Soft:
		return "soft"
	case Firm:
		return "firm"
	}
	return fmt.Sprintf("tier %d", uint8(t))
}

// Reservation sets an amount aside for a holder throughout a window. Holder, ID
// and Window together name it.
type Reservation struct {
	Holder Holder
	ID     string
	Window span.Window
	Amount resource.Vector
	Tier   Tier
}

func (r *Reservation) validate(now span.Time) error {
	if err := r.Holder.validate(); err != nil {
		return err
	}
	if err := validateID("reservation", r.ID); err != nil {
		return err
	}
	if err := validateWindow(now, r.Window); err != nil {
		return err
	}
	if err := r.Amount.Validate(resource.MaxAmount); err != nil {
		return err
	}
	if r.Tier != Soft && r.Tier != Firm && !r.Amount.IsZero() {
		return fmt.Errorf("%w: %v, must be soft or firm", ErrInvalid, r.Tier)
	}
	return nil
}

// firm returns what of the reservation is guaranteed.
func (r *Reservation) firm() resource.Vector {
	if r.Tier == Firm {
		return r.Amount
	}
	return resource.Vector{}
}

// key names a reservation.
type key struct {
	holder Holder
	id     string
	window span.Window
}

func (r *Reservation) key() key { return key{r.Holder, r.ID, r.Window} }

type reservation struct {
	Reservation
	created uint64 // order of creation; a replacement keeps it
	account *account
}

// Reserve makes the reservation, or replaces the one of the same name: another
// amount, another tier, nothing at all with a zero amount. Firm that does not
// fit is refused with a *Refusal and leaves the old one as it was; soft always
// fits and is honoured as far as there is room. Other errors: ErrTooMany,
// ErrInvalid, resource.ErrAmount, span.ErrWindow.
func (l *Ledger) Reserve(now span.Time, r Reservation) error {
	l.advance(now)
	if err := r.validate(l.now); err != nil {
		return err
	}
	old, before := l.reservations[r.key()], resource.Vector{}
	switch {
	case old != nil:
		before = old.firm()
	case r.Amount.IsZero():
		return nil
	case l.holdings() >= maxHoldings:
		return ErrTooMany
	}
	more := r.firm().Minus(before)
	if refusal := l.admitFirm(&r, more); refusal != nil {
		return refusal
	}
	if old == nil {
		old = l.open(r)
	}
	l.post(old.account, r.Window, more, resource.Vector{})
	l.amend(old, r)
	return nil
}

// admitFirm checks that r's firm amount can be raised by more.
func (l *Ledger) admitFirm(r *Reservation, more resource.Vector) *Refusal {
	if more.Fits(resource.Vector{}) {
		return nil
	}
	q, w := ask{amount: more, own: l.account(r.Holder), pool: &l.nobody}, l.rest(r.Window)
	refusal := l.admit(w, q)
	if refusal != nil {
		q.amount = r.Amount // elsewhere it would be a new one beside the old
		refusal.When = l.when(w, q)
	}
	return refusal
}

// open adds an empty reservation with r's name.
func (l *Ledger) open(r Reservation) *reservation {
	l.created++
	n := &reservation{
		Reservation: Reservation{Holder: r.Holder, ID: r.ID, Window: r.Window},
		created:     l.created, account: l.hold(r.Holder),
	}
	l.reservations[n.key()] = n
	l.byEnd = insert(l.byEnd, n, compareEnds)
	return n
}

// amend makes old what r says, in all lists.
func (l *Ledger) amend(old *reservation, r Reservation) {
	wasSoft, isSoft := old.Tier == Soft, r.Tier == Soft && !r.Amount.IsZero()
	switch {
	case wasSoft && !isSoft:
		l.soft = remove(l.soft, old, compareCreated)
	case isSoft && !wasSoft:
		l.soft = insert(l.soft, old, compareCreated)
	}
	old.Tier, old.Amount = r.Tier, r.Amount
	if r.Amount.IsZero() {
		l.byEnd = remove(l.byEnd, old, compareEnds)
		delete(l.reservations, old.key())
		l.drop(old.account)
	}
}
