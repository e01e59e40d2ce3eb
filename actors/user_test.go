package actors_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// A request is placed in the best zone, holds its capacity there, runs, and gives
// everything back when its lease ends.
func TestPlaceUntilTheLeaseEnds(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(2)))
	s.build("paris", spec(paris, units(2)))
	p := s.placed(ann, request("r1"))
	if p.GetPlacementId() != "r1" || p.GetZone() != "london" || p.GetChoice().GetZone() != "london" {
		t.Errorf("placed as %v", p)
	}
	if end := span.Time(p.GetEndMs()); end != start.Add(20*span.Minute) {
		t.Errorf("the lease ends at %v", end)
	}
	if s.free("london") != 1 || !slices.Equal(s.agents["london"].Running(), []string{"default/ann#r1"}) {
		t.Errorf("free %v, running %v", s.free("london"), s.agents["london"].Running())
	}
	if list := s.profile(ann).GetPlacements(); len(list) != 1 || list[0].GetPhase() != "placed" {
		t.Errorf("placements %v", list)
	}
	s.pass(20 * span.Minute)
	if s.free("london") != 2 || len(s.agents["london"].Running()) != 0 || len(s.profile(ann).GetPlacements()) != 0 {
		t.Errorf("left behind: %v free, %v, %v", s.free("london"), s.agents["london"].Running(), s.profile(ann).GetPlacements())
	}
}

func TestRelease(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(1)))
	s.placed(ann, request("r1"))
	s.done(s.ask(ann, &messages.Release{RequestId: "x1", PlacementId: "r1"}))
	if s.free("london") != 1 || len(s.agents["london"].Running()) != 0 {
		t.Errorf("left behind: %v free, %v", s.free("london"), s.agents["london"].Running())
	}
	s.done(s.ask(ann, &messages.Release{RequestId: "x1", PlacementId: "r1"})) // a copy
	s.done(s.ask(ann, &messages.Release{RequestId: "x2", PlacementId: "r1"})) // a second wish
	s.refused(s.ask(ann, &messages.Release{RequestId: "x3", PlacementId: "r9"}), messages.Code_CODE_NOT_FOUND, "r9")
	s.placed(bob, request("r1")) // ids are the user's own
}

// A request with an open end lives as long as it is renewed.
func TestRenew(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(2)))
	open := request("open")
	open.DurationMs = 0
	s.placed(ann, open)
	var p *messages.Placement
	for range 12 { // past the hour that was booked
		s.pass(9 * span.Minute)
		p, _ = s.ask(ann, &messages.Renew{RequestId: s.unique("renew"), PlacementId: "open"}).(*messages.Placement)
		if p == nil || span.Time(p.GetEndMs()) != s.world.Now().Add(10*span.Minute) {
			t.Fatalf("at %v renewed to %v", s.world.Now(), p)
		}
	}
	s.pass(11 * span.Minute)
	s.refused(s.ask(ann, &messages.Renew{RequestId: "late", PlacementId: "open"}), messages.Code_CODE_NOT_FOUND, "no living placement")
	if s.free("london") != 2 {
		t.Errorf("%v free", s.free("london"))
	}
	s.placed(ann, request("fixed"))
	s.refused(s.ask(ann, &messages.Renew{RequestId: "x", PlacementId: "fixed"}), messages.Code_CODE_INVALID, "fixed end")
}

// What a mapper believes may be old: the zone that refuses is followed by the next
// best one.
func TestRefusedZoneIsFollowedByTheNext(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(1)))
	s.build("paris", spec(paris, units(1)))
	s.world.Tell(zone("london"), &messages.Claim{ // behind the mapper's back
		Tenant: "default", User: bob.ID, Request: request("other"), HoldMs: int64(span.Minute),
	})
	stale := proto.CloneOf(s.digest("london"))
	s.pass(0)
	stale.Sequence = math.MaxUint64
	s.world.Tell(actors.Address{Kind: actors.KindMapper, ID: "local"}, stale)
	if p := s.placed(ann, request("r1")); p.GetZone() != "paris" {
		t.Errorf("placed in %s", p.GetZone())
	}
	refusal := heardOf[*messages.ClaimAnswer](s)
	if len(refusal) != 3 || refusal[1].GetRefused().GetShortfall().GetCpuMillicores() != 500 {
		t.Errorf("claims were answered %v", refusal)
	}
}

