package actors_test

import (
	"math"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/messages"
)

func TestClassOf(t *testing.T) {
	for _, c := range []struct {
		need  *messages.Vector
		class string
	}{
		{&messages.Vector{}, "shop:0-0-0-0"},
		{&messages.Vector{CpuMillicores: 500, MemoryBytes: 512 << 20}, "shop:500-536870912-0-0"},
		{&messages.Vector{CpuMillicores: 401, MemoryBytes: 500 << 20}, "shop:500-536870912-0-0"},
		{&messages.Vector{CpuMillicores: 1, BandwidthBps: 7}, "shop:1-0-8-0"},
		{&messages.Vector{CpuMillicores: 11, IoOps: 1001}, "shop:15-0-0-1250"},
		{&messages.Vector{CpuMillicores: 9, StorageBytes: gib}, "shop:10-0-0-0"}, // a volume is its user's own
		{&messages.Vector{Extended: []*messages.Amount{{Name: "gpu", Value: 2}}}, "shop:0-0-0-0-gpu=2"},
	} {
		class, _ := actors.ClassOf(&messages.Request{Image: "shop", Need: c.need})
		if class != c.class {
			t.Errorf("%v: %s, want %s", c.need, class, c.class)
		}
	}
}

// A unit holds every request of its class, wastes at most a quarter, and is of its
// own class. However large an amount is, the step ends.
func TestClassHoldsItsRequests(t *testing.T) {
	amount := rapid.OneOf(rapid.Int64Range(0, 100), rapid.Int64Range(0, resource.MaxAmount))
	rapid.Check(t, func(t *rapid.T) {
		need := resource.Vector{CPU: amount.Draw(t, "cpu"), Memory: amount.Draw(t, "memory"), Bandwidth: amount.Draw(t, "bandwidth"), IO: amount.Draw(t, "io")}
		need = need.WithExtended("gpu", amount.Draw(t, "gpu"))
		class, unit := actors.ClassOf(&messages.Request{Need: actors.VectorMessage(need)})
		if !need.Fits(unit) {
			t.Fatalf("%v does not fit in %v", need, unit)
		}
		unit.Each(func(name string, of int64) {
			if asked := need.Of(name); 4*(of-asked) > of+4 {
				t.Fatalf("%s: a unit of %d for %d", name, of, asked)
			}
		})
		again, same := actors.ClassOf(&messages.Request{Need: actors.VectorMessage(unit)})
		if again != class || !same.Equal(unit) {
			t.Fatalf("the unit %v of %s is of %s", unit, class, again)
		}
	})
	for _, x := range []int64{math.MaxInt64, math.MinInt64, -1} {
		actors.ClassOf(&messages.Request{Need: &messages.Vector{CpuMillicores: x, MemoryBytes: x, IoOps: x}})
	}
}

// The largest request there may be has no negative price: nothing overflows.
func TestLargestRequestIsRanked(t *testing.T) {
	mapper := actors.NewMapper(moneyWeights)
	var out actors.Effects
	huge := &messages.Vector{CpuMillicores: resource.MaxCapacity, MemoryBytes: resource.MaxCapacity, BandwidthBps: resource.MaxCapacity}
	big := spec(london, huge)
	big.Prices.EgressGibMicros = 10_000
	mapper.Step(start, zone("london"), &messages.ZoneDigest{Zone: "london", Sequence: 1, Spec: big, Free: huge, Starts: actors.DefaultStarts()}, &out)
	most := request("most")
	most.Need = &messages.Vector{CpuMillicores: 1, MemoryBytes: 1, BandwidthBps: resource.MaxAmount}
	most.DurationMs = longest
	mapper.Step(start, ann, &messages.Rank{User: ann.ID, Tenant: "default", Request: most}, &out)
	less := proto.CloneOf(most)
	less.Need.BandwidthBps = 1
	mapper.Step(start, ann, &messages.Rank{User: ann.ID, Tenant: "default", Request: less}, &out)
	cost := func(i int) float64 { return out.Sends[i].Message.(*messages.Ranked).GetChoices()[0].GetCost() }
	if !(cost(0) < cost(1)) || math.IsInf(cost(0), 0) {
		t.Errorf("the most costs %v, a little %v", -cost(0), -cost(1))
	}
}
