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

// kernelPrior is the weight of each kernel for a user of whom nothing is known.
var kernelPrior = [kernels]float64{.15, .15, .2, .25, .25}

// Shapes of the kernels, chosen on the training and validation rows of a public
// mobility data set.
const (
	kernelRate  = .15  // learning rate of the weights
	kernelShare = .001 // share of kernelPrior mixed back in per visit

	steadyDays = 120. // half-lives by age
	mediumDays = 60.  // of the kernels that look at time or context
	recentDays = 4.

	hourWidth    = 1.2  // standard deviation of the likeness of hours
	hourFloor    = .015 // likeness of an hour that is far off
	otherDayType = .3   // likeness of a weekday and a weekend

	contextZone   = 2.            // likeness added when the visit before was in the same zone
	contextPlace  = 6.            // and when it was to the same place
	contextSecond = 6.            // and when the one before that was too
	contextFade   = 4 * span.Hour // what came before fades with the time since
	contextReach  = 3 * span.Hour // and with the lead time
	noContext     = .2            // likeness of a visit whatever came before it
	leastTrust    = .02           // below it the context has no say, to save time
)

// leastShare is the smallest share of a kernel's mass that counts: what it held for
// impossible costs it no more than this.
const leastShare = 1e-4

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

var steadyAge, mediumAge, recentAge = newAgeing(steadyDays), newAgeing(mediumDays), newAgeing(recentDays)

// perDay turns a duration into days: a product is several times faster than a quotient.
const perDay = 1 / float64(span.Day)

// likeness holds how alike an instant is to each hour of the day on weekdays, and on
// weekends after that.
type likeness [2 * 24]float64

// alike returns the likeness for local hour h: a Gaussian over a floor, less for the
// other type of day.
func alike(h int64) *likeness { return &likenesses[kindOf(h)] }

// kindOf returns the hour of the day of local hour h, plus 24 on weekends.
func kindOf(h int64) int {
	hour, day := dayHour(h)
	return hour + 24*dayType(day)
}

var likenesses = func() (all [2 * 24]likeness) {
	for a := range all {
		for b := range all[a] {
			far := math.Abs(float64(a%24 - b%24))
			x := min(far, 24-far) / hourWidth
			all[a][b] = hourFloor + (1-hourFloor)*math.Exp(-x*x/2)
			if a/24 != b/24 {
				all[a][b] *= otherDayType
			}
		}
	}
	return all
}()

// view is what each kernel gives to each place, seen from one instant.
type view struct {
	h      *Habits
	fresh  float64 // trust in what came before, at the instant of the survey
	trust  float64 // the same at the instant turned to
	places [MaxPlaces]masses
	total  masses
	visits [MaxVisits]struct {
		age    float64 // weight by age
		before float64 // likeness of what came before
	}
}

// masses are the sums over some visits from which every kernel follows.
type masses struct {
	steady, recent, plain, context float64 // whatever the hour
	time, both                     float64 // at the instant turned to
}

// kernels returns what each kernel gives at the given trust in the context.
func (m *masses) kernels(trust float64) [kernels]float64 {
	return [kernels]float64{
		m.steady, m.recent, m.time,
		noContext*m.plain + trust*m.context,
		noContext*m.time + trust*m.both,
	}
}

// survey weighs the visits of h by age and context at now.
func (w *view) survey(h *Habits, now span.Time) {
	w.h = h
	n := len(h.visits)
	if n == 0 {
		return
	}
	w.fresh = fade(max(0, now.Sub(h.visits[n-1].at)), contextFade)
	for i, v := range h.visits {
		days := min(max(0, int(float64(now.Sub(v.at))*perDay)), ageingDays-1)
		age, before := mediumAge[days], h.context(i)
		w.visits[i].age, w.visits[i].before = age, before
		m := &w.places[v.place]
		m.steady += steadyAge[days]
		m.recent += recentAge[days]
		m.plain += age
		m.context += age * before
	}
	for i := range h.places {
		m := &w.places[i]
		w.total.steady += m.steady
		w.total.recent += m.recent
		w.total.plain += m.plain
		w.total.context += m.context
	}
}

// turn makes w look at the instant at, lead after now.
func (w *view) turn(at span.Time, lead span.Duration) {
	w.trust = w.fresh * fade(lead, contextReach)
	for i := range w.h.places {
		w.places[i].time, w.places[i].both = 0, 0
	}
	row := alike(hourOf(at, w.h.offset))
	if w.trust < leastTrust {
		w.trust = 0
		w.turnTime(row)
	} else {
		w.turnBoth(row)
	}
}

// turnTime fills the masses by time alone; turnBoth those by context too.
func (w *view) turnTime(row *likeness) {
	sum := 0.0
	for i, v := range w.h.visits {
		x := w.visits[i].age * row[v.kind]
		w.places[v.place].time += x
		sum += x
	}
	w.total.time, w.total.both = sum, 0
}

func (w *view) turnBoth(row *likeness) {
	var time, both float64
	for i, v := range w.h.visits {
		x := w.visits[i].age * row[v.kind]
		y := x * w.visits[i].before
		m := &w.places[v.place]
		m.time += x
		m.both += y
		time += x
		both += y
	}
	w.total.time, w.total.both = time, both
}

// shares fills dst with the probability of each place under the given weights.
func (w *view) shares(weights *[kernels]float64, dst *[MaxPlaces]float64) {
	c := w.total.kernels(w.trust)
	for k := range c {
		if c[k] > 0 {
			c[k] = weights[k] / c[k]
		}
	}
	plain, context := noContext*c[kernelContext], w.trust*c[kernelContext]
	time, both := c[kernelTime]+noContext*c[kernelBoth], w.trust*c[kernelBoth]
	for i := range w.h.places {
		m := &w.places[i]
		dst[i] = c[kernelSteady]*m.steady + c[kernelRecent]*m.recent +
			plain*m.plain + context*m.context + time*m.time + both*m.both
	}
}

// settle moves weights by the share of its mass that each kernel had given to what
// happened.
func (w *view) settle(weights []float64, happened *masses) {
	logs, total := happened.kernels(w.trust), w.total.kernels(w.trust)
	for k := range logs {
		logs[k] = math.Log(max(logs[k]/total[k], leastShare))
	}
	learn(weights, kernelPrior[:], logs[:], kernelRate, kernelShare)
}

// add adds the masses of another place.
func (m *masses) add(o *masses) {
	m.steady += o.steady
	m.recent += o.recent
	m.plain += o.plain
	m.context += o.context
	m.time += o.time
	m.both += o.both
}

// context returns how alike the visits before visit i are to the latest visits: the
// longer the same sequence, the more.
func (h *Habits) context(i int) float64 {
	n := len(h.visits)
	if i == 0 {
		return 0
	}
	before, last := h.visits[i-1].place, h.visits[n-1].place
	switch {
	case before == last && i > 1 && h.visits[i-2].place == h.visits[n-2].place:
		return contextZone + contextPlace + contextSecond
	case before == last:
		return contextZone + contextPlace
	case h.places[before].zone == h.places[last].zone:
		return contextZone
	}
	return 0
}
