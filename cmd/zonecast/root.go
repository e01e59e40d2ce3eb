package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes, as `zonecast --help` lists them.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitInput       = 3
	exitInterrupted = 130 // 128 + SIGINT, as shells count
)

const rootHelp = `zonecast predicts what each user will need and where, and stages it there
before the request arrives.

Exit codes:
  0    done
  1    failed: something that should work didn't
  2    wrong usage: an unknown command or flag, or a value that cannot be
  3    bad input: a file is missing, damaged or not what it should be
  130  interrupted`

const rootExamples = `  # A trace with habits in it, and zones to serve it
  zonecast trace generate --out trace.csv.gz --zones-out zones.csv

  # What is in a trace, for people and for programs
  zonecast trace info trace.csv.gz
  zonecast trace info trace.csv.gz --json`

// app is what every command shares: streams, global flags and the log.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	json     bool
	quiet    bool
	logLevel slog.Level
	log      *slog.Logger

	began bool // flags and arguments were taken; errors from here on are not of usage
}

// run runs one command line and returns the exit code. SIGINT and SIGTERM cancel
// the command's context; a second one ends the process at once.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err != nil && !a.began {
		err = usageError{err}
	}
	return a.finish(command, err)
}

// root returns the command tree.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "zonecast", Short: "Predict demand per zone and stage it ahead", Long: rootHelp, Example: rootExamples,
		SilenceErrors: true, SilenceUsage: true, // finish prints them, once
		Args: cobra.NoArgs,
		RunE: showHelp,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if err := c.ValidateRequiredFlags(); err != nil { // cobra asks later, when errors are not of usage any more
				return err
			}
			a.log = slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: a.logLevel}))
			a.began = true
			return nil
		},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	flags := root.PersistentFlags()
	flags.BoolVar(&a.json, "json", false, "print one JSON object instead of text")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "show no progress")
	flags.TextVar(&a.logLevel, "log-level", slog.LevelInfo,
		"least level that is logged to stderr: debug, info, warn, error")
	root.AddCommand(a.benchCommand(), a.demoCommand(), a.replayCommand(), a.traceCommand(), a.versionCommand())
	return root
}

// showHelp is what a command does that only groups others.
func showHelp(c *cobra.Command, _ []string) error { return c.Help() }

// usageError and inputError mark errors that end with exitUsage and exitInput.
type usageError struct{ error }

type inputError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func (e inputError) Unwrap() error { return e.error }

// finish prints err, if there is one, and returns the exit code.
func (a *app) finish(command *cobra.Command, err error) int {
	var usage usageError
	var input inputError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(a.stderr, "zonecast: interrupted")
		return exitInterrupted
	case errors.As(err, &usage):
		fmt.Fprintf(a.stderr, "zonecast: %v\nSee '%s --help'.\n", err, command.CommandPath())
		return exitUsage
	case errors.As(err, &input):
		fmt.Fprintf(a.stderr, "zonecast: %v\n", err)
		return exitInput
	}
	fmt.Fprintf(a.stderr, "zonecast: %v\n", err)
	return exitFailure
}

// print writes v as indented JSON with --json, else text.
func (a *app) print(v any, text string) error {
	if !a.json {
		_, err := fmt.Fprintln(a.stdout, text)
		return err
	}
	out := json.NewEncoder(a.stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(v)
}
