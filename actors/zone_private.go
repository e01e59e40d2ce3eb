package actors

import (
	"cmp"
	"slices"

	"github.com/zonecast/zonecast/actors/forecast"
	"github.com/zonecast/zonecast/actors/ledger"
	"github.com/zonecast/zonecast/actors/plan"
	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// Planning of what is a user's own: datasets, volumes, connections.
const (
	// dataAhead is how far ahead a dataset's requests count for its place in the cache.
	dataAhead = span.Hour
	// cachedWorth is how much more a dataset counts that is in the cache already: to
	// exchange it costs a pull, which slows down those that requests wait for.
	cachedWorth = 1.25
	// volumeLeast is the probability that a user comes within the hour below which
	// nothing is prepared for it alone: hundreds of such users would take turns.
	volumeLeast = 0.01
	// volumesMax users' volumes are prepared in one zone at a time.
	volumesMax = 256
)

// datasets is which datasets the zone expects to be asked for, and which of them
// it wants in its cache.
type datasets struct {
	habits *forecast.Habits // of the zone as a whole, for the case that users aren't heard
	wanted []*messages.DatasetStage
	trial  cacheTrial
	expect forecast.Expectation
	asOf   span.Time // the hour for which wanted was chosen; 0 after a request
}

func (d *datasets) observe(at span.Time, zone string, m *messages.Demand) {
	if d.habits == nil {
		d.habits = forecast.NewHabits(at, 0)
	}
	d.trial.observe(m.GetDataset(), m.GetDatasetBytes())
	d.habits.Observe(forecast.Visit{
		At: at, Zone: zone, Dataset: m.GetDataset(),
		Duration: span.Duration(m.GetDurationMs()), Bytes: m.GetDatasetBytes(),
	})
	d.asOf = 0
}

// planPrivate decides what is made ready for users alone: for datasets once an hour
// and after requests, for volumes once an hour.
func (z *Zone) planPrivate(now span.Time, out *Effects) {
	if z.config.NoPrefetch || z.spec.GetMode() != messages.Mode_MODE_ACT {
		return
	}
	z.intents.forget(now)
	if hour := now.Floor(span.Hour); z.data.asOf != hour {
		z.data.asOf = hour
		z.planDatasets(now)
	}
	z.planVolumes(now, out)
}

// planDatasets chooses what the cache is to hold whatever else is asked for: the
// datasets whose requests in the time ahead save most per byte; nothing while the
// plain cache would have served the last requests better.
func (z *Zone) planDatasets(now span.Time) {
	wishes := z.wishes(now)
	second := float64(DefaultSecondMicros)
	for _, t := range z.tenants {
		second = max(second, float64(t.GetWeights().GetSecondMicros()))
	}
	items := make([]plan.Dataset, len(wishes))
	for i, w := range wishes {
		seconds := float64(w.bytes) / z.starts().GetPullBytesPerSecond()
		items[i] = plan.Dataset{Bytes: w.bytes, Value: w.rate * seconds * second}
		if _, cached := slices.BinarySearch(z.report.GetDatasets(), w.name); cached {
			items[i].Value *= cachedWorth
		}
	}
	hold := z.gibHour() / cacheDiscount
	chosen := plan.Datasets(nil, items, z.spec.GetCacheBytes(), hold)
	slices.Sort(chosen) // by name, so that a mere change of rank is no change
	planned := make([]*messages.DatasetStage, len(chosen))
	for i, c := range chosen {
		planned[i] = &messages.DatasetStage{Dataset: wishes[c].name, Bytes: wishes[c].bytes}
	}
	z.data.trial.choose(z.spec.GetCacheBytes(), planned)
	if !z.data.trial.holds() {
		planned = nil
	}
	same := slices.EqualFunc(planned, z.data.wanted, func(a, b *messages.DatasetStage) bool {
		return a.GetDataset() == b.GetDataset() && a.GetBytes() == b.GetBytes()
	})
	if !same {
		z.stale, z.data.wanted = true, planned
	}
}

// cacheDiscount: a cached GiB costs this much less than one of memory.
const cacheDiscount = 10

// expected is a dataset with the requests per hour that are expected for it.
type expected struct {
	name  string
	bytes int64
	rate  float64
}

// wishes returns what is expected of each dataset, by name.
func (z *Zone) wishes(now span.Time) []expected {
	if z.config.IgnoreUsers {
		return z.ownWishes(now)
	}
	list := make([]expected, 0, len(z.intents.names))
	ahead := sharesOf(span.Starting(now, dataAhead))
	for _, name := range z.intents.names {
		w := z.intents.datasets[name]
		rate := w.slots.over(ahead) / dataAhead.Hours()
		if rate > 0 && w.bytes > 0 {
			list = append(list, expected{name, w.bytes, rate})
		}
	}
	return list
}

// ownWishes returns what the zone expects by its own habits.
func (z *Zone) ownWishes(now span.Time) []expected {
	if z.data.habits == nil {
		return nil
	}
	e := &z.data.expect
	z.data.habits.Expect(now, span.Hour, int(dataAhead/span.Hour), e)
	var list []expected
	for _, zone := range e.Zones {
		for _, d := range zone.Datasets {
			sum := 0.0
			for _, r := range d.Rates {
				sum += float64(r)
			}
			if d.Bytes > 0 && sum > 0 {
				list = append(list, expected{d.Dataset, d.Bytes, sum / float64(len(d.Rates))})
			}
		}
	}
	slices.SortFunc(list, func(a, b expected) int { return cmp.Compare(a.name, b.name) })
	return list
}

// planVolumes prepares storage and connection for the users most likely to come
// in this hour, as soft reservations of their own.
func (z *Zone) planVolumes(now span.Time, out *Effects) {
	hour := span.Starting(now.Floor(span.Hour), span.Hour)
	if windowOf(z.volumes.GetWindow()) == hour || z.config.IgnoreUsers {
		return
	}
	record := &messages.VolumesPlanned{
		AtMs: int64(now), Window: &messages.Window{StartMs: int64(hour.Start), EndMs: int64(hour.End)},
	}
	room := VectorOf(z.spec.GetCapacity()).Storage
	for _, v := range z.likelyUsers(now, hour) {
		if v.GetBytes() <= room && len(record.Volumes) < volumesMax {
			room -= v.GetBytes()
			record.Volumes = append(record.Volumes, v)
		}
	}
	if len(record.Volumes) > 0 || len(z.volumes.GetVolumes()) > 0 {
		z.commit(out, record)
	}
}

// likelyUsers returns the users for whom a volume is worth preparing, most likely
// first.
func (z *Zone) likelyUsers(now span.Time, hour span.Window) []*messages.VolumeStage {
	type candidate struct {
		m *messages.Intents
		p float64
	}
	saved := (z.starts().GetStorageColdMs() - z.starts().GetStorageReadyMs()) / 1000
	slot := func(m *messages.Intents) float64 {
		i := (int64(hour.Start) - m.GetStartMs()) / int64(intentSlot)
		if i < 0 || i >= int64(len(m.GetRequests())) {
			return 0
		}
		return float64(m.GetRequests()[i])
	}
	var list []candidate
	for _, m := range z.intents.byUser {
		p, bytes := slot(m), m.GetStorageBytes()
		hold := z.gibHour() / cacheDiscount * float64(bytes) / gib
		if p >= volumeLeast && bytes > 0 && z.acts(m.GetTenant()) && plan.Private(p, saved*float64(z.secondMicros(m.GetTenant())), hold, span.Hour) {
			list = append(list, candidate{m, p})
		}
	}
	slices.SortFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.p, a.p), cmp.Compare(a.m.GetUser(), b.m.GetUser()), cmp.Compare(a.m.GetClass(), b.m.GetClass()))
	})
	stages := make([]*messages.VolumeStage, 0, len(list))
	for _, c := range list {
		stages = append(stages, &messages.VolumeStage{User: c.m.GetUser(), Bytes: c.m.GetStorageBytes()})
	}
	return stages
}

func (z *Zone) foldVolumes(r *messages.VolumesPlanned) {
	now := span.Time(r.GetAtMs())
	z.reserveVolumes(now, z.volumes, 0)
	z.volumes = r
	z.reserveVolumes(now, r, 1)
}

// reserveVolumes reserves so many of each volume in v, softly.
func (z *Zone) reserveVolumes(now span.Time, v *messages.VolumesPlanned, n int64) {
	w := windowOf(v.GetWindow())
	if v == nil || w.End <= now {
		return
	}
	for _, volume := range v.GetVolumes() {
		tenant, _, _ := SplitUser(volume.GetUser())
		z.books.Reserve(now, ledger.Reservation{
			Holder: ledger.Holder{Tenant: tenant, ID: volume.GetUser()},
			ID:     "volume", Window: w, Amount: resource.Vector{Storage: n * volume.GetBytes()}, Tier: ledger.Soft,
		})
	}
}
