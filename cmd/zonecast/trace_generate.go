package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/bench/generate"
	"github.com/zonecast/zonecast/bench/trace"
)

// generated is what `trace generate` made.
type generated struct {
	TraceFile string     `json:"trace_file"`
	ZonesFile string     `json:"zones_file"`
	Zones     int        `json:"zones"`
	Trace     trace.Info `json:"trace"`
}

func (a *app) traceGenerateCommand() *cobra.Command {
	config, start := generate.Default(), ""
	var out, zonesOut string
	var force bool
	c := &cobra.Command{
		Use: "generate", Short: "Make a trace, and zones to serve it, from a seed", Args: cobra.NoArgs,
		Long: `Make a trace of people with homes, workplaces and favourite places, who ask at their
usual times on their usual days, and zones whose capacity is near their peak. The same
flags give the same bytes. With --rhythm 0 there are no habits at all: requests come at
random times, from random positions, for random datasets.`,
		Example: `  zonecast trace generate --out trace.csv.gz --zones-out zones.csv
  zonecast trace generate --rhythm 0 --seed 7 --out noise.csv --zones-out noise-zones.csv
  zonecast trace generate --users 1000 --days 90 --cities 3 --zones 24`,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := setStart(&config, start); err != nil {
				return usageError{err}
			}
			if err := mayWrite(force, out, zonesOut); err != nil {
				return usageError{err}
			}
			return a.generate(c, config, out, zonesOut)
		},
	}
	flags := c.Flags()
	flags.StringVar(&out, "out", "trace.csv.gz", "trace file to write; .gz is compressed")
	flags.StringVar(&zonesOut, "zones-out", "zones.csv", "zones file to write")
	flags.BoolVar(&force, "force", false, "replace files that exist")
	flags.StringVar(&start, "start", config.Start.Std().Format(time.DateOnly), "first day")
	generatorFlags(flags, &config)
	return c
}

// generatorFlags lets the command line set a generator's parameters.
func generatorFlags(flags *pflag.FlagSet, c *generate.Config) {
	flags.Uint64Var(&c.Seed, "seed", c.Seed, "seed of all that is random")
	flags.IntVar(&c.Days, "days", c.Days, "days")
	flags.IntVar(&c.Users, "users", c.Users, "users")
	flags.IntVar(&c.Tenants, "tenants", c.Tenants, "tenants that the users belong to")
	flags.IntVar(&c.Cities, "cities", c.Cities,
		fmt.Sprintf("cities that users and zones lie in, up to %d", generate.MaxCities))
	flags.IntVar(&c.Zones, "zones", c.Zones, "zones")
	flags.Float64Var(&c.PerDay, "per-day", c.PerDay, "requests per user and day")
	flags.Float64Var(&c.Rhythm, "rhythm", c.Rhythm, "weight of habits, from 0 (none) to 1 (nothing else)")
	flags.IntVar(&c.Holidays, "holidays", c.Holidays, "working days that pass as a weekend's")
	flags.Float64Var(&c.Newcomers, "newcomers", c.Newcomers, "share of users who join during the trace")
	flags.Float64Var(&c.Explore, "explore", c.Explore, "share of habitual requests that go to some other place")
	flags.IntVar(&c.Crowds, "crowds", c.Crowds, "flash crowds")
	flags.Float64Var(&c.CrowdShare, "crowd-share", c.CrowdShare, "share of a city's users that a flash crowd draws")
	flags.IntVar(&c.Places, "places", c.Places, "shared places per city, each with a dataset")
	flags.Float64Var(&c.Zipf, "zipf", c.Zipf, "exponent of the places' popularity")
	flags.Float64Var(&c.Private, "private", c.Private, "share of habits away from home with a dataset of the user's own")
	flags.Int64Var(&c.DatasetBytes, "dataset-bytes", c.DatasetBytes, "mean size of a dataset")
	flags.Int64Var(&c.Need.CPU, "cpu-millicores", c.Need.CPU, "what each request asks for")
	flags.Int64Var(&c.Need.Memory, "memory-bytes", c.Need.Memory, "likewise")
	flags.Int64Var(&c.Need.Storage, "storage-bytes", c.Need.Storage, "likewise")
	flags.Int64Var(&c.Need.Bandwidth, "bandwidth-bps", c.Need.Bandwidth, "likewise")
	flags.Var((*duration)(&c.Duration), "duration", "mean duration of a request")
	flags.Float64Var(&c.Spread, "spread", c.Spread, "standard deviation of the duration's logarithm")
	flags.Float64Var(&c.Crowded, "crowded", c.Crowded, "capacity of the busiest zone, in parts of its peak")
	flags.Float64Var(&c.TestShare, "test-share", c.TestShare, "share of the time, at the end, that is of part test")
}

// duration is a flag's view of a span.Duration.
type duration span.Duration

func (d *duration) String() string { return span.Duration(*d).String() }

func (d *duration) Type() string { return "duration" }

func (d *duration) Set(text string) error {
	std, err := time.ParseDuration(text)
	*d = duration(std / time.Millisecond)
	return err
}

func setStart(c *generate.Config, start string) error {
	day, err := time.Parse(time.DateOnly, start)
	if err != nil {
		return fmt.Errorf("--start %q: give a day as 2026-03-02", start)
	}
	c.Start = span.Of(day)
	return nil
}

// mayWrite returns an error for files that are one, or that exist, unless force
// is set.
func mayWrite(force bool, out, zonesOut string) error {
	if out == zonesOut {
		return fmt.Errorf("--out and --zones-out both name %s", out)
	}
	for _, path := range []string{out, zonesOut} {
		if _, err := os.Stat(path); err == nil && !force {
			return fmt.Errorf("%s exists; name another file, or replace it with --force", path)
		}
	}
	return nil
}

func (a *app) generate(c *cobra.Command, config generate.Config, out, zonesOut string) error {
	bar := a.progress("generating users", config.Users)
	made, err := generate.Generate(config, func() error {
		bar.Add(1)
		return c.Context().Err()
	})
	bar.Close()
	if errors.Is(err, generate.ErrConfig) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	if err := trace.Write(out, made.Rows); err != nil {
		return err
	}
	if err := trace.WriteZones(zonesOut, made.Zones); err != nil {
		return err
	}
	info := trace.Describe(&trace.Trace{Rows: made.Rows})
	text := fmt.Sprintf("%s and %s (%d zones) written\n\n%s\n\nNext: zonecast trace check %s --zones %s",
		out, zonesOut, len(made.Zones), info, out, zonesOut)
	return a.print(generated{out, zonesOut, len(made.Zones), info}, text)
}
