package replay

import (
	"cmp"
	"math"
	"slices"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/plan"
	"github.com/zonecast/zonecast/actors/span"
)

// window is the grid of plans.
const window = 15 * span.Minute

// gauge watches how many units a pool of a baseline uses. Baselines plan softly
// and keep no state over restarts: replays have none.
type gauge struct {
	busy int
	peak int // of busy since it was last taken
}

func (g *gauge) Arrived(span.Time) {}

func (g *gauge) Started(span.Time) {
	g.busy++
	g.peak = max(g.peak, g.busy)
}

func (g *gauge) Ended(span.Time) { g.busy-- }

func (g *gauge) take() int {
	peak := g.peak
	g.peak = g.busy
	return peak
}

// MarshalBinary implements actors.Planner.
func (g *gauge) MarshalBinary() ([]byte, error) { return nil, nil }

// UnmarshalBinary implements actors.Planner.
func (g *gauge) UnmarshalBinary([]byte) error { return nil }

func soft(start, end span.Time, units int) actors.Level {
	return actors.Level{Window: span.Window{Start: start, End: end}, Level: plan.Level{Soft: units}}
}

// fixed keeps so many units up at all times: static, and with none reactive.
type fixed struct {
	gauge
	units int
	due   span.Time
}

func (f *fixed) Due() span.Time { return f.due }

func (f *fixed) Plan(now span.Time, _ actors.PlanInput, dst []actors.Level) []actors.Level {
	if f.units == 0 {
		f.due = span.Never
	}
	const length = span.Day
	day := span.Starting(now.Floor(length), length)
	if f.due != span.Never {
		f.due = day.End
	}
	return append(dst, soft(day.Start, day.End, f.units))
}

// keepAlive keeps a unit for some time after it was used last.
type keepAlive struct {
	gauge
	stay span.Duration
	idle []span.Time // when each unit that is not in use goes, earliest first
	due  span.Time
}

func newKeepAlive(stay span.Duration) *keepAlive { return &keepAlive{stay: stay, due: span.Never} }

func (k *keepAlive) Started(at span.Time) {
	k.gauge.Started(at)
	if n := len(k.idle); n > 0 {
		k.idle = k.idle[:n-1] // the one used last is taken first
	}
	k.due = at
}

func (k *keepAlive) Ended(at span.Time) {
	k.gauge.Ended(at)
	k.idle = append(k.idle, at.Add(k.stay))
	k.due = at
}

func (k *keepAlive) Due() span.Time { return k.due }

// Plan wants all units in use and those that stay, until the first of them goes.
func (k *keepAlive) Plan(now span.Time, _ actors.PlanInput, dst []actors.Level) []actors.Level {
	for len(k.idle) > 0 && k.idle[0] <= now {
		k.idle = k.idle[1:]
	}
	k.due = span.Never
	if len(k.idle) == 0 {
		return append(dst, soft(now, now.Add(k.stay), 0))
	}
	k.due = k.idle[0]
	return append(dst, soft(now, k.due, k.busy+len(k.idle)))
}

// samePeak wants the peak of the same hour some time ago, times a factor.
type samePeak struct {
	gauge
	ago    span.Duration
	factor float64
	peaks  map[span.Time]int // by the window's start
	due    span.Time
}

func newSamePeak(ago span.Duration, factor float64) *samePeak {
	return &samePeak{ago: ago, factor: factor, peaks: make(map[span.Time]int)}
}

func (s *samePeak) Due() span.Time { return s.due }

func (s *samePeak) Plan(now span.Time, in actors.PlanInput, dst []actors.Level) []actors.Level {
	s.peaks[now.Floor(window).Add(-window)] = s.take()
	first := now.Add(in.Lead).Floor(window)
	s.due = first.Add(window - in.Lead)
	hour := first.Add(-s.ago).Floor(span.Hour)
	peak := 0
	for t := hour; t < hour.Add(span.Hour); t = t.Add(window) {
		peak = max(peak, s.peaks[t])
	}
	delete(s.peaks, hour.Add(-span.Hour))
	return append(dst, soft(now, s.due, int(math.Floor(s.factor*float64(peak)+.5))))
}

