package forecast_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/zonecast/zonecast/actors/forecast"
	"github.com/zonecast/zonecast/actors/span"
)

// commuter works downtown from nine on weekdays and is uptown from six every day: a
// request some minutes after arrival at each.
func commuter(weeks int) *forecast.Habits {
	h := forecast.NewHabits(monday, 0)
	for day := range 7 * weeks {
		at := monday.Add(span.Duration(day)*span.Day + span.Duration(day*17%50)*span.Minute)
		if day%7 < 5 {
			h.Observe(forecast.Visit{At: at.Add(9 * span.Hour), Zone: "downtown", Dataset: "desk", Bytes: 100,
				Duration: 20 * span.Minute})
		}
		h.Observe(forecast.Visit{At: at.Add(18 * span.Hour), Zone: "uptown", Dataset: "films", Bytes: 900,
			Duration: 40 * span.Minute})
	}
	return h
}

func ExampleHabits() {
	h := commuter(8)
	monday9 := monday.Add(8*span.Week + 8*span.Hour + 50*span.Minute)

	var next forecast.Next
	h.Next(monday9, &next)
	fmt.Printf("on Monday at nine: %s %.1f\n", next.Zones[0].Name, next.Zones[0].Probability)

	var day forecast.Expectation
	h.Expect(monday9, span.Hour, 24, &day)
	for _, z := range day.Zones {
		fmt.Printf("%s: %.1f at nine, %.1f at six; %s of %d bytes\n",
			z.Zone, z.Rates[1], z.Rates[10], z.Datasets[0].Dataset, z.Datasets[0].Bytes)
	}
	// Output:
	// on Monday at nine: downtown 1.0
	// downtown: 1.1 at nine, 0.0 at six; desk of 100 bytes
	// uptown: 0.0 at nine, 0.6 at six; films of 900 bytes
}

func TestSaturdaysAreNoMondays(t *testing.T) {
	h := commuter(8)
	saturday := monday.Add(8*span.Week + 5*span.Day)
	var day forecast.Expectation
	h.Expect(saturday, span.Hour, 24, &day)
	for _, z := range day.Zones {
		if z.Zone == "downtown" && z.Rates[9] > .4 {
			t.Errorf("on a Saturday at nine %.2f requests downtown are expected", z.Rates[9])
		}
	}
}

// The sequence matters when the hour tells nothing.
func TestNextFollowsTheSequence(t *testing.T) {
	h := forecast.NewHabits(monday, 0)
	round := []string{"a", "b", "a", "c"}
	now := monday
	hits := 0
	for i := range 200 {
		now = now.Add(5 * span.Hour / 2)
		var next forecast.Next
		h.Next(now, &next)
		zone := round[i%len(round)]
		if i >= 100 && next.Zones[0].Name == zone {
			hits++
		}
		h.Observe(forecast.Visit{At: now, Zone: zone, Dataset: zone})
	}
	if hits < 85 {
		t.Errorf("%d of 100 steps of a round of four were foreseen", hits)
	}
}

// Whatever a user does, the state stays bounded and its answers are possible.
func TestHabitsAreBounded(t *testing.T) {
	h := forecast.NewHabits(monday, 0)
	var e forecast.Expectation
	var next forecast.Next
	for i := range 3_000 {
		now := monday.Add(span.Duration(i) * span.Hour)
		h.Observe(forecast.Visit{At: now, Zone: fmt.Sprint("zone-", i%301), Dataset: fmt.Sprint("set-", i%997), Bytes: 1})
	}
	now := monday.Add(3_000 * span.Hour)
	h.Expect(now, span.Hour, 1_000, &e)
	h.Next(now, &next)
	if len(e.Zones) != forecast.MaxZones || len(e.Zones[0].Rates) != forecast.MaxSlots ||
		len(next.Zones) != forecast.MaxZones {
		t.Errorf("%d zones, %d slots, %d next zones", len(e.Zones), len(e.Zones[0].Rates), len(next.Zones))
	}
	if data, _ := h.MarshalBinary(); len(data) > 16<<10 {
		t.Errorf("the state has %d bytes", len(data))
	}
}

func TestHabitsRefuseNonsense(t *testing.T) {
	h := forecast.NewHabits(monday, 0)
	long := string(make([]byte, forecast.MaxName+1))
	for _, v := range []forecast.Visit{
		{At: monday}, {At: monday, Zone: long},
		{At: monday, Zone: "z", Dataset: long}, {At: monday, Zone: "z", Bytes: -1},
	} {
		h.Observe(v)
	}
	var e forecast.Expectation
	if h.Expect(monday, span.Hour, 24, &e); len(e.Zones) != 0 {
		t.Fatalf("learned %v", e.Zones)
	}
}

// A call that reuses an Expectation gives what a new one would.
func TestExpectReusesMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var used forecast.Expectation
		for range 3 {
			h, now := drawHabits(t)
			var fresh forecast.Expectation
			h.Expect(now, span.Hour, 24, &used)
			h.Expect(now, span.Hour, 24, &fresh)
			if fmt.Sprint(used.Zones) != fmt.Sprint(fresh.Zones) {
				t.Fatalf("%v\nwith used memory\n%v", fresh.Zones, used.Zones)
			}
		}
	})
}

// wanderer has as many visits as are kept, to 60 places.
func wanderer() (*forecast.Habits, span.Time) {
	h := forecast.NewHabits(monday, 0)
	now := monday
	for i := range forecast.MaxVisits {
		now = now.Add(7*span.Hour + span.Duration(i%5)*span.Hour)
		h.Observe(forecast.Visit{At: now, Zone: fmt.Sprint("zone-", i*i%10),
			Dataset: fmt.Sprint("place-", i*i%60), Bytes: 1})
	}
	return h, now
}

func BenchmarkHabitsObserve(b *testing.B) {
	h, now := wanderer()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(7 * span.Hour)
		h.Observe(forecast.Visit{At: now, Zone: "zone-1", Dataset: "place-1", Bytes: 1})
	}
}

func BenchmarkHabitsExpect(b *testing.B) {
	h, now := wanderer()
	var e forecast.Expectation
	b.ReportAllocs()
	for b.Loop() {
		h.Expect(now, span.Hour, 24, &e)
	}
}

func BenchmarkHabitsNext(b *testing.B) {
	h, now := wanderer()
	var n forecast.Next
	b.ReportAllocs()
	for b.Loop() {
		h.Next(now, &n)
	}
}
