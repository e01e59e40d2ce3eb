package actors_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// reserve asks for room for n ordinary requests from in an hour on, for two hours.
func reserve(s *story, user, id string, n int64, tier messages.Tier) *messages.Reserve {
	amount := units(n)
	amount.StorageBytes, amount.BandwidthBps, amount.IoOps = 0, 0, 0
	return &messages.Reserve{
		RequestId: s.unique("reserve"), Tenant: "default", User: user, Reservation: id, Amount: amount, Tier: tier,
		Window: &messages.Window{StartMs: int64(start.Add(span.Hour)), EndMs: int64(start.Add(3 * span.Hour))},
	}
}

func (s *story) reserved(id string, m *messages.Reserve) {
	s.t.Helper()
	answer := s.ask(zone(id), m)
	if r, ok := answer.(*messages.Reserved); !ok || r.GetReservation() != m.GetReservation() || r.GetTier() != m.GetTier() {
		s.t.Fatalf("want a reservation, got %T %v", answer, answer)
	}
}

// demandOf tells a zone that ann has asked for r.
func demandOf(r *messages.Request, at span.Time) *messages.Demand {
	class, unit := actors.ClassOf(r)
	return &messages.Demand{
		Tenant: "default", User: ann.ID, Class: class, Unit: actors.VectorMessage(unit), AtMs: int64(at),
		DurationMs: r.GetDurationMs(), Dataset: r.GetDataset(), DatasetBytes: r.GetDatasetBytes(),
	}
}

func TestZoneIsMadeAndChanged(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.refused(s.ask(zone("london"), &messages.DrainZone{RequestId: "d", Drain: true}), messages.Code_CODE_NOT_FOUND, "no zone london")
	s.refused(s.ask(zone("london"), &messages.DeleteZone{RequestId: "x"}), messages.Code_CODE_NOT_FOUND, "no zone london")
	s.refused(s.ask(zone("london"), reserve(s, ann.ID, "r", 1, messages.Tier_TIER_FIRM)), messages.Code_CODE_NOT_FOUND, "no zone london")
	s.build("london", spec(london, units(1)))
	s.placed(ann, request("r1"))
	s.refused(s.ask(ann, place(request("r2"))), messages.Code_CODE_EXHAUSTED, "lacks room")
	s.build("london", spec(london, units(2)))
	s.placed(ann, request("r3"))
	half := spec(london, units(2))
	half.OvercommitPermille = 1500
	s.build("london", half)
	s.placed(ann, request("r4"))
	s.refused(s.ask(ann, place(request("r5"))), messages.Code_CODE_EXHAUSTED, "lacks room")
}

func TestDrain(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(3)))
	s.build("berlin", spec(berlin, units(3)))
	s.placed(ann, request("r1"))
	s.done(s.ask(zone("london"), &messages.DrainZone{RequestId: "d1", Drain: true}))
	if p := s.placed(ann, request("r2")); p.GetZone() != "berlin" {
		t.Errorf("placed in %s", p.GetZone())
	}
	s.refused(s.ask(zone("london"), reserve(s, ann.ID, "r", 1, messages.Tier_TIER_SOFT)), messages.Code_CODE_CONFLICT, "draining")
	if running := s.agents["london"].Running(); len(running) != 1 {
		t.Errorf("what runs goes on running: %v", running)
	}
	s.done(s.ask(zone("london"), &messages.DrainZone{RequestId: "d2"}))
	if p := s.placed(ann, request("r3")); p.GetZone() != "london" {
		t.Errorf("placed in %s", p.GetZone())
	}
}

