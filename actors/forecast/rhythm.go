package forecast

import (
	"math"

	"github.com/zonecast/zonecast/actors/span"
)

// The buckets of the time since a user's last visit, by their upper ends; the last
// bucket has none.
var sinceEnds = [...]span.Duration{
	10 * span.Minute, 30 * span.Minute, span.Hour, 2 * span.Hour,
	4 * span.Hour, 8 * span.Hour, 16 * span.Hour, 32 * span.Hour,
}

const sinceBuckets = len(sinceEnds) + 1

// sincePrior is how much likelier than by the calendar alone a visit is, by the time
// since the last one, for a user of whom nothing is known.
var sincePrior = [sinceBuckets]float64{3, 2.5, 2, 1.7, 1.4, 1.2, 1, 1, .8}

const (
	rhythmDays   = 45. // half-life of the profile, days
	sincePseudo  = 8   // expected visits that hold a bucket near its prior
	sinceWalk    = 48  // hours after a visit that are walked one by one
	coldVisits   = .5  // visits per day of a user of whom nothing is known
	coldWeight   = 3   // days that count for it
	rhythmFlat   = .1  // share of a visit that speaks for every hour alike
	rhythmDaily  = .4  // share that speaks for its hour on every day
	rhythmOfType = 1 - rhythmFlat - rhythmDaily
)

// rhythm is how often a user comes: a decayed profile over the hours of the day on
// weekdays and weekends, times a factor by the time since the last visit.
type rhythm struct {
	start, last span.Time // last is 0 before the first visit
	unit        float64   // weight of a visit at the last one
	hours       [2][24]float32
	actual      [sinceBuckets]float32 // visits by the time since the one before
	expected    [sinceBuckets]float32 // what the calendar alone had expected there
}

func newRhythm(start span.Time) rhythm { return rhythm{start: start, unit: 1} }

func bucketOf(since span.Duration) int {
	for i, end := range sinceEnds {
		if since < end {
			return i
		}
	}
	return sinceBuckets - 1
}

// fadedMost is the most that a profile fades between two visits: to a weight without
// any say, that is still far from the smallest float32.
const fadedMost = 1e-12

// faded returns what remains at now of the weight of the last visit.
func (r *rhythm) faded(now span.Time) float64 {
	return max(fadedMost, math.Exp2(-float64(now.Sub(r.last))/(rhythmDays*float64(span.Day))))
}

// factor returns how much likelier than by the calendar a visit is so long after the
// last one.
func (r *rhythm) factor(since span.Duration) float64 {
	i := bucketOf(since)
	return (float64(r.actual[i]) + sincePseudo*sincePrior[i]) / (float64(r.expected[i]) + sincePseudo)
}

// observe learns a visit at the instant at, not before the last one.
func (r *rhythm) observe(at span.Time, offset int) {
	if r.last != 0 {
		r.account(at, offset)
		r.actual[bucketOf(at.Sub(r.last))]++
		r.unit /= r.faded(at)
	}
	if r.last = at; r.unit > unitLimit {
		r.rescale()
	}
	h := hourOf(at, offset)
	for d, k := range smoothing {
		r.add(h+int64(d), k)
		if d > 0 {
			r.add(h-int64(d), k)
		}
	}
}

func (r *rhythm) add(h int64, weight float64) {
	hour, day := dayHour(h)
	r.hours[dayType(day)][hour] += float32(weight * r.unit)
}

func dayType(weekday int) int {
	if isWeekend(weekday) {
		return 1
	}
	return 0
}

func (r *rhythm) rescale() {
	for t := range r.hours {
		for i := range r.hours[t] {
			r.hours[t][i] /= float32(r.unit)
		}
	}
	r.unit = 1
}

// account adds what the calendar expected between the last visit and at to the
// buckets of the time since.
func (r *rhythm) account(at span.Time, offset int) {
	calendar := r.calendar(r.last)
	for from := r.last; from < at; {
		since := from.Sub(r.last)
		i := bucketOf(since)
		until := at
		if since < sinceWalk*span.Hour {
			until = min(at, hourStart(hourOf(from, offset)+1, offset))
			if i < len(sinceEnds) {
				until = min(until, r.last.Add(sinceEnds[i]))
			}
			r.expected[i] += float32(calendar.rate(hourOf(from, offset)) * until.Sub(from).Hours())
		} else {
			r.expected[i] += float32(calendar.mean() * until.Sub(from).Hours())
		}
		from = until
	}
}

// calendar is a rhythm's profile ready to be read at one instant.
type calendar struct {
	r     *rhythm
	days  float64 // decayed days of exposure
	scale float64 // of the profile's weights
	total float64 // decayed visits
}

func (r *rhythm) calendar(now span.Time) calendar {
	const mean = rhythmDays / math.Ln2
	watched := max(0, float64(now.Sub(r.start))/float64(span.Day))
	c := calendar{r: r, days: mean * (1 - math.Exp(-watched/mean))}
	c.scale = r.faded(now) / r.unit
	for t := range r.hours {
		for _, w := range r.hours[t] {
			c.total += float64(w)
		}
	}
	c.total *= c.scale
	return c
}

// mean returns the mean rate, visits per hour.
func (c *calendar) mean() float64 {
	return (c.total + coldVisits*coldWeight) / (c.days + coldWeight) / 24
}

// rate returns the rate of local hour h by the calendar alone, visits per hour.
func (c *calendar) rate(h int64) float64 {
	hour, day := dayHour(h)
	t := dayType(day)
	share := [2]float64{5. / 7, 2. / 7}[t]
	own := float64(c.r.hours[t][hour]) * c.scale
	daily := own + float64(c.r.hours[1-t][hour])*c.scale
	cold := coldVisits * coldWeight / 24
	return (rhythmOfType*own/share + rhythmDaily*daily + rhythmFlat*c.total/24 + cold) / (c.days + coldWeight)
}
