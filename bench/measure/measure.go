// Package measure tells what the parts of zonecast cost beside baselines that are
// measured in the same run: the obvious way to do the same, or the floor that the
// machine sets.
//
// A shared machine is noisy, and its speed drifts. So subject and baseline take
// turns, a round each, and the median of the rounds counts; CPU time, user and
// system, of the whole process stands beside wall time. Ratios are what to read.
package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrConfig is wrapped by every error about a Config.
var ErrConfig = errors.New("bad measurement")

// MaxEach bounds Config.Each: longer tells nothing more.
const MaxEach = time.Minute

// Config says what is measured and for how long.
type Config struct {
	Only []string      // names of groups; nil is all
	Each time.Duration // of one row, its baseline included; above 0, up to MaxEach
	Dir  string        // where persistence is measured, in a directory that is removed; "" is the system's for such
}

// Validate returns an error that wraps ErrConfig and says what is wrong.
func (c Config) Validate() error {
	if c.Each <= 0 || c.Each > MaxEach {
		return fmt.Errorf("%w: a row of %v, must take more than 0 and at most %v", ErrConfig, c.Each, MaxEach)
	}
	for _, name := range c.Only {
		if !slices.Contains(Names(), name) {
			return fmt.Errorf("%w: there is no group %q; there are %s", ErrConfig, name, strings.Join(Names(), ", "))
		}
	}
	return nil
}

// Groups returns the names of the groups that c measures, in that order.
func (c Config) Groups() []string {
	return slices.DeleteFunc(Names(), func(name string) bool {
		return len(c.Only) > 0 && !slices.Contains(c.Only, name)
	})
}

// Group is what was measured under one name.
type Group struct {
	Name    string   `json:"name"`
	What    string   `json:"what"` // was measured against what
	Rows    []Row    `json:"rows"`
	Targets []Target `json:"targets"`
}

// Row is one operation beside its baseline.
type Row struct {
	Name     string `json:"name"`
	Cost     Cost   `json:"cost"`
	Against  string `json:"against"` // the baseline
	Baseline Cost   `json:"baseline"`
	// How many times dearer the baseline is.
	WallRatio float64 `json:"wall_ratio"`
	CPURatio  float64 `json:"cpu_ratio"`
}

// Cost of one operation, in ns.
type Cost struct {
	WallNs float64 `json:"wall_ns"`          // of the whole, divided by the operations; they may run side by side
	CPUNs  float64 `json:"cpu_ns"`           // user and system, of the whole process
	P50Ns  float64 `json:"p50_ns,omitempty"` // median time from call to return, where callers wait
}

// Target is a number to reach; Bound is the least that Value may be, or the most.
type Target struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Bound   float64 `json:"bound"`
	Most    bool    `json:"most"`
	Reached bool    `json:"reached"`
}

func atLeast(name string, value, bound float64) Target {
	return Target{name, value, bound, false, value >= bound}
}

func atMost(name string, value, bound float64) Target {
	return Target{name, value, bound, true, value <= bound}
}

// group is one measurement by its name.
type group struct {
	name    string
	measure func(context.Context, Config) (Group, error)
}

func groups() []group {
	return []group{
		{"replay", replayed}, {"choice", choice}, {"ledger", books}, {"plan", planning}, {"persistence", durable},
	}
}

// Names returns the names of all groups, in the order in which they are measured.
func Names() []string {
	var names []string
	for _, g := range groups() {
		names = append(names, g.name)
	}
	return names
}

// Run measures what c names. done is told after each group. Errors: ErrConfig, the
// context's, or of what was measured.
func Run(ctx context.Context, c Config, done func()) ([]Group, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	var measured []Group
	for _, g := range groups() {
		if !slices.Contains(c.Groups(), g.name) {
			continue
		}
		m, err := g.measure(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", g.name, err)
		}
		m.Name = g.name
		measured = append(measured, m)
		done()
	}
	return measured, nil
}

// row adds a row to the group, measured by turns.
func (g *Group) row(ctx context.Context, rounds int, name string, subject turn, against string, baseline turn) error {
	r := Row{Name: name, Against: against}
	var err error
	if r.Cost, r.Baseline, err = alternate(ctx, rounds, subject, baseline); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	r.WallRatio, r.CPURatio = r.Baseline.WallNs/r.Cost.WallNs, r.Baseline.CPUNs/r.Cost.CPUNs
	g.Rows = append(g.Rows, r)
	return nil
}

// compare adds a row for two operations of one thread.
func (g *Group) compare(
	ctx context.Context, c Config, name string, subject operation, against string, baseline operation,
) error {
	length := c.Each / (2 * rounds)
	return g.row(ctx, rounds, name, repeat(length, subject), against, repeat(length, baseline))
}

// last returns the row that was added last.
func (g *Group) last() Row { return g.Rows[len(g.Rows)-1] }
