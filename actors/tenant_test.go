package actors_test

import (
	"testing"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

func (s *story) putTenant(spec *messages.TenantSpec) {
	s.t.Helper()
	spec.Mode = messages.Mode_MODE_ACT
	s.done(s.ask(standard, &messages.PutTenant{RequestId: s.unique("tenant"), Spec: spec}))
}

// A tenant's quota limits what it holds in one zone, resource by resource; one zone's
// quota doesn't touch another, nor another tenant.
func TestQuota(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(9)))
	s.build("berlin", spec(berlin, units(9)))
	s.putTenant(&messages.TenantSpec{Quotas: []*messages.ZoneQuota{{Zone: "london", Quota: &messages.Vector{CpuMillicores: 1000}}}})
	s.placed(ann, request("r1"))
	s.placed(bob, request("r1")) // of the same tenant
	if p := s.placed(ann, request("r2")); p.GetZone() != "berlin" {
		t.Errorf("placed in %s", p.GetZone())
	}
	refused := 0
	for _, a := range heardOf[*messages.ClaimAnswer](s) {
		if a.GetRefused() != nil {
			refused++
			if a.GetZone() != "london" || a.GetRefused().GetShortfall().GetCpuMillicores() != 500 {
				t.Errorf("refused with %v", a)
			}
		}
	}
	if refused != 1 {
		t.Errorf("%d refusals", refused)
	}
	near := request("near")
	near.DenyZones = []string{"berlin"}
	s.refused(s.ask(ann, place(near)), messages.Code_CODE_EXHAUSTED, "quota of tenant default is used up")
	s.done(s.ask(ann, &messages.Release{RequestId: "x", PlacementId: "r1"}))
	if p := s.placed(ann, request("r3")); p.GetZone() != "london" {
		t.Errorf("placed in %s", p.GetZone())
	}
	s.done(s.ask(actors.Address{Kind: actors.KindTenant, ID: "other"}, &messages.PutTenant{RequestId: "p", Spec: &messages.TenantSpec{}}))
	if p := s.placed(actors.Address{Kind: actors.KindUser, ID: "other/ann"}, request("r1")); p.GetZone() != "london" {
		t.Errorf("placed in %s", p.GetZone())
	}
}

// New terms reach the zones that have asked at once, and the users within a round of
// their intents.
func TestTermsChange(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(9)))
	s.placed(ann, request("r1"))
	s.putTenant(&messages.TenantSpec{Quotas: []*messages.ZoneQuota{{Zone: "london", Quota: &messages.Vector{CpuMillicores: 500}}}})
	s.refused(s.ask(ann, place(request("r2"))), messages.Code_CODE_EXHAUSTED, "quota of tenant default is used up")
	s.putTenant(&messages.TenantSpec{})
	s.placed(ann, request("r3"))
	s.putTenant(&messages.TenantSpec{Regions: []string{"us"}})
	s.pass(6 * span.Hour)
	s.refused(s.ask(ann, place(request("r4"))), messages.Code_CODE_EXHAUSTED, "lies in a region")
}

// Terms that a zone has not acknowledged are told again.
func TestTermsAreRepeated(t *testing.T) {
	var out actors.Effects
	tenant := actors.NewTenant("default")
	tenant.Step(start, actors.Address{}, &messages.PutTenant{Spec: &messages.TenantSpec{}}, &out)
	tenant.Step(start, zone("london"), &messages.AskTenant{Zone: "london"}, &out)
	told := func() int {
		n := 0
		for _, send := range out.Sends {
			if _, ok := send.Message.(*messages.SetTenant); ok {
				n++
			}
		}
		out.Reset()
		return n
	}
	if told() != 1 {
		t.Error("no answer")
	}
	tenant.Step(start, actors.Address{}, &messages.Woken{Key: "tell"}, &out)
	if len(out.Wakes) == 0 || told() != 1 {
		t.Error("not repeated")
	}
	tenant.Step(start, zone("london"), &messages.TenantSet{Zone: "london", Version: 1}, &out)
	tenant.Step(start, actors.Address{}, &messages.Woken{Key: "tell"}, &out)
	if told() != 0 {
		t.Error("repeated after the acknowledgement")
	}
}

// A zone that hears of a tenant before there is one learns of it later.
func TestTenantThatComesLater(t *testing.T) {
	s := tell(t, actors.ZoneConfig{})
	s.build("london", spec(london, units(9)))
	late := actors.Address{Kind: actors.KindTenant, ID: "late"}
	claim := &messages.Claim{Tenant: "late", User: "late/eve", Request: request("r1"), HoldMs: 1000}
	s.unchanged(zone("london"), func() {
		s.world.Tell(zone("london"), claim)
		s.pass(0)
	})
	if a := heardOf[*messages.ClaimAnswer](s); len(a) != 1 || a[0].GetRefused().GetReason() != "there is no tenant late" {
		t.Errorf("answered %v", a)
	}
	s.done(s.ask(late, &messages.PutTenant{RequestId: "p", Spec: &messages.TenantSpec{}}))
	s.placed(actors.Address{Kind: actors.KindUser, ID: "late/eve"}, request("r1"))
}

// A quota limits what a tenant's users reserve firmly in one window, too; softly they
// may ask for more.
func TestQuotaOfReservations(t *testing.T) {
	s := tell(t, actors.ZoneConfig{Eagerness: 1e-9})
	s.build("london", spec(london, units(9)))
	s.putTenant(&messages.TenantSpec{Quotas: []*messages.ZoneQuota{{Zone: "london", Quota: &messages.Vector{CpuMillicores: 1000}}}})
	s.placed(ann, request("r1")) // makes the zone ask for the terms
	s.reserved("london", reserve(s, ann.ID, "lunch", 2, messages.Tier_TIER_FIRM))
	s.reserved("london", reserve(s, ann.ID, "lunch", 1, messages.Tier_TIER_FIRM)) // in place of the first
	s.reserved("london", reserve(s, bob.ID, "lunch", 1, messages.Tier_TIER_FIRM))
	s.refused(s.ask(zone("london"), reserve(s, bob.ID, "tea", 1, messages.Tier_TIER_FIRM)), messages.Code_CODE_EXHAUSTED, "quota")
	s.reserved("london", reserve(s, bob.ID, "tea", 1, messages.Tier_TIER_SOFT))
}
