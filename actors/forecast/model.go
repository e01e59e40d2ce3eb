package forecast

import "github.com/zonecast/zonecast/actors/span"

// Model forecasts one series of amounts by a point; Usage makes quantiles of it. A
// model learns by one observation at a time and costs the same however long the
// series is.
type Model interface {
	// Name says which model it is, in one word.
	Name() string
	// Observe learns the amount y at the instant at; instants do not decrease.
	Observe(at span.Time, y float64)
	// Predict returns the expected amount at the instant at, not before the last
	// observation's; 0 if there was none.
	Predict(at span.Time) float64

	encode(e *encoder)
	decode(d *decoder)
}

// level keeps an exponentially weighted mean: what is now will be. Times weigh,
// not samples, so that a burst of samples counts once.
type level struct {
	value float64
	last  span.Time // 0 before the first observation
}

// levelMemory is the time constant of level; levelStep the least weight of a sample,
// as if that much time had passed since the one before.
const (
	levelMemory = 2 * span.Hour
	levelStep   = 5 * span.Minute
)

func (m *level) Name() string { return "level" }

func (m *level) Observe(at span.Time, y float64) {
	if m.last == 0 {
		m.value = y
	} else {
		m.value += (y - m.value) * (1 - fade(max(levelStep, at.Sub(m.last)), levelMemory))
	}
	m.last = max(m.last, at)
}

func (m *level) Predict(span.Time) float64 { return m.value }

// naive is seasonal naive: the mean of the same hour on the last day that had one.
type naive struct {
	offset int
	hour   int64 // the open hour
	sum, n float64
	means  [24]float32 // by hour of day; of an hour without samples, what was before
	seen   bool
}

func (m *naive) Name() string { return "yesterday" }

func (m *naive) Observe(at span.Time, y float64) {
	if h := hourOf(at, m.offset); h != m.hour {
		m.close()
		m.hour, m.sum, m.n = h, 0, 0
	}
	m.sum, m.n = m.sum+y, m.n+1
}

func (m *naive) close() {
	if m.n == 0 {
		return
	}
	mean := float32(m.sum / m.n)
	if !m.seen {
		for i := range m.means {
			m.means[i] = mean
		}
	}
	hour, _ := dayHour(m.hour)
	m.means[hour], m.seen = mean, true
}

func (m *naive) Predict(at span.Time) float64 {
	switch {
	case m.seen:
		hour, _ := dayHour(hourOf(at, m.offset))
		return float64(m.means[hour])
	case m.n > 0:
		return m.sum / m.n
	}
	return 0
}

// daily is the decayed mean by hour of day, shrunk to the mean over all hours.
type daily struct {
	offset int
	sums   [24]float32
	counts [24]float32
}

// dailyMemory is the number of an hour's samples after which one has lost 63 % of its
// weight: at a sample each five minutes, about a week. dailyPseudo holds an hour near
// the mean of the day.
const (
	dailyMemory = 84
	dailyPseudo = 4
)

func (m *daily) Name() string { return "daily" }

func (m *daily) Observe(at span.Time, y float64) {
	const f = 1 - 1.0/dailyMemory
	hour, _ := dayHour(hourOf(at, m.offset))
	m.sums[hour] = m.sums[hour]*f + float32(y)
	m.counts[hour] = m.counts[hour]*f + 1
}

func (m *daily) Predict(at span.Time) float64 {
	var sum, n float64
	for i := range m.sums {
		sum += float64(m.sums[i])
		n += float64(m.counts[i])
	}
	if n == 0 {
		return 0
	}
	hour, _ := dayHour(hourOf(at, m.offset))
	return (float64(m.sums[hour]) + dailyPseudo*sum/n) / (float64(m.counts[hour]) + dailyPseudo)
}

func (m *level) encode(e *encoder) {
	e.float(m.value)
	e.int(int64(m.last))
}

func (m *level) decode(d *decoder) { m.value, m.last = d.amount(), d.time() }

func (m *naive) encode(e *encoder) {
	e.int(m.hour)
	e.floats(m.sum, m.n)
	e.flag(m.seen)
	for _, x := range m.means {
		e.small(x)
	}
}

func (m *naive) decode(d *decoder) {
	m.hour = d.int(-maxHour, maxHour)
	m.sum, m.n = d.amount(), d.amount()
	m.seen = d.flag()
	for i := range m.means {
		m.means[i] = d.small()
	}
}

func (m *daily) encode(e *encoder) {
	for i := range m.sums {
		e.small(m.sums[i])
		e.small(m.counts[i])
	}
}

func (m *daily) decode(d *decoder) {
	for i := range m.sums {
		m.sums[i], m.counts[i] = d.small(), d.small()
	}
}