// A zone in use is not deleted; with the flag it is drained and goes with its last
// allocation, whether that is released or runs out. Made again, it works again.
func TestDeleteZoneInUse(t *testing.T) {
	for name, end := range map[string]func(*story){
		"released": func(s *story) { s.done(s.ask(ann, &messages.Release{RequestId: "x", PlacementId: "r1"})) },
		"run out":  func(s *story) { s.pass(20 * span.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(t, actors.ZoneConfig{})
			s.build("london", spec(london, units(3)))
			s.placed(ann, request("r1"))
			s.unchanged(zone("london"), func() {
				s.refused(s.ask(zone("london"), &messages.DeleteZone{RequestId: "d1"}), messages.Code_CODE_CONFLICT, "in use")
			})
			s.done(s.ask(zone("london"), &messages.DeleteZone{RequestId: "d2", Drain: true}))
			s.refused(s.ask(ann, place(request("r2"))), messages.Code_CODE_EXHAUSTED, "draining")
			if s.digest("london").GetDeleted() {
				t.Error("it went with its allocation in it")
			}
			end(s)
			if !s.digest("london").GetDeleted() || len(s.agents["london"].Running()) != 0 {
				t.Errorf("deleted %v, running %v", s.digest("london").GetDeleted(), s.agents["london"].Running())
			}
			s.refused(s.ask(ann, place(request("r3"))), messages.Code_CODE_EXHAUSTED, "no suitable zone")
			s.build("london", spec(london, units(1)))
			s.placed(ann, request("r4"))
			if running := s.agents["london"].Running(); !slices.Equal(running, []string{"default/ann#r4"}) {
				t.Errorf("the new one runs %v", running)
			}
		})
	}
}

func TestDeleteZoneNotInUse(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(3)))
	s.done(s.ask(zone("london"), &messages.DeleteZone{RequestId: "d1"}))
	s.refused(s.ask(zone("london"), &messages.DeleteZone{RequestId: "d2"}), messages.Code_CODE_NOT_FOUND, "no zone london")
	s.refused(s.ask(ann, place(request("r"))), messages.Code_CODE_EXHAUSTED, "no suitable zone")
}

// Of a zone that was deleted nothing is left: what it had learned goes too, so that
// one loaded from a snapshot is the same.
func TestDeletedZoneForgets(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(3)))
	s.placed(ann, request("r1"))
	s.pass(span.Hour)
	s.done(s.ask(zone("london"), &messages.DeleteZone{RequestId: "d"}))
	again := actors.NewZone("london", actors.ZoneConfig{})
	again.Fold(proto.Clone(s.machine(zone("london")).Snapshot()))
	put := &messages.PutZone{RequestId: "p", Spec: spec(london, units(3))}
	again.Step(s.world.Now(), actors.Address{}, put, new(actors.Effects))
	s.done(s.ask(zone("london"), put))
	if string(stateOf(again)) != string(s.state(zone("london"))) {
		t.Errorf("loaded: %v\nlived: %v", again.Snapshot(), s.machine(zone("london")).Snapshot())
	}
}

// Capacity below what is promised is accepted, and shown as an overdraft; nothing
// is granted while it lasts, and nothing is taken away.
func TestCapacityBelowWhatIsPromised(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(3)))
	for _, id := range []string{"r1", "r2", "r3"} {
		s.placed(ann, request(id))
	}
	s.build("london", spec(london, units(1)))
	if s.free("london") != -2 || len(s.agents["london"].Running()) != 3 {
		t.Errorf("%v free, running %v", s.free("london"), s.agents["london"].Running())
	}
	e := s.refused(s.ask(ann, place(request("r4"))), messages.Code_CODE_EXHAUSTED, "lacks room")
	if short := e.GetZones()[0].GetShortfall().GetCpuMillicores(); short != 500 {
		t.Errorf("short of %d", short)
	}
	s.refused(s.ask(zone("london"), reserve(s, bob.ID, "now", 2, messages.Tier_TIER_FIRM)), messages.Code_CODE_EXHAUSTED, "full")
	s.done(s.ask(ann, &messages.Release{RequestId: "x1", PlacementId: "r1"}))
	s.done(s.ask(ann, &messages.Release{RequestId: "x2", PlacementId: "r2"}))
	s.refused(s.ask(ann, place(request("r5"))), messages.Code_CODE_EXHAUSTED, "lacks room")
	s.done(s.ask(ann, &messages.Release{RequestId: "x3", PlacementId: "r3"}))
	s.placed(ann, request("r6"))
}

// What others use is measured by the agent and taken off what is free.
func TestForeignUse(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(2)))
	s.placed(ann, request("r1"))
	s.world.Tell(agent("london"), &messages.StageReport{Zone: "london", Foreign: units(2)})
	s.pass(0)
	if s.free("london") != -1 {
		t.Errorf("%v free", s.free("london"))
	}
	s.refused(s.ask(ann, place(request("r2"))), messages.Code_CODE_EXHAUSTED, "lacks room")
	s.world.Tell(agent("london"), &messages.StageReport{Zone: "london"})
	s.pass(0)
	s.placed(ann, request("r2"))
}

