package report

import (
	"cmp"
	"math"
	"slices"
)

// Axes say what a frontier sets against what: X of a sum of days, and Y, a share
// of counts of it.
type Axes struct {
	X func(Day) float64
	Y func(Day) (part, of float64)
}

// HitsAtWaste sets compute's hit rate against wasted hours.
func HitsAtWaste() Axes {
	return Axes{func(d Day) float64 { return d.WastedHours }, func(d Day) (float64, float64) {
		return float64(d.Compute.Hit), float64(d.Compute.Requests)
	}}
}

// DataHitsAtCached sets the datasets' hit rate against byte-hours held.
func DataHitsAtCached() Axes {
	return Axes{func(d Day) float64 { return d.CachedByteHours }, func(d Day) (float64, float64) {
		return float64(d.Data.Hit), float64(d.Data.Requests)
	}}
}

// Point is a point of a frontier: a share Y bought by X.
type Point struct{ X, Y float64 }

// Frontier is what can be had for how much: X and Y both rise from point to
// point.
type Frontier []Point

// NewFrontier returns the frontier of points: those that no other beats by more
// for no more. points is reordered.
func NewFrontier(points []Point) Frontier {
	slices.SortFunc(points, func(a, b Point) int { return cmp.Or(cmp.Compare(a.X, b.X), -cmp.Compare(a.Y, b.Y)) })
	var out Frontier
	for _, p := range points {
		if len(out) == 0 || p.Y > out[len(out)-1].Y {
			out = append(out, p)
		}
	}
	return out
}

// Reaches reports whether x is enough for the frontier's cheapest point.
func (f Frontier) Reaches(x float64) bool { return len(f) > 0 && f[0].X <= x }

// At returns what can be had for at most x: between points by using one setting
// for a part of the time and the next for the rest, past the last point what
// that one gives, before the first by doing nothing for a part of the time.
func (f Frontier) At(x float64) float64 {
	next, exact := slices.BinarySearchFunc(f, x, func(p Point, x float64) int { return cmp.Compare(p.X, x) })
	switch {
	case exact:
		return f[next].Y
	case len(f) == 0 || x < 0:
		return 0
	case next == 0:
		return f[0].Y * x / f[0].X
	case next == len(f):
		return f[next-1].Y
	}
	a, b := f[next-1], f[next]
	return a.Y + (b.Y-a.Y)*(x-a.X)/(b.X-a.X)
}

// Envelope returns the frontier of the best of several at every x of any of
// their points. Between these it may lie below the best of them, as frontiers
// cross there.
func Envelope(of ...Frontier) Frontier {
	var points []Point
	for _, f := range of {
		for _, p := range f {
			best := Point{p.X, p.Y}
			for _, other := range of {
				if other.Reaches(p.X) {
					best.Y = max(best.Y, other.At(p.X))
				}
			}
			points = append(points, best)
		}
	}
	return NewFrontier(points)
}

// frontier returns a policy's frontier over all its runs.
func (p Policy) frontier(axes Axes) Frontier {
	points := make([]Point, len(p.Runs))
	for i, run := range p.Runs {
		sum := run.total()
		points[i] = Point{axes.X(sum), share(axes.Y(sum))}
	}
	return NewFrontier(points)
}

// standardLevels are the wasted hours at which long traces are compared.
func standardLevels() []float64 { return []float64{2_500, 5_300, 10_000, 18_000} }

// Levels returns the wasted hours at which to compare policies: the standard
// ones where any policy wastes as much as the last of them, else the same parts
// of what the policies with several runs waste at most (the median of them),
// to two digits. It is empty where no policy with several runs wastes anything.
func Levels(policies []Policy) []float64 {
	var most []float64
	for _, p := range policies {
		if f := p.frontier(HitsAtWaste()); len(p.Runs) > 1 && f[len(f)-1].X > 0 {
			most = append(most, f[len(f)-1].X)
		}
	}
	levels := standardLevels()
	last := levels[len(levels)-1]
	slices.Sort(most)
	switch {
	case len(most) == 0:
		return nil
	case most[len(most)-1] >= last:
		return levels
	}
	for i := range levels {
		levels[i] = twoDigits(levels[i] / last * most[len(most)/2])
	}
	return slices.Compact(levels)
}

// twoDigits rounds x > 0 down to two significant digits.
func twoDigits(x float64) float64 {
	exponent := math.Floor(math.Log10(x)) - 1
	if exponent < 0 { // dividing by a whole power is exact where multiplying by its inverse is not
		scale := math.Pow(10, -exponent)
		return math.Floor(x*scale) / scale
	}
	scale := math.Pow(10, exponent)
	return math.Floor(x/scale) * scale
}
