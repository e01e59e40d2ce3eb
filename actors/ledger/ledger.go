// Package ledger keeps one zone's books: how much capacity there is, what of it
// is reserved firm and soft, what requests hold under leases, what others use,
// and what is left, at every instant from now to MaxAhead.
//
// What a holder has allocated uses up its own firm reservations first, so that
// at every instant and for every resource
//
//	free = capacity × overcommit - foreign - Σ over holders of max(firm, allocated)
//
// which may be negative: an overdraft. Soft reservations are counted apart; they
// are honoured in order of creation out of what is free.
//
// Invariants after every call: only a change of capacity or of foreign use, or an
// allocation renewed past its booked end, creates or raises an overdraft; nothing
// is granted where one exists (in that resource, at that time); release and
// expiry return exactly what was taken. On error nothing has changed.
//
// Expiry is read, not written: what ended at or before now does not count, in
// any answer, whether or not Sweep has removed it. Now never goes back: an
// earlier now counts as the latest one that the ledger has seen.
package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// Bounds of what a ledger takes.
const (
	MaxAhead            = 35 * span.Day        // how far ahead a window may end: a month and a half-week of slack
	MaxHold             = span.Hour            // how long a claim may stay unconfirmed
	MaxID               = 386                  // bytes of an id: three parts of 128, joined
	MaxOvercommit int64 = 10_000               // per mille: ten times the capacity
	Remember            = span.Hour            // how long Sweep leaves ended request ids known; retries end in minutes
	MaxRemembered       = 1 << 14              // ended request ids; past it the oldest is forgotten
	NoOvercommit  int64 = 1000                 // per mille: exactly the capacity
	maxHoldings         = resource.MaxHoldings // what keeps every sum within int64
)

// Errors that a caller can act on. Errors about amounts wrap resource.ErrAmount,
// those about windows span.ErrWindow.
var (
	// ErrFull is wrapped by a Refusal: it does not fit.
	ErrFull = errors.New("the zone is full")
	// ErrInvalid is wrapped by errors about ids, holders, tiers and durations.
	ErrInvalid = errors.New("bad ledger input")
	// ErrTooMany says that the ledger has resource.MaxHoldings holdings.
	ErrTooMany = errors.New("too many holdings: cancel, release or sweep some first")
	// ErrUnknown says that no claim with this request id is known.
	ErrUnknown = errors.New("unknown request: claim it first")
	// ErrEnded says that the request's allocation was released or has expired.
	ErrEnded = errors.New("the allocation has ended: claim under a new request id")
	// ErrHeld says that the claim must be confirmed before it is renewed.
	ErrHeld = errors.New("the claim is not confirmed: confirm it first")
	// ErrFixed says that an allocation has no renewal period.
	ErrFixed = errors.New("the allocation has a fixed end: claim the time after it anew")
)

// Refusal is the error for what does not fit. It wraps ErrFull.
type Refusal struct {
	Short resource.Vector // how much of what was asked for is missing, where it is scarcest
	When  span.Time       // earliest start at which as much fits for as long; span.Never if none within MaxAhead
}

// Error says what is missing and when it would fit.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%v: %v missing; it would fit at %v", ErrFull, r.Short, r.When)
}

// Unwrap returns ErrFull.
func (r *Refusal) Unwrap() error { return ErrFull }

// Holder is whose a reservation is: a user of a tenant, or one of its pools. The
// zero Holder is nobody.
type Holder struct {
	Tenant string
	ID     string // of the user, or zone/class of the pool
	Pool   bool
}

// Compare orders holders by tenant, users before pools, then id.
func (h Holder) Compare(g Holder) int {
	if c := strings.Compare(h.Tenant, g.Tenant); c != 0 {
		return c
	}
	if h.Pool != g.Pool {
		if g.Pool {
			return -1
		}
		return 1
	}
	return strings.Compare(h.ID, g.ID)
}

