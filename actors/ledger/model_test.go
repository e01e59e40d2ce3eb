package ledger

import (
	"slices"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// model is the slow, obvious ledger: a list of holdings, and every answer
// recomputed from it, minute by minute. All its times are whole minutes below
// modelEnd.
type model struct {
	limit        resource.Vector
	now          span.Time
	reservations []Reservation // in order of creation
	allocations  []modelAllocation
}

const modelEnd = span.Time(600 * span.Minute) // past every window of the test

type modelAllocation struct {
	Claim
	held  bool
	until span.Time
	share map[span.Time]resource.Vector // by minute: what counts against Holder; the rest against Pool
}

func minutes(w span.Window) []span.Time {
	var list []span.Time
	for t := w.Start; t < w.End; t = t.Add(span.Minute) {
		list = append(list, t)
	}
	return list
}

func (m *model) from(w span.Window) []span.Time {
	return minutes(span.Window{Start: max(w.Start, m.now), End: w.End})
}

func (m *model) firm(h Holder, t span.Time) (sum resource.Vector) {
	for _, r := range m.reservations {
		if r.Holder == h && r.Tier == Firm && r.Window.Contains(t) {
			sum = sum.Plus(r.Amount)
		}
	}
	return sum
}

// allocated sums what counts against h at t, or against all for nil.
func (m *model) allocated(h *Holder, t span.Time) (sum resource.Vector) {
	for _, a := range m.allocations {
		if a.until <= m.now || t < a.Window.Start || t >= max(a.Window.End, a.until) {
			continue
		}
		if h == nil || *h == a.Holder {
			sum = sum.Plus(a.share[t])
		}
		if h == nil || *h == a.Pool {
			sum = sum.Plus(a.Amount.Minus(a.share[t]))
		}
	}
	return sum
}

func (m *model) free(t span.Time) resource.Vector {
	left := m.limit
	for _, h := range holders {
		left = left.Minus(m.firm(h, t).Max(m.allocated(&h, t)))
	}
	return left
}

// unclaimed is what h has firm and not allocated.
func (m *model) unclaimed(h Holder, t span.Time) resource.Vector {
	return positive(m.firm(h, t).Minus(m.allocated(&h, t)))
}

func positive(v resource.Vector) resource.Vector { return v.Max(resource.Vector{}) }

// fits says whether r's firm amount could be raised by more throughout w.
func (m *model) fits(h Holder, w span.Window, more resource.Vector) bool {
	for _, t := range m.from(w) {
		firm, allocated := m.firm(h, t), m.allocated(&h, t)
		takes := firm.Plus(more).Max(allocated).Minus(firm.Max(allocated))
		if !grantable(more, takes, m.free(t)) {
			return false
		}
	}
	return true
}

// claimFits says whether q fits throughout w.
func (m *model) claimFits(q Claim, w span.Window) bool {
	for _, t := range m.from(w) {
		takes := positive(q.Amount.Minus(m.unclaimed(q.Holder, t)).Minus(m.unclaimed(q.Pool, t)))
		if !grantable(q.Amount, takes, m.free(t)) {
			return false
		}
	}
	return true
}

// grantable: of each resource that is asked for, what is taken must be free, and
// nothing may be overdrawn.
func grantable(asked, takes, free resource.Vector) bool {
	for _, name := range []string{resource.CPU, resource.Memory, "gpu"} {
		if asked.Of(name) > 0 && (takes.Of(name) > free.Of(name) || free.Of(name) < 0) {
			return false
		}
	}
	return true
}

// when tries every later start.
func (m *model) when(w span.Window, fits func(span.Window) bool) span.Time {
	start := max(w.Start, m.now)
	length := w.End.Sub(start)
	for ; start < modelEnd; start = start.Add(span.Minute) {
		if fits(span.Starting(start, length)) {
			return start
		}
	}
	return span.Never
}

func (m *model) reserve(r Reservation) (refused bool, when span.Time) {
	i := slices.IndexFunc(m.reservations, func(o Reservation) bool { return o.key() == r.key() })
	more := r.firm()
	if i >= 0 {
		more = more.Minus(m.reservations[i].firm())
	}
	if !m.fits(r.Holder, r.Window, more) {
		return true, m.when(r.Window, func(w span.Window) bool { return m.fits(r.Holder, w, r.Amount) })
	}
	switch {
	case i < 0 && !r.Amount.IsZero():
		m.reservations = append(m.reservations, r)
	case i >= 0 && r.Amount.IsZero():
		m.reservations = slices.Delete(m.reservations, i, i+1)
	case i >= 0:
		m.reservations[i] = r
	}
	return false, 0
}

func (m *model) find(request string) *modelAllocation {
	for i := range m.allocations {
		if m.allocations[i].Request == request {
			return &m.allocations[i]
		}
	}
	return nil
}

func (m *model) claim(q Claim, hold span.Duration) (refused bool, when span.Time) {
	if !m.claimFits(q, q.Window) {
		return true, m.when(q.Window, func(w span.Window) bool { return m.claimFits(q, w) })
	}
	share := map[span.Time]resource.Vector{}
	for _, t := range minutes(q.Window) {
		share[t] = q.Amount
		if q.Pool != (Holder{}) {
			share[t] = q.Amount.Min(m.unclaimed(q.Holder, t))
		}
	}
	m.allocations = append(m.allocations, modelAllocation{q, true, min(m.now.Add(hold), q.Window.End), share})
	return false, 0
}

func (m *model) confirm(a *modelAllocation) {
	if !a.held {
		return
	}
	a.held, a.until = false, a.Window.End
	if a.Renewal > 0 {
		a.until = min(a.until, max(m.now, a.Window.Start).Add(a.Renewal))
	}
}

func (m *model) renew(a *modelAllocation) {
	end := max(a.until, a.Window.End)
	a.until = max(a.until, m.now.Add(a.Renewal))
	for t := end; t < a.until; t = t.Add(span.Minute) {
		a.share[t] = a.share[end.Add(-span.Minute)]
	}
}

// idle lists what every holder has idle now.
func (m *model) idle() []Idle {
	left := positive(m.free(m.now))
	excess := map[Holder]resource.Vector{}
	idle := map[Holder]*Idle{}
	for _, h := range holders {
		idle[h] = &Idle{Holder: h, Firm: m.unclaimed(h, m.now)}
		excess[h] = positive(m.allocated(&h, m.now).Minus(m.firm(h, m.now)))
	}
	for _, r := range m.reservations {
		if r.Tier != Soft || !r.Window.Contains(m.now) {
			continue
		}
		i, used := idle[r.Holder], r.Amount.Min(excess[r.Holder])
		want := r.Amount.Minus(used)
		given := want.Min(left)
		excess[r.Holder] = excess[r.Holder].Minus(used)
		left = left.Minus(given)
		i.Soft, i.Revoked = i.Soft.Plus(given), i.Revoked.Plus(want.Minus(given))
	}
	var list []Idle
	for _, h := range holders { // they are in order
		if i := idle[h]; !i.Firm.IsZero() || !i.Soft.IsZero() || !i.Revoked.IsZero() {
			list = append(list, *i)
		}
	}
	return list
}

// overdue maps the reservations hit by overdue allocations to what they lack.
func (m *model) overdue() map[key]resource.Vector {
	hits := map[key]resource.Vector{}
	for _, r := range m.reservations {
		for _, a := range m.allocations {
			if r.Tier != Firm || a.until <= m.now {
				continue
			}
			for _, t := range m.from(r.Window.Intersect(span.Window{Start: a.Window.End, End: a.until})) {
				lacks := r.Amount.Min(a.Amount).Min(m.unclaimed(r.Holder, t)).Min(positive(resource.Vector{}.Minus(m.free(t))))
				if worst := hits[r.key()].Max(lacks); !worst.IsZero() {
					hits[r.key()] = worst
				}
			}
		}
	}
	return hits
}
