package actors

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors/ledger"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// Keys of a zone's reminders.
const (
	wakePlan  = "plan"  // a planner is due
	wakeSweep = "sweep" // a lease, a hold or what is reserved ends or begins
)

// ZoneConfig is what zones are made with.
type ZoneConfig struct {
	// Planner makes the planner of a new pool; nil means NewForecastPlanner.
	Planner func(pool PoolID, start span.Time) Planner
	// IgnoreUsers plans from the zone's own demand alone: what users say of their
	// future is not heard.
	IgnoreUsers bool
	// NoPrefetch leaves the cache to what was asked for last, and prepares neither
	// volumes nor connections.
	NoPrefetch bool
	// Eagerness is a factor on the price of a miss; 0 means 1.
	Eagerness float64
	// Guards switches rules off, for tests of the simulator.
	Guards Guards
}

// Zone guards one zone's capacity: its books, the pools that plan ahead in it,
// and the stages that its agent is to make ready.
type Zone struct {
	id     string
	config ZoneConfig

	// Folded.
	spec     *messages.ZoneSpec // nil: there is no such zone
	drain    bool
	deleting bool
	books    *ledger.Ledger
	pools    []*pool                        // by tenant, then class
	tenants  map[string]*messages.SetTenant // what tenants grant and pay here
	claims   map[string]*messages.Claimed   // holds and allocations, by user#request
	volumes  *messages.VolumesPlanned
	data     datasets

	// Volatile.
	parked   []parkedClaim // wait for their tenant's terms
	intents  *Intents      // of all pools together
	report   *messages.StageReport
	desired  *messages.Desired // as last sent
	starting map[string]bool   // placements whose start the agent hasn't answered
	stopped  bool              // a placement was stopped since
	tellAt   span.Time         // the reminder to tell the agent again
	sequence uint64            // of the last digest
	stale    bool              // the books may say otherwise than the agent was told
	dull     bool              // mappers may have been told otherwise
	changeAt span.Time         // when time alone changes what is to be ready
	planAt   span.Time         // the reminders that are set
	sweepAt  span.Time
	idle     []ledger.Idle
	levels   []Level
	counts   ReservationCounts
}

// NewZone returns the zone id as it is before its first record.
func NewZone(id string, config ZoneConfig) *Zone {
	if config.Planner == nil {
		config.Planner = NewForecastPlanner
	}
	if config.Eagerness == 0 {
		config.Eagerness = 1
	}
	return &Zone{
		id:       id,
		config:   config,
		starting: make(map[string]bool),
		tenants:  make(map[string]*messages.SetTenant),
		claims:   make(map[string]*messages.Claimed),
		intents:  newIntents(),
	}
}

// Step implements Machine.
func (z *Zone) Step(now span.Time, from Address, msg proto.Message, out *Effects) {
	// First what has ended goes, so that nothing below acts on it.
	z.sweep(now, out)
	if z.spec == nil {
		z.stepUnmade(now, from, msg, out)
	} else {
		z.stepMade(now, from, msg, out)
	}
	z.settle(now, out)
}

func (z *Zone) stepMade(now span.Time, from Address, msg proto.Message, out *Effects) {
	switch m := msg.(type) {
	case *messages.PutZone:
		z.put(now, m, out)
	case *messages.DrainZone:
		z.setDrain(m, out)
	case *messages.DeleteZone:
		z.remove(now, m, out)
	case *messages.SetTenant:
		z.setTenant(now, m, from, out)
	case *messages.Claim:
		z.claim(now, m, from, out)
	case *messages.Confirm:
		z.confirm(now, m, from, out)
	case *messages.Free:
		z.free(now, m, from, out)
	case *messages.Extend:
		z.extend(now, m, from, out)
	case *messages.Reserve:
		z.reserve(now, m, from, out)
	case *messages.Demand:
		z.demand(now, m, out)
	case *messages.Intents:
		z.hear(now, m) // changes nothing until the next plan
		return
	case *messages.StageReport:
		z.reported(now, m, out)
	case *messages.Started:
		z.started(now, m, out)
	case *messages.Activated:
		z.stale = true
		z.startAgain(now)
	case *messages.Woken:
		z.woken(now, m, out)
	}
}