func TestNoSuitableZone(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(1)))
	s.build("paris", spec(paris, units(2)))
	dear := spec(berlin, units(9))
	dear.Prices.CpuHourMicros = 1_000_000
	s.build("berlin", dear)
	r := request("big")
	r.Need.CpuMillicores, r.PriceCeilingMicros = 1500, 100_000
	e := s.refused(s.ask(ann, place(r)), messages.Code_CODE_EXHAUSTED, "no suitable zone")
	var reasons []string
	for _, z := range e.GetZones() {
		reasons = append(reasons, fmt.Sprintf("%s %s %d", z.GetZone(), z.GetReason(), z.GetShortfall().GetCpuMillicores()))
	}
	want := []string{
		"paris lacks room 500",
		"london lacks room 1000",
		"berlin costs more per hour than the request's ceiling 0",
	}
	if !slices.Equal(reasons, want) {
		t.Errorf("reasons\n%s", strings.Join(reasons, "\n"))
	}
	denied := request("denied")
	denied.DenyZones = []string{"london", "paris", "berlin"}
	s.refused(s.ask(ann, place(denied)), messages.Code_CODE_EXHAUSTED, "is denied by the request")
	labelled := request("labelled")
	labelled.Labels = []string{"gpu=a100"}
	s.refused(s.ask(ann, place(labelled)), messages.Code_CODE_EXHAUSTED, "lacks a label")
	abroad := request("abroad")
	abroad.Regions = []string{"us"}
	s.refused(s.ask(ann, place(abroad)), messages.Code_CODE_EXHAUSTED, "lies in a region")
	if len(s.profile(ann).GetPlacements()) != 0 {
		t.Error("something is placed nevertheless")
	}
}

func TestUnknownTenant(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(1)))
	stranger := actors.Address{Kind: actors.KindUser, ID: "nobody/eve"}
	s.unchanged(stranger, func() {
		s.refused(s.ask(stranger, place(request("r1"))), messages.Code_CODE_NOT_FOUND, "no tenant nobody")
		s.refused(s.ask(stranger, &messages.Select{RequestId: "s1", Request: request("")}), messages.Code_CODE_NOT_FOUND, "no tenant nobody")
	})
	s.done(s.ask(actors.Address{Kind: actors.KindTenant, ID: "nobody"}, &messages.PutTenant{RequestId: "put", Spec: &messages.TenantSpec{}}))
	s.placed(stranger, request("r1")) // now that there is one
}

// A second copy of a request has no second effect, wherever the first one stands.
func TestDuplicates(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(5)))
	var answers []proto.Message
	for range 3 {
		s.world.Call(ann, place(request("r1")), func(m proto.Message) { answers = append(answers, m) })
	}
	s.pass(0)
	answers = append(answers, s.placed(ann, request("r1")))
	s.pass(span.Minute)
	answers = append(answers, s.placed(ann, request("r1")))
	for _, a := range answers {
		if !proto.Equal(a, answers[0]) {
			t.Errorf("one copy got %v, another %v", answers[0], a)
		}
	}
	if len(answers) != 5 || s.free("london") != 4 || s.profile(ann).GetRequests() != 1 {
		t.Errorf("%d answers, %v free, %d requests counted", len(answers), s.free("london"), s.profile(ann).GetRequests())
	}
	// Two rows that are alike but for the id are two requests.
	s.placed(ann, request("r2"))
	if s.free("london") != 3 || s.profile(ann).GetRequests() != 2 {
		t.Errorf("%v free", s.free("london"))
	}
}

