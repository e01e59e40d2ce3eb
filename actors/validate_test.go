package actors_test

import (
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// badVectors cannot be asked for, had or reserved.
var badVectors = map[string]*messages.Vector{
	"negative":        {CpuMillicores: -1},
	"least":           {CpuMillicores: 1, MemoryBytes: math.MinInt64},
	"overflowing":     {CpuMillicores: math.MaxInt64},
	"too much":        {MemoryBytes: resource.MaxCapacity + 1},
	"negative gpu":    {CpuMillicores: 1, Extended: []*messages.Amount{{Name: "gpu", Value: -1}}},
	"overflowing gpu": {CpuMillicores: 1, Extended: []*messages.Amount{{Name: "gpu", Value: math.MaxInt64}}},
	"no gpu":          {CpuMillicores: 1, Extended: []*messages.Amount{{Name: "gpu"}}},
	"nameless":        {CpuMillicores: 1, Extended: []*messages.Amount{{Value: 1}}},
	"twice":           {CpuMillicores: 1, Extended: []*messages.Amount{{Name: "gpu", Value: 1}, {Name: "gpu", Value: 1}}},
	"a fixed name":    {CpuMillicores: 1, Extended: []*messages.Amount{{Name: "cpu", Value: 1}}},
	"too many":        {CpuMillicores: 1, Extended: make([]*messages.Amount, 17)},
}

// badIDs are no part of an identity.
var badIDs = map[string]string{
	"empty": "", "long": strings.Repeat("x", 129), "slash": "a/b", "blank": "a b", "line": "a\nb", "hash": "a#b",
	"not ASCII": "zürich", "zero": "a\x00", "huge": strings.Repeat("x", 300_000),
}

func TestCheckID(t *testing.T) {
	for name, id := range badIDs {
		if err := actors.CheckID("zone", id); err == nil || !strings.Contains(err.Error(), "zone") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, id := range []string{"a", "A-Z.a_z@0:9", strings.Repeat("x", 128)} {
		if err := actors.CheckID("zone", id); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []string{"", "a", "/", "a/", "/b", "a/b/c", "a b/c"} {
		if _, _, err := actors.SplitUser(id); err == nil {
			t.Errorf("%q is taken for a user", id)
		}
	}
}

// badRequests cannot be placed, by what is wrong with them.
func badRequests() map[string]*messages.Request {
	bad := map[string]*messages.Request{"missing": nil}
	add := func(name string, change func(*messages.Request)) {
		r := request("bad")
		change(r)
		bad[name] = r
	}
	for name, v := range badVectors {
		add("need "+name, func(r *messages.Request) { r.Need = v })
	}
	for name, id := range badIDs {
		if id != "" {
			add("image "+name, func(r *messages.Request) { r.Image = id })
			add("dataset "+name, func(r *messages.Request) { r.Dataset = id })
		}
		add("region "+name, func(r *messages.Request) { r.Regions = []string{id} })
		add("denied "+name, func(r *messages.Request) { r.DenyZones = []string{id} })
		add("label "+name, func(r *messages.Request) { r.Labels = []string{id} })
		add("label value "+name, func(r *messages.Request) { r.Labels = []string{"gpu=" + id} })
	}
	add("no need", func(r *messages.Request) { r.Need = nil })
	add("nothing asked", func(r *messages.Request) { r.Need = &messages.Vector{} })
	for name, n := range map[string]int64{"negative": -1, "least": math.MinInt64, "overflowing": math.MaxInt64} {
		add("duration "+name, func(r *messages.Request) { r.DurationMs = n })
		add("bytes "+name, func(r *messages.Request) { r.DatasetBytes = n })
		add("ceiling "+name, func(r *messages.Request) { r.PriceCeilingMicros = n })
	}
	add("too long", func(r *messages.Request) { r.DurationMs = longest + 1 })
	for name, x := range map[string]float64{"NaN": math.NaN(), "infinite": math.Inf(1), "less than infinite": math.Inf(-1), "181": 181} {
		add("latitude "+name, func(r *messages.Request) { r.Position = &messages.Position{Lat: x} })
		add("longitude "+name, func(r *messages.Request) { r.Position = &messages.Position{Lon: x} })
	}
	add("too many regions", func(r *messages.Request) { r.Regions = many(65) })
	add("too many labels", func(r *messages.Request) { r.Labels = many(65) })
	add("too many denied", func(r *messages.Request) { r.DenyZones = many(65) })
	return bad
}

func many(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = "x"
	}
	return list
}

// What cannot be placed gets a clear answer, and nothing changes anywhere.
func TestBadRequests(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(4)))
	s.placed(ann, request("good"))
	s.unchanged(zone("london"), func() {
		s.unchanged(ann, func() {
			for name, r := range badRequests() {
				t.Log(name)
				s.refused(s.ask(ann, &messages.Place{RequestId: "bad", Request: r}), messages.Code_CODE_INVALID, "invalid")
				s.refused(s.ask(ann, &messages.Select{RequestId: "bad", Request: r}), messages.Code_CODE_INVALID, "invalid")
			}
			for name, id := range badIDs {
				if id != "" && len(id) <= 129 {
					t.Log(name)
					s.refused(s.ask(ann, place(request(id))), messages.Code_CODE_INVALID, "request id")
				}
			}
			s.refused(s.ask(ann, &messages.Place{RequestId: "a", Request: request("b")}), messages.Code_CODE_INVALID, "differ")
		})
	})
	s.placed(ann, request("bad")) // the id is still good
}

