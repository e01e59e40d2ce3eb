// Package span holds the project's domain time: instants, durations and
// half-open windows, all in whole milliseconds of Unix time, UTC. Domain time is
// handed in by whoever runs a machine and never read from a clock here, so that
// it can be virtual.
package span

import (
	"errors"
	"fmt"
	"time"
)

// Time is an instant in Unix milliseconds, UTC.
type Time int64

// Duration is a length of time in milliseconds.
type Duration int64

// Common durations.
const (
	Millisecond Duration = 1
	Second               = 1000 * Millisecond
	Minute               = 60 * Second
	Hour                 = 60 * Minute
	Day                  = 24 * Hour
	Week                 = 7 * Day
)

// Never is later than every instant that a message may name.
const Never Time = 1<<62 - 1

// Bounds of the instants that a message may name: the years 1970 to 2999. Past
// them arithmetic on windows could no longer be trusted not to overflow.
const (
	MinTime Time = 0
	MaxTime Time = 32_503_680_000_000
)

// Of returns the Time of t, dropping what is finer than a millisecond.
func Of(t time.Time) Time { return Time(t.UnixMilli()) }

// Std returns t as a time.Time in UTC.
func (t Time) Std() time.Time { return time.UnixMilli(int64(t)).UTC() }

// Add returns the instant d after t.
func (t Time) Add(d Duration) Time { return t + Time(d) }

// Sub returns how long after u the instant t is; negative when it is before.
func (t Time) Sub(u Time) Duration { return Duration(t - u) }

// Floor returns the latest multiple of d since the epoch that is not after t.
// It panics unless d is positive.
func (t Time) Floor(d Duration) Time {
	rest := t % Time(d)
	if rest < 0 {
		rest += Time(d)
	}
	return t - rest
}

// Ceil returns the earliest multiple of d since the epoch that is not before t.
func (t Time) Ceil(d Duration) Time { return (t + Time(d) - 1).Floor(d) }

// String returns t in RFC 3339 with milliseconds where there are any.
func (t Time) String() string {
	if t == Never {
		return "never"
	}
	return t.Std().Format("2006-01-02T15:04:05.999Z07:00")
}

// Std returns d as a time.Duration. It saturates at about 292 years.
func (d Duration) Std() time.Duration {
	const most = Duration(int64(1<<63-1) / int64(time.Millisecond))
	return time.Duration(min(max(d, -most), most)) * time.Millisecond
}

// Hours returns d in hours.
func (d Duration) Hours() float64 { return float64(d) / float64(Hour) }

// Seconds returns d in seconds.
func (d Duration) Seconds() float64 { return float64(d) / float64(Second) }

// String returns d as the standard library prints durations.
func (d Duration) String() string { return d.Std().String() }

// ErrWindow is wrapped by every error about a window's bounds.
var ErrWindow = errors.New("bad window")

// Window is the half-open span of time [Start, End).
type Window struct{ Start, End Time }

// Starting returns the window of length d that begins at t.
func Starting(t Time, d Duration) Window { return Window{t, t.Add(d)} }

// Length returns how long w lasts.
func (w Window) Length() Duration { return w.End.Sub(w.Start) }

// Contains reports whether t lies in w.
func (w Window) Contains(t Time) bool { return w.Start <= t && t < w.End }

// Overlaps reports whether w and v share an instant.
func (w Window) Overlaps(v Window) bool { return w.Start < v.End && v.Start < w.End }

// Intersect returns what w and v share; the result is empty when its Length is
// not positive.
func (w Window) Intersect(v Window) Window {
	return Window{max(w.Start, v.Start), min(w.End, v.End)}
}

// Validate returns an error that wraps ErrWindow unless w begins before it ends
// and lies within [MinTime, MaxTime].
func (w Window) Validate() error {
	switch {
	case w.Start < MinTime || w.End > MaxTime:
		return fmt.Errorf("%w: %d..%d lies outside of the years 1970 to 2999", ErrWindow, w.Start, w.End)
	case w.End <= w.Start:
		return fmt.Errorf("%w: it ends (%v) before it starts (%v)", ErrWindow, w.End, w.Start)
	}
	return nil
}

// String returns w as start/end.
func (w Window) String() string { return w.Start.String() + "/" + w.End.String() }
