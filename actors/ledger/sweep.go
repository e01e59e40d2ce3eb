package ledger

import (
	"slices"

	"github.com/zonecast/zonecast/actors/span"
)

// advance moves now and takes what has ended by then out of the books. Ended
// reservations need nothing: books are read from now on.
func (l *Ledger) advance(now span.Time) {
	l.now = max(l.now, now)
	for l.lapsed < len(l.leases) && l.leases[l.lapsed].Until <= l.now {
		l.leave(l.leases[l.lapsed])
		l.lapsed++
	}
}

// Swept is what Sweep removed.
type Swept struct {
	Reservations []Reservation // windows that ended, by end, then creation
	Allocations  []Allocation  // leases that ended and holds that expired (Held), by Until, then request
}

// Ended is a request whose allocation has ended, known so that a late claim does
// not take effect again.
type Ended struct {
	Request string
	At      span.Time // when the ledger put it down
}

// Sweep removes what ended at or before now and returns it. It changes no other
// answer, but for requests that ended longer than Remember ago: they are unknown
// again.
func (l *Ledger) Sweep(now span.Time) Swept {
	l.advance(now)
	var swept Swept
	for _, a := range l.leases[:l.lapsed] {
		swept.Allocations = append(swept.Allocations, *a)
		delete(l.allocations, a.Request)
		l.remember(a.Request)
	}
	l.leases = slices.Delete(l.leases, 0, l.lapsed)
	l.lapsed = 0

	over := 0
	for over < len(l.byEnd) && l.byEnd[over].Window.End <= l.now {
		r := l.byEnd[over]
		swept.Reservations = append(swept.Reservations, r.Reservation)
		delete(l.reservations, r.key())
		if r.Tier == Soft {
			l.soft = remove(l.soft, r, compareCreated)
		}
		l.drop(r.account)
		over++
	}
	l.byEnd = slices.Delete(l.byEnd, 0, over)

	l.forget()
	if over > 0 || len(swept.Allocations) > 0 {
		l.trim()
	}
	return swept
}

// trim drops what the books say about the time before now.
func (l *Ledger) trim() {
	l.floor = l.now
	l.total.trim(l.floor)
	for _, a := range l.accounts {
		a.book.trim(l.floor)
	}
}

// remember puts down that the request has ended.
func (l *Ledger) remember(request string) {
	if len(l.remembered) == MaxRemembered {
		l.unlearn(1)
	}
	l.ended[request] = true
	l.remembered = append(l.remembered, Ended{request, l.now})
}

// forget drops what ended too long ago.
func (l *Ledger) forget() {
	old := 0
	for old < len(l.remembered) && l.remembered[old].At.Add(Remember) <= l.now {
		old++
	}
	l.unlearn(old)
}

func (l *Ledger) unlearn(n int) {
	for _, e := range l.remembered[:n] {
		delete(l.ended, e.Request)
	}
	l.remembered = l.remembered[n:]
}
