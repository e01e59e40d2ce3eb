package replay

import (
	"context"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/zonecast/zonecast/bench/report"
	"github.com/zonecast/zonecast/bench/trace"
)

// Plan is which policies are replayed at which settings.
type Plan struct {
	Policies []Policy
	Sweep    bool // every setting of the knobs, not only the default
	// Levels are the wasted hours at which policies are compared; nil lets the report
	// choose.
	Levels []float64
}

// Runs returns how many replays the plan makes.
func (p Plan) Runs() int {
	n := 0
	for _, policy := range p.Policies {
		n += len(p.settings(policy))
	}
	return n
}

func (p Plan) settings(policy Policy) []float64 {
	if p.Sweep && len(policy.Settings) > 0 {
		return policy.Settings
	}
	return []float64{policy.Default}
}

// Measured is what may differ between two replays of the same seed.
type Measured struct {
	WallSeconds     float64            `json:"wall_seconds"`
	RunSeconds      map[string]float64 `json:"run_seconds"` // by policy: the mean of its runs
	Events          int                `json:"events"`
	EventsPerSecond float64            `json:"events_per_second"` // of one run, on one core
	MemoryBytes     uint64             `json:"memory_bytes"`      // obtained from the system
}

// gcPercent lets the heap grow more than usual between collections: a replay holds
// little and makes much garbage.
const gcPercent = 800

// job is one replay of a plan.
type job struct {
	policy, run int
	knob        float64
}

// Do replays a plan, several runs at a time, and returns what the report needs.
// progress, if not nil, is told of every hundredth part of every run.
func Do(ctx context.Context, config *Config, plan Plan, info trace.Info, progress func()) (report.Study, error) {
	begun := time.Now()
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	outcomes := make([][]Outcome, len(plan.Policies))
	seconds := make([]float64, len(plan.Policies))
	var jobs []job
	for i, p := range plan.Policies {
		outcomes[i] = make([]Outcome, len(plan.settings(p)))
		for j, knob := range plan.settings(p) {
			jobs = append(jobs, job{i, j, knob})
		}
	}
	// The slowest first, so that no core idles at the end.
	slices.Reverse(jobs)
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, j := range jobs {
		group.Go(func() error {
			start := time.Now()
			outcome, err := Run(ctx, config, plan.Policies[j.policy], j.knob, progress)
			mu.Lock()
			defer mu.Unlock()
			outcomes[j.policy][j.run] = outcome
			seconds[j.policy] += time.Since(start).Seconds()
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return report.Study{}, err
	}
	study := newStudy(config, plan, info, outcomes)
	study.Measured = measure(plan, outcomes, seconds, time.Since(begun))
	return study, nil
}

func newStudy(config *Config, plan Plan, info trace.Info, outcomes [][]Outcome) report.Study {
	ratios := config.Ratios()
	study := report.Study{
		Trace: info, Parameters: newSetting(config).parameters(), Ratios: ratios, Ratio: slices.Index(ratios, config.CostRatio),
		Levels: plan.Levels, Seed: config.Seed,
	}
	for i, p := range plan.Policies {
		policy := report.Policy{Name: p.Name}
		for j, o := range outcomes[i] {
			policy.Runs = append(policy.Runs, o.Run)
			if o.TuningCost < outcomes[i][policy.Chosen].TuningCost {
				policy.Chosen = j
			}
		}
		study.Policies = append(study.Policies, policy)
		if p.Name == "predictive" {
			study.Subject = p.Name
		}
	}
	return study
}

func measure(plan Plan, outcomes [][]Outcome, seconds []float64, wall time.Duration) Measured {
	m := Measured{WallSeconds: wall.Seconds(), RunSeconds: make(map[string]float64)}
	total := 0.0
	for i, p := range plan.Policies {
		m.RunSeconds[p.Name] = seconds[i] / float64(len(outcomes[i]))
		total += seconds[i]
		for _, o := range outcomes[i] {
			m.Events += o.Events
		}
	}
	m.EventsPerSecond = float64(m.Events) / total
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	m.MemoryBytes = memory.Sys
	return m
}
