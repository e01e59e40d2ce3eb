package plan

import (
	"math"

	"github.com/zonecast/zonecast/actors/span"
)

// hunt walks the units of a pool in the order in which requests try them and
// tells what each one serves, by Erlang's loss formula: with a = requests per
// busy time, n units leave the share B(n) unserved, so unit k serves
//
//	s_k = mean × (B(k-1) - B(k)),  B(0) = 1,  B(k) = a·B(k-1) / (k + a·B(k-1)).
//
// B depends on the mean of the busy time alone, not its distribution (Sevastyanov,
// 1957), and holds where missed requests bring their own unit for themselves.
//
// The rate is taken to have held for about one busy time before the window: a
// unit may be busy at its start with a request of the window before, which is why
// s_k·busy never exceeds the window even where busy does (20-minute requests in
// 15-minute windows). Where busy is much longer than the window, the mean to give
// is that of the windows it spans.
//
// Demand that varies more than Poisson is a mixture of Poisson streams whose rate
// is gamma distributed, which makes counts negative binomial; the mixture is
// integrated by Gauss-Laguerre quadrature with three streams.
type hunt struct {
	k       float64
	n       int // streams in use: 1 or 3
	streams [3]stream
}

// stream is one Poisson stream of a mixture.
type stream struct {
	rate    float64 // its expected arrivals in the window × its weight
	offered float64 // a: arrivals per busy time
	blocked float64 // B(k)
}

// Bounds of the gamma's shape = mean² / (variance - mean). Above the upper one
// the demand is as good as Poisson: the rate varies by less than 0.1 %. Below the
// lower one the mass next to zero is all there is to know.
const (
	leastShape = 1e-6
	mostShape  = 1e6
)

func newHunt(d Demand, length span.Duration) hunt {
	load := d.Mean * float64(d.Busy) / float64(length)
	excess := d.Variance - d.Mean
	if excess*mostShape <= d.Mean*d.Mean {
		return hunt{n: 1, streams: [3]stream{{d.Mean, load, 1}}}
	}
	h := hunt{n: 3}
	factors, weights := gamma(max(d.Mean*d.Mean/excess, leastShape))
	for i := range h.streams {
		h.streams[i] = stream{d.Mean * factors[i] * weights[i], load * factors[i], 1}
	}
	return h
}

// next returns s_k for the next k, from 1.
func (h *hunt) next() float64 {
	h.k++
	var served float64
	for i := range h.streams[:h.n] {
		s := &h.streams[i]
		carried := s.offered * s.blocked
		blocked := carried / (h.k + carried)
		served += s.rate * (s.blocked - blocked)
		s.blocked = blocked
	}
	return served
}

// gamma returns the three points and weights that integrate every polynomial up
// to degree 5 exactly over the gamma distribution of the given shape and mean 1.
//
// The points are the roots of the third Laguerre polynomial of order shape-1:
// with c = shape+2 and x = c+t it is t³ - 3ct - 2c, so t = 2√c·cos θ with
// cos 3θ = 1/√c. The weights are 1 / Σ p_i(x)²/‖p_i‖² over the orthogonal
// polynomials of degree 0 to 2 (Golub and Welsch, 1969).
func gamma(shape float64) (factors, weights [3]float64) {
	root := math.Sqrt(shape + 2)
	sin, cos := math.Sincos(math.Acos(1/root) / 3)
	near, far := -cos/2, sin*(math.Sqrt(3)/2) // a third of a turn on and back
	for i, cos := range [3]float64{cos, near - far, near + far} {
		u := 2 + 2*root*cos // x - shape
		p2 := u*u - 2*u - shape
		factors[i] = max(1+u/shape, 0)
		weights[i] = 1 / (1 + u*u/shape + p2*p2/(2*shape*(shape+1)))
	}
	return factors, weights
}