// The log remembers answers for a day; after that the user's state answers.
func TestAnswerFromState(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(5)))
	long := request("long")
	long.DurationMs = int64(5 * span.Day)
	first := s.placed(ann, long)
	s.placed(ann, request("short"))
	s.pass(3 * span.Day)
	s.unchanged(ann, func() {
		if again := s.placed(ann, long); !proto.Equal(first, again) {
			t.Errorf("first %v, then %v", first, again)
		}
		other := proto.CloneOf(long)
		other.Need.CpuMillicores++
		s.refused(s.ask(ann, place(other)), messages.Code_CODE_CONFLICT, "another request with this id")
		s.refused(s.ask(ann, place(request("short"))), messages.Code_CODE_CONFLICT, "has ended")
	})
	if s.free("london") != 4 {
		t.Errorf("%v free", s.free("london"))
	}
}

// Select ranks the zones and does nothing else: no record, no hold, no sample.
func TestSelectRecordsNothing(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(1)))
	s.build("paris", spec(paris, units(1)))
	s.placed(ann, request("first")) // so that the tenant's terms are known
	s.forget()
	for _, a := range []actors.Address{ann, zone("london"), zone("paris"), standard} {
		s.unchanged(a, func() {
			ranking, ok := s.ask(ann, &messages.Select{RequestId: s.unique("s"), Request: request("")}).(*messages.Ranking)
			if !ok || len(ranking.GetChoices()) != 1 || ranking.GetChoices()[0].GetZone() != "paris" {
				t.Errorf("ranked %v", ranking)
			}
		})
	}
	if len(heardOf[*messages.Claim](s)) != 0 || s.profile(ann).GetRequests() != 1 {
		t.Error("a selection was claimed or counted")
	}
}

// Choices explain themselves: the parts add up to the score.
func TestRankingExplainsItself(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(4)))
	s.build("paris", spec(paris, units(4)))
	s.build("berlin", spec(berlin, units(4)))
	ranking, ok := s.ask(ann, &messages.Select{RequestId: "s", Request: request("")}).(*messages.Ranking)
	if !ok || len(ranking.GetChoices()) != 3 {
		t.Fatalf("ranked %v", ranking)
	}
	var zones []string
	for i, c := range ranking.GetChoices() {
		zones = append(zones, c.GetZone())
		sum := c.GetStage() + c.GetDistance() + c.GetCost() + c.GetLoad()
		if math.Abs(c.GetScore()-sum) > 1e-6*math.Abs(sum) || i > 0 && c.GetScore() > ranking.GetChoices()[i-1].GetScore() {
			t.Errorf("score %v, parts %v, in %s", c.GetScore(), sum, c.GetZone())
		}
	}
	if !slices.Equal(zones, []string{"london", "paris", "berlin"}) {
		t.Errorf("ranked %v", zones)
	}
}

// commute lets ann work in London and sleep in Paris for some weeks.
func commute(s *story, weeks int) {
	s.t.Helper()
	for day := range 7 * weeks {
		for _, at := range []struct {
			hour    span.Duration
			where   *messages.Position
			dataset string
		}{{1, london, "office"}, {12, paris, "home"}} {
			s.pass(max(start.Add(span.Duration(day)*span.Day+at.hour*span.Hour).Sub(s.world.Now()), 0))
			r := request(fmt.Sprintf("d%d-%d", day, at.hour))
			r.Position, r.Dataset, r.Need.IoOps, r.Need.StorageBytes = at.where, at.dataset, 100, gib
			s.placed(ann, r)
		}
	}
}

