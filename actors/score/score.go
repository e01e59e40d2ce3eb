// Package score gives every zone a number for one request and ranks the zones by
// it.
//
// A score is a sum of money, in micro-units of the price currency, on fixed
// scales: what the request gains or loses by being served in this zone, all else
// equal. It depends on the request and on that one zone, never on the other
// candidates, so adding or removing a zone that loses does not change the winner.
// Its parts are kept, so that a choice explains itself. The preset Paper, made for
// comparison, is the exception on both counts.
//
// Constraints come first and are yes or no (Need.Suitable); distance is no
// constraint. Whatever comes from outside passes Validate before it comes here:
// the ranking trusts that no number is NaN or infinite.
package score

import (
	"cmp"
	"errors"
	"slices"

	"github.com/zonecast/zonecast/actors/span"
)

// fullLoadMs is what a zone's load is worth: serving in a full zone counts as
// much as waiting 100 ms longer than in an idle one, in between in proportion. It
// is of the order of a paused start, so that load decides between zones that are
// otherwise alike and no more.
const fullLoadMs = 100

// paperCost is the weight of price in the preset Paper.
const paperCost = 0.3

// Weights are factors on the parts of a score; 1 takes a part at its worth in
// money.
type Weights struct {
	Stage, Distance, Cost, Load float64

	// Planning asks where to make something ready instead of where to serve: Stage
	// counts with the probability that the request comes here, and Cost is that of
	// holding, at the zone's StagingFactor.
	Planning bool

	// Paper makes the score a number without unit that depends on the candidates at
	// hand: access × readiness - km / HalfCircumferenceKm - price / highest price.
	Paper bool
}

// Money returns the weights for serving a request: every part at its worth.
func Money() Weights { return Weights{Stage: 1, Distance: 1, Cost: 1, Load: 1} }

// Planning returns the weights for choosing where to stage.
func Planning() Weights {
	w := Money()
	w.Planning = true
	return w
}

// Paper returns the weights of the published algorithm: the pre-staging score,
// the distance and 0.3 times the price relative to the dearest candidate.
func Paper() Weights {
	w := Money()
	w.Cost, w.Load = paperCost, 0
	w.Paper = true
	return w
}

// Validate returns an error that wraps ErrInput and names each weight that is
// NaN, infinite, negative or above MaxFactor.
func (w Weights) Validate() error {
	return errors.Join(
		check("stage weight", w.Stage, 0, MaxFactor), check("distance weight", w.Distance, 0, MaxFactor),
		check("cost weight", w.Cost, 0, MaxFactor), check("load weight", w.Load, 0, MaxFactor))
}

// Parts of a score, in micro-units of money; what is lost is negative.
type Parts struct {
	Stage    float64 // start time saved against a cold start, at the price of a second
	Bid      float64 // lost by taking the staged thing from a likelier taker
	Distance float64 // round trips at the start and while it runs, at the price of a second
	Cost     float64 // the request at the zone's prices, egress included, times sensitivity
	Load     float64 // how full the zone is
}

// Total returns the sum of the parts.
func (p Parts) Total() float64 { return p.Stage + p.Bid + p.Distance + p.Cost + p.Load }

// Choice is one zone in a ranking.
type Choice struct {
	Zone  string
	Index int // of the zone among the candidates
	Score float64
	Parts Parts
	Km    float64 // great-circle distance
}

// compare orders choices best first: by score, then distance, then zone id.
func compare(a, b Choice) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Km, b.Km), cmp.Compare(a.Zone, b.Zone))
}

// Rank appends to dst all candidates that suit need, best first, and returns it.
// Zone ids must be unique. Where nothing was appended, Refuse says why.
func Rank(dst []Choice, need Need, from []Candidate, w Weights) []Choice {
	kept := len(dst)
	s := newScale(&need, from, w)
	for i := range from {
		if c := &from[i]; need.Suitable(c) == Suits {
			dst = append(dst, s.choice(i, c, s.near(c)))
		}
	}
	slices.SortFunc(dst[kept:], compare)
	return dst
}

