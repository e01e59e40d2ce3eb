package actors

import (
	"slices"
	"strings"

	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// intentsUsersMax users' intents are kept by one zone: 16 MB at 24 slots and a few
// datasets each. Past it newcomers' are not taken.
const intentsUsersMax = 1 << 14

// Intents is what users expect to ask of a zone, summed by slot. It is volatile: a
// zone that has lost it plans without until its users say it again.
type Intents struct {
	byUser   map[intentKey]*messages.Intents
	requests slots            // of one pool, or of all
	datasets map[string]*wish // by name
	names    []string         // of datasets, sorted
	forgot   span.Time        // the hour in which what was over was dropped
}

type intentKey struct{ user, class string }

// wish is how often a dataset is expected to be asked for.
type wish struct {
	bytes int64
	users int // whose intents name it
	slots slots
}

// slots are sums over hours of the near future, as a ring: the slot of hour h since
// the epoch is h modulo its length.
type slots struct {
	sum  [2 * intentSlots]float64
	hour [2 * intentSlots]int64 // whose sum it is
}

func (s *slots) add(hour int64, x float64) {
	i := hour % int64(len(s.sum))
	if s.hour[i] != hour {
		s.hour[i], s.sum[i] = hour, 0
	}
	s.sum[i] += x
}

// shares are the parts of the hours that a window touches.
type shares []struct {
	hour  int64
	share float64
}

func sharesOf(w span.Window) shares {
	var list shares
	for t := w.Start; t < w.End; {
		end := min(w.End, t.Floor(span.Hour).Add(span.Hour))
		list = append(list, struct {
			hour  int64
			share float64
		}{int64(t.Floor(span.Hour)) / int64(span.Hour), end.Sub(t).Hours()})
		t = end
	}
	return list
}

// over returns the sum over the window that was cut into these shares.
func (s *slots) over(of shares) float64 {
	total := 0.0
	for _, p := range of {
		if i := p.hour % int64(len(s.sum)); s.hour[i] == p.hour {
			total += s.sum[i] * p.share
		}
	}
	return max(total, 0)
}

func newIntents() *Intents {
	return &Intents{byUser: make(map[intentKey]*messages.Intents), datasets: make(map[string]*wish)}
}

// Requests returns how many requests users expect to make in w; false where none
// has said anything.
func (n *Intents) Requests(w span.Window) (float64, bool) {
	return n.requests.over(sharesOf(w)), len(n.byUser) > 0
}

// put takes what a user says in place of what it said before.
func (n *Intents) put(m *messages.Intents) {
	key := intentKey{m.GetUser(), m.GetClass()}
	before := n.byUser[key]
	if before == nil && len(n.byUser) >= intentsUsersMax {
		return
	}
	if before != nil {
		n.sum(before, -1)
	}
	n.byUser[key] = m
	n.sum(m, 1)
}

// forget drops, once an hour, what ended at or before now.
func (n *Intents) forget(now span.Time) {
	if now.Floor(span.Hour) == n.forgot {
		return
	}
	n.forgot = now.Floor(span.Hour)
	for key, m := range n.byUser {
		if m.GetStartMs()+m.GetSlotMs()*int64(len(m.GetRequests())) <= int64(now) {
			n.sum(m, -1)
			delete(n.byUser, key)
		}
	}
}

func (n *Intents) sum(m *messages.Intents, sign int) {
	first := m.GetStartMs() / int64(span.Hour)
	for i, x := range m.GetRequests() {
		n.requests.add(first+int64(i), float64(sign)*float64(x))
	}
	for _, d := range m.GetDatasets() {
		w := n.wish(d)
		w.users += sign
		for i, x := range d.GetRequests() {
			w.slots.add(first+int64(i), float64(sign)*float64(x))
		}
		if w.users == 0 {
			n.dropWish(d.GetDataset())
		}
	}
}

func (n *Intents) wish(d *messages.DatasetIntent) *wish {
	w := n.datasets[d.GetDataset()]
	if w == nil {
		w = new(wish)
		n.datasets[d.GetDataset()] = w
		i, _ := slices.BinarySearch(n.names, d.GetDataset())
		n.names = slices.Insert(n.names, i, strings.Clone(d.GetDataset()))
	}
	w.bytes = d.GetBytes()
	return w
}

func (n *Intents) dropWish(name string) {
	delete(n.datasets, name)
	if i, found := slices.BinarySearch(n.names, name); found {
		n.names = slices.Delete(n.names, i, i+1)
	}
}