// The profile has everything that is known of a user: history, zones visited, shape
// of the workload, preferred regions learned and set, cost sensitivity, residency.
func TestProfile(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(4)))
	s.build("paris", spec(paris, units(4)))
	s.done(s.ask(ann, &messages.PutProfile{RequestId: "p1", Settings: &messages.UserSettings{
		PreferredRegions: []string{"eu"}, Residency: []string{"eu", "uk"}, UtcOffsetMinutes: 60,
		Weights: &messages.CostWeights{CostSensitivityPermille: 1500},
	}}))
	s.done(s.ask(ann, &messages.PutProfile{RequestId: "p2", Settings: &messages.UserSettings{Residency: []string{"eu"}}}))
	commute(s, 2)
	p := s.profile(ann)
	set := p.GetSettings()
	if p.GetTenant() != "default" || p.GetUser() != "ann" || !slices.Equal(set.GetPreferredRegions(), []string{"eu"}) ||
		!slices.Equal(set.GetResidency(), []string{"eu"}) || set.GetUtcOffsetMinutes() != 60 ||
		set.GetWeights().GetCostSensitivityPermille() != 1500 {
		t.Errorf("stated: %v", p)
	}
	if p.GetRequests() != 28 || span.Time(p.GetFirstMs()) != start.Add(span.Hour) || span.Time(p.GetLastMs()) != s.world.Now() {
		t.Errorf("history: %v", p)
	}
	half := func(list []*messages.Weight, a, b string) bool {
		return len(list) == 2 && list[0].GetName() == a && list[1].GetName() == b && list[0].GetWeight() == .5
	}
	if !half(p.GetZones(), "london", "paris") || !half(p.GetDatasets(), "home", "office") ||
		len(p.GetLearnedRegions()) != 1 || p.GetLearnedRegions()[0].GetName() != "eu" {
		t.Errorf("learned: zones %v, datasets %v, regions %v", p.GetZones(), p.GetDatasets(), p.GetLearnedRegions())
	}
	shape := p.GetShape()
	if math.Abs(shape.GetCpu()+shape.GetMemory()+shape.GetIo()-1) > 1e-9 || shape.GetCpu() <= shape.GetMemory() ||
		shape.GetMemory() <= shape.GetIo() || shape.GetMean().GetCpuMillicores() != 500 {
		t.Errorf("shape: %v", shape)
	}
	if list := p.GetPlacements(); len(list) != 1 || list[0].GetZone() != "paris" || list[0].GetPhase() != "placed" {
		t.Errorf("placements: %v", list)
	}
}

// Residency is a constraint, not a wish.
func TestResidency(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	abroad := spec(london, units(4))
	abroad.Region = "uk"
	s.build("london", abroad)
	s.build("berlin", spec(berlin, units(4)))
	s.placed(bob, request("r1"))
	s.done(s.ask(ann, &messages.PutProfile{RequestId: "p", Settings: &messages.UserSettings{Residency: []string{"eu"}}}))
	if p := s.placed(ann, request("r1")); p.GetZone() != "berlin" {
		t.Errorf("placed in %s", p.GetZone())
	}
	only := request("uk")
	only.Regions = []string{"uk"}
	s.refused(s.ask(ann, place(only)), messages.Code_CODE_EXHAUSTED, "lies in a region")
}

