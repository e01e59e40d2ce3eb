package actors

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors/ledger"
	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// DefaultSecondMicros is the price of a second of start time where nobody states
// one: a fifth of a unit of money.
const DefaultSecondMicros = 200_000

// leadMargin is how many times the time of making a unit is allowed for it, and
// leadLeast the least: what a message and a slow start may take.
const (
	leadMargin = 2
	leadLeast  = span.Second
)

// DefaultStarts are the start times that are assumed of a zone until its agent has
// measured any: those of a container engine.
func DefaultStarts() *messages.StartProfile {
	return &messages.StartProfile{
		ComputeColdMs: 740, ComputeImageMs: 700, ComputeCreatedMs: 596, ComputePausedMs: 60, ComputeRunningMs: 4,
		PullBytesPerSecond: 100e6, StorageColdMs: 500, StorageReadyMs: 20,
	}
}

func (z *Zone) starts() *messages.StartProfile {
	if s := z.report.GetStarts(); s != nil {
		return s
	}
	return defaultStarts
}

var defaultStarts = DefaultStarts()

// lead is how long before it is needed a unit has to be begun.
func (z *Zone) lead() span.Duration {
	return max(leadLeast, span.Duration(leadMargin*z.starts().GetComputeColdMs()))
}

// reported takes what the agent has.
func (z *Zone) reported(now span.Time, m *messages.StageReport, out *Effects) {
	if m.GetStarts() != nil && checkStarts(m.GetStarts()) != nil {
		m = proto.CloneOf(m)
		m.Starts = nil // nothing could be planned with them
	}
	z.report, z.dull = m, true
	foreign := VectorOf(m.GetForeign())
	if !foreign.Equal(z.books.Foreign()) && foreign.Validate(resource.MaxCapacity) == nil {
		z.commit(out, &messages.ForeignMeasured{Foreign: m.GetForeign(), AtMs: int64(now)})
	}
}

// started gives back what a placement holds if the agent could not start it.
func (z *Zone) started(now span.Time, m *messages.Started, out *Effects) {
	claimed := z.claims[m.GetPlacement()]
	delete(z.starting, m.GetPlacement())
	if m.GetFailure() == "" || claimed == nil {
		return
	}
	c := claimed.GetClaim()
	z.commit(out, &messages.AllocationFreed{User: c.GetUser(), RequestId: c.GetRequest().GetId(), AtMs: int64(now)})
	out.send(Address{KindUser, c.GetUser()}, &messages.Ended{
		RequestId: c.GetRequest().GetId(), Zone: z.id, Reason: "the start failed: " + m.GetFailure(),
	})
}

// stage tells the agent what is to be ready, if that is not what it was told last or
// a placement was stopped, whose unit may stay or not.
// The stages are what is reserved and idle: of pools, units; of users, volumes.
func (z *Zone) stage(now span.Time, out *Effects) {
	z.stale, z.dull = false, true
	want := &messages.Desired{Datasets: z.data.wanted}
	z.idle = z.books.IdleAll(z.idle[:0], now)
	z.changeAt = z.books.NextChange(now)
	for _, p := range z.pools {
		z.stagePool(now, want, p)
	}
	if v := z.volumes; v != nil && windowOf(v.GetWindow()).Contains(now) {
		z.stageVolumes(want)
	}
	if z.desired != nil && !z.stopped && sameStages(want, z.desired) {
		return
	}
	z.desire(now, want, out)
}

// sameStages reports whether two desired sets are equal but for version and what
// runs. It is proto.Equal for the one message that is compared at every step.
func sameStages(a, b *messages.Desired) bool {
	return slices.Equal(a.GetConnections(), b.GetConnections()) &&
		slices.EqualFunc(a.GetPools(), b.GetPools(), func(p, q *messages.PoolStage) bool {
			return p.GetIdle() == q.GetIdle() && p.GetTenant() == q.GetTenant() && p.GetClass() == q.GetClass()
		}) &&
		slices.EqualFunc(a.GetDatasets(), b.GetDatasets(), func(p, q *messages.DatasetStage) bool {
			return p == q || p.GetDataset() == q.GetDataset() && p.GetBytes() == q.GetBytes()
		}) &&
		slices.EqualFunc(a.GetVolumes(), b.GetVolumes(), func(p, q *messages.VolumeStage) bool {
			return p == q || p.GetUser() == q.GetUser() && p.GetBytes() == q.GetBytes()
		})
}

