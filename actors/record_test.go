package actors_test

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// random fills m with values as strange as they may be, messages within to a depth.
func random(t *rapid.T, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		message := f.Message() != nil
		if message && depth == 0 || rapid.IntRange(0, 3).Draw(t, "left out") == 0 {
			continue
		}
		value := func(fresh protoreflect.Value) protoreflect.Value {
			if message {
				random(t, fresh.Message(), depth-1)
				return fresh
			}
			return scalar(t, f)
		}
		if f.IsList() {
			list := m.Mutable(f).List()
			for range rapid.IntRange(0, 3).Draw(t, "length") {
				list.Append(value(list.NewElement()))
			}
			continue
		}
		m.Set(f, value(m.NewField(f)))
	}
}

// scalar draws a value of f that is no message: likely an ordinary one, an extreme,
// or one that other messages have too.
func scalar(t *rapid.T, f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.Int32Range(-1, 4).Draw(t, "enum")))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(rapid.OneOf(rapid.Int32Range(0, 3), rapid.Int32()).Draw(t, "int32"))
	case protoreflect.Int64Kind:
		near := rapid.Int64Range(int64(start.Add(-span.Hour)), int64(start.Add(span.Day)))
		extreme := rapid.SampledFrom([]int64{math.MinInt64, -1, math.MaxInt64})
		return protoreflect.ValueOfInt64(rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(1, gib), near, extreme).Draw(t, "int64"))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(t, "uint64"))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(float(t)))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float(t))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(rapid.SampledFrom(
			[]string{"", "default", ann.ID, "r1", "london", "maps", "shop", "a b", "gpu", "default/ann#r1", "tell", "plan", "resend"}).Draw(t, "string"))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes"))
	}
	panic("the records have a kind of field that this test doesn't know: " + f.Kind().String())
}

func float(t *rapid.T) float64 {
	return rapid.OneOf(rapid.Float64Range(0, 10), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, math.MaxFloat64})).Draw(t, "float")
}

// Whatever is recorded comes back as it was, and its bytes are always the same.
func TestRecords(t *testing.T) {
	kinds := (*messages.Record)(nil).ProtoReflect().Descriptor().Oneofs().ByName("kind").Fields()
	for i := range kinds.Len() {
		kind := kinds.Get(i)
		t.Run(string(kind.Name()), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				of := (*messages.Record)(nil).ProtoReflect().New().NewField(kind).Message()
				random(t, of, 3)
				b := messages.AppendRecord([]byte("before"), of.Interface())[len("before"):]
				back, err := messages.DecodeRecord(b)
				if err != nil || !proto.Equal(back, of.Interface()) {
					t.Fatalf("%v\n%v\n%v", err, of.Interface(), back)
				}
				if again := messages.AppendRecord(nil, back); !bytes.Equal(again, b) {
					t.Fatalf("%x\n%x", b, again)
				}
				if cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut"); true {
					if _, err := messages.DecodeRecord(b[:cut]); !errors.Is(err, messages.ErrRecord) {
						t.Fatalf("cut to %d of %d: %v", cut, len(b), err)
					}
				}
			})
		})
	}
}

func FuzzDecodeRecord(f *testing.F) {
	for _, m := range []proto.Message{&messages.TenantPut{}, &messages.Placing{Request: request("r")}, &messages.ZonePut{Spec: spec(london, units(1))}} {
		f.Add(messages.AppendRecord(nil, m))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := messages.DecodeRecord(b)
		if err != nil {
			if !errors.Is(err, messages.ErrRecord) {
				t.Fatal(err)
			}
			return
		}
		if back, err := messages.DecodeRecord(messages.AppendRecord(nil, m)); err != nil || !proto.Equal(m, back) {
			t.Fatalf("%v: %v, %v", err, m, back)
		}
	})
}

// userHears and zoneHears are messages of every type that they step.
var (
	userHears = []proto.Message{
		place(request("r1")), &messages.Select{RequestId: "s", Request: request("s")}, &messages.Release{RequestId: "x", PlacementId: "r1"},
		&messages.Renew{RequestId: "y", PlacementId: "r1"}, &messages.Terms{Tenant: "default", Version: 1},
		&messages.Ranked{RequestId: "r1", Choices: []*messages.Choice{{Zone: "london"}}, Origin: "london"},
		&messages.ClaimAnswer{RequestId: "r1", Zone: "london"}, &messages.Confirmed{RequestId: "r1", Zone: "london", EndMs: int64(start) + 1},
		&messages.Freed{RequestId: "r1", Zone: "london"}, &messages.Extended{RequestId: "r1", Zone: "london"},
		&messages.Ended{RequestId: "r1", Zone: "london"}, &messages.PutProfile{RequestId: "p"}, &messages.DescribeUser{RequestId: "d"},
		&messages.AskForecast{RequestId: "f"}, &messages.Activated{}, &messages.Woken{Key: "resend"},
	}
	zoneHears = []proto.Message{
		&messages.PutZone{RequestId: "p", Spec: spec(london, units(4))}, &messages.DrainZone{RequestId: "d"}, &messages.DeleteZone{RequestId: "x"},
		&messages.SetTenant{Tenant: "default", Version: 1, Mode: messages.Mode_MODE_ACT},
		&messages.Claim{Tenant: "default", User: ann.ID, Request: request("r1"), HoldMs: 1000},
		&messages.Confirm{Tenant: "default", User: ann.ID, RequestId: "r1"}, &messages.Free{Tenant: "default", User: ann.ID, RequestId: "r1"},
		&messages.Extend{Tenant: "default", User: ann.ID, RequestId: "r1"},
		&messages.Reserve{RequestId: "v", Tenant: "default", User: ann.ID, Reservation: "v", Amount: units(1), Tier: messages.Tier_TIER_FIRM,
			Window: &messages.Window{StartMs: int64(start), EndMs: int64(start) + 1000}},
		demandOf(request("r1"), start), &messages.Intents{Tenant: "default", User: ann.ID, StartMs: int64(start), SlotMs: int64(span.Hour), Requests: []float32{1}},
		&messages.StageReport{Zone: "london"}, &messages.Started{Placement: "default/ann#r1", Zone: "london"}, &messages.Activated{}, &messages.Woken{Key: "plan"},
	}
)

