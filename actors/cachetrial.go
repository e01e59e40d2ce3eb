package actors

import (
	"slices"

	"github.com/zonecast/zonecast/messages"
)

// trialFade is what a request's weight in a cacheTrial loses with every later one:
// some two hundred requests count, a few days of a busy zone.
const trialFade = 0.995

// cacheTrial sets what would be pinned in a zone's cache against leaving all of the
// cache to what was used last, on the requests that come: a forecast of habits that
// are not there must not crowd out the plain cache. Volatile: a trial begins anew with
// each activation, in favour of the plan.
type cacheTrial struct {
	capacity   int64
	pinned     map[string]bool
	pinnedUsed int64

	plain, beside lru     // shadows: the whole cache, and the part that is not pinned
	byUse, byPlan float64 // faded bytes that each would have had
}

// holds reports whether pinning has been worth it.
func (t *cacheTrial) holds() bool { return t.byPlan >= t.byUse }

// choose says what would be pinned from now on.
func (t *cacheTrial) choose(capacity int64, wanted []*messages.DatasetStage) {
	t.capacity, t.pinnedUsed = capacity, 0
	t.pinned = make(map[string]bool, len(wanted))
	for _, w := range wanted {
		t.pinned[w.GetDataset()] = true
		t.pinnedUsed += w.GetBytes()
	}
}

// observe counts a request for a dataset.
func (t *cacheTrial) observe(name string, bytes int64) {
	if name == "" || t.capacity == 0 {
		return
	}
	t.byUse *= trialFade
	t.byPlan *= trialFade
	if t.plain.use(name, bytes, t.capacity) {
		t.byUse += float64(bytes)
	}
	if t.pinned[name] || t.beside.use(name, bytes, t.capacity-t.pinnedUsed) {
		t.byPlan += float64(bytes)
	}
}

// lru is the names in a cache of least recently used datasets, the latest last.
type lru struct {
	names []string
	bytes []int64
	used  int64
}

// use reports whether the dataset was there, and makes it the latest, within capacity.
func (l *lru) use(name string, bytes, capacity int64) bool {
	i := slices.Index(l.names, name)
	if i >= 0 {
		l.drop(i)
	}
	l.names, l.bytes = append(l.names, name), append(l.bytes, bytes)
	l.used += bytes
	for l.used > capacity {
		l.drop(0)
	}
	return i >= 0
}

func (l *lru) drop(i int) {
	l.used -= l.bytes[i]
	l.names, l.bytes = slices.Delete(l.names, i, i+1), slices.Delete(l.bytes, i, i+1)
}
