package forecast

import (
	"math"

	"github.com/zonecast/zonecast/actors/span"
)

// outlook walks the windows of a forecast in order. The ratios fade towards 1 with
// the lead time.
type outlook struct {
	start  span.Time
	step   span.Duration
	excess [len(memories)]float64 // ratio - 1 at the window's middle
	fades  [len(memories)]float64 // per window
	means  [experts]float64       // of the latest window
	hour   int64
	rate   float64 // of hour, arrivals per hour
}

func (p *Pool) outlook(now, first span.Time, step span.Duration) outlook {
	o := outlook{start: first, step: step, hour: math.MinInt64}
	lead := max(0, first.Add(step/2).Sub(now))
	for i, r := range p.ratios {
		o.excess[i] = (r.shrunk(ratioPrior[i]) - 1) * fade(lead, leadFade[i])
		o.fades[i] = fade(step, leadFade[i])
	}
	return o
}

// next returns the expected arrivals of the next window, for which users announce
// so many (NaN: they are silent).
func (o *outlook) next(p *Pool, announced float64) float64 {
	base := o.expected(p)
	o.means[expertSeason] = base
	for i := range memories {
		o.means[expertRatio+i] = base * (1 + o.excess[i])
		o.excess[i] *= o.fades[i]
	}
	o.means[expertUsers] = announced
	mean, total := 0.0, 0.0
	for i, m := range o.means {
		if i == expertUsers && math.IsNaN(m) {
			break
		}
		mean += p.weights[i] * m
		total += p.weights[i]
	}
	return mean / total
}

// expected returns the season's arrivals in the next window and steps on.
func (o *outlook) expected(p *Pool) float64 {
	sum := 0.0
	end := o.start.Add(o.step)
	for at := o.start; at < end; {
		if h := hourOf(at, p.offset); h != o.hour {
			o.hour, o.rate = h, p.rate(h)
		}
		until := min(end, hourStart(o.hour+1, p.offset))
		sum += o.rate * until.Sub(at).Hours()
		at = until
	}
	o.start = end
	return sum
}

// latest returns the window that next was last asked about.
func (o *outlook) latest() span.Window { return span.Window{Start: o.start.Add(-o.step), End: o.start} }
