package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zonecast/zonecast/bench/trace"
)

// check is what `trace check` found.
type check struct {
	File     string    `json:"file"`
	Rows     int       `json:"rows"`     // good ones
	BadRows  int       `json:"bad_rows"` // left out
	Problems []problem `json:"problems"` // the first bad rows
	Warnings []string  `json:"warnings"`
	Zones    int       `json:"zones"`   // 0 if no zones file was named
	TooBig   int       `json:"too_big"` // requests that fit into no zone, even an empty one
}

type problem struct {
	Line   int    `json:"line"`
	Row    int    `json:"row"`
	Column string `json:"column"`
	Error  string `json:"error"`
}

func (a *app) traceCheckCommand() *cobra.Command {
	var o trace.Options
	var zonesPath string
	var strict bool
	c := &cobra.Command{
		Use: "check FILE", Short: "Check a trace, and the zones it is to be served by", Args: cobra.ExactArgs(1),
		Long: `Check a trace: bad rows with their lines, unknown and missing columns, order of time;
with --zones also the zones file, and whether each request fits into any zone.

A file that a replay would refuse ends with exit code 3. Bad rows, which a replay
leaves out, and warnings do so with --strict.`,
		Example: "  zonecast trace check trace.csv.gz --zones zones.csv\n  zonecast trace check - --strict < trace.csv",
		RunE: func(_ *cobra.Command, args []string) error {
			found, err := a.check(args[0], zonesPath, o)
			if err != nil {
				return err
			}
			if err := a.print(found, found.String()); err != nil {
				return err
			}
			if strict && found.BadRows+len(found.Warnings)+found.TooBig > 0 {
				return inputError{fmt.Errorf("%s: not clean, and --strict was asked for", args[0])}
			}
			return nil
		},
	}
	c.Flags().StringVar(&zonesPath, "zones", "", "zones file to check along with it")
	c.Flags().BoolVar(&o.Sort, "sort", false, "take a file that is not sorted by time")
	c.Flags().BoolVar(&strict, "strict", false, "take no bad rows and no warnings")
	return c
}

func (a *app) check(path, zonesPath string, o trace.Options) (check, error) {
	t, err := a.readTrace(path, o)
	if err != nil {
		return check{}, err
	}
	if path == "-" {
		path = "stdin"
	}
	found := check{File: path, Rows: len(t.Rows), BadRows: t.Bad.Total, Problems: []problem{},
		Warnings: append([]string{}, t.Warnings...)}
	for _, e := range t.Bad.First {
		found.Problems = append(found.Problems, problem{e.Line, e.Row, e.Column, e.Err.Error()})
	}
	if zonesPath == "" {
		return found, nil
	}
	zones, err := trace.ReadZones(zonesPath)
	if err != nil {
		return check{}, inputError{err}
	}
	found.Zones = len(zones.Zones)
	for _, warning := range zones.Warnings {
		found.Warnings = append(found.Warnings, zonesPath+": "+warning)
	}
	for i := range t.Rows {
		if !fitsAny(&t.Rows[i], zones.Zones) {
			found.TooBig++
		}
	}
	return found, nil
}

func fitsAny(row *trace.Row, zones []trace.Zone) bool {
	for i := range zones {
		if row.Need.Fits(zones[i].Capacity) {
			return true
		}
	}
	return false
}

// String returns what was found, for people.
func (c check) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d requests", c.File, c.Rows)
	if c.Zones > 0 {
		fmt.Fprintf(&b, ", %d zones", c.Zones)
	}
	for _, p := range c.Problems {
		fmt.Fprintf(&b, "\nbad row: line %d", p.Line)
		if p.Column != "" {
			fmt.Fprintf(&b, ", %s", p.Column)
		}
		fmt.Fprintf(&b, ": %s", p.Error)
	}
	if more := c.BadRows - len(c.Problems); more > 0 {
		fmt.Fprintf(&b, "\nand %d more bad rows", more)
	}
	for _, warning := range c.Warnings {
		fmt.Fprintf(&b, "\nwarning: %s", warning)
	}
	if c.TooBig > 0 {
		fmt.Fprintf(&b, "\nwarning: %d requests fit into no zone, even an empty one", c.TooBig)
	}
	if c.BadRows+len(c.Warnings)+c.TooBig == 0 {
		b.WriteString("\nno problems")
	}
	return b.String()
}