// A zone doesn't rely on users: a claim that cannot be is refused and holds nothing.
func TestBadClaims(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(4)))
	s.placed(ann, request("good"))
	claims := map[string]*messages.Claim{
		"no user":           {Tenant: "default", Request: request("bad"), HoldMs: 1000},
		"another tenant's":  {Tenant: "default", User: "other/ann", Request: request("bad"), HoldMs: 1000},
		"malformed tenant":  {Tenant: "a b", User: "a b/ann", Request: request("bad"), HoldMs: 1000},
		"no request":        {Tenant: "default", User: ann.ID, HoldMs: 1000},
		"negative duration": {Tenant: "default", User: ann.ID, Request: &messages.Request{Id: "x", DurationMs: -1, Need: units(1)}},
	}
	for name, r := range badRequests() {
		claims[name] = &messages.Claim{Tenant: "default", User: ann.ID, Request: r, HoldMs: 1000}
	}
	z := s.machine(zone("london"))
	s.unchanged(zone("london"), func() {
		for name, c := range claims {
			var out actors.Effects
			z.Step(s.world.Now(), ann, c, &out)
			if a, ok := out.Sends[0].Message.(*messages.ClaimAnswer); !ok || a.GetRefused().GetReason() == "" || len(out.Records) > 0 || len(out.Sends) > 1 {
				t.Errorf("%s: %+v", name, out)
			}
		}
	})
}

func TestBadReservations(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(4)))
	bad := make(map[string]*messages.Reserve)
	add := func(name string, change func(*messages.Reserve)) {
		m := reserve(s, ann.ID, "lunch", 1, messages.Tier_TIER_FIRM)
		change(m)
		bad[name] = m
	}
	for name, v := range badVectors {
		add("amount "+name, func(m *messages.Reserve) { m.Amount = v })
	}
	for name, id := range badIDs {
		add("reservation "+name, func(m *messages.Reserve) { m.Reservation = id })
		add("tenant "+name, func(m *messages.Reserve) { m.Tenant, m.User = id, id+"/ann" })
		add("user "+name, func(m *messages.Reserve) { m.User = "default/" + id })
	}
	add("another tenant's", func(m *messages.Reserve) { m.User = "other/ann" })
	add("no tier", func(m *messages.Reserve) { m.Tier = 0 })
	add("unknown tier", func(m *messages.Reserve) { m.Tier = 9 })
	add("no window", func(m *messages.Reserve) { m.Window = nil })
	for name, w := range map[string]*messages.Window{
		"ends before it starts": {StartMs: int64(start.Add(2 * span.Hour)), EndMs: int64(start.Add(span.Hour))},
		"empty":                 {StartMs: int64(start.Add(span.Hour)), EndMs: int64(start.Add(span.Hour))},
		"over":                  {StartMs: int64(start.Add(-2 * span.Hour)), EndMs: int64(start.Add(-span.Hour))},
		"too far ahead":         {StartMs: int64(start.Add(span.Hour)), EndMs: int64(start.Add(36 * span.Day))},
		"before time":           {StartMs: math.MinInt64, EndMs: int64(start.Add(span.Hour))},
		"overflowing":           {StartMs: int64(start), EndMs: math.MaxInt64},
	} {
		add("window "+name, func(m *messages.Reserve) { m.Window = w })
	}
	s.unchanged(zone("london"), func() {
		for name, m := range bad {
			t.Log(name)
			s.refused(s.ask(zone("london"), m), messages.Code_CODE_INVALID, "")
		}
	})
}

