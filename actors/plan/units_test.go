package plan

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/zonecast/zonecast/actors/span"
	"pgregory.net/rapid"
)

const quarter = 15 * span.Minute

// tenToOne: a miss costs as much as ten hours of an idle unit.
func tenToOne() Costs { return Costs{Short: 10_000, Eagerness: 1, Idle: 1_000, Surcharge: 500} }

func ExampleUnits() {
	for _, mean := range []float64{0.02, 0.1, 1, 3, 10} {
		d := Demand{Mean: mean, Variance: mean, Busy: 20 * span.Minute}
		l := Units(d, quarter, 0, tenToOne(), 0.2, 100)
		fmt.Printf("%5.2f requests in 15 min: %2d units, %2d of them firm\n", mean, l.Units(), l.Firm)
	}
	// Output:
	//  0.02 requests in 15 min:  0 units,  0 of them firm
	//  0.10 requests in 15 min:  1 units,  1 of them firm
	//  1.00 requests in 15 min:  5 units,  4 of them firm
	//  3.00 requests in 15 min:  9 units,  8 of them firm
	// 10.00 requests in 15 min: 23 units, 21 of them firm
}

// The rule of the newsvendor: the smallest stock that covers the demand with
// probability short / (short + idle).
func TestOneShotDemandIsTheNewsvendor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mean := rapid.Float64Range(0.01, 20).Draw(t, "mean")
		shape := rapid.Float64Range(0.2, 50).Draw(t, "shape")
		c := Costs{
			Short: rapid.Float64Range(1, 1e5).Draw(t, "short"), Eagerness: 1,
			Idle: rapid.Float64Range(1, 1e5).Draw(t, "idle"),
		}
		tail := negativeBinomialTail(mean, shape, 2_000)
		idle := c.Idle * quarter.Hours()
		quantile := c.Short / (c.Short + idle)
		want := 0
		for want < len(tail)-2 && 1-tail[want+1] < quantile { // P(N <= want) < quantile
			want++
		}
		got := UnitsOf(func(k int) float64 { return tail[k] }, span.Hour, quarter, 0, c, 0, len(tail)-2)
		if near := math.Abs(1-tail[want+1]-quantile) + math.Abs(1-tail[want]-quantile); got.Units() != want && near > 1e-9 {
			t.Fatalf("%d units, the quantile %.4f is %d", got.Units(), quantile, want)
		}
	})
}

// negativeBinomialTail returns P(N >= k) for k up to most.
func negativeBinomialTail(mean, shape float64, most int) []float64 {
	tail, left := make([]float64, most+1), 1.0
	p := math.Pow(shape/(shape+mean), shape)
	for k := range tail {
		tail[k] = max(left, 0)
		left -= p
		p *= (shape + float64(k)) / float64(k+1) * mean / (shape + mean)
	}
	return tail
}

// erlangB is the formula itself: (aⁿ/n!) / Σ aⁱ/i!.
func erlangB(n int, a float64) float64 {
	term, sum := 1.0, 1.0
	for i := 1; i <= n; i++ {
		term *= a / float64(i)
		sum += term
	}
	return term / sum
}

func TestUnitsServeWhatErlangSays(t *testing.T) {
	for _, mean := range []float64{0, 1e-6, 0.3, 3, 30, 150} {
		for _, busy := range []span.Duration{0, span.Minute, 20 * span.Minute, 2 * span.Hour} {
			a := mean * float64(busy) / float64(quarter)
			h := newHunt(Demand{mean, mean, busy}, quarter)
			for k := 1; k <= 60; k++ {
				want := mean * (erlangB(k-1, a) - erlangB(k, a))
				if got := h.next(); math.Abs(got-want) > 1e-9*(1+mean) {
					t.Fatalf("%v requests of %v: unit %d serves %v, want %v", mean, busy, k, got, want)
				}
			}
		}
	}
}