func TestForecast(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(4)))
	s.build("paris", spec(paris, units(4)))
	none, ok := s.ask(ann, &messages.AskForecast{RequestId: "f0"}).(*messages.Forecast)
	if !ok || none.GetNotReady() == "" || len(none.GetRequests()) != 0 {
		t.Errorf("before the first request: %v", none)
	}
	commute(s, 4)
	s.pass(start.Add(28 * span.Day).Sub(s.world.Now())) // a Monday at 8
	f, ok := s.ask(ann, &messages.AskForecast{RequestId: "f1"}).(*messages.Forecast)
	if !ok || f.GetNotReady() != "" || len(f.GetRequests()) != 24 || span.Time(f.GetStartMs()) != s.world.Now() {
		t.Fatalf("forecast %v", f)
	}
	sum := 0.0
	for _, n := range f.GetRequests() {
		sum += float64(n)
	}
	if sum < 1 || sum > 4 || f.GetRequests()[1] < 3*f.GetRequests()[6] {
		t.Errorf("%v requests a day, by hour %v", sum, f.GetRequests())
	}
	for _, z := range f.GetZones() {
		if z.GetZone() == "london" && (z.GetNext() < .5 || z.GetDatasets()[0].GetName() != "office") {
			t.Errorf("on a morning: %v", z)
		}
	}
	for _, r := range f.GetResources() {
		for i := range r.GetP50() {
			if !(r.GetP50()[i] <= r.GetP90()[i] && r.GetP90()[i] <= r.GetP99()[i]) {
				t.Errorf("%s, hour %d: quantiles cross", r.GetResource(), i)
			}
		}
	}
	if len(f.GetResources()) != 4 || len(f.GetZones()) != 2 {
		t.Errorf("%d resources, %d zones", len(f.GetResources()), len(f.GetZones()))
	}
	week, ok := s.ask(ann, &messages.AskForecast{RequestId: "f2", HorizonMs: int64(7 * span.Day)}).(*messages.Forecast)
	if !ok || len(week.GetRequests()) != 7*24 {
		t.Errorf("a week: %v", week)
	}
}

// A placement that is still under way can be given up.
func TestReleaseUnderWay(t *testing.T) {
	u := actors.NewUser(ann.ID, actors.UserConfig{})
	var out actors.Effects
	step := func(m proto.Message) {
		out.Reset()
		u.Step(start, actors.Address{}, m, &out)
	}
	step(place(request("r1")))
	step(&messages.Release{RequestId: "x1", PlacementId: "r1"}) // it waits for the tenant's terms
	if len(out.Replies) != 2 || out.Replies[0].Request != "r1" || out.Replies[1].Request != "x1" || len(out.Records) != 0 {
		t.Errorf("%+v", out)
	}
	step(&messages.Terms{Tenant: "default", Version: 1})
	step(place(request("r2")))
	step(&messages.Ranked{RequestId: "r2", Choices: []*messages.Choice{{Zone: "london"}, {Zone: "paris"}}})
	step(&messages.Release{RequestId: "x2", PlacementId: "r2"}) // london was asked to hold
	if _, ok := out.Sends[0].Message.(*messages.Free); !ok || out.Sends[0].To != zone("london") {
		t.Errorf("%+v", out)
	}
	step(&messages.ClaimAnswer{RequestId: "r2", Zone: "london"}) // too late
	step(&messages.Freed{RequestId: "r2", Zone: "london"})
	if len(out.Replies) != 2 || out.Replies[0].Request != "x2" || out.Replies[1].Request != "r2" {
		t.Errorf("%+v", out)
	}
}

// A hold that expires before it is confirmed, or a start that fails before the
// caller was answered, is a refusal: the next zone is tried.
func TestHoldThatEndsIsARefusal(t *testing.T) {
	for _, end := range []proto.Message{
		&messages.Confirmed{RequestId: "r1", Zone: "london", Refused: true},
		&messages.Ended{RequestId: "r1", Zone: "london", Reason: "the hold expired before it was confirmed"},
	} {
		u := actors.NewUser(ann.ID, actors.UserConfig{})
		var out actors.Effects
		for _, m := range []proto.Message{
			place(request("r1")),
			&messages.Terms{Tenant: "default", Version: 1},
			&messages.Ranked{RequestId: "r1", Choices: []*messages.Choice{{Zone: "london"}, {Zone: "paris"}}},
			&messages.ClaimAnswer{RequestId: "r1", Zone: "london"},
			end,
		} {
			out.Reset()
			u.Step(start, actors.Address{}, m, &out)
		}
		if len(out.Sends) != 1 || out.Sends[0].To != zone("paris") || len(out.Replies) != 0 {
			t.Errorf("%T: %+v", end, out)
		}
	}
}