// histogram wants a percentile of the use of the last days, recent use weighing
// more: the rule of Kubernetes' vertical autoscaler with its half-life of a day.
type histogram struct {
	gauge
	percentile float64
	weights    []float64 // of every number of units
	due        span.Time
}

func newHistogram(percentile float64) *histogram { return &histogram{percentile: percentile} }

func (h *histogram) Due() span.Time { return h.due }

func (h *histogram) Plan(now span.Time, in actors.PlanInput, dst []actors.Level) []actors.Level {
	peak := h.take()
	for len(h.weights) <= peak {
		h.weights = append(h.weights, 0)
	}
	decay := math.Exp2(-float64(window) / float64(span.Day))
	total := 0.0
	for i := range h.weights {
		h.weights[i] *= decay
		total += h.weights[i]
	}
	h.weights[peak]++
	total++
	units, below := 0, h.weights[0]
	for below < h.percentile*total && units+1 < len(h.weights) {
		units++
		below += h.weights[units]
	}
	h.due = now.Add(in.Lead).Floor(window).Add(window - in.Lead)
	return append(dst, soft(now, h.due, units))
}

// scheduled forecasts each hour's mean use from the same hours of the last two
// weeks and keeps that many units up, times a factor: a floor under what reacts,
// as cloud providers' predictive scaling has it.
type scheduled struct {
	gauge
	factor float64
	hours  map[span.Time]float64 // mean peak by hour
	due    span.Time
}

func newScheduled(factor float64) *scheduled {
	return &scheduled{factor: factor, hours: make(map[span.Time]float64)}
}

func (s *scheduled) Due() span.Time { return s.due }

func (s *scheduled) Plan(now span.Time, in actors.PlanInput, dst []actors.Level) []actors.Level {
	const perHour = int(span.Hour / window)
	s.hours[now.Floor(window).Add(-window).Floor(span.Hour)] += float64(s.take()) / float64(perHour)
	first := now.Add(in.Lead).Floor(window)
	s.due = first.Add(window - in.Lead)
	hour := first.Floor(span.Hour)
	delete(s.hours, hour.Add(-15*span.Day))
	sum, n := 0.0, 0.0
	for days := 1; days <= 14; days++ {
		weight := 1.0
		if days%7 == 0 {
			weight = 4 // the same day of the week tells more
		}
		if x, known := s.hours[hour.Add(-span.Duration(days)*span.Day)]; known {
			sum += weight * x
			n += weight
		}
	}
	units := 0
	if n > 0 {
		units = int(math.Ceil(s.factor*sum/n - .5))
	}
	return append(dst, soft(now, s.due, units))
}

// greedy knows all arrivals in a pool and has a unit ready for each in the window
// in which it comes: no more, no less.
type greedy struct {
	gauge
	visits []visit // by arrival
	due    span.Time
}

// visit is one known request.
type visit struct{ at, end span.Time }

func (g *greedy) Due() span.Time { return g.due }

func (g *greedy) Plan(now span.Time, in actors.PlanInput, dst []actors.Level) []actors.Level {
	first := now.Add(in.Lead).Floor(window)
	g.due = first.Add(window - in.Lead)
	for len(g.visits) > 0 && g.visits[0].end <= first.Add(-span.Day) {
		g.visits = g.visits[1:]
	}
	return append(dst, soft(now, g.due, g.most(span.Window{Start: first, End: first.Add(window)})))
}

// most returns the most requests that live at once in w.
func (g *greedy) most(w span.Window) int {
	type turn struct {
		at    span.Time
		delta int
	}
	var turns []turn
	for _, v := range g.visits {
		if v.at >= w.End {
			break
		}
		if v.end > w.Start {
			turns = append(turns, turn{max(v.at, w.Start), 1}, turn{v.end, -1})
		}
	}
	slices.SortFunc(turns, func(a, b turn) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.delta, b.delta)) })
	most, live := 0, 0
	for _, t := range turns {
		live += t.delta
		if t.at < w.End {
			most = max(most, live)
		}
	}
	return most
}
