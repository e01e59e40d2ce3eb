package ledger

import (
	"testing"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// What is free or idle changes by itself where reservations and leases begin or end.
func TestNextChange(t *testing.T) {
	l, err := New(resource.Vector{CPU: 10}, NoOvercommit)
	if err != nil {
		t.Fatal(err)
	}
	ann := Holder{Tenant: "t", ID: "ann"}
	if at := l.NextChange(0); at != span.Never {
		t.Errorf("empty books change at %v", at)
	}
	for tier, start := range map[Tier]span.Time{Soft: 5, Firm: 10} {
		r := Reservation{Holder: ann, ID: tier.String(), Window: span.Window{Start: start, End: 100}, Amount: resource.Vector{CPU: 1}, Tier: tier}
		if err := l.Reserve(0, r); err != nil {
			t.Fatal(err)
		}
	}
	claim := Claim{Request: "r", Holder: Holder{Tenant: "t", ID: "bob"}, Window: span.Window{Start: 0, End: 50}, Amount: resource.Vector{CPU: 1}}
	if _, err := l.Claim(0, claim, span.Second); err != nil {
		t.Fatal(err)
	}
	for now, want := range []span.Time{5, 5, 5, 5, 5, 10, 10} {
		if at := l.NextChange(span.Time(now)); at != want {
			t.Errorf("at %d the next change is at %d, want %d", now, at, want)
		}
	}
	for _, want := range []span.Time{50, 100, span.Never} {
		l.Sweep(l.NextChange(l.now))
		if at := l.NextChange(l.now); at != want {
			t.Errorf("at %d the next change is at %d, want %d", l.now, at, want)
		}
	}
}
