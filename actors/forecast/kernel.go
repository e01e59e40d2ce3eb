package forecast

import (
	"math"

	"github.com/zonecast/zonecast/actors/span"
)

// The kernels by which a past visit speaks for its place.
const (
	kernelSteady  = iota // by its age, slowly fading
	kernelRecent         // by its age, quickly fading
	kernelTime           // by the likeness of hour and weekday
	kernelContext        // by the likeness of the visits before it
	kernelBoth           // by both
	kernels
)

var (
	zonePrior  = [kernels]float64{.15, .15, .2, .25, .25}
	placePrior = [kernels]float64{.15, .15, .2, .25, .25}

	kernelRate, kernelShare = .1, .002
	steadyDays, recentDays  = 120.0, 10.0
	mediumDays              = 60.0
	hourWidth               = 1.5 // hours
	hourFloor               = .03 // likeness of an hour that is far off
	otherDayType            = .4  // likeness of a weekday and a weekend
	contextZone             = 3.  // added for the same zone before
	contextPlace            = 6.  // added for the same place before
	contextSecond           = 6.  // added when the place before that is the same too
	contextFade             = 12 * span.Hour
	noContext               = .1 // likeness of a visit whatever came before it
)

// leastShare is the smallest share of a kernel's mass that counts: what it held for
// impossible costs it no more than this.
const leastShare = 1e-4

// view is what each kernel gives to each place, seen from one instant.
type view struct {
	h     *Habits
	now   span.Time
	trust float64 // in the visits before, at now
	last  int     // kept visits

	steady, recent, plain, context [MaxPlaces]float64 // whatever the hour
	age, before                    [MaxVisits]float64 // of each visit: weight by age; likeness of what came before

	mass  [kernels][MaxPlaces]float64 // at the instant turned to
	total [kernels]float64
}

// survey weighs the visits of h by age and context at now.
func (w *view) survey(h *Habits, now span.Time) {
	w.h, w.now, w.last = h, now, len(h.visits)
	if w.last == 0 {
		return
	}
	w.trust = fade(max(0, now.Sub(h.visits[w.last-1].at)), contextFade)
	for i, v := range h.visits {
		age := now.Sub(v.at)
		w.age[i], w.before[i] = mediumAge.at(age), h.context(i)
		w.steady[v.place] += steadyAge.at(age)
		w.recent[v.place] += recentAge.at(age)
		w.plain[v.place] += w.age[i]
		w.context[v.place] += w.age[i] * w.before[i]
	}
}

// turn fills mass and total for the instant at, before which the visits so far have
// lost some of their say: lead after now.
func (w *view) turn(at span.Time, lead span.Duration) {
	hour, day := dayHour(hourOf(at, w.h.offset))
	trust := w.trust * fade(lead, contextReach)
	n := len(w.h.places)
	var time, both [MaxPlaces]float64
	weekend := isWeekend(day)
	for i, v := range w.h.visits {
		m := w.age[i] * alike.of(v, hour, weekend)
		time[v.place] += m
		both[v.place] += m * w.before[i]
	}
	w.total = [kernels]float64{}
	for i := range n {
		for k, m := range [kernels]float64{
			w.steady[i], w.recent[i], time[i],
			noContext*w.plain[i] + trust*w.context[i],
			noContext*time[i] + trust*both[i],
		} {
			w.mass[k][i] = m
			w.total[k] += m
		}
	}
}

// shares fills dst with the probability of each place under the given weights.
func (w *view) shares(weights *[kernels]float64, dst *[MaxPlaces]float64) {
	var scale [kernels]float64
	for k := range kernels {
		if w.total[k] > 0 {
			scale[k] = weights[k] / w.total[k]
		}
	}
	for i := range w.h.places {
		sum := 0.0
		for k := range kernels {
			sum += scale[k] * w.mass[k][i]
		}
		dst[i] = sum
	}
}

// ageing holds 2^-days/halfLife for whole days, so that a view needs no exponential
// per visit.
type ageing [ageingDays]float64

// ageingDays bounds the table; older visits weigh as the oldest entry.
const ageingDays = 512

func newAgeing(halfLifeDays float64) *ageing {
	var a ageing
	for i := range a {
		a[i] = math.Exp2(-float64(i) / halfLifeDays)
	}
	return &a
}

func (a *ageing) at(d span.Duration) float64 {
	return a[min(max(0, int(d/span.Day)), ageingDays-1)]
}

var steadyAge, recentAge, mediumAge = newAgeing(steadyDays), newAgeing(recentDays), newAgeing(mediumDays)

// likeness holds how alike two hours of the day are, by their distance, for days of
// the same type and of different types.
type likeness [2][24]float64

func newLikeness() *likeness {
	var l likeness
	for d := range 24 {
		x := float64(min(d, 24-d)) / hourWidth
		l[0][d] = hourFloor + (1-hourFloor)*math.Exp(-x*x/2)
		l[1][d] = otherDayType * l[0][d]
	}
	return &l
}

var alike = newLikeness()

// of returns the likeness of v's time to the given hour and day type.
func (l *likeness) of(v visited, hour int, weekend bool) float64 {
	d := hour - int(v.hour)
	if d < 0 {
		d += 24
	}
	if isWeekend(int(v.day)) != weekend {
		return l[1][d]
	}
	return l[0][d]
}

// context returns how alike the visits before visit i are to the latest visits.
func (h *Habits) context(i int) float64 {
	n := len(h.visits)
	if i == 0 {
		return 0
	}
	before, last := h.visits[i-1].place, h.visits[n-1].place
	sum := 0.0
	if before == last {
		sum += contextZone + contextPlace
		if i > 1 && n > 1 && h.visits[i-2].place == h.visits[n-2].place {
			sum += contextSecond
		}
	} else if h.places[before].zone == h.places[last].zone {
		sum += contextZone
	}
	return sum
}
