// Package plan decides which stages are worth their price: how many units of a
// pool should be up in a window and of which tier, which datasets a zone should
// cache, what to make ready for one user alone.
//
// Every decision is the same comparison, made unit by unit: what the thing is
// expected to save against what it costs to hold. Money is in micro-units of the
// price currency, as float64, because it is multiplied by probabilities.
package plan

import (
	"errors"
	"fmt"
	"math"

	"github.com/zonecast/zonecast/actors/span"
)

// ErrInput is wrapped by every error about a number that cannot be planned with.
var ErrInput = errors.New("bad input to the plan")

// maxNumber bounds every number that Validate lets in: beyond anything real,
// and no product of three overflows.
const maxNumber = 1e18

// Costs is what a unit of a pool costs and saves, in micro-units of money.
type Costs struct {
	Short     float64 // per request that no unit serves: start time lost × price of a second
	Eagerness float64 // factor on Short, above 0; 1 is neutral
	Idle      float64 // per unit and hour of a soft unit that waits
	Surcharge float64 // per unit and hour that firm costs above soft
	Start     float64 // per unit made that is not already up
}

// Validate returns an error that wraps ErrInput and names each field that is
// NaN, infinite, negative or, for Eagerness, 0.
func (c Costs) Validate() error {
	err := errors.Join(check("price of a miss", c.Short), check("eagerness", c.Eagerness),
		check("idle price", c.Idle), check("surcharge of firm", c.Surcharge), check("start cost", c.Start))
	if err == nil && c.Eagerness == 0 {
		return fmt.Errorf("%w: eagerness is 0, must be above; 1 is neutral", ErrInput)
	}
	return err
}

func (c Costs) short() float64 { return c.Short * c.Eagerness }

// Demand is the requests that are expected to arrive in a window.
type Demand struct {
	Mean     float64 // number of requests
	Variance float64 // of their number; up to Mean they are Poisson, above it negative binomial
	Busy     span.Duration
}

// Validate returns an error that wraps ErrInput and names each field that is
// NaN, infinite or negative.
func (d Demand) Validate() error {
	return errors.Join(check("mean demand", d.Mean), check("variance of demand", d.Variance),
		check("busy ms", float64(d.Busy)))
}

func check(field string, x float64) error {
	if !(0 <= x && x <= maxNumber) { // so that NaN is refused
		return fmt.Errorf("%w: %s is %v, must be a number from 0 to %g", ErrInput, field, x, maxNumber)
	}
	return nil
}

// Level is how many units are wanted, by tier. Its sum is what is worth holding;
// Firm is the part of it that is worth a guarantee.
type Level struct{ Firm, Soft int }

// Units returns the number of units of both tiers.
func (l Level) Units() int { return l.Firm + l.Soft }

// Units returns how many units, at most most, are worth having up in a window of
// the given length when up of them already are, and how many of them firm. revoked
// is the measured probability, 0 to 1, that a soft unit is not there when needed.
//
// Unit k serves the requests that find units 1 to k-1 busy and it not. It is
// wanted while what it saves exceeds what it costs,
//
//	short·s_k > idle·(length - s_k·busy) + start·[k > up],
//
// and it is firm while short·s_k·revoked > surcharge·length. Because s_k falls with
// k, the first unit that is not worth it ends the search, and no other level has
// a smaller expected cost.
func Units(d Demand, length span.Duration, up int, c Costs, revoked float64, most int) Level {
	h := newHunt(d, length)
	return newRule(d.Busy, length, up, c, revoked).level(h.next, most)
}

// UnitsOf is Units for demand that is known by served(k) for k = 1, 2 and so on:
// the expected number of requests that unit k serves. served must not grow with k.
// For demand where each unit serves at most one request in the window it is the
// probability of at least k requests, and the level is the newsvendor's quantile.
func UnitsOf(served func(k int) float64, busy, length span.Duration, up int, c Costs, revoked float64, most int) Level {
	k := 0
	next := func() float64 { k++; return served(k) }
	return newRule(min(busy, length), length, up, c, revoked).level(next, most)
}

// rule holds the two comparisons with everything that does not depend on k.
type rule struct {
	up          int
	gain        float64 // saved by one more request served: the miss, and the idling
	hold, fresh float64 // cost of a unit that is up, of one that is not
	trust       float64 // saved by firm per request served
	surcharge   float64 // cost of firm
}

func newRule(busy, length span.Duration, up int, c Costs, revoked float64) rule {
	hold := c.Idle * length.Hours()
	return rule{
		up: up, gain: c.short() + c.Idle*busy.Hours(), hold: hold, fresh: hold + c.Start,
		trust: c.short() * revoked, surcharge: c.Surcharge * length.Hours(),
	}
}

func (r rule) level(next func() float64, most int) Level {
	var l Level
	for k := 1; k <= most; k++ {
		served := next()
		cost := r.hold
		if k > r.up {
			cost = r.fresh
		}
		switch {
		case !(served*r.gain > cost):
			return l
		case served*r.trust > r.surcharge:
			l.Firm++
		default:
			l.Soft++
		}
	}
	return l
}

// BreakEven returns the cost ratio, the price of a miss in hours of a running
// unit that costs unitHour, up to which nothing should be made ready for d when
// nothing is up: +Inf where no request is expected. c.Short plays no part.
func BreakEven(d Demand, length span.Duration, c Costs, unitHour float64) float64 {
	h := newHunt(d, length)
	served := h.next()
	if served == 0 {
		return math.Inf(1)
	}
	idle := max(length.Hours()-served*d.Busy.Hours(), 0)
	return (c.Idle*idle + c.Start) / (served * c.Eagerness * unitHour)
}
