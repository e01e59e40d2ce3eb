package sim

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/messages"
)

var tenants = [...]string{"t0", "t1"}

// zoneSpec is a zone with this share of its full capacity.
func zoneSpec(i int, permille int64) *messages.ZoneSpec {
	return &messages.ZoneSpec{
		Capacity: &messages.Vector{CpuMillicores: 8 * permille, MemoryBytes: permille << 24, StorageBytes: permille << 24},
		Position: &messages.Position{Lat: float64(i), Lon: float64(i)},
		Region:   fmt.Sprintf("region%d", i%2),
		Prices:   &messages.Prices{CpuHourMicros: 40_000, GibHourMicros: 5_000, StagingPermille: 500},
		Mode:     messages.Mode_MODE_ACT, CacheBytes: 2 << 30,
	}
}

// quotas are what a tenant may be granted in a zone, in cpu; 0 means no limit.
var quotas = [...]int64{0, 0, 6_000, 3_000}

// setUp creates tenants and zones; who operates them repeats what has no answer.
func (t *trial) setUp() {
	for _, tenant := range tenants {
		t.putTenant(tenant, 0)
	}
	for i := range zoneCount {
		t.putZone(i, 1000)
	}
}

const operatorRetries = 100 // an operator does not give up

func (t *trial) putTenant(tenant string, quota int64) {
	spec := &messages.TenantSpec{Mode: messages.Mode_MODE_ACT}
	if quota > 0 {
		for i := range zoneCount {
			spec.Quotas = append(spec.Quotas, &messages.ZoneQuota{
				Zone: zoneAddress(i).ID, Quota: &messages.Vector{CpuMillicores: quota},
			})
		}
	}
	t.audit.grants(tenant, quota)
	t.must(actors.Address{Kind: actors.KindTenant, ID: tenant}, func(id string) proto.Message {
		return &messages.PutTenant{RequestId: id, Spec: spec}
	})
}

func (t *trial) putZone(i int, permille int64) {
	t.must(zoneAddress(i), func(id string) proto.Message {
		return &messages.PutZone{RequestId: id, Spec: zoneSpec(i, permille)}
	})
}

// must asks for something that has to be granted.
func (t *trial) must(to actors.Address, message func(id string) proto.Message) {
	id := t.id()
	t.retry(to, id, message(id), operatorRetries, func(answer proto.Message) {
		if _, done := answer.(*messages.Done); !done {
			t.fail(fmt.Errorf("%v refused the operator: %s", to, brief(answer)))
		}
	})
}

// may asks for something that may be refused.
func (t *trial) may(to actors.Address, message func(id string) proto.Message) {
	id := t.id()
	t.retry(to, id, message(id), retries, func(proto.Message) {})
}

// operate does one of the things that upset a zone.
func (t *trial) operate() {
	i := t.random.IntN(zoneCount)
	switch t.random.IntN(8) {
	case 0:
		t.counts[ZoneReduced]++
		t.putZone(i, []int64{100, 300, 0}[t.random.IntN(3)])
	case 1, 2:
		t.putZone(i, 1000)
	case 3:
		t.counts[ForeignJumped]++
		t.setForeign(i, 1000)
		t.world.At(t.world.Now().Add(t.weather.around(t.weather.operateEvery)), func() {
			t.counts[ForeignReturned]++
			t.setForeign(i, 0)
		})
	case 4:
		t.drain(i)
	case 5:
		t.remove(i)
	case 6:
		t.putTenant(tenants[t.random.IntN(len(tenants))], quotas[t.random.IntN(len(quotas))])
	case 7:
		t.may(zoneAddress(i), func(id string) proto.Message { return &messages.DeleteZone{RequestId: id} })
		t.later(func() { t.putZone(i, 1000) })
	}
}

func (t *trial) later(do func()) {
	t.world.At(t.world.Now().Add(t.weather.around(t.weather.operateEvery)), do)
}

func (t *trial) drain(i int) {
	t.counts[ZoneDrained]++
	t.may(zoneAddress(i), func(id string) proto.Message { return &messages.DrainZone{RequestId: id, Drain: true} })
	t.later(func() {
		t.may(zoneAddress(i), func(id string) proto.Message { return &messages.DrainZone{RequestId: id} })
	})
}

func (t *trial) remove(i int) {
	t.counts[ZoneDeleted]++
	t.may(zoneAddress(i), func(id string) proto.Message { return &messages.DeleteZone{RequestId: id, Drain: true} })
	t.later(func() { t.putZone(i, 1000) })
}

// setForeign has a zone's agent measure that others use so much.
func (t *trial) setForeign(i int, permille int64) {
	t.world.Tell(actors.Address{Kind: actors.KindAgent, ID: zoneAddress(i).ID},
		&messages.StageReport{Foreign: zoneSpec(i, permille).GetCapacity()})
}

// bad sends something that must be refused and change nothing.
func (g *gateway) bad() {
	id, user := g.id(), g.user()
	broken := g.request()
	to, m := user, proto.Message(&messages.Place{RequestId: broken.GetId(), Request: broken})
	switch g.random.IntN(7) {
	case 0:
		broken.Need.CpuMillicores = -1
	case 1:
		broken.Need.MemoryBytes = math.MaxInt64
	case 2:
		broken.Position.Lat = math.NaN()
	case 3:
		broken.DurationMs = -5
	case 4:
		broken.Dataset = "no/slash allowed"
	case 5:
		to, m = zoneAddress(g.random.IntN(zoneCount)), &messages.PutZone{RequestId: id, Spec: &messages.ZoneSpec{
			Capacity: &messages.Vector{CpuMillicores: -8}}}
	default:
		to, m = actors.Address{Kind: actors.KindTenant, ID: tenants[0]}, &messages.PutTenant{RequestId: id, Spec: &messages.TenantSpec{
			Weights: &messages.CostWeights{SecondMicros: -1}}}
	}
	request := m.(interface{ GetRequestId() string }).GetRequestId()
	g.audit.bad[request] = true
	g.ask(to, request, m, func(answer proto.Message) {
		if again(answer) {
			return
		}
		if e, failed := answer.(*messages.Error); !failed || e.GetCode() != messages.Code_CODE_INVALID {
			g.fail(fmt.Errorf("bad input %s was answered %s", brief(m), brief(answer)))
		}
		g.counts[BadInput]++
	})
}
