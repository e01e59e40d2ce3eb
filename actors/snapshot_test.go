package actors_test

import (
	"bytes"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// busy tells of a day with everything in it: placements that live, have ended and
// are held, reservations, plans, quotas, settings.
func busy(t *testing.T) *story {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(9)))
	s.build("paris", spec(paris, units(9)))
	s.putTenant(&messages.TenantSpec{Quotas: []*messages.ZoneQuota{{Zone: "london", Quota: units(8)}}})
	s.done(s.ask(ann, &messages.PutProfile{RequestId: "p", Settings: &messages.UserSettings{Residency: []string{"eu"}}}))
	commute(s, 1)
	open := request("open")
	open.DurationMs = 0
	s.placed(ann, open)
	s.placed(ann, request("live"))
	s.placed(bob, request("gone"))
	s.done(s.ask(bob, &messages.Release{RequestId: "x", PlacementId: "gone"}))
	lunch := reserve(s, ann.ID, "lunch", 1, messages.Tier_TIER_FIRM)
	now := s.world.Now()
	lunch.Window = &messages.Window{StartMs: int64(now), EndMs: int64(now.Add(span.Hour))}
	s.reserved("london", lunch)
	s.world.Tell(zone("london"), &messages.Claim{Tenant: "default", User: bob.ID, Request: request("held"), HoldMs: 30_000})
	s.pass(0)
	return s
}

// A machine that folds a snapshot is the machine that made it: its own snapshot is
// the same to the byte, and it answers what follows alike.
func TestSnapshots(t *testing.T) {
	s := busy(t)
	now := s.world.Now()
	for _, c := range []struct {
		address actors.Address
		fresh   actors.Machine
		then    []proto.Message
	}{
		{standard, actors.NewTenant("default"), []proto.Message{
			&messages.AskTenant{Zone: "london"}, &messages.Enroll{User: ann.ID}, &messages.PutTenant{RequestId: "t", Spec: &messages.TenantSpec{}},
		}},
		{ann, actors.NewUser(ann.ID, actors.UserConfig{}), []proto.Message{
			place(request("live")), place(request("new")), &messages.DescribeUser{RequestId: "d"}, &messages.AskForecast{RequestId: "f"},
			&messages.Renew{RequestId: "n", PlacementId: "open"}, &messages.Release{RequestId: "r", PlacementId: "live"},
			&messages.Freed{RequestId: "live", Zone: "london"}, &messages.Ended{RequestId: "open", Zone: "london", Reason: "it ended"},
		}},
		{zone("london"), actors.NewZone("london", actors.ZoneConfig{}), []proto.Message{
			&messages.Claim{Tenant: "default", User: ann.ID, Request: request("new"), HoldMs: 30_000},
			&messages.Confirm{Tenant: "default", User: bob.ID, RequestId: "held"},
			&messages.Extend{Tenant: "default", User: ann.ID, RequestId: "open"},
			&messages.Claim{Tenant: "default", User: bob.ID, Request: request("gone"), HoldMs: 30_000},
			&messages.Free{Tenant: "default", User: ann.ID, RequestId: "live"},
			reserve(s, ann.ID, "lunch", 99, messages.Tier_TIER_FIRM), &messages.DeleteZone{RequestId: "x"},
		}},
	} {
		original := s.machine(c.address)
		bytesOf := func(m actors.Machine) []byte { return messages.AppendRecord(nil, m.Snapshot()) }
		snapshot, err := messages.DecodeRecord(bytesOf(original))
		if err != nil {
			t.Fatal(err)
		}
		c.fresh.Fold(snapshot)
		if !bytes.Equal(bytesOf(c.fresh), bytesOf(original)) {
			t.Errorf("%v comes back different", c.address)
		}
		for _, m := range c.then {
			if a, b := answers(original, now, m), answers(c.fresh, now, m); a != b {
				t.Errorf("%v, %T:\n%s\nbut from the snapshot\n%s", c.address, m, a, b)
			}
			if !bytes.Equal(settled(c.fresh), settled(original)) {
				t.Errorf("%v, after %T, is different", c.address, m)
			}
		}
	}
}

// settled returns a machine's state without what a zone plans: one that was loaded
// plans at once.
func settled(m actors.Machine) []byte {
	state := proto.Clone(m.Snapshot())
	if z, ok := state.(*messages.ZoneState); ok {
		z.Pools, z.Volumes, z.Ledger = nil, nil, nil
	}
	return messages.AppendRecord(nil, state)
}

// answers steps m and returns what users, tenants and callers are told; plans, and
// what agents and mappers hear of them, follow from memory that snapshots don't have.
func answers(m actors.Machine, now span.Time, message proto.Message) string {
	var out actors.Effects
	m.Step(now, ann, message, &out)
	text := ""
	for _, send := range out.Sends {
		switch send.Message.(type) {
		case *messages.Desired, *messages.ZoneDigest, *messages.Intents, *messages.Start:
		default:
			text += fmt.Sprintf("to %v: %T %x\n", send.To, send.Message, messageBytes(send.Message))
		}
	}
	for _, r := range out.Replies {
		text += fmt.Sprintf("reply %s: %T %x\n", r.Request, r.Message, messageBytes(r.Message))
	}
	return text
}

func messageBytes(m proto.Message) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}