func TestBadZoneSpecs(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(4)))
	bad := map[string]*messages.ZoneSpec{"missing": nil}
	add := func(name string, change func(*messages.ZoneSpec)) {
		z := spec(london, units(1))
		change(z)
		bad[name] = z
	}
	for name, v := range badVectors {
		add("capacity "+name, func(z *messages.ZoneSpec) { z.Capacity = v })
	}
	for name, n := range map[string]int64{"negative": -1, "least": math.MinInt64, "overflowing": math.MaxInt64} {
		add("overcommit "+name, func(z *messages.ZoneSpec) { z.OvercommitPermille = n })
		add("cache "+name, func(z *messages.ZoneSpec) { z.CacheBytes = n })
		add("cpu price "+name, func(z *messages.ZoneSpec) { z.Prices.CpuHourMicros = n })
		add("memory price "+name, func(z *messages.ZoneSpec) { z.Prices.GibHourMicros = n })
		add("egress price "+name, func(z *messages.ZoneSpec) { z.Prices.EgressGibMicros = n })
		add("staging price "+name, func(z *messages.ZoneSpec) { z.Prices.StagingPermille = n })
	}
	add("position", func(z *messages.ZoneSpec) { z.Position = &messages.Position{Lat: math.NaN()} })
	for name, id := range badIDs {
		if id != "" {
			add("region "+name, func(z *messages.ZoneSpec) { z.Region = id })
		}
		add("label "+name, func(z *messages.ZoneSpec) { z.Labels = []string{id} })
	}
	add("too many labels", func(z *messages.ZoneSpec) { z.Labels = many(65) })
	s.unchanged(zone("london"), func() {
		for name, spec := range bad {
			t.Log(name)
			s.refused(s.ask(zone("london"), &messages.PutZone{RequestId: s.unique("bad"), Spec: spec}), messages.Code_CODE_INVALID, "invalid")
		}
	})
	s.refused(s.ask(zone("a b"), &messages.PutZone{RequestId: "p", Spec: spec(london, units(1))}), messages.Code_CODE_INVALID, "a b")
}

func TestBadTenants(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	bad := map[string]*messages.TenantSpec{
		"missing":          nil,
		"negative weight":  {Weights: &messages.CostWeights{SecondMicros: -1}},
		"overflowing":      {Weights: &messages.CostWeights{CostSensitivityPermille: math.MaxInt64}},
		"malformed zone":   {Quotas: []*messages.ZoneQuota{{Zone: "a b", Quota: units(1)}}},
		"malformed region": {Regions: []string{"a b"}},
		"too many regions": {Regions: many(65)},
		"too many quotas":  {Quotas: make([]*messages.ZoneQuota, 5_000)},
	}
	for name, v := range badVectors {
		bad["quota "+name] = &messages.TenantSpec{Quotas: []*messages.ZoneQuota{{Zone: "london", Quota: v}}}
	}
	s.unchanged(standard, func() {
		for name, spec := range bad {
			t.Log(name)
			s.refused(s.ask(standard, &messages.PutTenant{RequestId: s.unique("bad"), Spec: spec}), messages.Code_CODE_INVALID, "invalid")
		}
		s.world.Tell(standard, &messages.AskTenant{Zone: "a b"})
		s.pass(0)
	})
	odd := actors.Address{Kind: actors.KindTenant, ID: "a b"}
	s.refused(s.ask(odd, &messages.PutTenant{RequestId: "p", Spec: &messages.TenantSpec{}}), messages.Code_CODE_INVALID, "a b")
}