// A firm reservation keeps room for its holder; a soft one gives way.
func TestReservations(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(3)))
	s.reserved("london", reserve(s, ann.ID, "lunch", 2, messages.Tier_TIER_FIRM))
	e := s.refused(s.ask(zone("london"), reserve(s, bob.ID, "lunch", 2, messages.Tier_TIER_FIRM)), messages.Code_CODE_EXHAUSTED, "full")
	if z := e.GetZones()[0]; z.GetShortfall().GetCpuMillicores() != 500 || span.Time(z.GetFitsAtMs()) != start.Add(3*span.Hour) {
		t.Errorf("refused by %v", z)
	}
	s.reserved("london", reserve(s, bob.ID, "lunch", 2, messages.Tier_TIER_SOFT))
	s.pass(span.Hour)
	if s.free("london") != 1 {
		t.Errorf("%v free for anybody", s.free("london"))
	}
	s.placed(bob, request("b1"))
	s.refused(s.ask(bob, place(request("b2"))), messages.Code_CODE_EXHAUSTED, "lacks room")
	s.placed(ann, request("a1"))
	s.placed(ann, request("a2"))
	s.refused(s.ask(ann, place(request("a3"))), messages.Code_CODE_EXHAUSTED, "lacks room")
	s.pass(2 * span.Hour)
	if s.free("london") != 3 {
		t.Errorf("%v free when all is over", s.free("london"))
	}
}

// Reserving is a replacement of what has the same name: another amount, another
// tier, nothing at all.
func TestReservationsAreReplaced(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(3)))
	firm, soft := messages.Tier_TIER_FIRM, messages.Tier_TIER_SOFT
	for _, step := range []struct {
		n    int64
		tier messages.Tier
		free int64 // for a firm reservation of somebody else
	}{{2, firm, 1}, {1, firm, 2}, {3, soft, 3}, {3, firm, 0}, {3, firm, 0}, {0, firm, 3}, {0, firm, 3}} {
		s.reserved("london", reserve(s, ann.ID, "lunch", step.n, step.tier))
		if step.free < 3 {
			s.refused(s.ask(zone("london"), reserve(s, bob.ID, "probe", step.free+1, firm)), messages.Code_CODE_EXHAUSTED, "full")
		}
		s.reserved("london", reserve(s, bob.ID, "probe", step.free, firm))
		s.reserved("london", reserve(s, bob.ID, "probe", 0, firm))
	}
}

// A hold is kept for its time and no longer: a confirmation that comes later is
// refused, and the user hears that the hold has gone.
func TestHoldExpires(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(1)))
	claim := &messages.Claim{Tenant: "default", User: bob.ID, Request: request("r1"), HoldMs: int64(30 * span.Second)}
	s.world.Tell(zone("london"), claim)
	s.pass(29 * span.Second)
	if s.free("london") != 0 {
		t.Errorf("%v free while it is held", s.free("london"))
	}
	s.pass(span.Second)
	if s.free("london") != 1 || len(heardOf[*messages.Ended](s)) != 1 {
		t.Errorf("%v free, told %v", s.free("london"), heardOf[*messages.Ended](s))
	}
	z := s.machine(zone("london"))
	var out actors.Effects
	z.Step(s.world.Now(), bob, &messages.Confirm{Tenant: "default", User: bob.ID, RequestId: "r1"}, &out)
	if c, ok := out.Sends[0].Message.(*messages.Confirmed); !ok || !c.GetRefused() || len(out.Records) != 0 {
		t.Errorf("confirmed: %+v", out)
	}
	out.Reset()
	z.Step(s.world.Now(), bob, claim, &out) // a copy that comes late
	if c, ok := out.Sends[0].Message.(*messages.ClaimAnswer); !ok || c.GetRefused() == nil || len(out.Records) != 0 {
		t.Errorf("claimed again: %+v", out)
	}
}

// A release that overtakes its claim forbids it.
func TestFreeBeforeClaim(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(1)))
	s.world.Tell(zone("london"), &messages.Free{Tenant: "default", User: bob.ID, RequestId: "r1"})
	s.world.Tell(zone("london"), &messages.Claim{Tenant: "default", User: bob.ID, Request: request("r1"), HoldMs: 1})
	s.pass(0)
	if a := heardOf[*messages.ClaimAnswer](s); len(a) != 1 || a[0].GetRefused() == nil {
		t.Errorf("claim was answered %v", a)
	}
}

