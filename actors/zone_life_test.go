package actors

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

const zoneNoon = span.Time(1_750_000_000_000)

// stepper steps a zone and keeps what it sent in the last step.
type stepper struct {
	*Zone
	now span.Time
	out Effects
}

func newStepper() *stepper {
	s := &stepper{Zone: NewZone("z", ZoneConfig{}), now: zoneNoon}
	s.step(&messages.PutZone{RequestId: "put", Spec: &messages.ZoneSpec{
		Capacity: &messages.Vector{CpuMillicores: 8_000}, Mode: messages.Mode_MODE_ACT,
	}})
	s.step(&messages.SetTenant{Tenant: "t", Version: 1, Mode: messages.Mode_MODE_ACT})
	return s
}

func (s *stepper) step(m proto.Message) {
	s.out.Reset()
	s.Step(s.now, Address{KindUser, "t/u"}, m, &s.out)
}

// claim has a minute's claim held.
func (s *stepper) claim(id string) {
	s.step(&messages.Claim{Tenant: "t", User: "t/u", HoldMs: int64(holdFor), Request: &messages.Request{
		Id: id, Need: &messages.Vector{CpuMillicores: 1_000}, DurationMs: int64(span.Minute),
	}})
}

func (s *stepper) confirmed(id string) {
	s.step(&messages.Confirm{Tenant: "t", User: "t/u", RequestId: id})
}

// sent returns the last message of a type that the last step sent.
func sent[M proto.Message](s *stepper) (last M, found bool) {
	for _, send := range s.out.Sends {
		if m, ok := send.Message.(M); ok {
			last, found = m, true
		}
	}
	return last, found
}

// A zone that is deleted with drain goes with its last allocation, whether that is
// given back or ends by itself.
func TestDrainedZoneGoes(t *testing.T) {
	for _, released := range []bool{true, false} {
		s := newStepper()
		s.claim("r")
		s.confirmed("r")
		s.step(&messages.DeleteZone{RequestId: "d", Drain: true})
		if released {
			s.step(&messages.Free{Tenant: "t", User: "t/u", RequestId: "r"})
		} else {
			s.now = s.now.Add(span.Minute)
			s.step(&messages.Woken{Key: wakeSweep})
		}
		if _, exists := s.Books(); exists {
			t.Errorf("released %v: it is still there", released)
		}
		if d, ok := sent[*messages.Desired](s); !ok || len(d.GetRunning()) > 0 {
			t.Errorf("released %v: the agent was told %v", released, d)
		}
	}
}

// What the agent is told after a zone was made anew is newer than what it was told
// when it was deleted.
func TestZoneMadeAnewIsHeard(t *testing.T) {
	s := newStepper()
	s.step(&messages.DeleteZone{RequestId: "d"})
	gone, _ := sent[*messages.Desired](s)
	s.step(&messages.PutZone{RequestId: "p", Spec: s.spec})
	s.step(&messages.PutZone{RequestId: "p", Spec: &messages.ZoneSpec{Capacity: &messages.Vector{CpuMillicores: 1}}})
	s.claim("r")
	s.confirmed("r")
	s.step(&messages.SetTenant{Tenant: "t", Version: 1})
	if s.desired.GetVersion() < gone.GetVersion() {
		t.Errorf("version %d after %d", s.desired.GetVersion(), gone.GetVersion())
	}
}

// A hold that is given back at the very time at which it expires leaves no unit
// behind.
func TestFreedAsItExpires(t *testing.T) {
	s := newStepper()
	s.claim("r")
	s.now = s.now.Add(holdFor)
	s.step(&messages.Free{Tenant: "t", User: "t/u", RequestId: "r"})
	for _, p := range s.pools {
		if p.held != 0 || p.busy != 0 {
			t.Errorf("%d held, %d busy", p.held, p.busy)
		}
	}
}

// A start is repeated until it is answered, and after a crash whatever was answered.
func TestStartIsRepeated(t *testing.T) {
	s := newStepper()
	s.claim("r")
	s.confirmed("r")
	s.now = s.now.Add(retellAfter)
	if s.step(&messages.Woken{Key: wakeTell}); !starts(s) {
		t.Error("it was not repeated")
	}
	s.step(&messages.Started{Placement: "t/u#r"})
	s.now = s.now.Add(retellAfter)
	if s.step(&messages.Woken{Key: wakeTell}); starts(s) {
		t.Error("it was repeated after its answer")
	}
	again := &stepper{Zone: NewZone("z", ZoneConfig{}), now: s.now}
	again.Fold(s.Snapshot())
	again.step(&messages.Activated{})
	if d, _ := sent[*messages.Desired](again); !slices.Contains(d.GetRunning(), "t/u#r") {
		t.Errorf("what runs is %v", d.GetRunning())
	}
	again.now = again.now.Add(retellAfter)
	if again.step(&messages.Woken{Key: wakeTell}); !starts(again) {
		t.Error("it was not repeated after a crash")
	}
}

func starts(s *stepper) bool {
	_, found := sent[*messages.Start](s)
	return found
}

// An agent ends what a later Desired doesn't list, and keeps what was started since;
// a Start that comes after a later Desired is none.
func TestAgentFindsOrphans(t *testing.T) {
	a := NewSimAgent("z", SimAgentConfig{Starts: DefaultStarts()}, zoneNoon)
	var out Effects
	step := func(m proto.Message) { a.Step(zoneNoon, Address{KindZone, "z"}, m, &out) }
	start := func(id string, version uint64) {
		step(&messages.Start{Placement: id, Tenant: "t", Request: &messages.Request{Id: id}, Version: version})
	}
	start("a", 1)
	start("b", 2)
	step(&messages.Desired{Version: 2})
	if !slices.Equal(a.Running(), []string{"b"}) {
		t.Errorf("%v run, a is an orphan", a.Running())
	}
	start("c", 1)
	if !slices.Equal(a.Running(), []string{"b"}) {
		t.Errorf("%v run, c came too late", a.Running())
	}
}

// The end of a placement whose request was answered long ago is no second answer to
// it: the log would refuse the whole batch.
func TestEndIsNoSecondAnswer(t *testing.T) {
	u := NewUser("t/u", UserConfig{})
	u.Fold(&messages.Placing{Request: &messages.Request{Id: "r"}, Choices: []*messages.Choice{{Zone: "z"}}})
	u.Fold(&messages.Held{PlacementId: "r"})
	u.Fold(&messages.PlacementSettled{PlacementId: "r", EndMs: int64(zoneNoon)})
	var out Effects
	u.Step(zoneNoon, Address{KindZone, "z"}, &messages.Ended{RequestId: "r", Zone: "z", Reason: "the lease ended"}, &out)
	if len(out.Records) != 1 || len(out.Replies) != 0 {
		t.Errorf("records %v, replies %v", out.Records, out.Replies)
	}
}

// A confirmation for what has ended is given back.
func TestStrayConfirmationIsGivenBack(t *testing.T) {
	u := NewUser("t/u", UserConfig{})
	var out Effects
	u.Step(zoneNoon, Address{KindZone, "z"}, &messages.Confirmed{RequestId: "r", Zone: "z"}, &out)
	if len(out.Sends) != 1 {
		t.Fatalf("sends %v", out.Sends)
	}
	if _, ok := out.Sends[0].Message.(*messages.Free); !ok {
		t.Errorf("sent %v", out.Sends[0].Message)
	}
}