// Top appends to dst the first most choices of Rank, in one pass over from, and
// returns it. It is the quicker one while most is a handful.
func Top(dst []Choice, most int, need Need, from []Candidate, w Weights) []Choice {
	kept := len(dst)
	s := newScale(&need, from, w)
	for i := range from {
		c := &from[i]
		parts := s.near(c)
		full := len(dst)-kept == most
		if full && (most == 0 || parts.Total() < dst[len(dst)-1].Score) || need.Suitable(c) != Suits {
			continue // it would lose even if it were next door
		}
		choice := s.choice(i, c, parts)
		switch {
		case !full:
			dst = append(dst, choice)
		case compare(choice, dst[len(dst)-1]) < 0:
			dst[len(dst)-1] = choice
		default:
			continue
		}
		for j := len(dst) - 1; j > kept && compare(dst[j], dst[j-1]) < 0; j-- {
			dst[j], dst[j-1] = dst[j-1], dst[j]
		}
	}
	return dst
}

// Best returns the first choice of Rank. The error is a *NoSuitableZone.
func Best(need Need, from []Candidate, w Weights) (Choice, error) {
	var first [1]Choice
	top := Top(first[:0], 1, need, from, w)
	if len(top) == 0 {
		return Choice{}, Refuse(need, from)
	}
	return top[0], nil
}

// scale is what all candidates of one request have in common.
type scale struct {
	need   *Need
	w      Weights
	origin origin

	coldMs  float64 // start when nothing is ready
	hours   float64
	egress  float64 // GiB
	msPrice float64 // micro-units per ms of waiting
	trips   float64 // round trips in all: one to ask, and those while it runs
	highest float64 // price of the dearest candidate, for the preset Paper
}

func newScale(need *Need, among []Candidate, w Weights) scale {
	s := scale{need: need, w: w, origin: from(need.At)}
	s.coldMs = need.Cold.Slowest()
	s.hours = need.Duration.Hours()
	s.egress = float64(need.Egress) / gib
	s.msPrice = need.SecondPrice / float64(span.Second)
	s.trips = 1 + need.TripsPerSecond*need.Duration.Seconds()
	if w.Paper {
		for i := range among {
			s.highest = max(s.highest, s.price(&among[i]))
		}
	}
	return s
}

// price returns what the request costs in c, in micro-units.
func (s *scale) price(c *Candidate) float64 {
	return c.Prices.Hourly(s.need.Vector)*s.hours + s.egress*c.Prices.EgressGiB
}

// near returns the parts of c's score as if c were next door: no distance gives
// more, so their total bounds the score from above.
func (s *scale) near(c *Candidate) Parts {
	if s.w.Paper {
		return s.paper(c)
	}
	saved := (s.coldMs - c.Start.Slowest()) * s.msPrice
	price := s.price(c)
	if s.w.Planning {
		saved *= c.Access
		price *= c.Prices.StagingFactor
	}
	return Parts{
		Stage:    s.w.Stage * saved,
		Bid:      -s.w.Stage * c.Bid,
		Distance: s.distance(c, 0),
		Cost:     -s.w.Cost * s.need.Sensitivity * price,
		Load:     -s.w.Load * c.Load * fullLoadMs * s.msPrice,
	}
}

func (s *scale) paper(c *Candidate) Parts {
	p := Parts{Stage: s.w.Stage * (c.Access * c.Readiness)}
	if s.highest > 0 {
		p.Cost = -s.w.Cost * (s.price(c) / s.highest)
	}
	return p
}

// choice completes the parts of a candidate by its distance.
func (s *scale) choice(i int, c *Candidate, parts Parts) Choice {
	km := s.origin.kmTo(c.At)
	parts.Distance = s.distance(c, km)
	return Choice{Zone: c.ID, Index: i, Score: parts.Total(), Parts: parts, Km: km}
}

// distance returns what a zone km away loses by its distance; the measured round
// trip counts where there is one.
func (s *scale) distance(c *Candidate, km float64) float64 {
	if s.w.Paper {
		return -s.w.Distance * (km / HalfCircumferenceKm)
	}
	tripMs := c.RTTMs
	if tripMs == 0 {
		tripMs = leastTripMs + km/fibreKmPerMs // no floor: of two near zones the nearer wins
	}
	return -s.w.Distance * s.trips * tripMs * s.msPrice
}
