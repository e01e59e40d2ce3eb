// Package trace reads, checks, describes and writes the two files that a replay
// works on: a trace (one request per row: when, who, where, how much, which
// dataset) and the zones that serve it. Both are CSV with a header, plain or
// gzipped; docs/FORMATS.md describes them for users.
//
// A line is a row: fields may be quoted but hold no line breaks. Rows that
// cannot be are left out, counted and reported with their lines; a file of which
// too little is left is refused.
package trace

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// Bounds of what a file may hold.
const (
	MaxLineBytes   = 64 << 10          // of one line: some hundred times a plain row
	MaxRows        = 1 << 24           // of a trace: about 3 GB in memory
	MaxZones       = 1 << 17           // of a zones file: more than the largest choice that is measured
	MaxDuration    = 35 * span.Day     // of a request: as far ahead as a window may lie
	MaxProblems    = 20                // bad rows and warnings that are kept with their text; the rest is counted
	MaxBadShare    = 0.10              // of a trace's rows that may be bad; more means that the file is something else
	MaxPriceMicros = 1_000_000_000_000 // a million of the currency for one core and hour is a slip of the pen
)

// Part of a row on which policies are scored.
const Test = "test"

// Trace is a trace file that was read: its good rows, ordered by time and among
// equal times by row number.
type Trace struct {
	Rows     []Row
	Bad      Problems // rows that were left out
	Warnings []string // what a user should know of the file as a whole
}

// Row is one request.
type Row struct {
	// Number counts the file's rows from 1, bad ones included. It is the request's
	// identity: two rows that are alike otherwise are two requests.
	Number int
	At     span.Time

	Tenant, User string
	Lat, Lon     float64 // degrees
	Duration     span.Duration
	Need         resource.Vector
	Image        string // with the size of Need, what is interchangeable
	Dataset      string // "" for none
	DatasetBytes int64
	Part         string // "train", "test" or any other name; "" for none
}

// End returns when the request is over if it starts when it is asked for.
func (r *Row) End() span.Time { return r.At.Add(r.Duration) }

// TestStart returns the first instant from which on every row is of part test.
// ok is false when there is none.
func (t *Trace) TestStart() (at span.Time, ok bool) {
	first := len(t.Rows)
	for first > 0 && t.Rows[first-1].Part == Test {
		first--
	}
	if first > 0 { // rows of the last other row's instant are not after it
		for first < len(t.Rows) && t.Rows[first].At == t.Rows[first-1].At {
			first++
		}
	}
	if first == len(t.Rows) {
		return 0, false
	}
	return t.Rows[first].At, true
}

// From returns the instant that spec names: "test" as TestStart has it, "80%"
// for the time of the row after which that share of rows lies behind, or a time
// as in the file. It fails when no row is at or after that instant.
func (t *Trace) From(spec string) (span.Time, error) {
	if len(t.Rows) == 0 {
		return 0, ErrEmpty
	}
	at, err := t.instant(spec)
	if err == nil && at > t.Rows[len(t.Rows)-1].At {
		err = fmt.Errorf("%w: no row is at or after %v, the last is at %v", ErrValue, at, t.Rows[len(t.Rows)-1].At)
	}
	return at, err
}

func (t *Trace) instant(spec string) (span.Time, error) {
	if spec == Test {
		at, ok := t.TestStart()
		if !ok {
			return 0, fmt.Errorf("%w: the trace does not end in rows of part test; name a time or a percentage", ErrValue)
		}
		return at, nil
	}
	if number, ok := strings.CutSuffix(spec, "%"); ok {
		share, err := strconv.ParseFloat(number, 64)
		if err != nil || !(share >= 0 && share < 100) {
			return 0, fmt.Errorf("%w: %q is not a percentage from 0%% to below 100%%", ErrValue, spec)
		}
		return t.Rows[int(share/100*float64(len(t.Rows)))].At, nil
	}
	return parseTime(spec)
}

// sort orders the rows by time; those of one instant stay in the file's order.
func (t *Trace) sort() {
	slices.SortStableFunc(t.Rows, func(a, b Row) int { return cmp.Compare(a.At, b.At) })
}