// settle does what follows from any step: plans what is due, tells the agent and the
// mappers what has changed, and sets the reminders. A zone that is to be deleted goes
// with its last allocation.
func (z *Zone) settle(now span.Time, out *Effects) {
	if z.spec == nil {
		z.remind(now, out)
		return
	}
	if z.deleting && len(z.claims) == 0 {
		z.delete(now, out)
		z.remind(now, out)
		return
	}
	z.planDue(now, out)
	if z.stale {
		z.stage(now, out)
	}
	if z.dull {
		z.digest(now, out)
	}
	z.setWakes(out)
	z.remind(now, out)
}

// Fold implements Machine.
func (z *Zone) Fold(record proto.Message) {
	switch r := record.(type) {
	case *messages.ZonePut:
		z.foldPut(r)
	case *messages.ZoneDrained:
		z.foldDrained(r)
	case *messages.TenantSetPut:
		z.tenants[r.GetTerms().GetTenant()] = r.GetTerms()
	case *messages.Claimed:
		z.foldClaimed(r)
	case *messages.ClaimConfirmed:
		z.foldConfirmed(r)
	case *messages.AllocationFreed:
		z.foldFreed(r)
	case *messages.AllocationExtended:
		z.books.Renew(span.Time(r.GetAtMs()), requestKey(r.GetUser(), r.GetRequestId()))
	case *messages.ReservationPut:
		z.books.Reserve(span.Time(r.GetAtMs()), reservationOf(r.GetReserve()))
	case *messages.Planned:
		z.foldPlanned(r)
	case *messages.VolumesPlanned:
		z.foldVolumes(r)
	case *messages.ForeignMeasured:
		z.books.SetForeign(VectorOf(r.GetForeign()))
	case *messages.Swept:
		z.foldSwept(r)
	case *messages.DemandCounted:
		z.foldDemand(r.GetDemand())
	case *messages.ZoneState:
		z.restore(r)
	}
}

func (z *Zone) commit(out *Effects, record proto.Message) {
	out.record(record)
	z.Fold(record)
	z.stale = true
}

func (z *Zone) agent() Address { return Address{KindAgent, z.id} }

// requestKey names a request of a user in the books.
func requestKey(user, request string) string { return user + "#" + request }

// setWakes sets the reminders to the next things that will be due.
func (z *Zone) setWakes(out *Effects) {
	plan, sweep := min(z.nextPlan(), z.changeAt), z.books.NextEnd()
	if plan != z.planAt {
		z.planAt = plan
		out.wake(wakePlan, wakeTime(plan))
	}
	if sweep != z.sweepAt {
		z.sweepAt = sweep
		out.wake(wakeSweep, wakeTime(sweep))
	}
}

// woken notes that a reminder is gone, and that time has passed: windows may have
// begun or ended.
func (z *Zone) woken(now span.Time, m *messages.Woken, out *Effects) {
	z.stale = z.stale || now >= z.changeAt
	switch m.GetKey() {
	case wakePlan:
		z.planAt = 0
	case wakeSweep:
		z.sweepAt = 0
	case wakeTell:
		z.tellAt = 0
		z.tellAgain(now, out)
	}
}

// wakeTime returns the time of a reminder, none for never.
func wakeTime(t span.Time) span.Time {
	if t == span.Never {
		return 0
	}
	return t
}

// pool returns the pool of a tenant and class; nil if there is none.
func (z *Zone) pool(tenant, class string) *pool {
	i, found := z.findPool(tenant, class)
	if !found {
		return nil
	}
	return z.pools[i]
}

func (z *Zone) findPool(tenant, class string) (int, bool) {
	return slices.BinarySearchFunc(z.pools, ledger.Holder{Tenant: tenant, ID: class, Pool: true}, func(p *pool, h ledger.Holder) int {
		return p.holder.Compare(h)
	})
}