// A start that fails on the infrastructure gives everything back and tells the user.
func TestFailedStart(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(1)))
	s.agents["london"].SetFailures(1000)
	s.placed(ann, request("r1"))
	if s.free("london") != 1 || len(s.profile(ann).GetPlacements()) != 0 || len(s.agents["london"].Running()) != 0 {
		t.Errorf("%v free, placements %v", s.free("london"), s.profile(ann).GetPlacements())
	}
}

// From demand that comes back every hour a zone learns to have a unit ready; in
// mode observe or advise it stages nothing.
func TestZoneStagesWhatItLearned(t *testing.T) {
	for mode, want := range map[messages.Mode]bool{
		messages.Mode_MODE_ACT: true, messages.Mode_MODE_ADVISE: false, messages.Mode_MODE_OBSERVE: false,
	} {
		s := tell(t, actors.ZoneConfig{Eagerness: 100})
		state := spec(london, units(4))
		state.Mode = mode
		s.build("london", state)
		for hour := range 72 {
			s.placed(ann, request(s.unique("r")))
			s.pass(start.Add(span.Duration(hour+1) * span.Hour).Sub(s.world.Now()))
		}
		hits := 0
		for _, started := range heardOf[*messages.Started](s) {
			if started.GetCompute() == messages.Outcome_OUTCOME_HIT {
				hits++
			}
		}
		staged := s.agents["london"].Tally(s.world.Now())
		if want != (hits > 36) || want != (staged.StagedMs > staged.UsedMs) {
			t.Errorf("%v: %d hits of 72, staged %v, used %v", mode, hits, staged.StagedMs, staged.UsedMs)
		}
	}
}

// What users say of their future is only taken where it can be.
func TestIntentsThatCannotBe(t *testing.T) {
	good := func() *messages.Intents {
		return &messages.Intents{
			Tenant: "default", User: ann.ID, Class: "shop", StartMs: int64(start), SlotMs: int64(span.Hour), Requests: []float32{1},
			Datasets: []*messages.DatasetIntent{{Dataset: "maps", Bytes: 1, Requests: []float32{1}}},
		}
	}
	nan, infinite := float32(math.NaN()), float32(math.Inf(1))
	for name, change := range map[string]func(*messages.Intents){
		"before time":       func(m *messages.Intents) { m.StartMs = math.MinInt64 },
		"negative start":    func(m *messages.Intents) { m.StartMs = -int64(span.Hour) },
		"far future":        func(m *messages.Intents) { m.StartMs = math.MaxInt64 },
		"over":              func(m *messages.Intents) { m.StartMs -= int64(span.Day) },
		"no slot":           func(m *messages.Intents) { m.SlotMs = 0 },
		"too many slots":    func(m *messages.Intents) { m.Requests = make([]float32, 1000) },
		"not a number":      func(m *messages.Intents) { m.Requests[0] = nan },
		"infinite":          func(m *messages.Intents) { m.Requests[0] = infinite },
		"negative":          func(m *messages.Intents) { m.Requests[0] = -1 },
		"malformed user":    func(m *messages.Intents) { m.User = "ann" },
		"of another tenant": func(m *messages.Intents) { m.User = "other/ann" },
		"dataset NaN":       func(m *messages.Intents) { m.Datasets[0].Requests[0] = nan },
		"dataset negative":  func(m *messages.Intents) { m.Datasets[0].Bytes = -1 },
		"dataset slots":     func(m *messages.Intents) { m.Datasets[0].Requests = make([]float32, 1000) },
		"dataset malformed": func(m *messages.Intents) { m.Datasets[0].Dataset = "a b" },
		"many datasets":     func(m *messages.Intents) { m.Datasets = make([]*messages.DatasetIntent, 100_000) },
		"the good one":      func(*messages.Intents) {},
	} {
		m := good()
		change(m)
		if err := actors.CheckIntents(start, m); errors.Is(err, actors.ErrInvalid) == (name == "the good one") {
			t.Errorf("%s: %v", name, err)
		}
		z := actors.NewZone("london", actors.ZoneConfig{})
		var out actors.Effects
		z.Step(start, actors.Address{}, &messages.PutZone{Spec: spec(london, units(4))}, &out)
		z.Step(start, ann, m, &out)
		z.Step(start, ann, demandOf(request("r"), start), &out) // a pool to plan for
		z.Step(start.Add(span.Hour), actors.Address{}, &messages.Woken{Key: "plan"}, &out)
	}
}
