package score

import (
	"errors"
	"fmt"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// Bounds of what Validate lets in, wide enough for anything real and narrow
// enough that no product of them overflows.
const (
	MaxMoney       = 1e15 // micro-units of the price currency: a billion units
	MaxMs          = 1e12 // 31 years
	MaxSensitivity = 1e3
	MaxTrips       = 1e6 // round trips per second
	MaxFactor      = 1e6 // of a weight or price
	MaxNames       = 64  // regions, labels or denied zones of one need; labels of one zone
)

// DefaultTripsPerSecond is how many round trips an interactive request makes per
// second while it runs, unless its class says otherwise. It is what makes
// distance matter beyond the start.
const DefaultTripsPerSecond = 1

// ErrInput is wrapped by every error about a number or list that cannot be
// scored. Nothing was scored.
var ErrInput = errors.New("bad input to the score")

// Facets is a start time per facet in ms. A facet that the request does not need
// takes 0.
type Facets struct{ Compute, Data, Connection, Storage float64 }

// Slowest returns the time after which the last facet is ready: they are made
// side by side, so this is the start.
func (f Facets) Slowest() float64 { return max(f.Compute, f.Data, f.Connection, f.Storage) }

func (f Facets) validate(what string) error {
	return errors.Join(
		check(what+" compute", f.Compute, 0, MaxMs), check(what+" data", f.Data, 0, MaxMs),
		check(what+" connection", f.Connection, 0, MaxMs), check(what+" storage", f.Storage, 0, MaxMs))
}

// Prices of a zone, in micro-units of the price currency.
type Prices struct {
	CPUHour       float64 // per core and hour
	GiBHour       float64 // per GiB of memory and hour
	EgressGiB     float64 // per GiB sent to the user
	StagingFactor float64 // what holding costs relative to running
}

// Hourly returns what v costs per hour of running: cores and memory.
func (p Prices) Hourly(v resource.Vector) float64 {
	return float64(v.CPU)/milli*p.CPUHour + float64(v.Memory)/gib*p.GiBHour
}

const (
	milli = 1000
	gib   = 1 << 30
)

// Need is one request: what it asks for, from where, under which constraints,
// and what time is worth to it.
type Need struct {
	Vector   resource.Vector
	Duration span.Duration // how long it runs
	At       Position
	Egress   int64 // bytes sent to the user over Duration

	// Constraints. An empty list allows everything.
	Regions     []string // one of these must be the zone's: the residency
	Labels      []string // all of these must be among the zone's
	Denied      []string // zones that must not be taken
	CeilingHour float64  // most that Vector may cost per hour, micro-units; 0 is no ceiling

	SecondPrice    float64 // worth of one second of waiting, micro-units
	TripsPerSecond float64 // round trips while it runs; see DefaultTripsPerSecond
	Sensitivity    float64 // factor on cost: 1 is neutral, 0 cares for latency alone
	Cold           Facets  // start when nothing is ready anywhere: what Stage is measured against
}

// Validate returns an error that wraps ErrInput or resource.ErrAmount and names
// each field that cannot be: NaN, infinite, negative or beyond its bound.
func (n *Need) Validate() error {
	return errors.Join(
		n.Vector.Validate(resource.MaxAmount),
		n.At.Validate(),
		check("duration ms", float64(n.Duration), 0, MaxMs),
		check("egress bytes", float64(n.Egress), 0, float64(resource.MaxCapacity)),
		check("ceiling per hour", n.CeilingHour, 0, MaxMoney),
		check("price of a second", n.SecondPrice, 0, MaxMoney),
		check("round trips per second", n.TripsPerSecond, 0, MaxTrips),
		check("cost sensitivity", n.Sensitivity, 0, MaxSensitivity),
		n.Cold.validate("cold start ms:"),
		checkNames("regions", n.Regions), checkNames("labels", n.Labels), checkNames("denied zones", n.Denied))
}

// Candidate is one zone as the mapper sees it for one request.
type Candidate struct {
	ID       string
	At       Position
	Region   string
	Labels   []string // traits, such as gpu=a100
	Prices   Prices
	Room     resource.Vector // free + the user's own + his pool's unclaimed firm; may be negative
	Load     float64         // 0 idle to 1 full
	Draining bool            // takes no new request
	RTTMs    float64         // measured round trip from the user; 0 is unknown

	Start     Facets  // expected start when served here, by what is ready
	Access    float64 // predicted probability, 0 to 1, that the request comes here
	Readiness float64 // 0 nothing is ready to 1 all is; for the preset Paper
	Bid       float64 // micro-units lost by taking the staged thing from a likelier taker
}

// Validate returns an error that wraps ErrInput and names the zone and each
// field that cannot be: NaN, infinite or out of range.
func (c *Candidate) Validate() error {
	err := errors.Join(
		c.At.Validate(),
		check("price per core and hour", c.Prices.CPUHour, 0, MaxMoney),
		check("price per GiB and hour", c.Prices.GiBHour, 0, MaxMoney),
		check("egress price per GiB", c.Prices.EgressGiB, 0, MaxMoney),
		check("staging price factor", c.Prices.StagingFactor, 0, MaxFactor),
		check("load", c.Load, 0, 1),
		check("round trip ms", c.RTTMs, 0, MaxMs),
		c.Start.validate("start ms:"),
		check("access", c.Access, 0, 1),
		check("readiness", c.Readiness, 0, 1),
		check("bid", c.Bid, 0, MaxMoney),
		checkNames("labels", c.Labels))
	if err != nil {
		return fmt.Errorf("zone %q: %w", c.ID, err)
	}
	return nil
}

// within reports whether x is a number from least to most; NaN is not.
func within(x, least, most float64) bool { return least <= x && x <= most }

func check(field string, x, least, most float64) error {
	if !within(x, least, most) {
		return fmt.Errorf("%w: %s is %v, must be a number from %g to %g", ErrInput, field, x, least, most)
	}
	return nil
}

func checkNames(field string, names []string) error {
	if len(names) > MaxNames {
		return fmt.Errorf("%w: %d %s, at most %d", ErrInput, len(names), field, MaxNames)
	}
	return nil
}
