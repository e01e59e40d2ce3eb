// Package generate makes traces of requests, and zones to serve them, from a
// seed: people with homes, workplaces and favourite places, who ask at their
// usual times on their usual days, and some who don't.
//
// A trace is the sum of two processes. With weight Config.Rhythm there are
// habits: every user has routines (a time of day, the days it applies to, a
// place and its dataset, a probability), cities have popular places by Zipf's
// law, holidays pass as weekends, newcomers join, flash crowds gather. With
// weight 1 - Rhythm there is none of it: each user asks at the times of a
// homogeneous Poisson process, at independent positions, for independently drawn
// datasets, so that the past tells nothing of the next request.
package generate

import (
	"errors"
	"fmt"
	"time"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// Config says what to generate. The same Config gives the same rows and zones.
type Config struct {
	Seed  uint64
	Start span.Time // first midnight, UTC
	Days  int

	Users   int
	Tenants int // users belong to them in turn
	Cities  int // users and zones belong to them in turn; at most MaxCities
	Zones   int // at least one per city

	PerDay    float64 // requests of a user per day in the mean, flash crowds and exploring included only roughly
	Rhythm    float64 // weight of habits, from 0 (none) to 1 (nothing else)
	Holidays  int     // working days that pass as a weekend's
	Newcomers float64 // share of users whose habits begin within the middle eight tenths of the trace
	Explore   float64 // share of habitual requests that go to some other place than usual

	Crowds     int     // flash crowds: events at one place
	CrowdShare float64 // share of the city's users that each event draws

	Places       int     // shared places per city: offices, shops, stations; each has a dataset
	Zipf         float64 // exponent of the places' popularity
	Private      float64 // share of habits away from home that touch a dataset of the user's own
	DatasetBytes int64   // mean; sizes are log-normal, with a standard deviation of 1 in the logarithm

	Need     resource.Vector // of every request
	Duration span.Duration   // mean; log-normal
	Spread   float64         // standard deviation of the duration's logarithm

	Crowded   float64 // capacity of the busiest zone, in parts of its peak; the others get their peak
	TestShare float64 // share of the time, at the end, whose rows are of part test
}

// Bounds of what is generated.
const (
	MaxRequests = 10_000_000 // expected rows: a trace of this size is about 1 GB
	MaxDays     = 3_650
	MaxUsers    = 1_000_000
	MaxPlaces   = 100_000
	MaxCrowds   = 10_000
	// MaxNeed of each resource: as many requests as a zone may hold fit into the
	// largest one.
	MaxNeed   = resource.MaxCapacity / resource.MaxHoldings
	MaxZones  = 1_000 // every request looks at all of them once
	MaxCities = 8     // as many as the table of cities has
)

// Default returns the trace of the demo: 120 users of three tenants for 30 days
// in one city of 8 zones, about 8,000 requests.
func Default() Config {
	return Config{
		Seed:  1,
		Start: span.Of(time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC)), // a Monday
		Days:  30,
		Users: 120, Tenants: 3, Cities: 1, Zones: 8,
		PerDay: 2.6, Rhythm: 1, Holidays: 1, Newcomers: 0.15, Explore: 0.1,
		Crowds: 3, CrowdShare: 0.25,
		Places: 60, Zipf: 0.9, Private: 0.5, DatasetBytes: 200_000_000,
		Need:     resource.Vector{CPU: 500, Memory: 512 << 20, Storage: 1 << 30, Bandwidth: 5_000_000},
		Duration: 20 * span.Minute, Spread: 0.4,
		Crowded: 0.6, TestShare: 0.2,
	}
}

// ErrConfig is wrapped by every error about a Config.
var ErrConfig = errors.New("bad generator setting")

// Validate returns an error that wraps ErrConfig and names the field, or nil.
func (c Config) Validate() error {
	for _, whole := range []struct {
		name               string
		value, least, most int
	}{
		{"Days", c.Days, 1, MaxDays}, {"Users", c.Users, 1, MaxUsers}, {"Tenants", c.Tenants, 1, MaxUsers},
		{"Cities", c.Cities, 1, MaxCities}, {"Zones", c.Zones, c.Cities, MaxZones},
		{"Holidays", c.Holidays, 0, c.Days}, {"Crowds", c.Crowds, 0, MaxCrowds}, {"Places", c.Places, 1, MaxPlaces},
	} {
		if whole.value < whole.least || whole.value > whole.most {
			return fmt.Errorf("%w: %s is %d, must be from %d to %d", ErrConfig, whole.name, whole.value, whole.least, whole.most)
		}
	}
	for _, part := range []struct {
		name        string
		value, most float64
	}{
		{"PerDay", c.PerDay, 1_000}, {"Rhythm", c.Rhythm, 1}, {"Newcomers", c.Newcomers, 1}, {"Explore", c.Explore, 1},
		{"CrowdShare", c.CrowdShare, 1}, {"Zipf", c.Zipf, 5}, {"Private", c.Private, 1}, {"Spread", c.Spread, 2},
		{"Crowded", c.Crowded, 10}, {"TestShare", c.TestShare, 1},
	} {
		if !(part.value >= 0 && part.value <= part.most) {
			return fmt.Errorf("%w: %s is %v, must be from 0 to %v", ErrConfig, part.name, part.value, part.most)
		}
	}
	return c.validateSizes()
}

func (c Config) validateSizes() error {
	end := c.Start.Add(span.Duration(c.Days+1) * span.Day)
	switch {
	case c.Start < span.MinTime || end > span.MaxTime || c.Start != c.Start.Floor(span.Day):
		return fmt.Errorf("%w: Start is %v, must be a midnight, and the trace must lie in the years 1970 to 2999",
			ErrConfig, c.Start)
	case c.Duration < span.Second || c.Duration > span.Day:
		return fmt.Errorf("%w: Duration is %v, must be from 1s to 24h", ErrConfig, c.Duration)
	case c.DatasetBytes < 1 || c.DatasetBytes > resource.MaxAmount/1024:
		return fmt.Errorf("%w: DatasetBytes is %d, must be from 1 to %d", ErrConfig, c.DatasetBytes, resource.MaxAmount/1024)
	case (c.PerDay*float64(c.Days)+float64(c.Crowds)*c.CrowdShare)*float64(c.Users) > MaxRequests:
		return fmt.Errorf("%w: (PerDay × Days + Crowds × CrowdShare) × Users is over %d requests", ErrConfig, MaxRequests)
	case c.Need.IsZero():
		return fmt.Errorf("%w: Need is nothing", ErrConfig)
	}
	if err := c.Need.Validate(MaxNeed); err != nil {
		return fmt.Errorf("%w: Need: %w", ErrConfig, err)
	}
	return nil
}
