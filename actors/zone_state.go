package actors

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors/forecast"
	"github.com/zonecast/zonecast/actors/ledger"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// Snapshot implements Machine.
func (z *Zone) Snapshot() proto.Message {
	s := &messages.ZoneState{Drain: z.drain, Deleting: z.deleting}
	for _, tenant := range slices.Sorted(maps.Keys(z.tenants)) {
		s.Tenants = append(s.Tenants, z.tenants[tenant])
	}
	if z.spec == nil {
		return s
	}
	s.Spec, s.Volumes, s.Ledger = z.spec, z.volumes, ledgerMessage(z.books.State())
	s.Datasets = marshal(z.data.habits)
	for _, key := range slices.Sorted(maps.Keys(z.claims)) {
		s.Claims = append(s.Claims, z.claims[key])
	}
	for _, p := range z.pools {
		s.Pools = append(s.Pools, p.message())
	}
	return s
}

func (p *pool) message() *messages.PoolState {
	m := &messages.PoolState{
		Planned: &messages.Planned{Tenant: p.holder.Tenant, Class: p.holder.ID, Unit: VectorMessage(p.unit)},
		BusyMs:  p.mean.mean, BusyCount: p.mean.n,
	}
	for _, l := range p.planned {
		m.Planned.Levels = append(m.Planned.Levels, l.message())
	}
	m.Planner, _ = p.planner.MarshalBinary() // a planner that cannot be kept starts anew
	return m
}

// Books returns the state of the zone's books, false where there is no such zone;
// for reports and tests.
func (z *Zone) Books() (ledger.State, bool) {
	if z.spec == nil {
		return ledger.State{}, false
	}
	return z.books.State(), true
}

// restore makes the zone what a snapshot says. It panics on books that no ledger
// has: a snapshot of ours that passed its checksum cannot hold them.
func (z *Zone) restore(s *messages.ZoneState) {
	for _, t := range s.GetTenants() {
		z.tenants[t.GetTenant()] = t
	}
	z.spec, z.drain, z.deleting, z.volumes = s.GetSpec(), s.GetDrain(), s.GetDeleting(), s.GetVolumes()
	if z.spec == nil {
		return
	}
	books, err := ledger.Restore(z.ledgerState(s.GetLedger()))
	if err != nil {
		panic("actors: zone " + z.id + ": " + err.Error())
	}
	z.books = books
	z.data.habits = unmarshal[forecast.Habits](s.GetDatasets())
	now := span.Time(s.GetLedger().GetNowMs())
	for _, m := range s.GetPools() {
		z.restorePool(now, m)
	}
	for _, c := range s.GetClaims() {
		z.restoreClaim(now, c)
	}
}

func (z *Zone) restorePool(now span.Time, m *messages.PoolState) {
	p := z.makePool(now, m.GetPlanned().GetTenant(), m.GetPlanned().GetClass(), VectorOf(m.GetPlanned().GetUnit()))
	p.planned = levelsOf(m.GetPlanned().GetLevels())
	p.mean = busyMean{n: m.GetBusyCount(), mean: m.GetBusyMs()}
	if len(m.GetPlanner()) > 0 {
		p.planner.UnmarshalBinary(m.GetPlanner()) // on error it starts anew
	}
}

func (z *Zone) restoreClaim(now span.Time, c *messages.Claimed) {
	key := requestKey(c.GetClaim().GetUser(), c.GetClaim().GetRequest().GetId())
	z.claims[key] = c
	p := z.poolOf(now, c.GetClaim())
	if a, live := z.books.Allocation(now, key); live && !a.Held {
		p.busy++
	} else {
		p.held++
	}
}

func ledgerMessage(s ledger.State) *messages.LedgerState {
	m := &messages.LedgerState{Foreign: VectorMessage(s.Foreign), NowMs: int64(s.Now)}
	for _, r := range s.Reservations {
		m.Reservations = append(m.Reservations, &messages.ReservationState{
			Holder: holderMessage(r.Holder), Id: r.ID, Window: windowMessage(r.Window), Amount: VectorMessage(r.Amount), Tier: tierMessage(r.Tier),
		})
	}
	for _, a := range s.Allocations {
		m.Allocations = append(m.Allocations, allocationMessage(a))
	}
	for _, e := range s.Remembered {
		m.Remembered = append(m.Remembered, &messages.EndedState{Request: e.Request, AtMs: int64(e.At)})
	}
	return m
}

func allocationMessage(a ledger.Allocation) *messages.AllocationState {
	m := &messages.AllocationState{
		Request: a.Request, Holder: holderMessage(a.Holder), Pool: holderMessage(a.Pool),
		Window: windowMessage(a.Window), Amount: VectorMessage(a.Amount), RenewalMs: int64(a.Renewal),
		Held: a.Held, UntilMs: int64(a.Until),
	}
	for _, d := range a.Draws {
		m.Draws = append(m.Draws, &messages.DrawState{
			Holder: holderMessage(d.Holder), Window: windowMessage(d.Window), Amount: VectorMessage(d.Amount),
		})
	}
	return m
}

func (z *Zone) ledgerState(m *messages.LedgerState) ledger.State {
	s := ledger.State{
		Capacity: VectorOf(z.spec.GetCapacity()), Overcommit: z.overcommit(),
		Foreign: VectorOf(m.GetForeign()), Now: span.Time(m.GetNowMs()),
	}
	for _, r := range m.GetReservations() {
		s.Reservations = append(s.Reservations, ledger.Reservation{
			Holder: holderOf(r.GetHolder()), ID: r.GetId(), Window: windowOf(r.GetWindow()), Amount: VectorOf(r.GetAmount()), Tier: tierOf(r.GetTier()),
		})
	}
	for _, a := range m.GetAllocations() {
		s.Allocations = append(s.Allocations, allocationOf(a))
	}
	for _, e := range m.GetRemembered() {
		s.Remembered = append(s.Remembered, ledger.Ended{Request: e.GetRequest(), At: span.Time(e.GetAtMs())})
	}
	return s
}

func allocationOf(m *messages.AllocationState) ledger.Allocation {
	a := ledger.Allocation{
		Claim: ledger.Claim{
			Request: m.GetRequest(), Holder: holderOf(m.GetHolder()), Pool: holderOf(m.GetPool()),
			Window: windowOf(m.GetWindow()), Amount: VectorOf(m.GetAmount()), Renewal: span.Duration(m.GetRenewalMs()),
		},
		Held: m.GetHeld(), Until: span.Time(m.GetUntilMs()),
	}
	for _, d := range m.GetDraws() {
		a.Draws = append(a.Draws, ledger.Draw{Holder: holderOf(d.GetHolder()), Window: windowOf(d.GetWindow()), Amount: VectorOf(d.GetAmount())})
	}
	return a
}

func holderMessage(h ledger.Holder) *messages.HolderState {
	return &messages.HolderState{Tenant: h.Tenant, Id: h.ID, Pool: h.Pool}
}

func holderOf(m *messages.HolderState) ledger.Holder {
	return ledger.Holder{Tenant: m.GetTenant(), ID: m.GetId(), Pool: m.GetPool()}
}

func tierMessage(t ledger.Tier) messages.Tier {
	if t == ledger.Firm {
		return messages.Tier_TIER_FIRM
	}
	return messages.Tier_TIER_SOFT
}

func tierOf(m messages.Tier) ledger.Tier {
	if m == messages.Tier_TIER_FIRM {
		return ledger.Firm
	}
	return ledger.Soft
}