// A pool of units that are tried in order, 20-minute requests in 15-minute
// windows: what each unit serves per window over a long run.
func TestUnitsServeWhatASimulationSays(t *testing.T) {
	const windows, mean = 200_000, 3.0
	busy := 20 * span.Minute
	r := rand.New(rand.NewPCG(7, 7))
	var freeAt [8]float64
	var served [8]int
	for at := 0.0; at < windows; {
		at += r.ExpFloat64() / mean
		for k := range freeAt {
			if freeAt[k] <= at {
				freeAt[k] = at + float64(busy)/float64(quarter)
				served[k]++
				break
			}
		}
	}
	h := newHunt(Demand{mean, mean, busy}, quarter)
	for k, n := range served {
		want := h.next()
		if got := float64(n) / windows; math.Abs(got-want) > 0.02*want+0.001 {
			t.Errorf("unit %d serves %.4f in the simulation, %.4f by the formula", k+1, got, want)
		}
		if want*busy.Hours() > quarter.Hours() {
			t.Errorf("unit %d is busy for %v hours of a quarter", k+1, want*busy.Hours())
		}
	}
}

type world struct {
	d       Demand
	length  span.Duration
	up      int
	c       Costs
	revoked float64
}

func drawWorld(t *rapid.T) world {
	mean := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(1e-6, 12)).Draw(t, "mean")
	return world{
		d: Demand{mean, mean * rapid.Float64Range(0.5, 6).Draw(t, "dispersion"),
			span.Duration(rapid.IntRange(0, 180).Draw(t, "busy min")) * span.Minute},
		length: span.Duration(rapid.IntRange(1, 120).Draw(t, "length min")) * span.Minute,
		up:     rapid.IntRange(0, 20).Draw(t, "up"),
		c: Costs{
			Short:     rapid.Float64Range(0, 1e5).Draw(t, "short"),
			Eagerness: rapid.Float64Range(0.03, 10).Draw(t, "eagerness"),
			Idle:      rapid.Float64Range(1, 1e4).Draw(t, "idle"),
			Surcharge: rapid.Float64Range(0, 1e4).Draw(t, "surcharge"),
			Start:     rapid.Float64Range(0, 1e4).Draw(t, "start"),
		},
		revoked: rapid.Float64Range(0, 1).Draw(t, "revoked"),
	}
}

func (w world) units() Level { return Units(w.d, w.length, w.up, w.c, w.revoked, 300) }

// cost is the expected cost of a window with n units up, the first firm of them
// firm: misses, idle time, starts, the surcharge, and the misses of soft units
// that are revoked.
func (w world) cost(n, firm int) float64 {
	h := newHunt(w.d, w.length)
	missed, cost := w.d.Mean, 0.0
	for k := 1; k <= n; k++ {
		s := h.next()
		missed -= s
		cost += w.c.Idle * (w.length.Hours() - s*w.d.Busy.Hours())
		if k > w.up {
			cost += w.c.Start
		}
		if k <= firm {
			cost += w.c.Surcharge * w.length.Hours()
		} else {
			cost += w.c.Short * w.c.Eagerness * s * w.revoked
		}
	}
	return cost + w.c.Short*w.c.Eagerness*missed
}

func TestNoOtherLevelIsCheaper(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		l := w.units()
		noTier := w
		noTier.c.Surcharge = 0 // the tier is chosen after the number, so units are priced as if firm were free
		got, firm := noTier.cost(l.Units(), l.Units()), w.cost(l.Units(), l.Firm)
		for n := range 60 {
			if other := noTier.cost(n, n); other < got-1e-9*(1+got) {
				t.Fatalf("%d units cost %v, %d cost %v", l.Units(), got, n, other)
			}
			if n > l.Units() {
				continue
			}
			if other := w.cost(l.Units(), n); other < firm-1e-9*(1+firm) {
				t.Fatalf("%d of %d firm cost %v, %d cost %v", l.Firm, l.Units(), firm, n, other)
			}
		}
	})
}

func TestLevelsGrow(t *testing.T) {
	for name, grow := range map[string]func(w *world, by float64){
		"with the mean":          func(w *world, by float64) { w.d.Variance *= by; w.d.Mean *= by; w.keepShape(by) },
		"with the price of miss": func(w *world, by float64) { w.c.Short *= by },
		"with eagerness":         func(w *world, by float64) { w.c.Eagerness *= by },
		"with what is up":        func(w *world, by float64) { w.up += int(10 * (by - 1)) },
		"as idling gets cheaper": func(w *world, by float64) { w.c.Idle /= by },
		"as starts get cheaper":  func(w *world, by float64) { w.c.Start /= by },
	} {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			w := drawWorld(t)
			before := w.units()
			grow(&w, rapid.Float64Range(1, 5).Draw(t, "by"))
			if after := w.units(); after.Units() < before.Units() {
				t.Fatalf("%+v became %+v", before, after)
			}
		}))
	}
}

