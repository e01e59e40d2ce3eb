package forecast_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/zonecast/zonecast/actors/forecast"
	"github.com/zonecast/zonecast/actors/span"
)

const monday = span.Time(1_700_438_400_000) // 2023-11-20T00:00Z, a Monday

// A pool that was marshalled forecasts what the original does, also after both have
// seen more.
func TestPoolComesBackFromItsBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, now := drawPool(t)
		data, _ := p.MarshalBinary()
		q := new(forecast.Pool)
		if err := q.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			now = now.Add(span.Duration(rapid.Int64Range(0, int64(2*span.Day)).Draw(t, "later")))
			a, b := ask(p, now), ask(q, now)
			if !slices.Equal(a, b) {
				t.Fatalf("at %v: %v, after marshalling %v", now, a, b)
			}
			p.Observe(now, 1)
			q.Observe(now, 1)
		}
		again, _ := q.MarshalBinary()
		data, _ = p.MarshalBinary()
		if !bytes.Equal(data, again) {
			t.Fatal("equal states marshal to different bytes")
		}
	})
}

func ask(p *forecast.Pool, now span.Time) []forecast.Count {
	return p.Forecast(now, now.Floor(15*span.Minute), 15*span.Minute, nil, make([]forecast.Count, 8))
}

// drawPool returns a pool with some past, and the time up to which it goes.
func drawPool(t *rapid.T) (*forecast.Pool, span.Time) {
	p := forecast.NewPool(monday, rapid.IntRange(-forecast.MaxOffset, forecast.MaxOffset).Draw(t, "offset"))
	now := monday
	for range rapid.IntRange(0, 60).Draw(t, "steps") {
		now = now.Add(span.Duration(rapid.Int64Range(0, int64(5*span.Hour)).Draw(t, "gap")))
		if rapid.Bool().Draw(t, "arrives") {
			late := span.Duration(rapid.Int64Range(0, int64(span.Hour)).Draw(t, "late"))
			p.Observe(now.Add(-late), float64(rapid.IntRange(1, 20).Draw(t, "n")))
			continue
		}
		intents := []float64{rapid.Float64Range(0, 9).Draw(t, "intent")}
		for _, c := range p.Forecast(now, now.Ceil(15*span.Minute), 15*span.Minute, intents, make([]forecast.Count, 1)) {
			if !(c.Mean >= 0) || math.IsInf(c.Mean, 0) || !(c.Variance >= c.Mean) || math.IsInf(c.Variance, 0) {
				t.Fatalf("impossible forecast %+v", c)
			}
		}
	}
	return p, now
}

func TestHabitsComeBackFromTheirBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, now := drawHabits(t)
		data, _ := h.MarshalBinary()
		g := new(forecast.Habits)
		if err := g.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			now = now.Add(span.Duration(rapid.Int64Range(0, int64(2*span.Day)).Draw(t, "later")))
			sameHabits(t, h, g, now)
			v := forecast.Visit{At: now, Zone: "z1", Dataset: "d1", Duration: span.Minute, Bytes: 5}
			h.Observe(v)
			g.Observe(v)
		}
	})
}

func sameHabits(t *rapid.T, h, g *forecast.Habits, now span.Time) {
	var a, b forecast.Expectation
	h.Expect(now, span.Hour, 24, &a)
	g.Expect(now, span.Hour, 24, &b)
	if !slices.EqualFunc(a.Zones, b.Zones, func(x, y forecast.ZoneRates) bool {
		return x.Zone == y.Zone && slices.Equal(x.Rates, y.Rates) &&
			slices.EqualFunc(x.Datasets, y.Datasets, func(c, d forecast.DatasetRates) bool {
				return c.Dataset == d.Dataset && c.Bytes == d.Bytes && slices.Equal(c.Rates, d.Rates)
			})
	}) {
		t.Fatalf("at %v: %v, after marshalling %v", now, a, b)
	}
	var m, n forecast.Next
	h.Next(now, &m)
	g.Next(now, &n)
	if !slices.Equal(m.Zones, n.Zones) || !slices.Equal(m.Datasets, n.Datasets) || m.NewZone != n.NewZone {
		t.Fatalf("at %v: %v, after marshalling %v", now, m, n)
	}
}

// drawHabits returns habits with some past, checked as they grow, and the time up to
// which they go.
func drawHabits(t *rapid.T) (*forecast.Habits, span.Time) {
	h := forecast.NewHabits(monday, rapid.IntRange(-forecast.MaxOffset, forecast.MaxOffset).Draw(t, "offset"))
	now := monday
	variety := rapid.SampledFrom([]int{1, 5, 60}).Draw(t, "variety")
	for range rapid.IntRange(0, 300).Draw(t, "visits") {
		now = now.Add(span.Duration(rapid.Int64Range(0, int64(span.Day)).Draw(t, "gap")))
		zone := rapid.IntRange(1, variety).Draw(t, "zone")
		set := rapid.IntRange(0, variety).Draw(t, "dataset")
		h.Observe(forecast.Visit{At: now, Zone: name("z", zone), Dataset: name("d", set),
			Duration: span.Hour, Bytes: int64(set)})
	}
	checkHabits(t, h, now)
	return h, now
}

func name(kind string, n int) string {
	if n == 0 {
		return ""
	}
	return kind + string(rune('0'+n/10)) + string(rune('0'+n%10))
}

func checkHabits(t *rapid.T, h *forecast.Habits, now span.Time) {
	var next forecast.Next
	h.Next(now, &next)
	for _, list := range [][]forecast.Likely{next.Zones, next.Datasets} {
		sum := 0.0
		for _, l := range list {
			if !(l.Probability >= 0) {
				t.Fatalf("impossible probability %v", l)
			}
			sum += l.Probability
		}
		if sum > 1+1e-9 {
			t.Fatalf("probabilities sum to %v: %v", sum, list)
		}
	}
	var e forecast.Expectation
	h.Expect(now, span.Hour, 24, &e)
	for _, z := range e.Zones {
		for s, r := range z.Rates {
			sum := float32(0)
			for _, d := range z.Datasets {
				sum += d.Rates[s]
			}
			if !(r >= 0) || math.IsInf(float64(r), 0) || !(sum >= 0) {
				t.Fatalf("impossible rates in %v", z)
			}
		}
	}
}

func FuzzPoolState(f *testing.F) {
	data, _ := forecast.NewPool(monday, 60).MarshalBinary()
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		p := new(forecast.Pool)
		if p.UnmarshalBinary(data) != nil {
			return
		}
		for _, c := range ask(p, monday) {
			if math.IsNaN(c.Mean) || c.Mean < 0 {
				t.Fatalf("a decoded state forecasts %+v", c)
			}
		}
	})
}

func FuzzHabitsState(f *testing.F) {
	h := forecast.NewHabits(monday, 60)
	h.Observe(forecast.Visit{At: monday, Zone: "z", Dataset: "d"})
	data, _ := h.MarshalBinary()
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		h := new(forecast.Habits)
		if h.UnmarshalBinary(data) != nil {
			return
		}
		var e forecast.Expectation
		h.Expect(monday, span.Hour, 3, &e)
		h.Observe(forecast.Visit{At: monday, Zone: "z", Dataset: "d"})
	})
}
