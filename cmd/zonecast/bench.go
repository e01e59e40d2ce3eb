package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zonecast/zonecast/bench/measure"
)

// benchOptions are the flags of bench.
type benchOptions struct {
	config     measure.Config
	seconds    float64
	out        string
	cpuprofile string
}

// benched is what bench prints with --json, and writes for each group.
type benched struct {
	Command string          `json:"command"` // that makes it again
	Go      string          `json:"go"`
	CPUs    int             `json:"cpus"`
	Groups  []measure.Group `json:"groups"`
}

func (a *app) benchCommand() *cobra.Command {
	var o benchOptions
	c := &cobra.Command{
		Use: "bench", Short: "Measure what the parts cost beside their baselines", Args: cobra.NoArgs,
		Long: `Measure what the parts cost, each beside a baseline in the same run: replay, choice
of a zone, ledger, plan, persistence (in TMPDIR, which should be on a real disk).

Times are of one operation; CPU is user and system time of the whole process. "×"
says how many times dearer the baseline is. Machines differ and are noisy: read
the ratios. It takes about a minute.`,
		Example: `  zonecast bench
  zonecast bench --only choice,ledger --seconds 3
  zonecast bench --out bench/results          # a page per group
  zonecast bench --only plan --json`,
		RunE: func(c *cobra.Command, _ []string) error {
			o.config.Each = time.Duration(o.seconds * float64(time.Second))
			return a.bench(c.Context(), &o)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.config.Only, "only", nil, "groups with commas between: "+strings.Join(measure.Names(), ", "))
	f.Float64Var(&o.seconds, "seconds", 1, "how long a row is measured, its baseline included; up to 60")
	f.StringVar(&o.out, "out", "", "write a file per group into this directory: .md, or .json with --json")
	f.StringVar(&o.cpuprofile, "cpuprofile", "", "write a CPU profile to this file, for go tool pprof")
	return c
}

func (a *app) bench(ctx context.Context, o *benchOptions) error {
	if err := o.config.Validate(); err != nil {
		return usageError{err}
	}
	if o.out != "" { // before a minute's work, not after it
		if err := os.MkdirAll(o.out, 0o755); err != nil {
			return err
		}
	}
	stop, err := profile(o.cpuprofile)
	if err != nil {
		return err
	}
	bar := a.progress("measuring", len(o.config.Groups()))
	groups, err := measure.Run(ctx, o.config, func() { bar.Add(1) })
	bar.Close()
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	if o.out != "" {
		if err := a.writeGroups(o, groups); err != nil {
			return err
		}
	}
	var text []string
	for _, g := range groups {
		text = append(text, g.String())
	}
	return a.print(a.benched(o, o.config.Only, groups), strings.Join(text, "\n\n\n"))
}

// profile begins a CPU profile and returns what ends it; "" is none.
func profile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() error { pprof.StopCPUProfile(); return file.Close() }, nil
}

// benched returns groups with the command that makes them again.
func (a *app) benched(o *benchOptions, only []string, groups []measure.Group) benched {
	command := fmt.Sprintf("zonecast bench --seconds %v", o.seconds)
	if len(only) > 0 {
		command += " --only " + strings.Join(only, ",")
	}
	if o.out != "" {
		command += " --out " + o.out
	}
	if a.json {
		command += " --json"
	}
	return benched{command, runtime.Version(), runtime.GOMAXPROCS(0), groups}
}

// writeGroups writes a file per group. There is no date in it: what changes from
// one commit to the next is what was measured.
func (a *app) writeGroups(o *benchOptions, groups []measure.Group) error {
	for _, g := range groups {
		made := a.benched(o, []string{g.Name}, []measure.Group{g})
		note := fmt.Sprintf("Made by `%s` with %s on %d CPUs. Times are of one operation; read the ratios.",
			made.Command, made.Go, made.CPUs)
		page, extension := []byte(g.Markdown(note)), ".md"
		if a.json {
			text, err := json.MarshalIndent(made, "", "  ")
			if err != nil {
				return err
			}
			page, extension = append(text, '\n'), ".json"
		}
		if err := os.WriteFile(filepath.Join(o.out, g.Name+extension), page, 0o644); err != nil {
			return err
		}
	}
	return nil
}
