package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zonecast/zonecast/bench/generate"
	"github.com/zonecast/zonecast/bench/replay"
	"github.com/zonecast/zonecast/bench/report"
	"github.com/zonecast/zonecast/bench/trace"
)

const demoFooter = `How to go on:
  zonecast trace generate --help     make a trace of your own kind and write it down
  zonecast replay --help             replay it, or a recorded one, under other prices
  docs/EVALUATION.md                 what every word above means`

func (a *app) demoCommand() *cobra.Command {
	generator := generate.Default()
	o := replayOptions{policies: "all", from: trace.Test, log: "memory"}
	c := &cobra.Command{
		Use: "demo", Short: "Make a trace, replay it under all policies, print the report", Args: cobra.NoArgs,
		Long: `Make a trace of people with habits from a seed, replay it under all policies and
print what came out: how often what a request needed was ready, at what waste.
It takes a minute or two and leaves nothing behind.`,
		Example: `  zonecast demo
  zonecast demo --rhythm 0            # nobody has habits: nothing should be staged
  zonecast demo --users 40 --days 14  # smaller and quicker`,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.demo(c.Context(), generator, &o)
		},
	}
	f := c.Flags()
	generatorFlags(f, &generator)
	f.StringVar(&o.policies, "policy", o.policies, "all, or names with commas between: "+replay.PolicyNames())
	f.StringVar(&o.config.Starts, "starts", "container", "what a unit of compute is: container, vm, model")
	f.Float64Var(&o.config.CostRatio, "cost-ratio", 10, "what a compute miss costs, in hours of a running unit")
	return c
}

func (a *app) demo(ctx context.Context, generator generate.Config, o *replayOptions) error {
	if err := generator.Validate(); err != nil {
		return usageError{err}
	}
	made, err := generate.Generate(generator, ctx.Err)
	if err != nil {
		return err
	}
	if !a.json {
		fmt.Fprintf(a.stdout, "%d requests of %d users in %d zones over %d days, from seed %d.\n\n",
			len(made.Rows), generator.Users, len(made.Zones), generator.Days, generator.Seed)
	}
	o.config.Seed = generator.Seed
	return a.replay(ctx, o, &trace.Trace{Rows: made.Rows}, made.Zones, report.Style{Footer: demoFooter})
}
