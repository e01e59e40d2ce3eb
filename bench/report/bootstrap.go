package report

import (
	"math"
	"math/rand/v2"
	"slices"
)

// DefaultResamples are enough that the ends of a 95 % interval are stable in
// their second digit.
const DefaultResamples = 1_000

// Interval is an estimate with its 95 % interval.
type Interval struct{ Value, Low, High float64 }

// Bootstrap resamples days: each resample draws as many days as there are, with
// replacement (Efron and Tibshirani 1993, percentile intervals). All policies
// are summed over the same draws, so that what they share cancels in their
// differences.
type Bootstrap struct{ times [][]float64 } // how often each day is drawn, by resample

// NewBootstrap returns resamples of so many days. The same seed gives the same.
func NewBootstrap(days, resamples int, seed uint64) *Bootstrap {
	r := rand.New(rand.NewPCG(seed, uint64(days)))
	b := &Bootstrap{make([][]float64, resamples)}
	for i := range b.times {
		b.times[i] = make([]float64, days)
		for range days {
			b.times[i][r.IntN(days)]++
		}
	}
	return b
}

// series is one run's days as an Axes sees them.
type series struct{ x, part, of []float64 }

func newSeries(run Run, axes Axes) series {
	s := series{}
	for _, d := range run.Days {
		part, of := axes.Y(d)
		s.x, s.part, s.of = append(s.x, axes.X(d)), append(s.part, part), append(s.of, of)
	}
	return s
}

// point returns the run's point over days taken so many times each.
func (s series) point(times []float64) Point {
	var x, part, of float64
	for i, n := range times {
		x, part, of = x+n*s.x[i], part+n*s.part[i], of+n*s.of[i]
	}
	return Point{x, share(part, of)}
}

// frontiers returns a policy's frontier in every resample.
func (b *Bootstrap) frontiers(p Policy, axes Axes) []Frontier {
	runs := make([]series, len(p.Runs))
	for i, run := range p.Runs {
		runs[i] = newSeries(run, axes)
	}
	out := make([]Frontier, len(b.times))
	for i, times := range b.times {
		points := make([]Point, len(runs))
		for j, run := range runs {
			points[j] = run.point(times)
		}
		out[i] = NewFrontier(points)
	}
	return out
}

// At returns the policy's share at x with its interval. ok is false where x is
// not enough for any of its runs.
func (b *Bootstrap) At(p Policy, axes Axes, x float64) (at Interval, ok bool) {
	f := p.frontier(axes)
	if !f.Reaches(x) {
		return Interval{}, false
	}
	draws := make([]float64, 0, len(b.times))
	for _, resampled := range b.frontiers(p, axes) {
		draws = append(draws, resampled.At(x))
	}
	return interval(f.At(x), draws), true
}

// Compare returns how much more a has at x than the best of the others, with the
// paired interval. ok is false where x is not enough for a, or for any of the
// others.
func (b *Bootstrap) Compare(a Policy, others []Policy, axes Axes, x float64) (difference Interval, ok bool) {
	own := a.frontier(axes)
	var rivals []Frontier
	var resampled [][]Frontier
	for _, p := range others {
		if f := p.frontier(axes); f.Reaches(x) {
			rivals = append(rivals, f)
			resampled = append(resampled, b.frontiers(p, axes))
		}
	}
	if !own.Reaches(x) || len(rivals) == 0 {
		return Interval{}, false
	}
	draws := make([]float64, len(b.times))
	for i, f := range b.frontiers(a, axes) {
		best := 0.0
		for _, rival := range resampled {
			best = max(best, rival[i].At(x))
		}
		draws[i] = f.At(x) - best
	}
	best := 0.0
	for _, f := range rivals {
		best = max(best, f.At(x))
	}
	return interval(own.At(x)-best, draws), true
}

// Difference returns how much larger share is in run a than in run b, with the
// paired interval.
func (b *Bootstrap) Difference(a, other Run, y func(Day) (part, of float64)) Interval {
	axes := Axes{func(Day) float64 { return 0 }, y}
	one, two := newSeries(a, axes), newSeries(other, axes)
	once := slices.Repeat([]float64{1}, len(a.Days))
	draws := make([]float64, len(b.times))
	for i, times := range b.times {
		draws[i] = one.point(times).Y - two.point(times).Y
	}
	return interval(one.point(once).Y-two.point(once).Y, draws)
}

// interval returns value between the 2.5 and 97.5 % quantiles of draws, which it
// reorders.
func interval(value float64, draws []float64) Interval {
	slices.Sort(draws)
	return Interval{value, quantile(draws, 0.025), quantile(draws, 0.975)}
}

// quantile interpolates between the order statistics of sorted (R's type 7).
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	low := int(math.Floor(at))
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}
