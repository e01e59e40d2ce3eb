package measure

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/zonecast/zonecast/actors/plan"
	"github.com/zonecast/zonecast/actors/span"
)

// What is planned: windows whose expected requests run from few to many, and the
// datasets of a zone that could cache about a third of them.
const (
	demands  = 64
	mostUp   = 64
	datasets = 500
)

// A plan's prices, in micro-units, in the proportions of the default cost ratio.
const (
	revoked  = 0.05
	holdGiB  = 100.0
	meanSize = 200 << 20
)

func unitCosts() plan.Costs {
	return plan.Costs{Short: 100_000, Eagerness: 1, Idle: 3_000, Surcharge: 1_500, Start: 500}
}

// planning measures the rules that say what is worth holding.
func planning(ctx context.Context, c Config) (Group, error) {
	g := Group{What: fmt.Sprintf("How many of up to %d units a window deserves, and which of %d datasets a cache. "+
		"The baselines reckon the cost of every level from its first unit on, and look through all datasets "+
		"for each that is taken.", mostUp, datasets)}
	next := 0
	demand := func() plan.Demand { next++; return drawnDemand(next) }
	up := 0 // units that the window before left up
	units := func() error {
		up = plan.Units(demand(), quarter, up, unitCosts(), revoked, mostUp).Units()
		return nil
	}
	cheapest := func() error {
		up = cheapestLevel(demand(), quarter, up, unitCosts(), revoked, mostUp).Units()
		return nil
	}
	if err := g.compare(ctx, c, "units of a window", units, "try every level", cheapest); err != nil {
		return g, err
	}
	items, capacity := drawDatasets()
	var chosen []int
	cache := func() error { chosen = plan.Datasets(chosen[:0], items, capacity, holdGiB); return nil }
	search := func() error { chosen = searchDatasets(chosen[:0], items, capacity, holdGiB); return nil }
	err := g.compare(ctx, c, "datasets of a cache", cache, "search for each", search)
	return g, err
}

// drawnDemand returns the i-th demand: Poisson, of 20-minute requests.
func drawnDemand(i int) plan.Demand {
	mean := float64(1+i%demands) / 4
	return plan.Demand{Mean: mean, Variance: mean, Busy: 20 * span.Minute}
}

// drawDatasets returns datasets with values that differ by orders of magnitude.
func drawDatasets() (items []plan.Dataset, capacity int64) {
	r := rand.New(rand.NewPCG(1, datasets))
	for range datasets {
		bytes := int64(meanSize * r.ExpFloat64())
		items = append(items, plan.Dataset{Bytes: bytes, Value: 1_000 * r.ExpFloat64() * r.ExpFloat64()})
		capacity += bytes / 3
	}
	return items, capacity
}

// cheapestLevel is the slow, obvious plan.Units for Poisson demand: the expected
// cost of every level from 0 to most, of which it takes the least.
func cheapestLevel(d plan.Demand, length span.Duration, up int, c plan.Costs, revoked float64, most int) plan.Level {
	best, least := 0, 0.0
	for n := range most + 1 {
		cost := c.Short * c.Eagerness * d.Mean
		for k := 1; k <= n; k++ {
			served := servedBy(k, d, length)
			cost += c.Idle*(length.Hours()-served*d.Busy.Hours()) - c.Short*c.Eagerness*served
			if k > up {
				cost += c.Start
			}
		}
		if n == 0 || cost < least {
			best, least = n, cost
		}
	}
	var l plan.Level
	for k := 1; k <= best; k++ {
		if c.Short*c.Eagerness*servedBy(k, d, length)*revoked > c.Surcharge*length.Hours() {
			l.Firm++
		} else {
			l.Soft++
		}
	}
	return l
}

// servedBy returns the expected number of requests that only the k-th unit serves.
func servedBy(k int, d plan.Demand, length span.Duration) float64 {
	offered := d.Mean * float64(d.Busy) / float64(length)
	return d.Mean * (blocked(k-1, offered) - blocked(k, offered))
}

// blocked is Erlang's B as it is defined: (a^n/n!) / sum over i <= n of a^i/i!.
func blocked(n int, offered float64) float64 {
	term, sum := 1.0, 1.0
	for i := 1; i <= n; i++ {
		term *= offered / float64(i)
		sum += term
	}
	return term / sum
}

// searchDatasets is the obvious plan.Datasets: it looks through all items for the
// most valuable byte that still fits, until there is none.
func searchDatasets(dst []int, items []plan.Dataset, capacity int64, hold float64) []int {
	for {
		best := -1
		for i, d := range items {
			worth := d.Value > hold*float64(d.Bytes)/(1<<30) && d.Bytes <= capacity && !slices.Contains(dst, i)
			if worth && (best < 0 || denser(d, items[best])) {
				best = i
			}
		}
		if best < 0 {
			return dst
		}
		dst = append(dst, best)
		capacity -= items[best].Bytes
	}
}

func denser(d, than plan.Dataset) bool {
	return d.Value*float64(than.Bytes) > than.Value*float64(d.Bytes)
}
