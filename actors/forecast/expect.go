package forecast

import (
	"cmp"
	"slices"

	"github.com/zonecast/zonecast/actors/span"
)

// MaxZones is the number of zones that an Expectation and a Next list.
const MaxZones = 32

// MaxDatasets is the number of datasets that an Expectation lists for one zone: more
// than that have hardly ever a chance within a day.
const MaxDatasets = 16

// MaxSlots bounds an Expectation's horizon: a week of hours.
const MaxSlots = 168

// Expectation is what a user is expected to ask for over the slots of a horizon.
// Rates are in requests per hour, one for each slot.
type Expectation struct {
	From  span.Time     // start of the first slot: a multiple of Slot
	Slot  span.Duration // length of a slot
	Zones []ZoneRates   // by falling expectation, ties by name

	// DurationMean and DurationSquare are the first two moments of how long a
	// request keeps its allocation, in seconds.
	DurationMean, DurationSquare float64

	slots, rowPlaces int
	rows             []float32 // slots for each place, then for each zone
	ranked           []ranked
	datasets         []DatasetRates // what Zones list, end to end
}

// ranked is a dataset on its way into Zones.
type ranked struct {
	zone  int
	total float32
	DatasetRates
}

// ZoneRates is the part of an expectation that falls in one zone.
type ZoneRates struct {
	Zone     string
	Rates    []float32
	Datasets []DatasetRates // by falling expectation, ties by name
}

// DatasetRates is the part of a zone's expectation that asks for one dataset.
type DatasetRates struct {
	Dataset string
	Bytes   int64
	Rates   []float32
}

// presenceReach is the time constant with which the time since the last visit loses
// its say over later slots.
const presenceReach = 6 * span.Hour

// Expect fills dst with what is expected in each of slots slots (at most MaxSlots) of
// the given length, which must be positive; the first is the one in which now lies.
// What is expected at zones and datasets never seen is in none of the rates. It reuses
// dst's memory, which the next call overwrites.
func (h *Habits) Expect(now span.Time, slot span.Duration, slots int, dst *Expectation) {
	slots = min(max(slots, 0), MaxSlots)
	dst.begin(h, now.Floor(slot), slot, slots)
	var w view
	w.survey(h, now)
	var zone, exact [MaxPlaces]float64
	calendar := h.rhythm.calendar(now)
	knownZone, knownPlace := 1-h.fresh.zone(), 1-h.fresh.place()
	for s := range slots {
		middle := dst.From.Add(span.Duration(s)*slot + slot/2)
		lead := max(0, middle.Sub(now))
		w.turn(middle, lead)
		w.shares(&h.zoneWeights, &zone)
		w.shares(&h.placeWeights, &exact)
		rate := h.rateAt(&calendar, max(now, middle), lead)
		for i, p := range h.places {
			dst.zone(p.zone)[s] += float32(rate * knownZone * zone[i])
			dst.place(i)[s] = float32(rate * knownPlace * exact[i])
		}
	}
	dst.rank(h)
}

// rateAt returns the expected visits per hour at the instant at, lead after now.
func (h *Habits) rateAt(c *calendar, at span.Time, lead span.Duration) float64 {
	rate := c.rate(hourOf(at, h.offset))
	if h.rhythm.last == 0 {
		return rate
	}
	factor := h.rhythm.factor(at.Sub(h.rhythm.last))
	return rate * (1 + (factor-1)*fade(lead, presenceReach))
}

// begin readies e for so many slots, with a row of rates for each place and zone.
func (e *Expectation) begin(h *Habits, from span.Time, slot span.Duration, slots int) {
	e.From, e.Slot, e.slots, e.rowPlaces = from, slot, slots, len(h.places)
	e.DurationMean, e.DurationSquare = 0, 0
	if d := h.duration; d.weight > 0 {
		e.DurationMean, e.DurationSquare = d.sum/d.weight, d.square/d.weight
	}
	n := slots * (len(h.places) + len(h.zones))
	e.rows = slices.Grow(e.rows[:0], n)[:n]
	clear(e.rows)
	e.Zones = e.Zones[:0]
}

func (e *Expectation) place(i int) []float32 {
	return e.rows[i*e.slots : (i+1)*e.slots : (i+1)*e.slots]
}

func (e *Expectation) zone(i int) []float32 { return e.place(e.rowPlaces + i) }

// rank lists the zones and their datasets by falling expectation.
func (e *Expectation) rank(h *Habits) {
	e.ranked = e.ranked[:0]
	for i, p := range h.places {
		if sum := total(e.place(i)); sum > 0 && p.dataset != "" {
			e.ranked = append(e.ranked, ranked{p.zone, sum, DatasetRates{p.dataset, p.bytes, e.place(i)}})
		}
	}
	slices.SortFunc(e.ranked, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.zone, b.zone), cmp.Compare(b.total, a.total), cmp.Compare(a.Dataset, b.Dataset))
	})
	e.datasets = slices.Grow(e.datasets[:0], len(e.ranked))
	next := 0
	for z := 0; z < len(h.zones); z++ {
		from := len(e.datasets)
		for ; next < len(e.ranked) && e.ranked[next].zone == z; next++ {
			if len(e.datasets)-from < MaxDatasets {
				e.datasets = append(e.datasets, e.ranked[next].DatasetRates)
			}
		}
		if total(e.zone(z)) > 0 {
			e.Zones = append(e.Zones, ZoneRates{h.zones[z], e.zone(z), e.datasets[from:len(e.datasets):len(e.datasets)]})
		}
	}
	slices.SortFunc(e.Zones, func(a, b ZoneRates) int {
		return cmp.Or(cmp.Compare(total(b.Rates), total(a.Rates)), cmp.Compare(a.Zone, b.Zone))
	})
	e.Zones = e.Zones[:min(len(e.Zones), MaxZones)]
}

func total(rates []float32) float32 {
	var sum float32
	for _, r := range rates {
		sum += r
	}
	return sum
}
