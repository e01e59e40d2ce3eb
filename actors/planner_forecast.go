package actors

import (
	"slices"

	"github.com/zonecast/zonecast/actors/forecast"
	"github.com/zonecast/zonecast/actors/plan"
	"github.com/zonecast/zonecast/actors/span"
)

// The grid of plans.
const (
	planStep  = 15 * span.Minute
	planNear  = 4  // windows that are planned anew at every step
	planSteps = 96 // windows that are planned at every full hour
)

// forecastPlanner plans a pool from the forecast of its own arrivals, combined
// with what its users expect, by the unit-by-unit rule.
type forecastPlanner struct {
	pool   *forecast.Pool
	due    span.Time
	counts []forecast.Count
	users  []float64
}

// NewForecastPlanner returns the planner of a pool that is watched from start on.
func NewForecastPlanner(_ PoolID, start span.Time) Planner {
	return &forecastPlanner{pool: forecast.NewPool(start, 0)}
}

func (f *forecastPlanner) Arrived(at span.Time) { f.pool.Observe(at, 1) }

func (f *forecastPlanner) Started(span.Time) {}

func (f *forecastPlanner) Ended(span.Time) {}

func (f *forecastPlanner) Due() span.Time { return f.due }

// Plan implements Planner. Windows begin a lead before those of the grid, so that
// the units are up when the demand of the grid's window comes.
func (f *forecastPlanner) Plan(now span.Time, in PlanInput, dst []Level) []Level {
	first := now.Add(in.Lead).Floor(planStep)
	steps := planNear
	if first%span.Time(span.Hour) == 0 || len(in.Planned) == 0 {
		steps = planSteps
	}
	f.due = first.Add(planStep).Add(-in.Lead)
	f.forecast(now, first, steps, in.Intents)
	up := in.Busy
	for i, c := range f.counts {
		window := span.Starting(first.Add(span.Duration(i)*planStep).Add(-in.Lead), planStep)
		demand := plan.Demand{Mean: c.Mean, Variance: c.Variance, Busy: in.Mean}
		level := plan.Units(demand, planStep, up, in.Costs, in.Revoked, in.Most)
		dst = append(dst, Level{window, level})
		up = level.Units()
	}
	return append(dst, after(in.Planned, dst[len(dst)-1].Window.End)...)
}

// forecast fills counts with the distribution of arrivals in each window.
func (f *forecastPlanner) forecast(now, first span.Time, steps int, intents *Intents) {
	f.users = f.users[:0]
	if intents != nil {
		for i := range steps {
			n, _ := intents.Requests(span.Starting(first.Add(span.Duration(i)*planStep), planStep))
			f.users = append(f.users, n)
		}
	}
	f.counts = slices.Grow(f.counts[:0], steps)[:steps]
	f.pool.Forecast(now, first, planStep, f.users, f.counts)
}

// after returns the levels of windows that begin at t or later.
func after(levels []Level, t span.Time) []Level {
	for i, l := range levels {
		if l.Window.Start >= t {
			return levels[i:]
		}
	}
	return nil
}

// MarshalBinary implements Planner.
func (f *forecastPlanner) MarshalBinary() ([]byte, error) { return f.pool.MarshalBinary() }

// UnmarshalBinary implements Planner.
func (f *forecastPlanner) UnmarshalBinary(b []byte) error { return f.pool.UnmarshalBinary(b) }
