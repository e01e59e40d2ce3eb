package actors

import (
	"math"

	"github.com/zonecast/zonecast/actors/forecast"
	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// shapeMemory is the number of requests over which the workload's shape is
// averaged: a user's habits change over weeks, not by one request.
const shapeMemory = 50

// usageKinds are the resources whose use is forecast.
var usageKinds = [...]string{resource.CPU, resource.Memory, resource.Storage, resource.Bandwidth}

// learned is what a user's series says of it. It is derived state: a function of
// the samples that were observed.
type learned struct {
	habits      *forecast.Habits  // nil before the first request
	usage       []*forecast.Usage // of usageKinds; empty before the first sample
	requests    int64
	first, last span.Time
	class       string     // of the last request
	mean        [5]float64 // of cpu, memory, storage, bandwidth, io asked for

	zones, datasets, regions tally
}

// Observe implements Observer.
func (u *User) Observe(samples []*messages.Sample, position uint64) {
	for _, s := range samples {
		u.learned.observe(s, int(u.settings.GetUtcOffsetMinutes()))
	}
	u.position = position
}

// Position implements Observer.
func (u *User) Position() uint64 { return u.position }

func (l *learned) observe(s *messages.Sample, offset int) {
	at := span.Time(s.GetAtMs())
	if len(l.usage) == 0 {
		l.first = at
		for range usageKinds {
			l.usage = append(l.usage, forecast.NewUsage(offset))
		}
	}
	l.last = max(l.last, at)
	used := VectorOf(s.GetUsed())
	for i, kind := range usageKinds {
		l.usage[i].Observe(at, float64(used.Of(kind)))
	}
	if s.GetRequests() > 0 {
		l.observeRequest(at, s, offset)
	}
}

func (l *learned) observeRequest(at span.Time, s *messages.Sample, offset int) {
	if l.habits == nil {
		l.habits = forecast.NewHabits(at, offset)
	}
	l.habits.Observe(forecast.Visit{
		At:       at,
		Zone:     s.GetZone(),
		Dataset:  s.GetDataset(),
		Duration: span.Duration(s.GetDurationMs()),
		Bytes:    s.GetDatasetBytes(),
	})
	l.requests += s.GetRequests()
	l.class = s.GetClass()
	l.zones.add(s.GetZone())
	l.datasets.add(s.GetDataset())
	l.regions.add(s.GetRegion())
	share := 1 / math.Min(float64(l.requests), shapeMemory)
	v := VectorOf(s.GetUsed())
	for i, x := range [...]int64{v.CPU, v.Memory, v.Storage, v.Bandwidth, v.IO} {
		l.mean[i] += share * (float64(x) - l.mean[i])
	}
}

// shape is the mix of what the user asks for: amounts are set against those of an
// ordinary machine so that none weighs more for its unit.
func (l *learned) shape() *messages.WorkloadShape {
	const core, memory, operations = 1000, 4 << 30, 1000
	cpu, mem, io := l.mean[0]/core, l.mean[1]/memory, l.mean[4]/operations
	total := cpu + mem + io
	if total == 0 {
		return nil
	}
	return &messages.WorkloadShape{
		Cpu: cpu / total, Memory: mem / total, Io: io / total,
		Mean: VectorMessage(resource.Vector{
			CPU: int64(l.mean[0]), Memory: int64(l.mean[1]), Storage: int64(l.mean[2]),
			Bandwidth: int64(l.mean[3]), IO: int64(l.mean[4]),
		}),
	}
}

func (l *learned) message() *messages.LearnedState {
	m := &messages.LearnedState{
		Habits:   marshal(l.habits),
		Requests: l.requests,
		FirstMs:  int64(l.first),
		LastMs:   int64(l.last),
		Class:    l.class,
		Mean:     l.mean[:],
		Zones:    l.zones.counts(),
		Datasets: l.datasets.counts(),
		Regions:  l.regions.counts(),
	}
	for _, u := range l.usage {
		m.Usage = append(m.Usage, marshal(u))
	}
	return m
}

// load restores what message returned. Models that cannot be read (written by
// another version) start anew: they are a function of the series.
func (l *learned) load(m *messages.LearnedState) {
	*l = learned{
		habits:   unmarshal[forecast.Habits](m.GetHabits()),
		requests: m.GetRequests(),
		first:    span.Time(m.GetFirstMs()),
		last:     span.Time(m.GetLastMs()),
		class:    m.GetClass(),
		zones:    tallyOf(m.GetZones()),
		datasets: tallyOf(m.GetDatasets()),
		regions:  tallyOf(m.GetRegions()),
	}
	copy(l.mean[:], m.GetMean())
	if len(m.GetUsage()) != len(usageKinds) {
		return
	}
	for _, b := range m.GetUsage() {
		u := unmarshal[forecast.Usage](b)
		if u == nil {
			u = forecast.NewUsage(0)
		}
		l.usage = append(l.usage, u)
	}
}

// profile returns what is known of the user, stated and learned.
func (u *User) profile() *messages.Profile {
	l := &u.learned
	p := &messages.Profile{
		Tenant: u.tenant, User: u.user, Settings: u.settings,
		Requests: l.requests, FirstMs: int64(l.first), LastMs: int64(l.last), Shape: l.shape(),
		Zones: l.zones.shares(), Datasets: l.datasets.shares(), LearnedRegions: l.regions.shares(),
	}
	for _, id := range u.order {
		if q := u.placements[id]; q.phase != ended {
			p.Placements = append(p.Placements, &messages.PlacementState{
				PlacementId: id, Zone: q.zone(), Phase: phaseNames[q.phase], EndMs: q.endMs,
			})
		}
	}
	return p
}
