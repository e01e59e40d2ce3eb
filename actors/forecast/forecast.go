// Package forecast says what will be asked for, where and when: the number of
// arrivals at a pool (Pool), the habits of one user (Habits) and the amounts that
// a user's work needs (Usage), each as a distribution.
//
// Every state here is learned by one observation at a time, knows nothing of what
// comes after it, costs a bounded number of bytes and marshals to bytes from which
// an equal state comes back. Nothing reads a clock or draws a random number: the
// same observations give the same forecasts. What competes for the same forecast
// (seasonal tables, smoothings, contexts) is weighted by its recent loss on what it
// had not seen.
package forecast

import (
	"math"

	"github.com/zonecast/zonecast/actors/span"
)

// MaxOffset is the largest distance of a local calendar from UTC, in minutes.
const MaxOffset = 18 * 60

// hourOf returns the number of whole local hours since the epoch at t, where local
// time is offset minutes ahead of UTC.
func hourOf(t span.Time, offset int) int64 {
	local := t.Add(span.Duration(offset) * span.Minute)
	return int64(local.Floor(span.Hour)) / int64(span.Hour)
}

// hourStart is the inverse of hourOf: the instant at which local hour h begins.
func hourStart(h int64, offset int) span.Time {
	return span.Time(h * int64(span.Hour)).Add(-span.Duration(offset) * span.Minute)
}

// dayHour returns the hour of the day, 0 to 23, and the weekday, Monday 0, of local
// hour h.
func dayHour(h int64) (hour, weekday int) {
	day := h / 24
	hour = int(h % 24)
	if hour < 0 {
		hour += 24
		day--
	}
	weekday = int((day + 3) % 7) // the epoch was a Thursday
	if weekday < 0 {
		weekday += 7
	}
	return hour, weekday
}

// isWeekend reports whether weekday, Monday 0, is a Saturday or Sunday.
func isWeekend(weekday int) bool { return weekday >= 5 }

// fade returns what remains of 1 after d at time constant tau.
func fade(d, tau span.Duration) float64 { return math.Exp(-float64(d) / float64(tau)) }
