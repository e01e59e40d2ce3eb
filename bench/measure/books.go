package measure

import (
	"context"
	"fmt"

	"github.com/zonecast/zonecast/actors/ledger"
	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// The books that are measured: a day of a zone with pools that have reserved firm
// and soft in every window, and with requests under way.
const (
	pools    = 4
	quarter  = 15 * span.Minute
	quarters = int(span.Day / quarter)
	underWay = 200
	hold     = 30 * span.Second
)

// keeper keeps a zone's books: the ledger, or the list it is compared with.
type keeper interface {
	reserve(ledger.Reservation) error
	claim(ledger.Claim) error
	confirm(request string) error
	release(request string) error
	free(at span.Time) resource.Vector
}

// kept is a ledger as a keeper, at time 0.
type kept struct{ books *ledger.Ledger }

func (k kept) reserve(r ledger.Reservation) error { return k.books.Reserve(0, r) }

func (k kept) claim(c ledger.Claim) error { _, err := k.books.Claim(0, c, hold); return err }

func (k kept) confirm(request string) error { _, err := k.books.Confirm(0, request); return err }

func (k kept) release(request string) error { _, err := k.books.Release(0, request); return err }

func (k kept) free(at span.Time) resource.Vector {
	return k.books.FreeOver(0, span.Starting(at, span.Minute))
}

// day is a keeper with the operations that are measured on it.
type day struct {
	keeper
	pools []ledger.Holder
	next  int
}

// newBooks returns the ledger and the list with the same day in them.
func newBooks() (books, obvious *day, err error) {
	capacity := resource.Vector{CPU: 1 << 30, Memory: 1 << 46}
	l, err := ledger.New(capacity, ledger.NoOvercommit)
	if err != nil {
		return nil, nil, err
	}
	books, obvious = &day{keeper: kept{l}}, &day{keeper: &list{limit: capacity}}
	for _, d := range []*day{books, obvious} {
		if err := d.fill(); err != nil {
			return nil, nil, err
		}
	}
	return books, obvious, nil
}

func (d *day) fill() error {
	for i := range pools {
		d.pools = append(d.pools, ledger.Holder{Tenant: "acme", ID: fmt.Sprint("zone-17/class-", i), Pool: true})
	}
	for i := range quarters * pools {
		for _, tier := range []ledger.Tier{ledger.Soft, ledger.Firm} {
			if err := d.reserve(d.reservation(i, tier, 1+i%3)); err != nil {
				return err
			}
		}
	}
	for i := range underWay {
		if err := d.place(d.request(i)); err != nil {
			return err
		}
	}
	return nil
}

func units(n int) resource.Vector {
	return resource.Vector{CPU: 500, Memory: 512 << 20}.Times(int64(n))
}

// reservation returns the i-th one of a tier, of n units.
func (d *day) reservation(i int, tier ledger.Tier, n int) ledger.Reservation {
	w := span.Starting(span.Time(0).Add(span.Duration(i/pools%quarters)*quarter), quarter)
	return ledger.Reservation{Holder: d.pools[i%pools], ID: tier.String(), Window: w, Amount: units(n), Tier: tier}
}

// request returns the i-th claim: 20 minutes that begin within the next half an hour.
func (d *day) request(i int) ledger.Claim {
	return ledger.Claim{
		Request: fmt.Sprint("request-", i), Holder: ledger.Holder{Tenant: "acme", ID: fmt.Sprint("user-", i%50)},
		Pool: d.pools[i%pools], Amount: units(1),
		Window: span.Starting(span.Time(0).Add(span.Duration(i%30)*span.Minute), 20*span.Minute),
	}
}

func (d *day) place(c ledger.Claim) error {
	if err := d.claim(c); err != nil {
		return err
	}
	return d.confirm(c.Request)
}

// replace replaces one firm reservation after the other by another amount.
func (d *day) replace() operation {
	return func() error {
		d.next++
		return d.reserve(d.reservation(d.next, ledger.Firm, 1+d.next%5))
	}
}

// serve claims, confirms and releases for one request after the other.
func (d *day) serve() operation {
	return func() error {
		d.next++
		c := d.request(underWay + d.next)
		if err := d.place(c); err != nil {
			return err
		}
		return d.release(c.Request)
	}
}

// look asks what is free, at one quarter of the day after the other.
func (d *day) look() operation {
	return func() error {
		d.next++
		if at := span.Time(d.next%quarters) * span.Time(quarter); d.free(at).CPU < 0 {
			return ledger.ErrFull
		}
		return nil
	}
}

// books measures a zone's ledger.
func books(ctx context.Context, c Config) (Group, error) {
	g := Group{What: fmt.Sprintf(
		"A day of one zone's books: %d reservations of %d pools, %d requests under way. The baseline sums a list up anew.",
		2*quarters*pools, pools, underWay)}
	ours, obvious, err := newBooks()
	if err != nil {
		return g, err
	}
	for _, o := range []struct {
		name           string
		ours, baseline operation
	}{
		{"replace a reservation", ours.replace(), obvious.replace()},
		{"claim, confirm, release", ours.serve(), obvious.serve()},
		{"what is free", ours.look(), obvious.look()},
	} {
		if err := g.compare(ctx, c, o.name, o.ours, "list", o.baseline); err != nil {
			return g, err
		}
	}
	return g, nil
}
