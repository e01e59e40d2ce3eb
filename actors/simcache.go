package actors

import (
	"math"
	"slices"

	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// simCache is a zone's cache of datasets: what the zone wants comes first, the
// rest of the room goes to what was used last. Pulls share the zone's rate; what is
// wanted ahead is pulled one by one, so that a request never waits behind more than
// one of them.
type simCache struct {
	capacity int64
	perMs    float64 // bytes pulled per ms, by all pulls together
	used     int64
	held     []*simData // least recently used first
	pulls    []*simData // oldest first
	pinned   map[string]bool
	ahead    []*messages.DatasetStage // pinned and yet to be pulled
	fetching *simData                 // the one of them that is being pulled
	at       span.Time
	listed   []string // what names returned last; nil once that has changed
}

// simData is a dataset in the cache or on its way.
type simData struct {
	name  string
	bytes int64
	left  float64 // bytes to pull yet
}

func newSimCache(capacity int64, bytesPerSecond float64) simCache {
	return simCache{capacity: capacity, perMs: bytesPerSecond / 1000, pinned: make(map[string]bool)}
}

// advance moves the pulls on to now.
func (c *simCache) advance(now span.Time) {
	for len(c.pulls) > 0 && c.at < now {
		share := c.perMs / float64(len(c.pulls))
		step := math.Min(float64(now.Sub(c.at)), c.least()/share)
		for _, d := range c.pulls {
			d.left -= step * share
		}
		c.at = c.at.Add(max(span.Duration(math.Ceil(step)), 1))
		c.finish()
	}
	c.at = max(c.at, now)
}

// least returns the fewest bytes that a pull still lacks.
func (c *simCache) least() float64 {
	least := math.Inf(1)
	for _, d := range c.pulls {
		least = math.Min(least, d.left)
	}
	return least
}

// finish takes up what has been pulled.
func (c *simCache) finish() {
	c.pulls = slices.DeleteFunc(c.pulls, func(d *simData) bool {
		if d.left > 0.5 { // less than a byte
			return false
		}
		c.listed = nil
		c.keep(d)
		if d == c.fetching {
			c.fetching = nil
		}
		return true
	})
	c.fetch(c.at)
}

// nextReady returns when the next pull will end.
func (c *simCache) nextReady() span.Time {
	if len(c.pulls) == 0 {
		return span.Never
	}
	return c.at.Add(ceilMs(c.least() * float64(len(c.pulls)) / c.perMs))
}

// keep takes d up and makes room for it among what is not pinned; without enough
// of that it was pulled for its request alone.
func (c *simCache) keep(d *simData) {
	room := c.capacity - c.used
	for _, h := range c.held {
		if !c.pinned[h.name] {
			room += h.bytes
		}
	}
	if d.bytes > room {
		return
	}
	c.held = slices.DeleteFunc(c.held, func(h *simData) bool {
		if c.used+d.bytes <= c.capacity || c.pinned[h.name] {
			return false
		}
		c.used -= h.bytes
		return true
	})
	c.held = append(c.held, d)
	c.used += d.bytes
	c.listed = nil
}

// read returns how a request finds its dataset and in how many ms it has it.
func (c *simCache) read(now span.Time, name string, bytes int64) (messages.Outcome, float64) {
	for i, h := range c.held {
		if h.name == name {
			c.held = append(slices.Delete(c.held, i, i+1), h)
			return messages.Outcome_OUTCOME_HIT, 0
		}
	}
	for _, p := range c.pulls {
		if p.name == name {
			return messages.Outcome_OUTCOME_LATE, p.left * float64(len(c.pulls)) / c.perMs
		}
	}
	c.pull(now, name, bytes)
	return messages.Outcome_OUTCOME_MISSED, float64(bytes) * float64(max(len(c.pulls), 1)) / c.perMs
}

// pull begins to pull a dataset and returns it; nil if it is there at once.
func (c *simCache) pull(now span.Time, name string, bytes int64) *simData {
	c.at = max(c.at, now)
	d := &simData{name: name, bytes: bytes, left: float64(bytes)}
	if bytes <= 0 {
		c.keep(d)
		return nil
	}
	c.pulls = append(c.pulls, d)
	c.listed = nil
	return d
}

// pin makes the cache hold these datasets, as far as they fit.
func (c *simCache) pin(now span.Time, wanted []*messages.DatasetStage) {
	clear(c.pinned)
	for _, w := range wanted {
		c.pinned[w.GetDataset()] = true
	}
	c.ahead = append(c.ahead[:0:0], wanted...)
	c.fetch(now)
}

// fetch begins the next pull of what is wanted ahead, unless one is under way.
func (c *simCache) fetch(now span.Time) {
	for c.fetching == nil && len(c.ahead) > 0 {
		next := c.ahead[0]
		c.ahead = c.ahead[1:]
		if !c.has(next.GetDataset()) {
			c.fetching = c.pull(now, next.GetDataset(), next.GetBytes())
		}
	}
}

func (c *simCache) has(name string) bool {
	named := func(d *simData) bool { return d.name == name }
	return slices.ContainsFunc(c.held, named) || slices.ContainsFunc(c.pulls, named)
}

// names returns what is in the cache or on its way, sorted.
func (c *simCache) names() []string {
	if c.listed != nil {
		return c.listed
	}
	names := []string{}
	for _, d := range c.held {
		names = append(names, d.name)
	}
	for _, d := range c.pulls {
		names = append(names, d.name)
	}
	slices.Sort(names)
	c.listed = names
	return names
}
