package trace

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// column is one named field of a record: what it means when it is absent, how it
// is read and how it is written.
type column[T any] struct {
	name     string
	need     presence
	fallback string // what an absent column or an empty field stands for, as it would be written
	parse    func(field string, to *T) error
	format   func(*T) string
}

type presence int

const (
	required presence = iota // the header must have it
	expected                 // absent: the fallback with a warning; always written
	optional                 // absent: the fallback; written where a record differs from it
)

// schema is all that reading and writing records of one kind needs to know.
type schema[T any] struct {
	columns []column[T]
	check   func(*T) error // of the record as a whole
	most    int            // records
}

// blank returns the record of a row that has only empty fields.
func (s *schema[T]) blank() T {
	var rec T
	for _, c := range s.columns {
		if c.need != required {
			if err := c.parse(c.fallback, &rec); err != nil {
				panic(fmt.Sprintf("trace: fallback of column %s: %v", c.name, err))
			}
		}
	}
	return rec
}

// idColumn is a column of ids; it may be empty when empty says what that means.
func idColumn[T any](name string, need presence, fallback string, at func(*T) *string) column[T] {
	return column[T]{name, need, fallback,
		func(field string, to *T) error {
			*at(to) = field
			return checkID(field, fallback == "" && need != required)
		},
		func(from *T) string { return *at(from) },
	}
}

// amountColumn is a column of whole amounts from 0 to most.
func amountColumn[T any](name string, need presence, fallback string, most int64, at func(*T) *int64) column[T] {
	return column[T]{name, need, fallback,
		func(field string, to *T) (err error) { *at(to), err = parseAmount(name, field, most); return err },
		func(from *T) string { return strconv.FormatInt(*at(from), 10) },
	}
}

// floatColumn is a column of numbers from least to most.
func floatColumn[T any](
	name string, need presence, fallback string, least, most float64, at func(*T) *float64,
) column[T] {
	return column[T]{name, need, fallback,
		func(field string, to *T) (err error) { *at(to), err = parseFloat(field, least, most); return err },
		func(from *T) string { return strconv.FormatFloat(*at(from), 'f', -1, 64) },
	}
}

// priceColumn is a column of money, kept in millionths.
func priceColumn[T any](name string, need presence, fallback string, at func(*T) *int64) column[T] {
	return column[T]{name, need, fallback,
		func(field string, to *T) error {
			x, err := parseFloat(field, 0, float64(MaxPriceMicros)/1e6)
			*at(to) = int64(math.Round(x * 1e6))
			return err
		},
		func(from *T) string { return strconv.FormatFloat(float64(*at(from))/1e6, 'f', -1, 64) },
	}
}

func checkID(id string, emptyToo bool) error {
	if id == "" && emptyToo {
		return nil
	}
	ok := id != "" && len(id) <= 128
	for i := 0; ok && i < len(id); i++ {
		c := id[i]
		ok = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			strings.IndexByte("._@:-", c) >= 0
	}
	if !ok {
		return fmt.Errorf("%w: %s is not an id: 1 to 128 of A-Z a-z 0-9 . _ @ : -", ErrValue, quote(id))
	}
	return nil
}

func parseAmount(name, field string, most int64) (int64, error) {
	if n, err := strconv.ParseInt(field, 10, 64); err == nil && n >= 0 && n <= most {
		return n, nil
	}
	x, err := strconv.ParseFloat(field, 64)
	if err != nil && !math.IsInf(x, 0) {
		return 0, fmt.Errorf("%w: %s is not a number", resource.ErrAmount, quote(field))
	}
	return resource.FromFloat(name, x, most)
}

func parseFloat(field string, least, most float64) (float64, error) {
	x, err := strconv.ParseFloat(field, 64)
	if err != nil || !(x >= least && x <= most) {
		return 0, fmt.Errorf("%w: %s is not a number from %v to %v", ErrValue, quote(field), least, most)
	}
	return x, nil
}

// parseTime reads RFC 3339 or Unix seconds, which may have a fraction.
func parseTime(field string) (span.Time, error) {
	at, err := span.Time(-1), error(nil)
	if strings.Contains(field, "T") {
		t, bad := time.Parse(time.RFC3339, field)
		at, err = span.Of(t), bad
	} else {
		seconds, bad := strconv.ParseFloat(field, 64)
		if bad == nil && seconds >= 0 && seconds <= float64(span.MaxTime)/1000 {
			at = span.Time(math.Round(seconds * 1000))
		}
		err = bad
	}
	if err != nil || at < span.MinTime || at > span.MaxTime {
		return 0, fmt.Errorf("%w: %s is no time from 1970 to 2999 as 2026-01-31T08:00:00Z or in Unix seconds",
			ErrValue, quote(field))
	}
	return at, nil
}

// quote shows a field in a message, cut so that the message stays a line.
func quote(field string) string {
	const most = 40
	if len(field) > most {
		field = field[:most] + "..."
	}
	return strconv.Quote(field)
}
