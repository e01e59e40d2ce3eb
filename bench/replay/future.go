package replay

import (
	"cmp"
	"math"
	"slices"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/score"
	"github.com/zonecast/zonecast/actors/sim"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/bench/trace"
	"github.com/zonecast/zonecast/messages"
)

// future is what a policy that knows all arrivals is told of them.
type future struct {
	*setting
	origins []int // of every row: the index of the nearest zone
	visits  map[actors.PoolID][]visit
	told    span.Time // until when users' requests were told
}

// tellEvery is how often zones are told what users will ask for.
const tellEvery = 6 * span.Hour

func newFuture(s *setting) *future {
	f := &future{setting: s, visits: make(map[actors.PoolID][]visit)}
	for i := range s.Rows {
		r := &s.Rows[i]
		origin := s.nearest(score.Position{Lat: r.Lat, Lon: r.Lon})
		class, _ := actors.ClassOf(&messages.Request{Need: actors.VectorMessage(r.Need), Image: r.Image})
		pool := actors.PoolID{Zone: s.Zones[origin].ID, Tenant: r.Tenant, Class: class}
		f.visits[pool] = append(f.visits[pool], visit{r.At, r.End()})
		f.origins = append(f.origins, origin)
	}
	return f
}

// nearest returns the index of the zone nearest to p, the first of equals.
func (s *setting) nearest(p score.Position) int {
	best, least := 0, math.Inf(1)
	for i := range s.Zones {
		if km := p.KmTo(score.Position{Lat: s.Zones[i].Lat, Lon: s.Zones[i].Lon}); km < least {
			best, least = i, km
		}
	}
	return best
}

func (f *future) planner(pool actors.PoolID, _ span.Time) actors.Planner {
	return &greedy{visits: f.visits[pool]}
}

// tell says to every zone what users will ask of it until after the next telling,
// once it is time for that.
func (f *future) tell(w *sim.World, now span.Time) {
	if now < f.told.Add(-tellEvery) && f.told != 0 {
		return
	}
	start := now.Floor(span.Hour)
	f.told = start.Add(2 * tellEvery)
	type key struct {
		origin       int
		tenant, user string
	}
	said := make(map[key]*messages.Intents)
	from, _ := slices.BinarySearchFunc(f.Rows, start, rowAt)
	for i := from; i < len(f.Rows) && f.Rows[i].At < f.told; i++ {
		r := &f.Rows[i]
		k := key{f.origins[i], r.Tenant, r.User}
		if said[k] == nil {
			said[k] = f.intents(r, start)
		}
		hour := r.At.Sub(start) / span.Hour
		said[k].Requests[hour]++
		datasetIntent(said[k], r)[hour]++
	}
	keys := make([]key, 0, len(said))
	for k := range said {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.origin, b.origin), cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.user, b.user))
	})
	for _, k := range keys {
		w.Tell(actors.Address{Kind: actors.KindZone, ID: f.Zones[k.origin].ID}, said[k])
	}
}

func rowAt(r trace.Row, t span.Time) int { return cmp.Compare(r.At, t) }

func (f *future) intents(r *trace.Row, start span.Time) *messages.Intents {
	class, _ := actors.ClassOf(&messages.Request{Need: actors.VectorMessage(r.Need), Image: r.Image})
	return &messages.Intents{
		Tenant: r.Tenant, User: r.Tenant + "/" + r.User, Class: class, StartMs: int64(start), SlotMs: int64(span.Hour),
		Requests: make([]float32, 2*tellEvery/span.Hour), BusyMs: int64(r.Duration),
	}
}

// datasetIntent returns the slots of the row's dataset, added if it is new.
func datasetIntent(m *messages.Intents, r *trace.Row) []float32 {
	for _, d := range m.Datasets {
		if d.Dataset == r.Dataset {
			return d.Requests
		}
	}
	d := &messages.DatasetIntent{Dataset: r.Dataset, Bytes: r.DatasetBytes, Requests: make([]float32, len(m.Requests))}
	m.Datasets = append(m.Datasets, d)
	return d.Requests
}
