package actors

import (
	"slices"

	"github.com/zonecast/zonecast/actors/forecast"
	"github.com/zonecast/zonecast/actors/plan"
	"github.com/zonecast/zonecast/actors/span"
)

// The grid of plans.
const (
	planStep = 15 * span.Minute
	planNear = 4  // windows of a step that are planned anew at every step
	planFar  = 23 // windows of an hour after them, planned at every full hour
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
	f.due = first.Add(planStep).Add(-in.Lead)
	up := in.Busy
	dst = f.plan(now, span.Starting(first, planStep), planNear, &up, in, dst)
	if first.Floor(span.Hour) == first {
		far := span.Starting(first.Add(planNear*planStep), span.Hour)
		dst = f.plan(now, far, planFar, &up, in, dst)
	}
	return dst
}

// plan appends the levels of n windows that begin with first.
func (f *forecastPlanner) plan(now span.Time, first span.Window, n int, up *int, in PlanInput, dst []Level) []Level {
	length := first.Length()
	f.users = f.users[:0]
	if in.Intents != nil {
		for i := range n {
			expected, _ := in.Intents.Requests(span.Starting(first.Start.Add(span.Duration(i)*length), length))
			f.users = append(f.users, expected)
		}
	}
	f.counts = slices.Grow(f.counts[:0], n)[:n]
	f.pool.Forecast(now, first.Start, length, f.users, f.counts)
	for i, c := range f.counts {
		demand := plan.Demand{Mean: c.Mean, Variance: c.Variance, Busy: in.Mean}
		level := plan.Units(demand, length, *up, in.Costs, in.Revoked, in.Most)
		*up = level.Units()
		dst = append(dst, Level{span.Starting(first.Start.Add(span.Duration(i)*length-in.Lead), length), level})
	}
	return dst
}

// MarshalBinary implements Planner.
func (f *forecastPlanner) MarshalBinary() ([]byte, error) { return f.pool.MarshalBinary() }

// UnmarshalBinary implements Planner.
func (f *forecastPlanner) UnmarshalBinary(b []byte) error { return f.pool.UnmarshalBinary(b) }
