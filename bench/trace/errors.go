package trace

import (
	"errors"
	"fmt"
	"strings"
)

// Errors about a file as a whole; each is wrapped with the file's name, and with
// the line where there is one.
var (
	// ErrEmpty: there is no header, or no row below it.
	ErrEmpty = errors.New("the file has no rows")
	// ErrTruncated: the compressed stream, or the last line, stops in the middle.
	// Copy the file again.
	ErrTruncated = errors.New("the file is cut off")
	// ErrMalformed: damaged compression, or a line that cannot be one of CSV.
	ErrMalformed = errors.New("the file is damaged or not CSV")
	// ErrColumns: a required column is missing from the header, or one is there
	// twice.
	ErrColumns = errors.New("wrong columns")
	// ErrUnsorted: a row is earlier than the one before it.
	ErrUnsorted = errors.New("rows are not in order of time")
	// ErrBadRows: too many rows are bad. See BadRowsError.
	ErrBadRows = errors.New("too many bad rows")
	// ErrTooLarge: more rows than MaxRows or MaxZones.
	ErrTooLarge = errors.New("the file has too many rows")
)

// ErrValue is wrapped by errors about a field's value that are not about an
// amount; those wrap resource.ErrAmount.
var ErrValue = errors.New("bad value")

// RowError says what is wrong with one row.
type RowError struct {
	Line   int    // of the file, from 1
	Row    int    // as Row.Number
	Column string // "" where the row as a whole is meant
	Err    error
}

// Error returns the line, the column and the cause.
func (e RowError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("line %d: %v", e.Line, e.Err)
	}
	return fmt.Sprintf("line %d, %s: %v", e.Line, e.Column, e.Err)
}

// Unwrap returns the cause.
func (e RowError) Unwrap() error { return e.Err }

// Problems are the bad rows of a file: how many, and the first MaxProblems.
type Problems struct {
	Total int
	First []RowError
}

func (p *Problems) add(e RowError) {
	p.Total++
	if len(p.First) < MaxProblems {
		p.First = append(p.First, e)
	}
}

// BadRowsError refuses a file for its bad rows. It wraps ErrBadRows.
type BadRowsError struct {
	Rows     int // all rows of the file
	Problems Problems
}

// Error returns the counts and the first few rows with their causes.
func (e *BadRowsError) Error() string {
	const shown = 5 // enough to see a pattern
	var b strings.Builder
	fmt.Fprintf(&b, "%v: %d of %d", ErrBadRows, e.Problems.Total, e.Rows)
	for _, row := range e.Problems.First[:min(shown, len(e.Problems.First))] {
		fmt.Fprintf(&b, "\n  %v", row)
	}
	if more := e.Problems.Total - shown; more > 0 {
		fmt.Fprintf(&b, "\n  and %d more", more)
	}
	return b.String()
}

// Unwrap returns ErrBadRows.
func (e *BadRowsError) Unwrap() error { return ErrBadRows }
