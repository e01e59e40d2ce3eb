package plan

import (
	"cmp"
	"math"
	"slices"

	"github.com/zonecast/zonecast/actors/span"
)

// Dataset is one that could be cached in a zone.
type Dataset struct {
	Bytes int64
	Value float64 // expected micro-units saved per hour if cached
}

const gib = 1 << 30

// Datasets appends to dst the indices of the items to cache within capacity
// bytes, most valuable byte first, and returns it. Items whose value does not
// exceed what holding their bytes costs, hold micro-units per GiB and hour, are
// left out, as are those that do not fit. Ties go to the lower index.
//
// It takes greedily by value per byte, or the one best item where that is worth
// more: at least half of the best possible value net of holding (Dantzig 1957;
// Martello and Toth, Knapsack Problems, 2.4).
func Datasets(dst []int, items []Dataset, capacity int64, hold float64) []int {
	kept := len(dst)
	best := -1
	for i, d := range items {
		if d.Bytes > capacity || d.net(hold) <= 0 {
			continue
		}
		dst = append(dst, i)
		if best < 0 || d.net(hold) > items[best].net(hold) {
			best = i
		}
	}
	if best < 0 {
		return dst
	}
	slices.SortFunc(dst[kept:], func(i, j int) int {
		return cmp.Or(cmp.Compare(items[j].density(), items[i].density()), cmp.Compare(i, j))
	})
	taken, value := dst[:kept], 0.0
	for _, i := range dst[kept:] {
		if items[i].Bytes <= capacity {
			capacity -= items[i].Bytes
			value += items[i].net(hold)
			taken = append(taken, i)
		}
	}
	if items[best].net(hold) > value {
		taken = append(taken[:kept], best)
	}
	return taken
}

// net returns what d saves per hour beyond the price of holding it.
func (d Dataset) net(hold float64) float64 { return d.Value - hold*float64(d.Bytes)/gib }

// density returns the value per byte. Holding costs each byte the same, so net
// of it the order is the same.
func (d Dataset) density() float64 {
	if d.Bytes == 0 {
		return math.Inf(1)
	}
	return d.Value / float64(d.Bytes)
}

// Private reports whether to make ready for length something that serves one user
// alone, a connection or a volume: probability that he needs it × saved
// micro-units > hold micro-units per hour × hours.
func Private(probability, saved, hold float64, length span.Duration) bool {
	return probability*saved > hold*length.Hours()
}
