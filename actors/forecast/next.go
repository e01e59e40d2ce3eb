package forecast

import (
	"cmp"
	"slices"

	"github.com/zonecast/zonecast/actors/span"
)

// Next is where a user's next request is likely to go, if it comes now.
type Next struct {
	Zones    []Likely // by falling probability, ties by name; at most MaxZones
	Datasets []Likely // by falling probability, ties by name; at most MaxPlaces

	// NewZone and NewDataset are the probabilities of one that is not listed.
	NewZone, NewDataset float64
}

// Likely is a name with its probability.
type Likely struct {
	Name        string
	Probability float64
}

// Next fills dst, reusing its memory.
func (h *Habits) Next(now span.Time, dst *Next) {
	var w view
	w.survey(h, now)
	w.turn(now, 0)
	var shares [MaxPlaces]float64
	w.shares(&h.zoneWeights, &shares)
	dst.Zones = append(dst.Zones[:0], make([]Likely, len(h.zones))...)
	for z, name := range h.zones {
		dst.Zones[z].Name = name
	}
	for i, p := range h.places {
		dst.Zones[p.zone].Probability += shares[i] * (1 - h.fresh.zone())
	}
	w.shares(&h.placeWeights, &shares)
	dst.Datasets = dst.Datasets[:0]
	for i, p := range h.places {
		dst.Datasets = append(dst.Datasets, Likely{p.dataset, shares[i] * (1 - h.fresh.place())})
	}
	dst.Datasets = merge(dst.Datasets)
	dst.Zones, dst.NewZone = best(dst.Zones, MaxZones)
	dst.Datasets, dst.NewDataset = best(dst.Datasets, MaxPlaces)
}

// merge adds up what has one name.
func merge(list []Likely) []Likely {
	slices.SortFunc(list, func(a, b Likely) int { return cmp.Compare(a.Name, b.Name) })
	kept := list[:0]
	for _, l := range list {
		if n := len(kept); n > 0 && kept[n-1].Name == l.Name {
			kept[n-1].Probability += l.Probability
			continue
		}
		kept = append(kept, l)
	}
	return kept
}

// best sorts the most probable names to the front, keeps most of them and returns
// what probability is left.
func best(list []Likely, most int) ([]Likely, float64) {
	list = slices.DeleteFunc(list, func(l Likely) bool { return l.Name == "" || !(l.Probability > 0) })
	slices.SortFunc(list, func(a, b Likely) int {
		return cmp.Or(cmp.Compare(b.Probability, a.Probability), cmp.Compare(a.Name, b.Name))
	})
	list = list[:min(len(list), most)]
	left := 1.0
	for _, l := range list {
		left -= l.Probability
	}
	return list, min(max(0, left), 1)
}
