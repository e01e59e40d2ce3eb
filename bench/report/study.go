// Package report turns what replays counted into what is printed: for every
// policy its numbers at one setting, the frontier of hits against wasted hours
// over all settings, hits at equal waste, and differences between policies, with
// intervals from a bootstrap over days. docs/EVALUATION.md defines the terms.
package report

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/bench/trace"
)

// Study is what a report is made from: the scored part of every run.
type Study struct {
	Trace      trace.Info
	Parameters any // of the replay, as they are printed
	Measured   any // wall times and the like: all that may differ between two runs

	Policies []Policy // in the order in which they are printed
	Subject  string   // the policy that the others are compared with; "" for none

	Ratios []float64 // cost ratios for which Day.Cost has a price
	Ratio  int       // index of the one behind total_cost

	// Levels are the wasted hours at which policies are compared. nil: Levels
	// chooses them.
	Levels    []float64
	Seed      uint64 // of the bootstrap
	Resamples int    // of days; 0: DefaultResamples
}

// Policy is one policy at one or more settings of its knob.
type Policy struct {
	Name   string
	Runs   []Run
	Chosen int // index of the run behind the single numbers
}

// Run is one policy's replay at one setting. All runs of a study have the same
// days.
type Run struct {
	Knob         float64 // the setting; 0 for a policy without a knob
	Days         []Day   // every scored day in order, those without requests too
	Start        StartTimes
	Reservations Reservations
}

// Day is what happened to the requests asked on one day, and what stood ready on
// it.
type Day struct {
	Start   span.Time
	StartMs float64 // sum of the start times of served requests

	Compute, Data, Connection, Storage Facet

	StagedHours     float64   // units of compute that existed, in hours
	WastedHours     float64   // of these, hours in which no request used them
	CachedByteHours float64   // bytes of datasets held, times hours
	Cost            []float64 // for each of Study.Ratios, in the zones' currency
}

// Facet counts requests by what they met. Requests are those that need the
// facet; every request needs compute. Requests = Hit + Late + Missed + Refused.
type Facet struct{ Requests, Hit, Late, Missed, Refused int }

// StartTimes of served requests, in ms.
type StartTimes struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
}

// Reservations counts what became of a run's reservations.
type Reservations struct {
	Firm     int `json:"firm"`
	Soft     int `json:"soft"`
	Upgraded int `json:"upgraded"`
	Revoked  int `json:"revoked"`
	Expired  int `json:"expired"`
}

func (f Facet) plus(g Facet) Facet {
	return Facet{f.Requests + g.Requests, f.Hit + g.Hit, f.Late + g.Late, f.Missed + g.Missed, f.Refused + g.Refused}
}

func (f Facet) rate() float64 { return share(float64(f.Hit), float64(f.Requests)) }

// share returns part / of, 0 where there is nothing.
func share(part, of float64) float64 {
	if of == 0 {
		return 0
	}
	return part / of
}

// total returns the sum of a run's days.
func (r Run) total() Day {
	var sum Day
	for _, d := range r.Days {
		sum.StartMs += d.StartMs
		sum.Compute, sum.Data = sum.Compute.plus(d.Compute), sum.Data.plus(d.Data)
		sum.Connection, sum.Storage = sum.Connection.plus(d.Connection), sum.Storage.plus(d.Storage)
		sum.StagedHours += d.StagedHours
		sum.WastedHours += d.WastedHours
		sum.CachedByteHours += d.CachedByteHours
		if sum.Cost == nil {
			sum.Cost = make([]float64, len(d.Cost))
		}
		for i, cost := range d.Cost {
			sum.Cost[i] += cost
		}
	}
	return sum
}

// ErrStudy is wrapped by every error about a Study.
var ErrStudy = errors.New("bad study")

// Validate returns an error that wraps ErrStudy and names policy, run and day,
// or nil.
func (s *Study) Validate() error {
	if len(s.Policies) == 0 || s.Ratio < 0 || s.Ratio >= len(s.Ratios) || s.Resamples < 0 {
		return fmt.Errorf("%w: it needs a policy, a cost ratio and no negative number of resamples", ErrStudy)
	}
	names := map[string]bool{}
	for _, p := range s.Policies {
		if names[p.Name] || p.Chosen < 0 || p.Chosen >= len(p.Runs) {
			return fmt.Errorf("%w: policy %q: its name must be its own, and one of its runs chosen", ErrStudy, p.Name)
		}
		names[p.Name] = true
		for i, run := range p.Runs {
			if err := s.validateRun(run); err != nil {
				return fmt.Errorf("%w: policy %s, run %d: %w", ErrStudy, p.Name, i, err)
			}
		}
	}
	if s.Subject != "" && !names[s.Subject] {
		return fmt.Errorf("%w: its subject %q is none of its policies", ErrStudy, s.Subject)
	}
	return nil
}

func (s *Study) validateRun(run Run) error {
	days := s.Policies[0].Runs[0].Days
	if len(run.Days) == 0 || len(run.Days) != len(days) {
		return fmt.Errorf("%d days, the first run has %d", len(run.Days), len(days))
	}
	for i, d := range run.Days {
		if d.Start != days[i].Start || len(d.Cost) != len(s.Ratios) {
			return fmt.Errorf("day %v: %d costs for %d ratios, and the first run has %v here",
				d.Start, len(d.Cost), len(s.Ratios), days[i].Start)
		}
		for _, f := range []Facet{d.Compute, d.Data, d.Connection, d.Storage} {
			if f.Hit+f.Late+f.Missed+f.Refused != f.Requests {
				return fmt.Errorf("day %v: hit + late + missed + refused is not requests: %+v", d.Start, f)
			}
		}
		numbers := append(slices.Clone(d.Cost), d.StagedHours, d.WastedHours, d.CachedByteHours, d.StartMs)
		if slices.ContainsFunc(numbers, func(x float64) bool { return !(x >= 0 && x <= math.MaxFloat64) }) {
			return fmt.Errorf("day %v: a number is negative or not finite: %v", d.Start, numbers)
		}
	}
	return nil
}
