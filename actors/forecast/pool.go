package forecast

import (
	"math"

	"github.com/zonecast/zonecast/actors/span"
)

// The seasonal experts of a pool: each level of a table of each half-life.
var halfLives = [...]float64{14, 120} // days: a season's change, and what is steady

const seasonal = levels * len(halfLives)

// The short-term experts of a pool: the season as it is; the season times the ratio
// of actual to expected arrivals over each memory; and what its users announce.
var memories = [...]span.Duration{20 * span.Minute, 3 * span.Hour, 24 * span.Hour}

const (
	expertSeason = 0
	expertRatio  = 1 // and those after it, one per memory
	expertUsers  = expertRatio + len(memories)
	experts      = expertUsers + 1
)

// Learning, chosen on eight weeks of a public mobility trace; the forecast is flat
// around these values.
const (
	seasonRate, seasonShare = .1, .0001
	expertRate, expertShare = .1, .0001
)

var (
	seasonPrior = uniform()
	expertPrior = [experts]float64{.4, .15, .15, .15, .15}
	ratioPrior  = [len(memories)]float64{.3, .5, 2} // pseudo-arrivals that hold a ratio near 1
	leadFade    = [len(memories)]span.Duration{40 * span.Minute, 4 * span.Hour, 24 * span.Hour}
)

func uniform() (w [seasonal]float64) {
	for i := range w {
		w[i] = 1 / float64(seasonal)
	}
	return w
}

// usersMemory is the time over which what users announce is set against what came.
const usersMemory = 14 * span.Day

// usersPrior holds that ratio near 1, in arrivals.
const usersPrior = 20

// spreadMemory is the number of scored windows over which the dispersion is learned.
const spreadMemory = 2000

// maxCatchUp bounds the hours that are closed one by one after a silence; what lies
// before them is as if it had not been watched. 35 days keep one call below 1 ms.
const maxCatchUp = 35 * 24

// Pool forecasts the arrivals at one pool. Create it with NewPool. A Pool is not safe
// for concurrent use.
//
// The forecast is a weighted mean of experts: seasonal rates over several calendars
// and half-lives, the same times the ratio of the last minutes', hours' and day's
// actual to expected arrivals, and the sum of what the pool's users announce.
type Pool struct {
	offset int   // minutes of local time ahead of UTC
	hour   int64 // the open local hour: not yet in the tables
	count  float64
	clock  span.Time // up to where the ratios have been carried

	tables  [len(halfLives)]rateTable
	season  [seasonal]float64 // weights of the seasonal experts
	weights [experts]float64  // weights of the short-term experts

	ratios         [len(memories)]ratio
	users          ratio
	rates          hourRates // of the open hour; derived
	open           scoring
	excess, square float64   // decayed sums of (n-mean)^2 - mean and of mean^2
	band           Conformal // of (n-mean)/sd, at BandLevel
}

// ratio is a decayed number of actual and of expected arrivals.
type ratio struct{ actual, expected float64 }

func (r ratio) shrunk(pseudo float64) float64 { return (r.actual + pseudo) / (r.expected + pseudo) }

// hourRates is the seasonal rate of a local hour in arrivals per hour, kept because
// many windows lie in one hour.
type hourRates struct {
	hour  int64
	known bool
	mixed float64
}

// scoring is a window whose forecast waits for its outcome.
type scoring struct {
	start, end span.Time
	means      [experts]float64 // expected arrivals; users' is NaN if they were silent
	announced  float64          // by the users, as they said it
	mean       float64
	deviation  float64 // standard
	count      float64
}

// NewPool returns a pool that is watched from start on, whose calendar is offset
// minutes ahead of UTC, clamped to ±MaxOffset.
func NewPool(start span.Time, offset int) *Pool {
	p := &Pool{offset: min(max(offset, -MaxOffset), MaxOffset), clock: start}
	p.hour = hourOf(start, p.offset)
	for i := range p.tables {
		p.tables[i].unit = 1
	}
	p.season, p.weights = seasonPrior, expertPrior
	return p
}

// Observe counts n arrivals at the instant at. Times should not decrease; arrivals of
// an hour that is over still count in the tables, but no longer in any score. n that
// is not positive is ignored, and what exceeds MaxCount is cut.
func (p *Pool) Observe(at span.Time, n float64) {
	if !(n > 0) {
		return
	}
	n = min(n, MaxCount)
	p.advance(at)
	if h := hourOf(at, p.offset); h == p.hour {
		p.count += n
	} else {
		for i := range p.tables {
			p.tables[i].add(h, n, 0)
		}
		p.rates.known = false
	}
	if at >= p.open.start && at < p.open.end {
		p.open.count += n
	}
	for i := range p.ratios {
		p.ratios[i].actual += n * fade(max(0, p.clock.Sub(at)), memories[i])
	}
}

// advance carries the pool to now: closes the hours that are over and settles the
// window that waits.
func (p *Pool) advance(now span.Time) {
	if now <= p.clock {
		return
	}
	if h := hourOf(now, p.offset); h-p.hour > maxCatchUp {
		p.skipTo(h - maxCatchUp)
	}
	for next := hourStart(p.hour+1, p.offset); next <= now; next = hourStart(p.hour+1, p.offset) {
		p.carry(next)
		p.closeHour()
	}
	p.carry(now)
	if p.open.end != 0 && now >= p.open.end {
		p.settle()
	}
}

