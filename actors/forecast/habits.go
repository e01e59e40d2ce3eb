package forecast

import (
	"cmp"
	"slices"

	"github.com/zonecast/zonecast/actors/span"
)

// Bounds of what is kept of one user. A typical user of the public mobility trace
// has 110 visits to some 60 places in 10 zones; the bounds keep a marshalled state
// near 4 KiB for such a user and below 16 KiB for any.
const (
	MaxVisits = 256 // latest visits: what every kernel runs over
	MaxPlaces = 128 // (zone, dataset) pairs
	MaxName   = 128 // bytes of a zone's or dataset's name; a longer one is not learned
)

// Visit is one request of a user, as far as habits go.
type Visit struct {
	At       span.Time
	Zone     string
	Dataset  string        // "" when the request needs none
	Duration span.Duration // how long it kept its allocation
	Bytes    int64         // of the dataset
}

// Habits learns when and where one user makes requests, and of which datasets. Create
// it with NewHabits. A Habits is not safe for concurrent use.
//
// It keeps the latest visits themselves and asks them: a visit speaks for the place
// it went to, the louder the more its hour, its weekday and the visits before it are
// like those asked about. Five such kernels compete by recent log loss. How often the
// user comes is a rate by hour and kind of day times a factor by the time since the
// last visit.
type Habits struct {
	offset int
	start  span.Time
	zones  []string // of the places; one without places may be reused
	places []place
	visits []visited // oldest first, at most MaxVisits

	zoneWeights  [kernels]float64 // by the loss on the next zone
	placeWeights [kernels]float64 // by the loss on the next place
	fresh        novelty

	rhythm   rhythm
	duration moments // seconds
}

// place is a dataset in a zone.
type place struct {
	zone    int // in Habits.zones
	dataset string
	bytes   int64
	visits  int // in Habits.visits
}

// visited is a Visit as it is kept.
type visited struct {
	at    span.Time
	place int16 // index in Habits.places
	kind  uint8 // see kindOf
}

// moments are a decayed mean and mean square.
type moments struct{ weight, sum, square float64 }

// momentsMemory is the number of visits after which an observation has lost 63 % of
// its weight.
const momentsMemory = 50

func (m *moments) add(x float64) {
	const f = 1 - 1.0/momentsMemory
	m.weight, m.sum, m.square = m.weight*f+1, m.sum*f+x, m.square*f+x*x
}

// novelty counts, decayed, how many visits went to a zone or place never seen before.
type novelty struct{ visits, zones, places float64 }

const (
	noveltyMemory = 100 // visits
	noveltyPseudo = 4   // visits that hold the shares near the priors below
	newZonePrior  = .10
	newPlacePrior = .5
)

func (n *novelty) add(zone, place bool) {
	const f = 1 - 1.0/noveltyMemory
	n.visits, n.zones, n.places = n.visits*f+1, n.zones*f, n.places*f
	if zone {
		n.zones++
	}
	if place {
		n.places++
	}
}

func (n novelty) zone() float64 {
	return (n.zones + noveltyPseudo*newZonePrior) / (n.visits + noveltyPseudo)
}

func (n novelty) place() float64 {
	return (n.places + noveltyPseudo*newPlacePrior) / (n.visits + noveltyPseudo)
}

// NewHabits returns the habits of a user who is watched from start on and whose
// calendar is offset minutes ahead of UTC, clamped to ±MaxOffset.
func NewHabits(start span.Time, offset int) *Habits {
	h := &Habits{offset: min(max(offset, -MaxOffset), MaxOffset), start: start}
	h.zoneWeights, h.placeWeights = kernelPrior, kernelPrior
	h.rhythm = newRhythm(start)
	return h
}

// Observe learns from v. Visits should come in the order of time; one that comes
// late is taken as made at the time of the latest. A visit with a name over MaxName
// bytes, without a zone, or with a negative amount is ignored.
func (h *Habits) Observe(v Visit) {
	if v.Zone == "" || v.Bytes < 0 || v.Duration < 0 || len(v.Zone) > MaxName || len(v.Dataset) > MaxName {
		return
	}
	if n := len(h.visits); n > 0 {
		v.At = max(v.At, h.visits[n-1].at)
	}
	h.judge(v)
	h.rhythm.observe(v.At, h.offset)
	h.duration.add(v.Duration.Seconds())
	i := h.place(v)
	if len(h.visits) == MaxVisits {
		h.forgetOldest()
	}
	h.visits = append(h.visits, visited{v.At, int16(i), uint8(kindOf(hourOf(v.At, h.offset)))})
	h.places[i].visits++
}

// place returns the index of v's place, which is new or learns v's bytes. A new one
// takes the room of the least visited when all is taken.
func (h *Habits) place(v Visit) int {
	zone := h.zone(v.Zone)
	for i := range h.places {
		if h.places[i].zone == zone && h.places[i].dataset == v.Dataset {
			h.places[i].bytes = v.Bytes
			return i
		}
	}
	fresh := place{zone: zone, dataset: v.Dataset, bytes: v.Bytes}
	if len(h.places) < MaxPlaces {
		h.places = append(h.places, fresh)
		return len(h.places) - 1
	}
	least := h.leastPlace()
	h.forgetPlace(least)
	h.places[least] = fresh
	return least
}

// leastPlace returns the place with the fewest kept visits; of several, the one that
// was left longest ago.
func (h *Habits) leastPlace() int {
	var last [MaxPlaces]int
	for i, v := range h.visits {
		last[v.place] = i
	}
	least := 0
	for i, p := range h.places {
		if cmp.Or(cmp.Compare(p.visits, h.places[least].visits), cmp.Compare(last[i], last[least])) < 0 {
			least = i
		}
	}
	return least
}

// zone returns the index of the named zone. As every place has one zone, a zone
// without places is to be found when there are as many zones as places may be.
func (h *Habits) zone(name string) int {
	if i := slices.Index(h.zones, name); i >= 0 {
		return i
	}
	if len(h.zones) <= MaxPlaces {
		h.zones = append(h.zones, name)
		return len(h.zones) - 1
	}
	var used [MaxPlaces + 1]bool
	for _, p := range h.places {
		used[p.zone] = true
	}
	free := slices.Index(used[:], false)
	h.zones[free] = name
	return free
}

// forgetPlace drops the visits to place i.
func (h *Habits) forgetPlace(i int) {
	kept := h.visits[:0]
	for _, v := range h.visits {
		if int(v.place) != i {
			kept = append(kept, v)
		}
	}
	h.visits = kept
}

func (h *Habits) forgetOldest() {
	h.places[h.visits[0].place].visits--
	copy(h.visits, h.visits[1:])
	h.visits = h.visits[:len(h.visits)-1]
}

// judge scores the kernels on v before it is learned.
func (h *Habits) judge(v Visit) {
	if len(h.visits) == 0 {
		return
	}
	var w view
	w.survey(h, v.At)
	w.turn(v.At, 0)
	zone := slices.Index(h.zones, v.Zone)
	zoneSeen, placeSeen := false, false
	var inZone masses
	for i, p := range h.places {
		if p.visits == 0 || p.zone != zone {
			continue
		}
		zoneSeen = true
		inZone.add(&w.places[i])
		if p.dataset == v.Dataset {
			placeSeen = true
			w.settle(h.placeWeights[:], &w.places[i])
		}
	}
	h.fresh.add(!zoneSeen, !placeSeen)
	if zoneSeen {
		w.settle(h.zoneWeights[:], &inZone)
	}
}
