package plan

import (
	"math"
	"testing"

	"github.com/zonecast/zonecast/actors/span"
	"gonum.org/v1/gonum/stat/distuv"
)

// The moments of the gamma distribution with mean 1 are Π (shape+i) / shape.
func TestGammaKeepsFiveMoments(t *testing.T) {
	for _, shape := range []float64{leastShape, 0.01, 0.1, 0.5, 1, 2, 7.5, 100, 1e4, mostShape} {
		factors, weights := gamma(shape)
		want := 1.0
		for degree := range 6 {
			var got float64
			for i, f := range factors {
				got += weights[i] * math.Pow(f, float64(degree))
			}
			if math.Abs(got-want) > 1e-6*want {
				t.Errorf("shape %v: moment %d is %v, want %v", shape, degree, got, want)
			}
			want *= (shape + float64(degree)) / shape
		}
		for i := range factors {
			if factors[i] < 0 || weights[i] <= 0 {
				t.Errorf("shape %v: point %v has weight %v", shape, factors[i], weights[i])
			}
		}
	}
}

// Three points against a fine integral: the level may differ by a unit or two
// where demand is wild, what it costs by 3 %; by 10 % where one window in forty
// has any demand at all and then a burst of it.
func TestOverdispersedLevelsCostWhatTheIntegralsDo(t *testing.T) {
	for _, mean := range []float64{0.1, 0.5, 2, 8} {
		for _, dispersion := range []float64{1.2, 2, 5} {
			d := Demand{mean, mean * dispersion, 20 * span.Minute}
			exact := integrated(d, quarter, 200)
			for _, short := range []float64{1_000, 3_000, 10_000, 30_000} {
				c := tenToOne()
				c.Short = short
				cost := func(n int) float64 {
					total := c.Short * d.Mean
					for k := 1; k <= n; k++ {
						total += c.Idle*quarter.Hours() - exact[k]*(c.Short+c.Idle*d.Busy.Hours())
					}
					return total
				}
				ours := Units(d, quarter, 0, c, 0, 200).Units()
				best := UnitsOf(func(k int) float64 { return exact[k] }, quarter, quarter, 0, c, 0, 199).Units()
				for n := range 150 {
					if cost(n) < cost(best) {
						best = n
					}
				}
				tolerance := 1.03
				if mean*mean/(d.Variance-mean) < 0.05 {
					tolerance = 1.10
				}
				if cost(ours) > tolerance*cost(best) {
					t.Errorf("mean %v, variance %v, short %v: %d units cost %.0f, %d cost %.0f",
						mean, d.Variance, short, ours, cost(ours), best, cost(best))
				}
			}
		}
	}
}

// integrated returns what units 1 to most serve, by 4,000 streams of equal
// probability whose rates are quantiles of the gamma distribution.
func integrated(d Demand, length span.Duration, most int) []float64 {
	served := make([]float64, most+1)
	shape := d.Mean * d.Mean / (d.Variance - d.Mean)
	const steps = 4_000
	for i := range steps {
		mean := d.Mean * gammaQuantile(shape, (float64(i)+0.5)/steps)
		h := newHunt(Demand{mean, mean, d.Busy}, length)
		for k := 1; k <= most; k++ {
			served[k] += h.next() / steps
		}
	}
	return served
}

func gammaQuantile(shape, p float64) float64 {
	return distuv.Gamma{Alpha: shape, Beta: shape}.Quantile(p)
}
