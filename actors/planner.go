package actors

import (
	"encoding"

	"github.com/zonecast/zonecast/actors/plan"
	"github.com/zonecast/zonecast/actors/span"
)

// Planner decides how many units of one pool should be up, window by window. The
// zone asks whenever Due has come, and reserves and stages what it is told.
//
// What a planner has learned is derived state: all its methods but Plan and Due
// are called while records are folded.
type Planner interface {
	// Arrived counts a request of the pool that was asked for here, wherever it is
	// served.
	Arrived(at span.Time)
	// Started and Ended say that a unit was taken here, and given back.
	Started(at span.Time)
	Ended(at span.Time)
	// Due returns when Plan wants to be called next.
	Due() span.Time
	// Plan appends to dst what the pool wants: windows side by side, those in which
	// it wants nothing included. They replace what was planned before for the time
	// from the first to the last of them.
	Plan(now span.Time, in PlanInput, dst []Level) []Level
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// PoolID names a pool.
type PoolID struct{ Zone, Tenant, Class string }

// PlanInput is what a zone knows of a pool when it plans.
type PlanInput struct {
	Busy    int           // units in use now
	Lead    span.Duration // how long before a window its units have to be begun
	Mean    span.Duration // mean busy time of the pool's requests
	Costs   plan.Costs    //
	Revoked float64       // measured probability that a soft unit isn't there when needed
	Most    int           // units that the zone could ever hold
	Intents *Intents      // what users expect to ask of the pool; nil if they are not asked
}
