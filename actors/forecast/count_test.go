package forecast_test

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/zonecast/zonecast/actors/forecast"
)

func ExampleCount() {
	c := forecast.Count{Mean: 2, Variance: 2}
	fmt.Printf("none %.4f, three %.4f\n", c.Probability(0), c.Probability(3))
	fmt.Printf("a second unit is used with %.4f\n", c.AtLeast(2))
	fmt.Println("enough nine times of ten:", c.Quantile(.9))
	// Output:
	// none 0.1353, three 0.1804
	// a second unit is used with 0.5940
	// enough nine times of ten: 4
}

func TestCountIsADistributionWithItsMoments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mean := rapid.Float64Range(.001, 2000).Draw(t, "mean")
		c := forecast.Count{Mean: mean, Variance: mean * rapid.Float64Range(.5, 4).Draw(t, "ratio")}
		var sum, first, second float64
		tails := c.Tails(make([]float64, int(mean+60*math.Sqrt(c.Variance))+60))
		for k := range tails {
			p := c.Probability(k)
			sum += p
			first += float64(k) * p
			second += float64(k) * float64(k) * p
			if left := 1 - sum; math.Abs(left-tails[k]) > 1e-6 {
				t.Fatalf("P(N >= %d) is %v, the sum says %v", k+1, tails[k], left)
			}
			if mean > 100 && k > 100 {
				break // the sums of a large one are quadratic in time
			}
		}
		if mean <= 100 {
			near(t, "sum", sum, 1)
			near(t, "mean", first, mean)
			near(t, "variance", second-first*first, max(mean, c.Variance))
		}
		q := c.Quantile(.9)
		if c.AtLeast(q+1) > .1+1e-9 || q > 0 && c.AtLeast(q) < .1-1e-9 {
			t.Fatalf("quantile .9 is %d, P(N > it) = %v, P(N >= it) = %v", q, c.AtLeast(q+1), c.AtLeast(q))
		}
	})
}

func near(t interface{ Fatalf(string, ...any) }, what string, is, want float64) {
	if math.Abs(is-want) > 1e-3*math.Max(1, math.Abs(want)) {
		t.Fatalf("%s is %v, want %v", what, is, want)
	}
}

func TestTheZeroCountIsNone(t *testing.T) {
	var c forecast.Count
	if c.Probability(0) != 1 || c.AtLeast(0) != 1 || c.AtLeast(1) != 0 || c.Quantile(.99) != 0 {
		t.Fatal("the zero Count is not surely none")
	}
}
