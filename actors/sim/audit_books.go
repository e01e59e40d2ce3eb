package sim

import (
	"fmt"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/ledger"
	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// zone recounts one zone's books after a step of it.
func (a *audit) zone(address actors.Address, machine *actors.Zone) {
	state, exists := machine.Books()
	if !exists {
		delete(a.books, address)
		a.confirmed(address, ledger.State{})
		return
	}
	before, known := a.books[address]
	a.books[address] = seen{machine, state}
	if !excess(&state, state.Now, state.Now).IsZero() {
		a.counts[Overdraft]++
	}
	a.swept(address, &state)
	a.tenantsApart(address, &state)
	a.confirmed(address, state)
	a.acknowledged(address, &state)
	if known && before.machine == machine {
		a.committed(address, &before.state, &state)
		a.granted(address, &before.state, &state)
	}
}

// swept checks that a step leaves nothing that had ended before it.
func (a *audit) swept(zone actors.Address, s *ledger.State) {
	for i := range s.Allocations {
		if l := &s.Allocations[i]; l.Until <= s.Now {
			a.fail(fmt.Errorf("%s in %v ended at %v and still has its place at %v", l.Request, zone, l.Until, s.Now))
		}
	}
}

// limit is what a zone may promise.
func limit(s *ledger.State) resource.Vector {
	return s.Capacity.PerMille(s.Overcommit).Minus(s.Foreign)
}

// excess is by how much a zone's promises for an instant are more than it has: of
// every holder what it has firm or what it has allocated, whichever is more. What
// had ended by now does not count.
func excess(s *ledger.State, now, at span.Time) resource.Vector {
	type sum struct{ firm, allocated resource.Vector }
	holders := make(map[ledger.Holder]*sum)
	of := func(h ledger.Holder) *sum {
		if holders[h] == nil {
			holders[h] = new(sum)
		}
		return holders[h]
	}
	for i := range s.Reservations {
		if r := &s.Reservations[i]; r.Tier == ledger.Firm && r.Window.Contains(at) {
			of(r.Holder).firm = of(r.Holder).firm.Plus(r.Amount)
		}
	}
	for i := range s.Allocations {
		if s.Allocations[i].Until <= now {
			continue
		}
		for _, d := range s.Allocations[i].Draws {
			if d.Window.Contains(at) {
				of(d.Holder).allocated = of(d.Holder).allocated.Plus(d.Amount)
			}
		}
	}
	var promised resource.Vector
	for _, h := range holders {
		promised = promised.Plus(h.firm.Max(h.allocated))
	}
	return promised.Minus(limit(s)).Max(resource.Vector{})
}

// instants are those at which promises may rise: now, and where something begins.
func instants(s *ledger.State) []span.Time {
	all := []span.Time{s.Now}
	last := span.Time(0)
	for i := range s.Reservations {
		if r := &s.Reservations[i]; r.Tier == ledger.Firm && r.Window.Start > s.Now && r.Window.Start != last {
			last = r.Window.Start
			all = append(all, last)
		}
	}
	for i := range s.Allocations {
		for _, d := range s.Allocations[i].Draws {
			if d.Window.Start > s.Now {
				all = append(all, d.Window.Start)
			}
		}
	}
	return all
}

// committed checks that no step but a change of capacity or of foreign use, or a
// renewal past the booked end, makes or raises an excess.
func (a *audit) committed(zone actors.Address, before, after *ledger.State) {
	if lost := limit(before).Minus(limit(after)).Max(resource.Vector{}); !lost.IsZero() {
		return
	}
	overdue := span.Never
	for i := range after.Allocations {
		if l := &after.Allocations[i]; l.Until > l.Window.End {
			overdue = min(overdue, l.Window.End)
		}
	}
	for _, at := range instants(after) {
		if at >= overdue {
			continue
		}
		was, is := excess(before, after.Now, at), excess(after, after.Now, at)
		if !is.Fits(was) {
			a.fail(fmt.Errorf("%v was over-committed at %v by %v, and now is by %v", zone, at, was, is))
		}
	}
}

// granted checks what was claimed in this step: never where there is an overdraft,
// never beyond the tenant's quota.
func (a *audit) granted(zone actors.Address, before, after *ledger.State) {
	known := make(map[string]bool)
	for i := range before.Allocations {
		known[before.Allocations[i].Request] = true
	}
	for i := range after.Allocations {
		l := &after.Allocations[i]
		if known[l.Request] || l.Until <= after.Now {
			continue
		}
		for _, at := range instants(after) {
			if over := excess(after, after.Now, at); l.Window.Contains(at) && !over.Min(l.Amount).IsZero() {
				a.fail(fmt.Errorf("%v granted %s while %v were missing at %v", zone, l.Request, over, at))
			}
		}
		a.withinQuota(zone, after, l.Holder.Tenant)
	}
}

// withinQuota checks that a tenant holds no more than it was ever allowed to.
func (a *audit) withinQuota(zone actors.Address, s *ledger.State, tenant string) {
	if a.quotas[tenant][0] {
		return // at some time it had no quota, and the zone may not have heard of a later one
	}
	most, held := int64(0), int64(0)
	for quota := range a.quotas[tenant] {
		most = max(most, quota)
	}
	for i := range s.Allocations {
		if l := &s.Allocations[i]; l.Holder.Tenant == tenant && l.Until > s.Now {
			held += l.Amount.CPU
		}
	}
	if held > most {
		a.fail(fmt.Errorf("tenant %s holds %d cpu in %v, its quota is %d", tenant, held, zone, most))
	}
}

// tenantsApart checks that nobody draws on what is another tenant's.
func (a *audit) tenantsApart(zone actors.Address, s *ledger.State) {
	for i := range s.Allocations {
		l := &s.Allocations[i]
		for _, d := range l.Draws {
			if d.Holder.Tenant != l.Holder.Tenant {
				a.fail(fmt.Errorf("%s in %v draws on tenant %s", l.Request, zone, d.Holder.Tenant))
			}
		}
	}
}

// confirmed checks that no request has an allocation in two zones.
func (a *audit) confirmed(zone actors.Address, s ledger.State) {
	for request, zones := range a.holds {
		if delete(zones, zone.ID); len(zones) == 0 {
			delete(a.holds, request)
		}
	}
	for i := range s.Allocations {
		l := &s.Allocations[i]
		if l.Held || l.Until <= s.Now {
			continue
		}
		if a.holds[l.Request] == nil {
			a.holds[l.Request] = make(map[string]bool)
		}
		a.holds[l.Request][zone.ID] = true
		if len(a.holds[l.Request]) > 1 {
			a.fail(fmt.Errorf("%s is allocated in %v and elsewhere", l.Request, zone))
		}
	}
}

// acknowledged checks that what callers were told is theirs is there.
func (a *audit) acknowledged(zone actors.Address, s *ledger.State) {
	living := make(map[string]bool)
	for i := range s.Allocations {
		if l := &s.Allocations[i]; !l.Held && l.Until > s.Now {
			living[l.Request] = true
		}
	}
	for request, e := range a.acks {
		if e.zone == "" || e.end <= a.world.Now() {
			continue
		}
		if e.zone == zone.ID && !e.excused && !living[request] {
			a.fail(fmt.Errorf("%s was placed in %v until %v and is not there", request, zone, e.end))
		}
	}
}