// stepAny steps m with a message and fails unless what it refuses changes nothing,
// and what it records can be folded to the same state.
func stepAny(t interface {
	Helper()
	Fatalf(string, ...any)
}, m, twin actors.Machine, now span.Time, message proto.Message) {
	t.Helper()
	before := stateOf(m)
	var out actors.Effects
	m.Step(now, ann, message, &out)
	after := stateOf(m)
	if len(out.Records) == 0 && !bytes.Equal(before, after) {
		t.Fatalf("%T %v changed the state without a record", message, message)
	}
	for _, r := range out.Replies {
		if e, ok := r.Message.(*messages.Error); ok && e.GetCode() == messages.Code_CODE_INVALID && !timeAlone(out.Records) {
			t.Fatalf("%T %v was refused, and yet it changed something: %v", message, message, out.Records)
		}
	}
	for _, r := range out.Records {
		back, err := messages.DecodeRecord(messages.AppendRecord(nil, r))
		if err != nil {
			t.Fatalf("%T %v recorded %v: %v", message, message, r, err)
		}
		twin.Fold(back)
	}
	if folded := stateOf(twin); !bytes.Equal(folded, after) {
		t.Fatalf("%T %v: folding what it recorded gives\n%v, not\n%v", message, message, twin.Snapshot(), m.Snapshot())
	}
}

// timeAlone reports whether records are such as any step may have, since time has
// passed.
func timeAlone(records []proto.Message) bool {
	for _, r := range records {
		switch r.(type) {
		case *messages.Swept, *messages.Planned, *messages.VolumesPlanned:
		default:
			return false
		}
	}
	return true
}

// Any messages in any order: no machine falls over, what is refused changes nothing,
// and the records alone rebuild the state.
func TestAnyMessages(t *testing.T) {
	for name, c := range map[string]struct {
		fresh func() actors.Machine
		hears []proto.Message
	}{
		"user":   {func() actors.Machine { return actors.NewUser(ann.ID, actors.UserConfig{}) }, userHears},
		"zone":   {func() actors.Machine { return actors.NewZone("london", actors.ZoneConfig{}) }, zoneHears},
		"tenant": {func() actors.Machine { return actors.NewTenant("default") }, []proto.Message{&messages.PutTenant{Spec: &messages.TenantSpec{}}, &messages.AskTenant{Zone: "london"}, &messages.TenantSet{Zone: "london"}, &messages.Enroll{User: ann.ID}, &messages.Woken{Key: "tell"}}},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m, twin, now := c.fresh(), c.fresh(), start
				for range rapid.IntRange(1, 30).Draw(t, "steps") {
					message := proto.Clone(rapid.SampledFrom(c.hears).Draw(t, "message"))
					if rapid.IntRange(0, 2).Draw(t, "strange") == 0 {
						random(t, message.ProtoReflect(), 3)
					}
					now = now.Add(span.Duration(rapid.SampledFrom([]int64{0, 1, 1000, 31_000, int64(span.Hour)}).Draw(t, "later")))
					stepAny(t, m, twin, now, message)
				}
			})
		})
	}
}

// fuzzSteps feeds a machine with messages of the types it hears, decoded from bytes.
func fuzzSteps(f *testing.F, fresh func() actors.Machine, hears []proto.Message) {
	for i, m := range hears {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), b)
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		message := hears[int(kind)%len(hears)].ProtoReflect().New().Interface()
		if proto.Unmarshal(b, message) != nil {
			return
		}
		m, twin := fresh(), fresh()
		for _, first := range hears[:1+int(kind)%len(hears)] {
			stepAny(t, m, twin, start, first)
		}
		stepAny(t, m, twin, start, message)
	})
}

func FuzzUserStep(f *testing.F) {
	fuzzSteps(f, func() actors.Machine { return actors.NewUser(ann.ID, actors.UserConfig{}) }, userHears)
}

func FuzzZoneStep(f *testing.F) {
	fuzzSteps(f, func() actors.Machine { return actors.NewZone("london", actors.ZoneConfig{}) }, zoneHears)
}
