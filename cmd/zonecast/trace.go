package main

import (
	"github.com/spf13/cobra"

	"github.com/zonecast/zonecast/bench/trace"
)

// traceCommand groups what is done with trace files.
func (a *app) traceCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "trace", Short: "Make, check and describe traces of requests", Args: cobra.NoArgs, RunE: showHelp,
		Long: `A trace is a CSV file, plain or gzipped, with one request per row: when, who, where,
how much of what, which dataset. A zones file lists the places that may serve them.
docs/FORMATS.md describes both.`,
	}
	c.AddCommand(a.traceGenerateCommand(), a.traceCheckCommand(), a.traceInfoCommand())
	return c
}

// readTrace reads the trace at path, or from stdin for "-".
func (a *app) readTrace(path string, o trace.Options) (*trace.Trace, error) {
	read := func() (*trace.Trace, error) { return trace.Read(path, o) }
	if path == "-" {
		read = func() (*trace.Trace, error) { return trace.Decode(a.stdin, o) }
	}
	t, err := read()
	if err != nil {
		return nil, inputError{err}
	}
	return t, nil
}

// warn logs what a user should know of a trace that is used nevertheless.
func (a *app) warn(path string, t *trace.Trace) {
	for _, warning := range t.Warnings {
		a.log.Warn(warning, "file", path)
	}
	if t.Bad.Total > 0 {
		a.log.Warn("bad rows are left out; see: zonecast trace check",
			"file", path, "rows", t.Bad.Total, "first", t.Bad.First[0].Error())
	}
}