func TestBadProfiles(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.unchanged(ann, func() {
		for name, set := range map[string]*messages.UserSettings{
			"negative weight":  {Weights: &messages.CostWeights{SecondMicros: -1}},
			"overflowing":      {Weights: &messages.CostWeights{RoundTripsPermille: math.MaxInt64}},
			"malformed region": {PreferredRegions: []string{"a b"}},
			"huge residency":   {Residency: []string{strings.Repeat("x", 300_000)}},
			"too many regions": {Residency: many(65)},
			"not on earth":     {UtcOffsetMinutes: 15 * 60},
			"least":            {UtcOffsetMinutes: math.MinInt32},
		} {
			t.Log(name)
			s.refused(s.ask(ann, &messages.PutProfile{RequestId: s.unique("p"), Settings: set}), messages.Code_CODE_INVALID, "invalid")
		}
		for _, horizon := range []int64{-1, 1, math.MinInt64, math.MaxInt64, int64(7*span.Day) + 1} {
			s.refused(s.ask(ann, &messages.AskForecast{RequestId: s.unique("f"), HorizonMs: horizon}), messages.Code_CODE_INVALID, "horizon")
		}
	})
}

// A user whose id is malformed is told so and never comes to be.
func TestMalformedUsers(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(4)))
	for _, id := range []string{"ann", "default/", "default/a b", "default/ann/2", "/ann", "default/" + strings.Repeat("x", 129)} {
		user := actors.Address{Kind: actors.KindUser, ID: id}
		s.unchanged(user, func() {
			for _, m := range []proto.Message{
				place(request("r")), &messages.Select{RequestId: "r", Request: request("r")}, &messages.PutProfile{RequestId: "r"},
				&messages.DescribeUser{RequestId: "r"}, &messages.AskForecast{RequestId: "r"}, &messages.Release{RequestId: "r"},
			} {
				s.refused(s.ask(user, m), messages.Code_CODE_INVALID, "invalid")
			}
		})
	}
}

// Telemetry that cannot be is dropped: nothing was asked for that could be refused.
func TestBadTelemetry(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(4)))
	s.placed(ann, request("good"))
	var bad []proto.Message
	for _, change := range []func(*messages.Demand){
		func(m *messages.Demand) { m.AtMs = math.MinInt64 },
		func(m *messages.Demand) { m.AtMs = math.MaxInt64 },
		func(m *messages.Demand) { m.AtMs += int64(span.Hour) },
		func(m *messages.Demand) { m.AtMs -= int64(2 * span.Hour) },
		func(m *messages.Demand) { m.DurationMs = -1 },
		func(m *messages.Demand) { m.DurationMs = math.MaxInt64 },
		func(m *messages.Demand) { m.DatasetBytes = -1 },
		func(m *messages.Demand) { m.Dataset = "a b" },
		func(m *messages.Demand) { m.Class = strings.Repeat("x", 1000) },
		func(m *messages.Demand) { m.User = "other/ann" },
		func(m *messages.Demand) { m.Tenant, m.User = "", "" },
		func(m *messages.Demand) { m.Unit = &messages.Vector{CpuMillicores: -1} },
	} {
		m := demandOf(request("r"), start)
		change(m)
		bad = append(bad, m)
	}
	for _, v := range badVectors {
		bad = append(bad, &messages.StageReport{Zone: "london", Foreign: v, Version: math.MaxUint64})
	}
	s.unchanged(zone("london"), func() {
		for _, m := range bad {
			s.machine(zone("london")).Step(s.world.Now(), agent("london"), m, new(actors.Effects))
		}
	})
	for name, x := range map[string]float64{"none": 0, "negative": -1, "NaN": math.NaN(), "infinite": math.Inf(1)} {
		starts := actors.DefaultStarts()
		starts.PullBytesPerSecond = x
		z := s.machine(zone("london"))
		var out actors.Effects
		z.Step(s.world.Now(), agent("london"), &messages.StageReport{Zone: "london", Starts: starts}, &out)
		for _, send := range out.Sends {
			if d, ok := send.Message.(*messages.ZoneDigest); ok && d.GetStarts().GetPullBytesPerSecond() != 100e6 {
				t.Errorf("%s: %v", name, d.GetStarts())
			}
		}
	}
}
