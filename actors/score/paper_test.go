package score

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/zonecast/zonecast/actors/resource"
	"pgregory.net/rapid"
)

var errNoZone = errors.New("no suitable data zone available")

// selectDataZone is the published pseudocode word for word: a score per zone in
// maps, sort all, take the first with capacity. Its three scores are those of the
// preset Paper; equal scores are ordered as everywhere.
func selectDataZone(need Need, available map[string]*Candidate) (string, error) {
	prestaging := map[string]float64{}
	highest := 0.0
	for id, zone := range available {
		prestaging[id] = zone.Access * zone.Readiness
		highest = max(highest, zone.Prices.Hourly(need.Vector)*need.Duration.Hours())
	}
	scored, km := map[string]float64{}, map[string]float64{}
	for id, zone := range available {
		km[id] = need.At.KmTo(zone.At)
		distanceScore := -(km[id] / 20_015)
		costScore := 0.0
		if highest > 0 {
			costScore = -(0.3 * (zone.Prices.Hourly(need.Vector) * need.Duration.Hours() / highest))
		}
		scored[id] = prestaging[id] + distanceScore + costScore
	}
	var sorted []string
	for id := range scored {
		sorted = append(sorted, id)
	}
	slices.SortFunc(sorted, func(a, b string) int {
		return cmp.Or(cmp.Compare(scored[b], scored[a]), cmp.Compare(km[a], km[b]), cmp.Compare(a, b))
	})
	for _, id := range sorted {
		if need.Vector.Fits(available[id].Room) {
			return id, nil
		}
	}
	return "", errNoZone
}

func byID(from []Candidate) map[string]*Candidate {
	m := map[string]*Candidate{}
	for i := range from {
		m[from[i].ID] = &from[i]
	}
	return m
}

func TestPaperEqualsThePseudocode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		need, from := drawWorld(t)
		want, wantErr := selectDataZone(need, byID(from))
		got, err := Best(need, from, Paper())
		if got.Zone != want || (err == nil) != (wantErr == nil) {
			t.Fatalf("%q, %v; the pseudocode takes %q, %v", got.Zone, err, want, wantErr)
		}
	})
}

// The pseudocode scales prices by the dearest candidate: a zone that loses, and
// is full besides, changes who wins. The money scale does not know this.
func TestPaperDependsOnLosers(t *testing.T) {
	need := halfCore()
	staged, cheap, dear := zone("staged", need.At), zone("cheap", need.At), zone("dear", need.At)
	staged.Access, staged.Readiness = 0.2, 1
	cheap.Prices = Prices{}
	dear.Prices.CPUHour, dear.Room = 1e6, resource.Vector{}

	two, _ := Best(need, []Candidate{staged, cheap}, Paper())
	three, _ := Best(need, []Candidate{staged, cheap, dear}, Paper())
	if two.Zone != "cheap" || three.Zone != "staged" {
		t.Errorf("without the dear zone %s wins, with it %s", two.Zone, three.Zone)
	}
}

// world is n zones all over the globe, half of them full, a few staged.
func world(n int) []Candidate {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	from := make([]Candidate, n)
	for i := range from {
		c := zone(fmt.Sprintf("zone-%05d", i), Position{180*r.Float64() - 90, 360*r.Float64() - 180})
		c.Prices.CPUHour *= 0.5 + r.Float64()
		c.Load = r.Float64()
		if r.IntN(2) == 0 {
			c.Room.CPU = 100
		}
		if i%50 == 0 {
			c.Access, c.Readiness, c.Start.Compute = r.Float64(), r.Float64(), 60
		}
		from[i] = c
	}
	return from
}

// BenchmarkChoose prints the time of one choice and how many times longer the
// pseudocode takes on the same zones.
func BenchmarkChoose(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		need, from := halfCore(), world(n)
		zones := byID(from)
		literal := timed(max(3, 20_000/n), func() { selectDataZone(need, zones) })
		var dst []Choice
		for _, way := range []struct {
			name   string
			choose func()
		}{
			{"best", func() { Best(need, from, Money()) }},
			{"best-paper", func() { Best(need, from, Paper()) }},
			{"top8", func() { dst = Top(dst[:0], 8, need, from, Money()) }},
			{"rank", func() { dst = Rank(dst[:0], need, from, Money()) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", way.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					way.choose()
				}
				perChoice := b.Elapsed() / time.Duration(b.N)
				b.ReportMetric(float64(literal)/float64(perChoice), "x-pseudocode")
			})
		}
	}
}

// timed returns the shortest time of one of n calls of f.
func timed(n int, f func()) time.Duration {
	best := time.Duration(1 << 62)
	for range n {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best
}
