package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/bench/replay"
	"github.com/zonecast/zonecast/bench/report"
	"github.com/zonecast/zonecast/bench/trace"
)

// replayOptions are the flags of replay, and what demo sets.
type replayOptions struct {
	trace, zones string
	policies     string
	from         string
	days         int
	sweep        bool
	log          string
	out          string
	config       replay.Config
}

const replayHelp = `Serve the requests of a trace under one policy after the other, in virtual time
and under the same rules, and compare what each would have cost.

Every decision sees the rows before it and nothing else. Scoring begins at --from:
a time, a percentage of the rows, or "test", the first instant after which every
row's part is test. With --policy all, or --sweep, every policy is run at eight
settings of its knob; the setting behind the single numbers is the cheapest of
the eight weeks before --from.

docs/EVALUATION.md defines every word of the report.`

func (a *app) replayCommand() *cobra.Command {
	var o replayOptions
	c := &cobra.Command{
		Use: "replay --trace FILE --zones FILE", Short: "Compare policies on a trace", Args: cobra.NoArgs, Long: replayHelp,
		Example: `  # All policies, every setting of their knobs
  zonecast replay --trace trace.csv.gz --zones zones.csv --policy all

  # One policy at its default setting, for programs
  zonecast replay --trace trace.csv.gz --zones zones.csv --policy predictive --json

  # Virtual machines that take 45 s to start, and a miss that costs 30 unit-hours
  zonecast replay --trace trace.csv.gz --zones zones.csv --starts vm --cost-ratio 30`,
		RunE: func(c *cobra.Command, _ []string) error {
			rows, err := a.readTrace(o.trace, trace.Options{})
			if err != nil {
				return err
			}
			zones, err := trace.ReadZones(o.zones)
			if err != nil {
				return inputError{err}
			}
			a.warn(o.trace, rows)
			for _, warning := range zones.Warnings {
				a.log.Warn(warning, "file", o.zones)
			}
			return a.replay(c.Context(), &o, rows, zones.Zones, report.Style{})
		},
	}
	f := c.Flags()
	f.StringVar(&o.trace, "trace", "", "trace of requests, CSV or .gz (see docs/FORMATS.md)")
	f.StringVar(&o.zones, "zones", "", "zones that serve them, CSV or .gz")
	f.StringVar(&o.policies, "policy", "all", "all, or names with commas between: "+replay.PolicyNames())
	f.BoolVar(&o.sweep, "sweep", false, "run every setting of the knobs (with --policy all always)")
	f.StringVar(&o.from, "from", trace.Test, "where scoring begins: test, a percentage such as 80%, or a time")
	f.IntVar(&o.days, "days", 0, "serve only so many days up to the end of the trace (0: all)")
	f.StringVar(&o.config.Starts, "starts", "container", "what a unit of compute is: container, vm, model")
	f.Float64Var(&o.config.CostRatio, "cost-ratio", 10, "what a compute miss costs, in hours of a running unit")
	f.Uint64Var(&o.config.Seed, "seed", 1, "of everything that is drawn")
	f.StringVar(&o.out, "out", "", "file to write the JSON object to as well")
	f.StringVar(&o.log, "log", "memory", "memory, or raft: the Raft core over a disk in memory, which must give the same counts")
	for _, name := range []string{"trace", "zones"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is defined above
		}
	}
	return c
}

// replay replays rows as the options say and prints the report.
func (a *app) replay(ctx context.Context, o *replayOptions, rows *trace.Trace, zones []trace.Zone, style report.Style) error {
	policies, err := replay.Named(o.policies)
	if err != nil {
		return usageError{err}
	}
	from, err := rows.From(o.from)
	if err != nil {
		return usageError{fmt.Errorf("--from: %w", err)}
	}
	if o.days < 0 {
		return usageError{fmt.Errorf("--days is %d, must be 0 (all) or more", o.days)}
	}
	config := o.config
	config.Rows, config.Zones, config.From = lastDays(rows.Rows, o.days), zones, from
	switch o.log {
	case "memory":
	case "raft":
		config.Raft = true
	default:
		return usageError{fmt.Errorf("--log is %q, must be memory or raft", o.log)}
	}
	plan := replay.Plan{Policies: policies, Sweep: o.sweep || o.policies == "all"}
	bar := a.progress(fmt.Sprintf("replaying %d policies", len(policies)), 100*plan.Runs())
	study, err := replay.Do(ctx, &config, plan, trace.Describe(rows), func() { bar.Add(1) })
	bar.Close()
	if errors.Is(err, replay.ErrConfig) {
		return usageError{err}
	} else if err != nil {
		return err
	}
	result, err := report.New(study)
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := writeJSON(o.out, result); err != nil {
			return err
		}
	}
	if a.json {
		return a.print(result, "")
	}
	style.Plot = plotted(policies)
	return result.Print(a.stdout, style)
}

// plotted returns the policies whose frontiers say most in one plot, of those that
// were replayed; nil for all of a few.
func plotted(policies []replay.Policy) []string {
	if len(policies) <= report.MaxPlotted {
		return nil
	}
	var names []string
	for _, p := range policies {
		if slices.Contains([]string{"predictive", "zone-only", "scheduled", "histogram", "keep-alive", "last-week"}, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// writeJSON writes v to a file, indented.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// lastDays returns the rows of so many days before the last, all for 0.
func lastDays(rows []trace.Row, days int) []trace.Row {
	if days <= 0 || len(rows) == 0 {
		return rows
	}
	first := rows[len(rows)-1].At.Add(-span.Duration(days) * span.Day)
	for i := range rows {
		if rows[i].At >= first {
			return rows[i:]
		}
	}
	return nil
}
