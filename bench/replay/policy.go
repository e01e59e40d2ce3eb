package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/bench/report"
)

// Policy is one way to decide what is ready when. All policies run on the same
// machines: they differ in the planner of the zones' pools.
type Policy struct {
	Name string
	// What says what it does, and Knob what its setting means; both in a line.
	What, Knob string
	// Settings are the values of the knob that a sweep tries; Default is taken
	// without one.
	Settings []float64
	Default  float64

	zone func(s *setting, knob float64) actors.ZoneConfig
	// oracle is told the future: the replay says it what users will ask for.
	oracle bool
}

// factors are the settings of knobs that scale a plan.
var factors = []float64{.25, .5, .75, 1, 1.5, 2, 3, 5}

// eagerness are the settings of the factor on the price of a miss: from where next to
// nothing is staged to where more of it changes little.
var eagerness = []float64{.015, .02, .03, .05, .1, .3, 1, 3}

// Policies lists all policies in the order in which they are reported.
func Policies() []Policy {
	return []Policy{
		{Name: report.Reactive, What: "no unit ahead, none kept", zone: planner(func(float64) actors.Planner { return &fixed{} })},
		{Name: "keep-alive", What: "a unit that was used stays", Knob: "minutes", Default: 10,
			Settings: []float64{5, 10, 20, 40, 60, 120, 240, 480},
			zone:     planner(func(m float64) actors.Planner { return newKeepAlive(span.Duration(m * float64(span.Minute))) })},
		{Name: "static", What: "so many units always up in every pool", Knob: "units", Default: 1,
			Settings: []float64{1, 2, 3, 4, 5, 6, 7, 8},
			zone:     planner(func(n float64) actors.Planner { return &fixed{units: int(n)} })},
		{Name: "last-day", What: "the peak of the same hour a day ago", Knob: "factor", Default: 1, Settings: factors,
			zone: planner(func(f float64) actors.Planner { return newSamePeak(span.Day, f) })},
		{Name: "last-week", What: "the peak of the same hour a week ago", Knob: "factor", Default: 1, Settings: factors,
			zone: planner(func(f float64) actors.Planner { return newSamePeak(span.Week, f) })},
		{Name: "histogram", What: "a percentile of the decayed histogram of use", Knob: "percentile", Default: 90,
			Settings: []float64{50, 70, 80, 90, 95, 98, 99, 99.9},
			zone:     planner(func(p float64) actors.Planner { return newHistogram(p / 100) })},
		{Name: "scheduled", What: "an hourly forecast of the pool as a floor", Knob: "factor", Default: 1, Settings: factors,
			zone: planner(func(f float64) actors.Planner { return newScheduled(f) })},
		{Name: "zone-only", What: "predictive from the zones' own demand, without users", Knob: "eagerness", Default: 1, Settings: eagerness,
			zone: func(_ *setting, knob float64) actors.ZoneConfig {
				return actors.ZoneConfig{IgnoreUsers: true, Eagerness: knob}
			}},
		{Name: "predictive", What: "all of zonecast", Knob: "eagerness", Default: 1, Settings: eagerness,
			zone: func(_ *setting, knob float64) actors.ZoneConfig { return actors.ZoneConfig{Eagerness: knob} }},
		{Name: report.Greedy, What: "knows all arrivals and stages for each", oracle: true,
			zone: func(s *setting, _ float64) actors.ZoneConfig { return actors.ZoneConfig{} }},
	}
}

// planner makes the zone of a policy that stages units alone, by its own planner.
func planner(of func(knob float64) actors.Planner) func(*setting, float64) actors.ZoneConfig {
	return func(_ *setting, knob float64) actors.ZoneConfig {
		return actors.ZoneConfig{
			Planner:     func(actors.PoolID, span.Time) actors.Planner { return of(knob) },
			IgnoreUsers: true,
			NoPrefetch:  true,
		}
	}
}

// Named returns the policies of a comma-separated list of names, or all for
// "all", in the order in which they are reported.
func Named(list string) ([]Policy, error) {
	all := Policies()
	if list == "all" {
		return all, nil
	}
	names := strings.Split(list, ",")
	var chosen []Policy
	for _, p := range all {
		if slices.Contains(names, p.Name) {
			chosen = append(chosen, p)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(p Policy) bool { return p.Name == name }) {
			return nil, fmt.Errorf("%w: there is no policy %q; there are %s", ErrConfig, name, PolicyNames())
		}
	}
	return chosen, nil
}

// PolicyNames returns the names of all policies, with commas between.
func PolicyNames() string {
	var names []string
	for _, p := range Policies() {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}
