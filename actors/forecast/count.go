package forecast

import "math"

// Count is the distribution of a number of arrivals: negative binomial, and Poisson
// where Variance is not above Mean. The zero Count is surely none.
type Count struct {
	Mean     float64 // arrivals
	Variance float64 // arrivals squared
}

// MaxCount bounds the numbers of arrivals that Quantile returns and Tails lists: no
// zone holds more allocations (resource.MaxHoldings).
const MaxCount = 1 << 14

// nearlyPoisson is the excess variance below which the negative binomial's shape
// would only lose precision.
const nearlyPoisson = 1e-6

// farTail is how many standard deviations below a large mean the walk begins: what
// lies under it has less than 1e-15 of the probability.
const farTail = 12

// walk calls f with each k in ascending order and the probability of exactly k,
// until f returns false or k reaches MaxCount. What it leaves out is impossible.
func (c Count) walk(f func(k int, p float64) bool) {
	if !(c.Mean > 0) {
		f(0, 1)
		return
	}
	shape, odds := math.Inf(1), 0.0
	if excess := c.Variance - c.Mean; excess > nearlyPoisson*c.Mean {
		shape = c.Mean * c.Mean / excess
		odds = c.Mean / (c.Mean + shape)
	}
	k := int(max(0, math.Floor(c.Mean-farTail*math.Sqrt(max(c.Mean, c.Variance)))))
	for p := math.Exp(c.log(k, shape)); k < MaxCount && f(k, p); k++ {
		if odds == 0 {
			p *= c.Mean / float64(k+1)
		} else {
			p *= odds * (shape + float64(k)) / float64(k+1)
		}
	}
}

// log returns the logarithm of the probability of exactly k for the given shape of
// the negative binomial; an infinite shape is Poisson's.
func (c Count) log(k int, shape float64) float64 {
	n := float64(k)
	if math.IsInf(shape, 1) {
		return n*math.Log(c.Mean) - c.Mean - logFactorial(n)
	}
	return logGamma(n+shape) - logGamma(shape) - logFactorial(n) -
		shape*math.Log1p(c.Mean/shape) + n*math.Log(c.Mean/(c.Mean+shape))
}

func logFactorial(n float64) float64 { return logGamma(n + 1) }

func logGamma(x float64) float64 {
	l, _ := math.Lgamma(x)
	return l
}

// Probability returns the probability of exactly k arrivals.
func (c Count) Probability(k int) float64 {
	var at float64
	c.walk(func(i int, p float64) bool {
		if i == k {
			at = p
		}
		return i < k
	})
	return at
}

// AtLeast returns the probability of k arrivals or more.
func (c Count) AtLeast(k int) float64 {
	below := 0.0
	c.walk(func(i int, p float64) bool {
		if i < k {
			below += p
		}
		return i+1 < k
	})
	return max(0, 1-below)
}

// Quantile returns the smallest k for which P(arrivals <= k) reaches level, at most
// MaxCount.
func (c Count) Quantile(level float64) int {
	reached, sum := 0, 0.0
	c.walk(func(k int, p float64) bool {
		sum += p
		reached = k
		return sum < level && c.Mean > 0
	})
	return reached
}

// Tails fills dst with P(arrivals >= 1), P(arrivals >= 2) and so on, in one pass.
func (c Count) Tails(dst []float64) []float64 {
	clear(dst)
	left, next := 1.0, 0
	c.walk(func(k int, p float64) bool {
		for ; next < min(k, len(dst)); next++ {
			dst[next] = 1
		}
		left -= p
		if k < len(dst) {
			dst[k], next = max(0, left), k+1
		}
		return k+1 < len(dst)
	})
	return dst
}