// stagePool wants what the pool has idle, and the units that claims hold and the
// agent has not been told to start: they must not be taken down in between. More
// than is planned and not in use it never wants: a claim that finds nothing ready is
// no reason to begin a unit just before it is started without one.
func (z *Zone) stagePool(now span.Time, want *messages.Desired, p *pool) {
	idle := z.idleOf(p.holder)
	honoured, revoked := units(idle.Soft, p.unit), units(idle.Revoked, p.unit)
	p.countSoft(honoured, revoked)
	z.counts.Revoked += int(max(revoked-p.lost, 0))
	p.lost = revoked
	n := units(idle.Firm.Plus(idle.Soft), p.unit) + int64(p.held)
	n = min(n, int64(levelAt(p.planned, now).Units()-p.busy))
	if n > 0 {
		want.Pools = append(want.Pools, p.stage(n))
	}
}

// idleOf returns what a holder has idle, as the books said last.
func (z *Zone) idleOf(h ledger.Holder) ledger.Idle {
	i, found := slices.BinarySearchFunc(z.idle, h, func(idle ledger.Idle, h ledger.Holder) int { return idle.Holder.Compare(h) })
	if !found {
		return ledger.Idle{}
	}
	return z.idle[i]
}

// StagedUnits returns how many idle units the zone has told its agent to have ready;
// for reports and tests.
func (z *Zone) StagedUnits() int64 {
	n := int64(0)
	for _, p := range z.desired.GetPools() {
		n += p.GetIdle()
	}
	return n
}

func (p *pool) stage(idle int64) *messages.PoolStage {
	return &messages.PoolStage{Tenant: p.holder.Tenant, Class: p.holder.ID, Unit: VectorMessage(p.unit), Idle: idle}
}

// stageVolumes wants the volumes whose reservation is honoured, and the connections
// with them.
func (z *Zone) stageVolumes(want *messages.Desired) {
	for _, v := range z.volumes.GetVolumes() {
		want.Connections = append(want.Connections, v.GetUser())
		tenant, _, _ := SplitUser(v.GetUser())
		idle := z.idleOf(ledger.Holder{Tenant: tenant, ID: v.GetUser()})
		if idle.Soft.Storage+idle.Firm.Storage >= v.GetBytes() {
			want.Volumes = append(want.Volumes, v)
		}
	}
}

// digest tells the mappers what they may count on.
func (z *Zone) digest(now span.Time, out *Effects) {
	z.dull = false
	z.sequence = max(z.sequence+1, uint64(now)<<10)
	m := &messages.ZoneDigest{
		Zone: z.id, Sequence: z.sequence, AtMs: int64(now), Spec: z.spec, Draining: z.drain,
		Free:     VectorMessage(z.books.Free(now)),
		Datasets: z.report.GetDatasets(), Connections: z.report.GetConnections(), Volumes: z.report.GetVolumes(),
		Starts: z.starts(),
	}
	for _, idle := range z.idle {
		if !idle.Holder.Pool && !idle.Firm.IsZero() {
			m.Firm = append(m.Firm, &messages.UserFirm{User: idle.Holder.ID, Amount: VectorMessage(idle.Firm)})
		}
	}
	for _, p := range z.pools {
		m.Pools = append(m.Pools, z.poolDigest(p))
	}
	out.send(Address{KindMapper, EveryMapper}, m)
}

func (z *Zone) poolDigest(p *pool) *messages.PoolDigest {
	d := &messages.PoolDigest{Tenant: p.holder.Tenant, Class: p.holder.ID}
	for _, r := range z.report.GetPools() {
		if r.GetTenant() == d.Tenant && r.GetClass() == d.Class {
			d.Ready, d.Making = r.GetReady(), r.GetMaking()
		}
	}
	if firm := z.idleOf(p.holder).Firm; !firm.IsZero() {
		d.Firm = VectorMessage(firm)
	}
	return d
}