// skipTo forgets that time passed until local hour h.
func (p *Pool) skipTo(h int64) {
	p.hour, p.count, p.open, p.rates.known = h, 0, scoring{}, false
	p.clock = hourStart(h, p.offset)
	clear(p.ratios[:])
}

// carry fades the ratios to now, which is in the open hour or ends it.
func (p *Pool) carry(now span.Time) {
	passed := now.Sub(p.clock)
	if passed <= 0 {
		return
	}
	rate := p.rate(p.hour)
	for i, memory := range memories {
		f := fade(passed, memory)
		r := &p.ratios[i]
		r.actual *= f
		r.expected = r.expected*f + rate*(1-f)*memory.Hours()
	}
	p.clock = now
}

// rate returns the seasonal rate of local hour h in arrivals per hour.
func (p *Pool) rate(h int64) float64 {
	if p.rates.known && p.rates.hour == h {
		return p.rates.mixed
	}
	var all [seasonal]float64
	p.seasons(h, &all)
	mixed := 0.0
	for i, r := range all {
		mixed += p.season[i] * r
	}
	if h == p.hour {
		p.rates = hourRates{h, true, mixed}
	}
	return mixed
}

func (p *Pool) seasons(h int64, dst *[seasonal]float64) {
	for i := range p.tables {
		p.tables[i].rates(h, dst[i*levels:(i+1)*levels])
	}
}

// closeHour scores the seasonal experts on the open hour, adds it to the tables and
// opens the next.
func (p *Pool) closeHour() {
	var logs [seasonal]float64
	p.seasons(p.hour, &logs)
	for i, rate := range logs {
		logs[i] = poissonLog(p.count, rate)
	}
	learn(p.season[:], seasonPrior[:], logs[:], seasonRate, seasonShare)
	for i := range p.tables {
		p.tables[i].add(p.hour, p.count, 1)
		p.tables[i].age(growthPerHour(halfLives[i]))
	}
	p.hour, p.count, p.rates.known = p.hour+1, 0, false
}

// settle scores the short-term experts on the window that is over.
func (p *Pool) settle() {
	w := &p.open
	n := experts
	if math.IsNaN(w.means[expertUsers]) {
		n = expertUsers
	}
	var logs [experts]float64
	for i := range n {
		logs[i] = poissonLog(w.count, w.means[i])
	}
	learn(p.weights[:n], expertPrior[:n], logs[:n], expertRate, expertShare)
	if n == experts {
		f := fade(w.end.Sub(w.start), usersMemory)
		p.users.actual = p.users.actual*f + w.count
		p.users.expected = p.users.expected*f + w.announced
	}
	const f = 1 - 1.0/spreadMemory
	p.excess = p.excess*f + (w.count-w.mean)*(w.count-w.mean) - w.mean
	p.square = p.square*f + w.mean*w.mean
	p.band.Learn((w.count-w.mean)/max(w.deviation, leastScale), BandLevel)
	p.open = scoring{}
}

// Forecast fills dst with the distribution of the number of arrivals in each of
// len(dst) windows: the i-th is [first + i*step, first + (i+1)*step). intents are the
// expected arrivals that the pool's users announce for the same windows; nil, or a
// length other than dst's, means that nothing is announced, as does an intent outside of
// [0, MaxCount]. now must not go back.
func (p *Pool) Forecast(now, first span.Time, step span.Duration, intents []float64, dst []Count) []Count {
	p.advance(now)
	if len(intents) != len(dst) {
		intents = nil
	}
	spread := p.spread()
	outlook := p.outlook(now, first, step)
	for i := range dst {
		announced := math.NaN()
		if intents != nil && intents[i] >= 0 && intents[i] <= MaxCount {
			announced = intents[i]
		}
		mean := outlook.next(p, announced*p.users.shrunk(usersPrior))
		dst[i] = Count{mean, mean + spread*mean*mean}
		p.await(now, outlook.latest(), scoring{
			means: outlook.means, announced: announced,
			mean: mean, deviation: math.Sqrt(dst[i].Variance),
		})
	}
	return dst
}

// await keeps s, the forecast of window w, for its outcome, if w is the next to begin
// and no other is waiting.
func (p *Pool) await(now span.Time, w span.Window, s scoring) {
	if p.open.end == 0 && w.Start >= now && w.Start.Sub(now) < w.Length() {
		s.start, s.end = w.Start, w.End
		p.open = s
	}
}

// BandLevel is the share of windows that Upper holds for.
const BandLevel = .9

// Upper returns an upper bound of the arrivals in a window whose distribution, from
// Forecast, is c: mean plus so many standard deviations as would have bounded a share
// BandLevel of the windows scored so far (Conformal), not fewer than 0.
func (p *Pool) Upper(c Count) float64 {
	return max(0, c.Mean+p.band.Offset*math.Sqrt(c.Variance))
}

// spread returns the variance of the pool's common shock relative to its mean
// squared, from the residuals of the scored windows.
func (p *Pool) spread() float64 {
	const pseudo = 5 // expected arrivals squared, at no excess
	return max(0, p.excess/(p.square+pseudo))
}