func (h Holder) validate() error {
	if err := validateID("tenant", h.Tenant); err != nil {
		return err
	}
	return validateID("holder", h.ID)
}

func validateID(what, id string) error {
	if id == "" || len(id) > MaxID {
		return fmt.Errorf("%w: %s id has %d bytes, must have 1 to %d", ErrInvalid, what, len(id), MaxID)
	}
	return nil
}

// validateWindow accepts windows that have not ended and end within MaxAhead.
func validateWindow(now span.Time, w span.Window) error {
	if err := w.Validate(); err != nil {
		return err
	}
	if w.End <= now || w.End > now.Add(MaxAhead) {
		return fmt.Errorf("%w: %v must end after now (%v) and at most %v later", span.ErrWindow, w, now, MaxAhead)
	}
	return nil
}

// Ledger is one zone's books. It is not safe for concurrent use, reads included:
// they settle what has expired.
type Ledger struct {
	capacity   resource.Vector
	overcommit int64 // per mille
	foreign    resource.Vector
	limit      resource.Vector // capacity × overcommit - foreign

	now   span.Time // latest seen
	floor span.Time // books say nothing about what is before it

	total    book // promised is Σ max(firm, allocated), allocated is Σ allocated
	holders  map[Holder]*account
	accounts []*account // by holder
	nobody   account    // stands in for a holder without holdings; never written
	round    uint64     // of reckoning idle amounts, see account.begin

	reservations map[key]*reservation
	byEnd        []*reservation // by end, then creation
	soft         []*reservation // by creation
	created      uint64         // reservations so far

	allocations map[string]*Allocation // by request
	leases      []*Allocation          // by Until, then request
	lapsed      int                    // so many of leases have ended and left the books

	ended      map[string]bool // the requests in remembered
	remembered []Ended         // oldest first
}

// New returns the empty books of a zone with this capacity and overcommit (per
// mille; NoOvercommit for none).
func New(capacity resource.Vector, overcommit int64) (*Ledger, error) {
	if overcommit < 1 || overcommit > MaxOvercommit {
		return nil, fmt.Errorf("%w: overcommit is %d per mille, must be from 1 to %d", ErrInvalid, overcommit, MaxOvercommit)
	}
	l := &Ledger{
		overcommit:   overcommit,
		total:        newBook(0),
		holders:      map[Holder]*account{},
		nobody:       account{book: newBook(0)},
		reservations: map[key]*reservation{},
		allocations:  map[string]*Allocation{},
		ended:        map[string]bool{},
	}
	if err := l.SetCapacity(capacity); err != nil {
		return nil, err
	}
	return l, nil
}

// SetCapacity changes what the zone has, from now on. A capacity below what is
// promised is accepted and shows as overdraft.
func (l *Ledger) SetCapacity(v resource.Vector) error {
	if err := v.Validate(resource.MaxCapacity); err != nil {
		return fmt.Errorf("capacity: %w", err)
	}
	l.capacity = v
	l.limit = v.PerMille(l.overcommit).Minus(l.foreign)
	return nil
}

// SetForeign changes what others were measured to use, from now on until the
// next report.
func (l *Ledger) SetForeign(v resource.Vector) error {
	if err := v.Validate(resource.MaxCapacity); err != nil {
		return fmt.Errorf("foreign use: %w", err)
	}
	l.foreign = v
	l.limit = l.capacity.PerMille(l.overcommit).Minus(v)
	return nil
}

// Capacity returns what the zone has, before overcommit.
func (l *Ledger) Capacity() resource.Vector { return l.capacity }

// Foreign returns what others were last reported to use.
func (l *Ledger) Foreign() resource.Vector { return l.foreign }

// holdings counts what the ledger keeps, ended things that wait for Sweep included.
func (l *Ledger) holdings() int { return len(l.byEnd) + len(l.leases) }

func compareLeases(a, b *Allocation) int {
	return cmp.Or(cmp.Compare(a.Until, b.Until), strings.Compare(a.Request, b.Request))
}
