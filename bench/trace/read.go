package trace

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Options of reading a trace.
type Options struct {
	// Sort puts an unsorted file's rows in order, with a warning, instead of
	// refusing it. Their numbers stay those of the file.
	Sort bool
}

// Read reads the trace file at path. Errors: those of this package and of os.
func Read(path string, o Options) (*Trace, error) {
	return readFile(path, func(r io.Reader) (*Trace, error) { return Decode(r, o) })
}

// ReadZones reads the zones file at path. Errors: those of this package and of
// os.
func ReadZones(path string) (*Zones, error) { return readFile(path, DecodeZones) }

func readFile[T any](path string, decode func(io.Reader) (T, error)) (T, error) {
	var none T
	f, err := os.Open(path)
	if err != nil {
		return none, err
	}
	defer f.Close()
	out, err := decode(f)
	if err != nil {
		return none, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// Decode reads a trace, gzipped or plain, from r.
func Decode(r io.Reader, o Options) (*Trace, error) {
	t := &Trace{}
	late, lateLine, intern := 0, 0, interner()
	var err error
	t.Bad, t.Warnings, err = decode(r, &rowSchema, func(row Row, number, line int) error {
		if n := len(t.Rows); n > 0 && row.At < t.Rows[n-1].At {
			if !o.Sort {
				return fmt.Errorf("line %d: %w: %v comes after %v; sort the file by time, or ask for sorting",
					line, ErrUnsorted, row.At, t.Rows[n-1].At)
			}
			if late++; late == 1 {
				lateLine = line
			}
		}
		row.Number = number
		row.Tenant, row.User, row.Image = intern(row.Tenant), intern(row.User), intern(row.Image)
		row.Dataset, row.Part = intern(row.Dataset), intern(row.Part)
		t.Rows = append(t.Rows, row)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if all := len(t.Rows) + t.Bad.Total; float64(t.Bad.Total) > MaxBadShare*float64(all) {
		return nil, &BadRowsError{all, t.Bad}
	}
	if late > 0 {
		t.sort()
		t.Warnings = append(t.Warnings,
			fmt.Sprintf("rows were not in order of time (%d times, first at line %d): sorted", late, lateLine))
	}
	return t, nil
}

// decode reads records of schema s from r and hands each good one on with its
// row number and line. It stops at the first error that add returns.
func decode[T any](
	r io.Reader, s *schema[T], add func(rec T, row, line int) error,
) (bad Problems, warnings []string, err error) {
	src, err := open(r)
	if err != nil {
		return bad, nil, err
	}
	header, err := src.next()
	if err != nil {
		return bad, nil, headerError(err)
	}
	at, warnings, err := arrange(s, header)
	if err != nil {
		return bad, nil, err
	}
	blank, row := s.blank(), 0
	for {
		fields, err := src.next()
		if err == io.EOF && row > 0 {
			return bad, warnings, nil
		}
		if err != nil && !errors.Is(err, errQuote) {
			return bad, nil, headerError(err)
		}
		if row++; row > s.most {
			return bad, nil, fmt.Errorf("line %d: %w: at most %d", src.line, ErrTooLarge, s.most)
		}
		rec := blank
		if problem := parse(s, at, fields, err, &rec); problem != nil {
			if src.unended && len(fields) < len(at) {
				return bad, nil, fmt.Errorf("line %d: %w: the last line has %d of %d fields",
					src.line, ErrTruncated, len(fields), len(at))
			}
			problem.Line, problem.Row = src.line, row
			bad.add(*problem)
			continue
		}
		if err := add(rec, row, src.line); err != nil {
			return bad, nil, err
		}
	}
}

// interner returns a function that returns its argument's text, the same string
// for the same text.
func interner() func(string) string {
	seen := map[string]string{}
	return func(text string) string {
		kept, ok := seen[text]
		if !ok {
			kept = strings.Clone(text)
			seen[kept] = kept
		}
		return kept
	}
}

// arrange finds the schema's columns in the header: at[i] is the column of field
// i, nil for one that is not known.
func arrange[T any](s *schema[T], header []string) (at []*column[T], warnings []string, err error) {
	at = make([]*column[T], len(header))
	found := make(map[string]bool, len(header))
	for i, name := range header {
		name = strings.TrimSpace(name)
		if found[name] {
			return nil, nil, fmt.Errorf("%w: %s is there twice", ErrColumns, quote(name))
		}
		found[name] = true
		for j := range s.columns {
			if s.columns[j].name == name {
				at[i] = &s.columns[j]
			}
		}
		if at[i] == nil && len(warnings) < MaxProblems {
			warnings = append(warnings, fmt.Sprintf("column %s is not known: ignored", quote(name)))
		}
	}
	var missing []string
	for _, c := range s.columns {
		switch {
		case found[c.name] || c.need == optional:
		case c.need == required:
			missing = append(missing, c.name)
		default:
			warnings = append(warnings, fmt.Sprintf("column %s is missing: %s", c.name, meaning(c.fallback)))
		}
	}
	if missing != nil {
		return nil, nil, fmt.Errorf("%w: the header lacks %s", ErrColumns, strings.Join(missing, ", "))
	}
	return at, warnings, nil
}

// meaning says what an absent column stands for.
func meaning(fallback string) string {
	switch fallback {
	case "":
		return "no row has one"
	case unlimited:
		return "not limited"
	}
	return "every row gets " + fallback
}

// parse fills rec from a row's fields. It returns what is wrong with the row, or
// nil.
func parse[T any](s *schema[T], at []*column[T], fields []string, quoting error, rec *T) *RowError {
	if quoting != nil {
		return &RowError{Err: quoting}
	}
	if len(fields) != len(at) {
		return &RowError{Err: fmt.Errorf("%w: %d fields where the header has %d", ErrValue, len(fields), len(at))}
	}
	for i, c := range at {
		if c == nil || fields[i] == "" && c.need != required {
			continue
		}
		if err := c.parse(fields[i], rec); err != nil {
			return &RowError{Column: c.name, Err: err}
		}
	}
	if err := s.check(rec); err != nil {
		return &RowError{Err: err}
	}
	return nil
}
