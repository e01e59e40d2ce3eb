package actors

import (
	"cmp"
	"slices"

	"github.com/zonecast/zonecast/actors/ledger"
	"github.com/zonecast/zonecast/actors/plan"
	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

const (
	// poolsMax pools are planned in one zone; requests of further classes are
	// served, but nothing is staged for them.
	poolsMax = 1_024
	// unitsMax units of one pool are planned at most: past it one more saves nothing.
	unitsMax = 512
	// busyMemory is the number of requests over which the mean busy time is averaged.
	busyMemory = 100
	// busyDefault is the busy time of a pool that has seen no request end.
	busyDefault = 20 * span.Minute
)

// pool is the units of one class that a tenant's users share in a zone.
type pool struct {
	holder  ledger.Holder
	unit    resource.Vector
	planner Planner
	planned []Level
	busy    int // units in use
	held    int // claims that are not confirmed
	mean    busyMean
	intents *Intents // volatile

	// How often a soft unit was wanted, and how often it was not there: volatile.
	wanted, revoked float64
	lost            int64 // soft units that lack room now
}

// busyMean is a running mean of busy times in ms.
type busyMean struct{ n, mean float64 }

func (b *busyMean) add(d span.Duration) {
	b.n = min(b.n+1, busyMemory)
	b.mean += (float64(d) - b.mean) / b.n
}

func (b *busyMean) duration() span.Duration {
	if b.n == 0 {
		return busyDefault
	}
	return span.Duration(b.mean)
}

// revocation is the measured probability that a soft unit is not there when it is
// needed, from a beta prior that expects one in twenty.
func (p *pool) revocation() float64 { return (p.revoked + 1) / (p.wanted + 20) }

// softMemory is the number of soft units over which revocations are counted.
const softMemory = 1000

func (p *pool) countSoft(honoured, revoked int64) {
	if p.wanted > softMemory {
		p.wanted /= 2
		p.revoked /= 2
	}
	p.wanted += float64(honoured + revoked)
	p.revoked += float64(revoked)
}

// poolOf returns the pool of a claim, making it if it is new.
func (z *Zone) poolOf(now span.Time, m *messages.Claim) *pool {
	class, unit := ClassOf(m.GetRequest())
	return z.makePool(now, m.GetTenant(), class, unit)
}

func (z *Zone) makePool(now span.Time, tenant, class string, unit resource.Vector) *pool {
	i, found := z.findPool(tenant, class)
	if found {
		return z.pools[i]
	}
	p := &pool{
		holder:  ledger.Holder{Tenant: tenant, ID: class, Pool: true},
		unit:    unit,
		planner: z.config.Planner(PoolID{z.id, tenant, class}, now),
		intents: newIntents(),
	}
	if len(z.pools) < poolsMax {
		z.pools = append(z.pools[:i:i], append([]*pool{p}, z.pools[i:]...)...)
	}
	return p
}

// demand counts a request that was asked for here.
func (z *Zone) demand(now span.Time, m *messages.Demand, out *Effects) {
	if checkDemand(now, m) != nil {
		return
	}
	z.commit(out, &messages.DemandCounted{Demand: m})
	if z.tenants[m.GetTenant()] == nil {
		out.send(Address{KindTenant, m.GetTenant()}, &messages.AskTenant{Zone: z.id})
	}
}

func (z *Zone) foldDemand(m *messages.Demand) {
	at := span.Time(m.GetAtMs())
	p := z.makePool(at, m.GetTenant(), m.GetClass(), VectorOf(m.GetUnit()))
	p.planner.Arrived(at)
	if m.GetDurationMs() > 0 {
		p.mean.add(span.Duration(m.GetDurationMs()))
	}
	z.data.observe(at, z.id, m)
}

// hear takes what a user expects to ask of the zone.
func (z *Zone) hear(now span.Time, m *messages.Intents) {
	if z.config.IgnoreUsers || CheckIntents(now, m) != nil || !z.acts(m.GetTenant()) {
		return
	}
	z.intents.put(m)
	if p := z.pool(m.GetTenant(), m.GetClass()); p != nil {
		p.intents.put(&messages.Intents{
			User: m.GetUser(), Class: m.GetClass(), StartMs: m.GetStartMs(), SlotMs: m.GetSlotMs(), Requests: m.GetRequests(),
		})
	}
}

// nextPlan returns when the next planner is due.
func (z *Zone) nextPlan() span.Time {
	next := span.Never
	for _, p := range z.pools {
		next = min(next, p.planner.Due())
	}
	return next
}

// planDue plans every pool whose planner is due, and what is private with it.
func (z *Zone) planDue(now span.Time, out *Effects) {
	any := false
	for _, p := range z.pools {
		if p.planner.Due() > now {
			continue
		}
		any = true
		z.planPool(now, p, out)
	}
	if any {
		z.planPrivate(now, out)
	}
}

func (z *Zone) planPool(now span.Time, p *pool, out *Effects) {
	input := PlanInput{
		Busy:    p.busy,
		Lead:    z.lead(),
		Mean:    p.mean.duration(),
		Costs:   z.costs(p),
		Revoked: p.revocation(),
		Most:    z.most(p),
	}
	if !z.config.IgnoreUsers {
		p.intents.forget(now)
		input.Intents = p.intents
	}
	z.levels = p.planner.Plan(now, input, z.levels[:0])
	if !z.acts(p.holder.Tenant) || z.drain {
		for i := range z.levels {
			z.levels[i].Level = plan.Level{}
		}
	}
	if agrees(p.planned, z.levels, now) {
		return
	}
	record := &messages.Planned{Tenant: p.holder.Tenant, Class: p.holder.ID, Unit: VectorMessage(p.unit), AtMs: int64(now)}
	for i := range z.levels {
		record.Levels = append(record.Levels, z.levels[i].message())
	}
	z.commit(out, record)
}

// acts reports whether the zone may stage for a tenant.
func (z *Zone) acts(tenant string) bool {
	t := z.tenants[tenant]
	return z.spec.GetMode() == messages.Mode_MODE_ACT && t != nil && t.GetMode() == messages.Mode_MODE_ACT
}

// most returns how many units of the pool the zone could ever hold, and its tenant's
// quota permits.
func (z *Zone) most(p *pool) int {
	room := VectorOf(z.spec.GetCapacity()).PerMille(z.overcommit())
	VectorOf(z.tenants[p.holder.Tenant].GetQuota()).Each(func(name string, limit int64) {
		if limit > 0 {
			room = room.With(name, min(room.Of(name), limit))
		}
	})
	return int(units(room, p.unit))
}

// units returns how many of unit fit in amount.
func units(amount, unit resource.Vector) int64 {
	n := int64(unitsMax)
	unit.Each(func(name string, of int64) {
		if of > 0 {
			n = min(n, max(amount.Of(name), 0)/of)
		}
	})
	return n
}

// costs are those of one unit of the pool, in micro-units of money: what is
// staged is paused, so that it holds memory alone.
func (z *Zone) costs(p *pool) plan.Costs {
	second := float64(z.secondMicros(p.holder.Tenant))
	saved := z.starts().GetComputeColdMs() - z.starts().GetComputePausedMs()
	return plan.Costs{
		Short:     max(saved, 0) / 1000 * second,
		Eagerness: z.config.Eagerness,
		Idle:      z.gibHour() * float64(p.unit.Memory) / gib,
		Surcharge: firmSurcharge * z.runningHour(p.unit),
	}
}

// firmSurcharge is what a guarantee costs above priority access, as a share of a
// running unit's price: the capacity is denied to everybody else.
const firmSurcharge = 0.1

const gib = 1 << 30

// gibHour is the price of holding a staged GiB for an hour.
func (z *Zone) gibHour() float64 {
	p := z.spec.GetPrices()
	return float64(p.GetGibHourMicros()) * float64(p.GetStagingPermille()) / 1000
}

// runningHour is the price of a running unit for an hour.
func (z *Zone) runningHour(unit resource.Vector) float64 {
	p := z.spec.GetPrices()
	return float64(p.GetCpuHourMicros())*float64(unit.CPU)/1000 + float64(p.GetGibHourMicros())*float64(unit.Memory)/gib
}

func (z *Zone) secondMicros(tenant string) int64 {
	if t := z.tenants[tenant]; t != nil && t.GetWeights().GetSecondMicros() != 0 {
		return t.GetWeights().GetSecondMicros()
	}
	return DefaultSecondMicros
}

func (p *pool) reservation(w span.Window, tier ledger.Tier, n int) ledger.Reservation {
	return ledger.Reservation{Holder: p.holder, ID: tier.String(), Window: w, Amount: p.unit.Times(int64(n)), Tier: tier}
}

// foldPlanned makes the books follow the plan: reservations of windows that are
// not planned any more are cancelled, new ones made. Firm units that do not fit
// become soft ones.
func (z *Zone) foldPlanned(r *messages.Planned) {
	now := span.Time(r.GetAtMs())
	p := z.makePool(now, r.GetTenant(), r.GetClass(), VectorOf(r.GetUnit()))
	before := p.planned
	p.planned = splice(before, levelsOf(r.GetLevels()), now)
	kept := func(l Level, in []Level) bool {
		i, found := slices.BinarySearchFunc(in, l.Window.Start, func(m Level, t span.Time) int { return cmp.Compare(m.Window.Start, t) })
		return found && in[i] == l
	}
	for _, l := range before {
		if l.Window.End > now && !kept(l, p.planned) {
			z.reserveUnits(now, p, Level{Window: l.Window})
		}
	}
	for _, l := range p.planned {
		if !kept(l, before) {
			z.reserveUnits(now, p, l)
			z.counts.count(l, before)
		}
	}
}

func (z *Zone) reserveUnits(now span.Time, p *pool, l Level) {
	for l.Firm > 0 && z.books.Reserve(now, p.reservation(l.Window, ledger.Firm, l.Firm)) != nil {
		l.Firm--
		l.Soft++
	}
	if l.Firm == 0 {
		z.books.Reserve(now, p.reservation(l.Window, ledger.Firm, 0))
	}
	z.books.Reserve(now, p.reservation(l.Window, ledger.Soft, l.Soft))
}

// ReservationCounts is what became of the reservations of pools since the
// activation began, in units.
type ReservationCounts struct{ Firm, Soft, Upgraded, Revoked, Expired int }

// Counts returns what became of the reservations of pools.
func (z *Zone) Counts() ReservationCounts { return z.counts }

// count counts a level that was reserved; where it wants more firm and less soft
// units than were planned before at its start, those have been upgraded.
func (c *ReservationCounts) count(l Level, before []Level) {
	var was plan.Level
	for _, b := range before {
		if b.Window.Contains(l.Window.Start) {
			was = b.Level
		}
	}
	upgraded := max(min(l.Firm-was.Firm, was.Soft-l.Soft), 0)
	c.Upgraded += upgraded
	c.Firm += max(l.Firm-was.Firm-upgraded, 0)
	c.Soft += max(l.Soft-was.Soft, 0)
}
