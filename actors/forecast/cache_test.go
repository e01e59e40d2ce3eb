package forecast_test

import (
	"cmp"
	"slices"
	"testing"

	"github.com/zonecast/zonecast/actors/forecast"
	"github.com/zonecast/zonecast/actors/span"
)

// cacheFrom is where the caches are scored from; caches and expectations start a week
// before it.
var cacheFrom = scoredTo.Add(-2 * span.Week)

// reader is a user with what is expected of him.
type reader struct {
	habits *forecast.Habits
	day    forecast.Expectation
	fresh  span.Time // until when
}

// likelihood returns the expected requests for each of the reader's datasets in zone
// within the hour after now.
func (u *reader) likelihood(now span.Time, zone string, add func(set string, bytes int64, expected float64)) {
	slot := int(now.Sub(u.day.From) / span.Hour)
	share := now.Sub(u.day.From.Add(span.Duration(slot) * span.Hour)).Hours()
	for _, z := range u.day.Zones {
		if z.Zone != zone {
			continue
		}
		for _, d := range z.Datasets {
			add(d.Dataset, d.Bytes, float64(d.Rates[slot])*(1-share)+float64(d.Rates[slot+1])*share)
		}
	}
}

// foreseen reports whether set is among what a cache of so many bytes holds when it is
// filled by falling expectation per byte.
func foreseen(readers []*reader, now span.Time, zone, set string, capacity int64) bool {
	type dataset struct {
		name  string
		bytes int64
		worth float64
	}
	at := map[string]int{}
	var all []dataset
	for _, u := range readers {
		u.likelihood(now, zone, func(name string, bytes int64, expected float64) {
			i, known := at[name]
			if !known {
				i, at[name] = len(all), len(all)
				all = append(all, dataset{name: name, bytes: bytes})
			}
			all[i].worth += expected / float64(bytes)
		})
	}
	slices.SortFunc(all, func(a, b dataset) int {
		return cmp.Or(cmp.Compare(b.worth, a.worth), cmp.Compare(a.name, b.name))
	})
	for _, d := range all {
		if d.bytes <= capacity {
			capacity -= d.bytes
			if d.name == set {
				return true
			}
		}
	}
	return false
}

// recent is a plain LRU cache of datasets, the latest first.
type recent struct {
	sets  []string
	bytes map[string]int64
}

func (r *recent) hit(set string, bytes, capacity int64) bool {
	i := slices.Index(r.sets, set)
	if i >= 0 {
		r.sets = slices.Delete(r.sets, i, i+1)
	}
	r.sets, r.bytes[set] = slices.Insert(r.sets, 0, set), bytes
	used := int64(0)
	for k, s := range r.sets {
		if used += r.bytes[s]; used > capacity {
			r.sets = r.sets[:k]
			break
		}
	}
	return i >= 0
}

// The users' expectations fill a zone's cache better than its past does: at equal
// bytes twice as many requests find their dataset.
func TestExpectationsFillACache(t *testing.T) {
	trace := readTrace(t)
	capacity := 10 * meanDataset(trace)
	users, caches := map[string]*reader{}, map[string]*recent{}
	var readers []*reader
	var requests, ours, lru, strangers float64
	known := map[string]bool{}
	for _, r := range trace {
		u := users[r.user]
		if u == nil {
			u = &reader{habits: forecast.NewHabits(r.at, 0)}
			users[r.user], readers = u, append(readers, u)
		}
		if caches[r.zone] == nil {
			caches[r.zone] = &recent{bytes: map[string]int64{}}
		}
		found := caches[r.zone].hit(r.set, r.datasetBytes, capacity)
		if r.at >= cacheFrom {
			refresh(readers, r.at)
			requests++
			lru += one(found)
			ours += one(foreseen(readers, r.at, r.zone, r.set, capacity))
			strangers += one(!known[r.user+" "+r.set])
		}
		known[r.user+" "+r.set] = true
		u.habits.Observe(forecast.Visit{At: r.at, Zone: r.zone, Dataset: r.set, Bytes: r.datasetBytes})
		u.fresh = 0
	}
	t.Logf("dataset hits: foreseen %.3f, LRU %.3f; new to their user %.3f (%.0f requests)",
		ours/requests, lru/requests, strangers/requests, requests)
	if ours < 1.8*lru || ours < .5*requests {
		t.Errorf("dataset hits: foreseen %.3f, LRU %.3f", ours/requests, lru/requests)
	}
}

// refresh asks for the expectations that are over six hours old, or older than their
// user's latest request.
func refresh(readers []*reader, now span.Time) {
	for _, u := range readers {
		if u.fresh <= now {
			u.habits.Expect(now, span.Hour, 25, &u.day)
			u.fresh = now.Add(6 * span.Hour)
		}
	}
}

func meanDataset(trace []request) int64 {
	bytes := map[string]int64{}
	for _, r := range trace {
		bytes[r.set] = r.datasetBytes
	}
	sum := int64(0)
	for _, b := range bytes {
		sum += b
	}
	return sum / int64(len(bytes))
}