// keepShape makes the variance that of the mean's gamma mixture after the mean
// grew by the given factor with its shape unchanged.
func (w *world) keepShape(by float64) {
	mean, variance := w.d.Mean/by, w.d.Variance/by
	w.d.Variance = w.d.Mean + max(variance-mean, 0)*by*by
}

func TestFirmGrowsWithRevocationAndNeverExceedsUnits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		before := w.units()
		w.revoked = rapid.Float64Range(w.revoked, 1).Draw(t, "more revoked")
		after := w.units()
		if after.Units() != before.Units() || after.Firm < before.Firm || before.Firm < 0 || before.Soft < 0 {
			t.Fatalf("%+v became %+v", before, after)
		}
		if w.revoked = 0; w.units().Firm != 0 {
			t.Fatalf("firm without need: %+v", w.units())
		}
	})
}

func TestMostCaps(t *testing.T) {
	d := Demand{Mean: 10, Variance: 10, Busy: 20 * span.Minute}
	for most, want := range map[int]Level{0: {}, 5: {Firm: 5}, 22: {Firm: 21, Soft: 1}, 99: {Firm: 21, Soft: 2}} {
		if got := Units(d, quarter, 0, tenToOne(), 0.2, most); got != want {
			t.Errorf("at most %d: %+v, want %+v", most, got, want)
		}
	}
}

func TestBreakEvenIsWhereTheFirstUnitBecomesWorthIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.up = 0
		unitHour := rapid.Float64Range(1, 1e4).Draw(t, "unit hour")
		ratio := BreakEven(w.d, w.length, w.c, unitHour)
		if w.d.Mean == 0 {
			if w.c.Short = maxNumber; !math.IsInf(ratio, 1) || w.units().Units() > 0 {
				t.Fatalf("worth it above %v for nobody: %+v", ratio, w.units())
			}
			return
		}
		w.c.Short = ratio * unitHour * (1 - 1e-9)
		if ratio > 1e-6 && w.units().Units() > 0 {
			t.Fatalf("below %v already %+v", ratio, w.units())
		}
		w.c.Short = ratio*unitHour*(1+1e-9) + 1e-6
		if w.units().Units() == 0 {
			t.Fatalf("nothing above %v", ratio)
		}
	})
}

func TestValidateNamesTheField(t *testing.T) {
	if err := errors.Join(tenToOne().Validate(), Demand{1, 1, span.Hour}.Validate()); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1} {
		for field, err := range map[string]error{
			"miss":      Costs{Short: bad, Eagerness: 1}.Validate(),
			"eagerness": Costs{Eagerness: bad}.Validate(),
			"idle":      Costs{Idle: bad, Eagerness: 1}.Validate(),
			"surcharge": Costs{Surcharge: bad, Eagerness: 1}.Validate(),
			"start":     Costs{Start: bad, Eagerness: 1}.Validate(),
			"mean":      Demand{Mean: bad}.Validate(),
			"variance":  Demand{Variance: bad}.Validate(),
		} {
			if !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), field) {
				t.Errorf("%s = %v: error %v", field, bad, err)
			}
		}
	}
	if err := (Costs{Short: 1}).Validate(); !errors.Is(err, ErrInput) {
		t.Errorf("eagerness left out: %v", err)
	}
	if err := (Demand{Busy: -1}).Validate(); !errors.Is(err, ErrInput) {
		t.Errorf("negative busy time: %v", err)
	}
}

func BenchmarkUnits(b *testing.B) {
	for _, mean := range []float64{0.05, 0.5, 3, 30} {
		for _, dispersion := range []float64{1, 3} {
			d := Demand{mean, mean * dispersion, 20 * span.Minute}
			c := tenToOne()
			l := Units(d, quarter, 0, c, 0.2, 1000)
			b.Run(fmt.Sprintf("mean=%v/dispersion=%v/units=%d", mean, dispersion, l.Units()), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					Units(d, quarter, 0, c, 0.2, 1000)
				}
			})
		}
	}
}
