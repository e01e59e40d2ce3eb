package forecast_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/zonecast/zonecast/actors/forecast"
	"github.com/zonecast/zonecast/actors/span"
)

const minutes5 = 5 * span.Minute

func ExampleUsage() {
	u := forecast.NewUsage(0)
	now := monday
	for ; now < monday.Add(2*span.Week); now = now.Add(minutes5) {
		cores := 1.0
		if h := now.Std().Hour(); h >= 9 && h < 17 {
			cores = 4
		}
		u.Observe(now, cores)
	}
	day := u.Forecast(now, now, span.Hour, make([]forecast.Quantiles, 24))
	fmt.Printf("median at three %.1f cores, at noon %.1f\n", day[3][0], day[12][0])
	// Output:
	// median at three 1.0 cores, at noon 4.0
}

// Whatever the series does, the stated share of samples lies below each quantile.
func TestUsageCoversWhatItSays(t *testing.T) {
	for name, series := range map[string]func(i int, noise float64) float64{
		"daily":    func(i int, e float64) float64 { return 50 + 30*math.Sin(float64(i)*2*math.Pi/288) + 5*e },
		"shifting": func(i int, e float64) float64 { return 10 + 40*float64(i/1000%2) + 3*e },
		"wild":     func(_ int, e float64) float64 { return math.Exp(e) },
	} {
		random := rand.New(rand.NewPCG(7, 7))
		u := forecast.NewUsage(0)
		var below [3]float64
		const n, warm = 8000, 1000
		for i := range n {
			now := monday.Add(span.Duration(i) * minutes5)
			y := series(i, random.NormFloat64())
			q := u.Forecast(now, now, minutes5, make([]forecast.Quantiles, 1))[0]
			for k := range q {
				if i >= warm && y <= q[k] {
					below[k] += 1. / (n - warm)
				}
			}
			u.Observe(now, y)
		}
		for k, level := range forecast.Levels {
			if math.Abs(below[k]-level) > .04 {
				t.Errorf("%s: %.3f of the samples lie below the quantile %v", name, below[k], level)
			}
		}
	}
}

func TestConformalTracksAQuantile(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var c forecast.Conformal
	below := 0.0
	const n = 20_000
	for i := range n {
		x := random.NormFloat64() * float64(1+i/(n/2)*9) // ten times wider half way
		if x <= c.Offset {
			below += 1. / n
		}
		c.Learn(x, .9)
	}
	if math.Abs(below-.9) > .02 {
		t.Errorf("%.3f of the outcomes lie below the quantile .9", below)
	}
}

func TestUsageComesBackFromItsBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := forecast.NewUsage(rapid.IntRange(-forecast.MaxOffset, forecast.MaxOffset).Draw(t, "offset"))
		now := monday
		for range rapid.IntRange(0, 80).Draw(t, "samples") {
			now = now.Add(span.Duration(rapid.Int64Range(0, int64(30*span.Hour)).Draw(t, "gap")))
			u.Observe(now, rapid.Float64Range(0, 1e12).Draw(t, "amount"))
		}
		data, _ := u.MarshalBinary()
		v := new(forecast.Usage)
		if err := v.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		u.Observe(now, 5)
		v.Observe(now, 5)
		a := u.Forecast(now, now, span.Hour, make([]forecast.Quantiles, 48))
		b := v.Forecast(now, now, span.Hour, make([]forecast.Quantiles, 48))
		if !slices.Equal(a, b) {
			t.Fatalf("%v, after marshalling %v", a, b)
		}
		for _, q := range a {
			if !(q[0] >= 0 && q[0] <= q[1] && q[1] <= q[2] && q[2] < math.Inf(1)) {
				t.Fatalf("impossible quantiles %v", q)
			}
		}
	})
}

func FuzzUsageState(f *testing.F) {
	data, _ := forecast.NewUsage(60).MarshalBinary()
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		u := new(forecast.Usage)
		if u.UnmarshalBinary(data) != nil {
			return
		}
		u.Observe(monday, 1)
		for _, q := range u.Forecast(monday, monday, span.Hour, make([]forecast.Quantiles, 24)) {
			if !(q[2] >= q[0]) || math.IsInf(q[2], 0) {
				t.Fatalf("a decoded state forecasts %v", q)
			}
		}
	})
}

func BenchmarkUsageObserve(b *testing.B) {
	u := forecast.NewUsage(0)
	now := monday
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(minutes5)
		u.Observe(now, float64(now%7919))
	}
}

func BenchmarkUsageForecast(b *testing.B) {
	u := forecast.NewUsage(0)
	for i := range 1000 {
		u.Observe(monday.Add(span.Duration(i)*minutes5), float64(i%17))
	}
	now := monday.Add(1000 * minutes5)
	dst := make([]forecast.Quantiles, 12)
	b.ReportAllocs()
	for b.Loop() {
		u.Forecast(now, now, span.Hour, dst)
	}
}
