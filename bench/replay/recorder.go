package replay

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/bench/report"
	"github.com/zonecast/zonecast/messages"
)

// recorder counts what happens to requests, day by day, and what stands ready.
type recorder struct {
	*setting
	agents  []*tappedAgent // by zone
	days    []report.Day   // of the scored part, each of 24 h from From on
	before  []report.Day   // of the weeks before it, on which settings are chosen
	starts  []float64      // start times of scored requests, ms
	pending map[string]*request
	tally   []actors.Tally // of every zone, up to the last boundary
}

// request is what became of one row.
type request struct {
	at      span.Time
	data    bool // it needs the facet
	storage bool
	started *messages.Started
}

// tappedAgent is a simulated agent whose answers to Start are recorded.
type tappedAgent struct {
	*actors.SimAgent
	zone     int
	recorder *recorder
}

// Step implements actors.Machine.
func (t *tappedAgent) Step(now span.Time, from actors.Address, msg proto.Message, out *actors.Effects) {
	t.SimAgent.Step(now, from, msg, out)
	start, ok := msg.(*messages.Start)
	if !ok {
		return
	}
	for _, s := range out.Sends {
		if started, ok := s.Message.(*messages.Started); ok {
			if r := t.recorder.pending[start.GetRequest().GetId()]; r != nil && r.started == nil {
				r.started = started
			}
		}
	}
}

func newRecorder(s *setting) *recorder {
	r := &recorder{setting: s, pending: make(map[string]*request), tally: make([]actors.Tally, len(s.Zones))}
	for t := s.From; t < s.lastAt()+1; t = t.Add(span.Day) {
		r.days = append(r.days, r.newDay(t))
	}
	for t := s.From.Add(-tuningSpan); t < s.From; t = t.Add(span.Day) {
		r.before = append(r.before, r.newDay(t))
	}
	return r
}

// lastAt is when the last request is made.
func (s *setting) lastAt() span.Time { return s.Rows[len(s.Rows)-1].At }

func (r *recorder) newDay(t span.Time) report.Day {
	return report.Day{Start: t, Cost: make([]float64, len(r.ratios))}
}

// day returns the day that t lies in, nil if it is neither scored nor tuned on.
func (r *recorder) day(t span.Time) *report.Day {
	list, first := r.days, r.From
	if t < r.From {
		list, first = r.before, r.From.Add(-tuningSpan)
	}
	if t < first {
		return nil
	}
	if i := int(t.Sub(first) / span.Day); i < len(list) {
		return &list[i]
	}
	return nil
}

// settle counts a request that has been answered. It is exactly one of hit, late,
// missed and refused, in every facet that it needs.
func (r *recorder) settle(id string) {
	q := r.pending[id]
	delete(r.pending, id)
	day := r.day(q.at)
	if day == nil {
		return
	}
	outcome := func(f *report.Facet, needed bool, o messages.Outcome) {
		if !needed {
			return
		}
		f.Requests++
		switch {
		case q.started == nil:
			f.Refused++
		case o == messages.Outcome_OUTCOME_HIT:
			f.Hit++
		case o == messages.Outcome_OUTCOME_LATE:
			f.Late++
		default:
			f.Missed++
		}
	}
	outcome(&day.Compute, true, q.started.GetCompute())
	outcome(&day.Data, q.data, q.started.GetData())
	outcome(&day.Connection, true, q.started.GetConnection())
	outcome(&day.Storage, q.storage, q.started.GetStorage())
	if q.started == nil {
		return
	}
	day.StartMs += q.started.GetStartMs()
	for i, second := range r.seconds {
		day.Cost[i] += q.started.GetStartMs() / 1000 * second / microsPerUnit
	}
	if q.at >= r.From {
		r.starts = append(r.starts, q.started.GetStartMs())
	}
}

const (
	microsPerUnit = 1e6
	msPerHour     = float64(span.Hour)
)

// boundary counts what stood ready since the last boundary, for the day that
// began at the given instant.
func (r *recorder) boundary(now, dayStart span.Time) {
	day := r.day(dayStart)
	for i, agent := range r.agents {
		tally := agent.Tally(now)
		before := r.tally[i]
		r.tally[i] = tally
		if day == nil {
			continue
		}
		day.StagedHours += (tally.StagedMs - before.StagedMs) / msPerHour
		day.WastedHours += max((tally.StagedMs-tally.UsedMs)-(before.StagedMs-before.UsedMs), 0) / msPerHour
		day.CachedByteHours += (tally.CachedByteMs - before.CachedByteMs) / msPerHour
		idle := r.idlePrice(i, tally, before)
		for j := range day.Cost {
			day.Cost[j] += idle / microsPerUnit
		}
	}
}

// cacheDiscount: a cached or stored GiB-hour costs a tenth of one of memory.
const cacheDiscount = 10

// idlePrice is the price of what stood ready in a zone and was not used.
func (r *recorder) idlePrice(zone int, now, before actors.Tally) float64 {
	z := &r.Zones[zone]
	gibHour := float64(z.PriceGiBHourMicros) * z.StagingPriceFactor / gib / msPerHour
	stored := now.CachedByteMs - before.CachedByteMs + now.VolumeByteMs - before.VolumeByteMs
	return gibHour * (now.IdleByteMs - before.IdleByteMs + stored/cacheDiscount)
}

// run returns what was counted as a report's run.
func (r *recorder) run(knob float64) report.Run {
	slices.Sort(r.starts)
	run := report.Run{Knob: knob, Days: r.days}
	total := 0.0
	for _, ms := range r.starts {
		total += ms
	}
	if n := len(r.starts); n > 0 {
		run.Start = report.StartTimes{
			Mean: total / float64(n), P50: r.starts[n/2], P95: r.starts[n*95/100], P99: r.starts[n*99/100],
		}
	}
	return run
}

// tuningCost is the cost of the weeks before scoring, at the price of a second
// that the replay plans with.
func (r *recorder) tuningCost() float64 {
	at := slices.Index(r.ratios, r.CostRatio)
	total := 0.0
	for _, d := range r.before {
		total += d.Cost[at]
	}
	return total
}
