package score

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
	"pgregory.net/rapid"
)

// halfCore asks for half a core and 512 MiB for 20 minutes in Lower Manhattan; a
// second of waiting is worth 1,000 micro-units.
func halfCore() Need {
	return Need{
		Vector: resource.Vector{CPU: 500, Memory: 512 << 20}, Duration: 20 * span.Minute,
		At:          Position{40.7033, -73.9848},
		SecondPrice: 1000, TripsPerSecond: DefaultTripsPerSecond, Sensitivity: 1,
		Cold: Facets{Compute: 740, Connection: 30},
	}
}

// zone is an idle zone with room for a hundred requests and nothing ready.
func zone(id string, at Position) Candidate {
	return Candidate{
		ID: id, At: at, Region: "nyc-west",
		Prices: Prices{CPUHour: 20_000, GiBHour: 4_000, StagingFactor: 0.3},
		Room:   resource.Vector{CPU: 50_000, Memory: 50 << 30},
		Start:  Facets{Compute: 740, Connection: 30},
	}
}

func ExampleRank() {
	near := zone("near", Position{40.7060, -73.9900})
	staged := zone("staged", Position{40.8155, -73.9568}) // 13 km away, a paused unit waits
	staged.Start = Facets{Compute: 60, Connection: 30}
	full := zone("full", Position{40.7033, -73.9848})
	full.Room.CPU = 250

	for _, c := range Rank(nil, halfCore(), []Candidate{near, staged, full}, Money()) {
		fmt.Printf("%s %.1f km: stage %+.0f distance %+.0f cost %+.0f = %.0f\n",
			c.Zone, c.Km, c.Parts.Stage, c.Parts.Distance, c.Parts.Cost, c.Score)
	}
	// Output:
	// staged 12.7 km: stage +680 distance -393 cost -4000 = -3713
	// near 0.5 km: stage +0 distance -247 cost -4000 = -4247
}

func ExampleBest_none() {
	full := zone("zone-00", Position{40.8155, -73.9568})
	full.Room.CPU = 300
	away := zone("zone-01", Position{40.7379, -74.0371})
	away.Draining = true

	_, err := Best(halfCore(), []Candidate{away, full}, Money())
	fmt.Println(err)
	// Output:
	// no suitable zone for cpu=500 memory=536870912: 1 lack room, 1 are barred by constraints; the nearest miss, "zone-00", lacks room (short of cpu=200); ask for less, or again when something is released
}

func TestDistances(t *testing.T) {
	for _, tc := range []struct {
		a, b Position
		km   float64
	}{
		{Position{0, 0}, Position{0, 180}, HalfCircumferenceKm},
		{Position{90, 0}, Position{-90, 77}, HalfCircumferenceKm},
		{Position{0, -180}, Position{0, 180}, 0},
		{Position{0, 0}, Position{90, 0}, HalfCircumferenceKm / 2.0},
		{Position{40.6413, -73.7781}, Position{51.4700, -0.4543}, 5540}, // New York to London
	} {
		if got := tc.a.KmTo(tc.b); math.Abs(got-tc.km) > 2 {
			t.Errorf("from %v to %v: %.1f km, want %.1f", tc.a, tc.b, got, tc.km)
		}
	}
	if TripMs(1000) != 10 || TripMs(1) != 0.2 {
		t.Errorf("round trips over 1000 and 1 km take %v and %v ms", TripMs(1000), TripMs(1))
	}
}

func TestPartsAreMoney(t *testing.T) {
	need := halfCore()
	need.Egress, need.SecondPrice = 1<<30, 2000
	c := zone("a", need.At)
	c.Start, c.Bid, c.Load = Facets{Compute: 140, Data: 240}, 25, 0.5
	c.Prices.EgressGiB, c.RTTMs, c.Access = 7, 10, 0.25

	want := Parts{
		Stage:    1000,                            // 740 - 240 ms: the slowest facet, not the sum
		Bid:      -25,                             // the likelier taker's loss
		Distance: -24_020,                         // 1,201 round trips of 10 ms
		Cost:     -((0.5*20_000+0.5*4_000)/3 + 7), // a third of an hour, one GiB out
		Load:     -100,                            // half of 100 ms
	}
	if got := Rank(nil, need, []Candidate{c}, Money())[0]; !alike(got.Parts, want) || got.Score != got.Parts.Total() {
		t.Errorf("parts %+v, want %+v", got.Parts, want)
	}
	want.Stage /= 4
	want.Cost *= 0.3
	if got := Rank(nil, need, []Candidate{c}, Planning())[0]; !alike(got.Parts, want) {
		t.Errorf("planning: parts %+v, want %+v", got.Parts, want)
	}
}

func alike(a, b Parts) bool {
	close := func(x, y float64) bool { return math.Abs(x-y) < 1e-9 }
	return close(a.Stage, b.Stage) && close(a.Bid, b.Bid) && close(a.Distance, b.Distance) &&
		close(a.Cost, b.Cost) && close(a.Load, b.Load)
}

func TestConstraints(t *testing.T) {
	for why, change := range map[Why]func(*Need, *Candidate){
		Suits:    func(n *Need, c *Candidate) { n.Regions, n.Labels = []string{"x", "nyc-west"}, nil },
		Full:     func(n *Need, c *Candidate) { c.Room = resource.Vector{CPU: -1, Memory: 1 << 40} },
		Draining: func(n *Need, c *Candidate) { c.Draining = true },
		Denied:   func(n *Need, c *Candidate) { n.Denied = []string{"a"} },
		Region:   func(n *Need, c *Candidate) { n.Regions = []string{"eu"} },
		Label:    func(n *Need, c *Candidate) { n.Labels, c.Labels = []string{"arm", "ssd"}, []string{"ssd"} },
		Dear:     func(n *Need, c *Candidate) { n.CeilingHour = 11_999 }, // it costs 12,000
	} {
		need, c := halfCore(), zone("a", Position{})
		change(&need, &c)
		if got := need.Suitable(&c); got != why {
			t.Errorf("the zone %v, want: it %v", got, why)
		}
		ranked := Rank(nil, need, []Candidate{c}, Money())
		if (len(ranked) == 1) != (why == Suits) {
			t.Errorf("a zone that %v: ranked %v", why, ranked)
		}
	}
}

func TestNoSuitableZoneListsTheNearestMissesFirst(t *testing.T) {
	need := halfCore()
	var from []Candidate
	for i := range 40 {
		c := zone(fmt.Sprintf("z%02d", i), Position{})
		c.Room.CPU = int64(i%20) * 10
		c.Draining = i == 19
		from = append(from, c)
	}
	_, err := Best(need, from, Money())
	var none *NoSuitableZone
	if !errors.As(err, &none) || none.Full != 39 || none.Barred != 1 || len(none.Refusals) != MaxRefusals {
		t.Fatalf("got %v, %+v", err, none)
	}
	if r := none.Refusals[0]; r.Zone != "z39" || r.Short.CPU != 310 || r.Why != Full {
		t.Errorf("nearest miss %+v, want z39 short of 310 milli-cores", r)
	}
	if r := none.Refusals[1]; r.Zone != "z18" {
		t.Errorf("second miss %+v, want z18 of z18 and z38", r)
	}
	for _, from := range [][]Candidate{nil, from[19:20]} {
		if _, err := Best(need, from, Money()); !errors.As(err, &none) || !strings.Contains(err.Error(), "; ") {
			t.Errorf("%d zones: error %v says nothing to do", len(from), err)
		}
	}
}

func TestValidateNamesTheField(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1} {
		for field, set := range map[string]func(*Need, *Candidate, *Weights){
			"price of a second": func(n *Need, c *Candidate, w *Weights) { n.SecondPrice = bad },
			"ceiling":           func(n *Need, c *Candidate, w *Weights) { n.CeilingHour = bad },
			"round trips":       func(n *Need, c *Candidate, w *Weights) { n.TripsPerSecond = bad },
			"sensitivity":       func(n *Need, c *Candidate, w *Weights) { n.Sensitivity = bad },
			"ms: data":          func(n *Need, c *Candidate, w *Weights) { n.Cold.Data = bad },
			"latitude":          func(n *Need, c *Candidate, w *Weights) { n.At.Lat = bad * 91 },
			"longitude":         func(n *Need, c *Candidate, w *Weights) { c.At.Lon = bad * 181 },
			"core and hour":     func(n *Need, c *Candidate, w *Weights) { c.Prices.CPUHour = bad },
			"load":              func(n *Need, c *Candidate, w *Weights) { c.Load = bad },
			"round trip ms":     func(n *Need, c *Candidate, w *Weights) { c.RTTMs = bad },
			"ms: storage":       func(n *Need, c *Candidate, w *Weights) { c.Start.Storage = bad },
			"access":            func(n *Need, c *Candidate, w *Weights) { c.Access = bad },
			"readiness":         func(n *Need, c *Candidate, w *Weights) { c.Readiness = bad },
			"bid":               func(n *Need, c *Candidate, w *Weights) { c.Bid = bad },
			"stage weight":      func(n *Need, c *Candidate, w *Weights) { w.Stage = bad },
		} {
			need, c, w := halfCore(), zone("a", Position{}), Money()
			if err := errors.Join(need.Validate(), c.Validate(), w.Validate()); err != nil {
				t.Fatal(err)
			}
			set(&need, &c, &w)
			err := errors.Join(need.Validate(), c.Validate(), w.Validate())
			if !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), field) {
				t.Errorf("%s = %v: error %v", field, bad, err)
			}
		}
	}
	need := halfCore()
	need.Vector.CPU = -1
	if err := need.Validate(); !errors.Is(err, resource.ErrAmount) {
		t.Errorf("negative amount: %v", err)
	}
	need = halfCore()
	need.Denied = make([]string, MaxNames+1)
	if err := need.Validate(); !errors.Is(err, ErrInput) {
		t.Errorf("too many denied zones: %v", err)
	}
}

// drawWorld draws zones on coarse values, so that ties are common.
func drawWorld(t *rapid.T) (Need, []Candidate) {
	need := halfCore()
	need.At = drawPosition(t)
	coarse := func(label string, scale float64) float64 {
		return scale * float64(rapid.IntRange(0, 4).Draw(t, label))
	}
	from := make([]Candidate, rapid.IntRange(0, 12).Draw(t, "zones"))
	for i := range from {
		c := zone(fmt.Sprintf("z%02d", i), drawPosition(t))
		c.Room.CPU = int64(rapid.SampledFrom([]int{-100, 499, 500, 9000}).Draw(t, "room"))
		c.Prices.CPUHour, c.Prices.GiBHour = coarse("cpu price", 10_000), coarse("memory price", 2_000)
		c.Start.Compute, c.Bid = coarse("start", 200), coarse("bid", 30)
		c.Load, c.RTTMs = coarse("load", 0.25), rapid.SampledFrom([]float64{0, 0, 0, 8}).Draw(t, "rtt")
		c.Access, c.Readiness = coarse("access", 0.25), coarse("readiness", 0.25)
		from[i] = c
	}
	return need, rapid.Permutation(from).Draw(t, "order")
}

// drawPosition draws one of few places, so that some are next door and some far.
func drawPosition(t *rapid.T) Position {
	return rapid.SampledFrom([]Position{
		{40.70, -73.98}, {40.71, -73.99}, {42.36, -71.06}, {51.47, -0.45}, {-33.87, 151.21}, {90, 0},
	}).Draw(t, "position")
}

func TestTiesGoToTheNearerThenToTheLowerID(t *testing.T) {
	need := halfCore()
	from := []Candidate{
		zone("c", Position{42.36, -71.06}), zone("b", Position{40.71, -73.99}),
		zone("a", Position{42.36, -71.06}), zone("d", Position{40.71, -73.99}),
	}
	for i := range from {
		from[i].RTTMs = 8 // measured alike, so that the scores are equal
	}
	var got []string
	for _, c := range Rank(nil, need, from, Money()) {
		got = append(got, c.Zone)
	}
	if want := []string{"b", "d", "a", "c"}; !slices.Equal(got, want) {
		t.Errorf("ranked %v, want %v", got, want)
	}
	if best, err := Best(need, from, Money()); err != nil || best.Zone != "b" {
		t.Errorf("the best is %v, %v, want b", best, err)
	}
}

func TestLosersNeverChangeTheWinner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		need, from := drawWorld(t)
		w := rapid.SampledFrom([]Weights{Money(), Planning()}).Draw(t, "weights")
		winner, err := Best(need, from, w)
		if err != nil {
			return
		}
		keep := rapid.SliceOfN(rapid.Bool(), len(from), len(from)).Draw(t, "keep")
		var fewer []Candidate
		for i, c := range from {
			if keep[i] || c.ID == winner.Zone {
				fewer = append(fewer, c)
			}
		}
		again, err := Best(need, fewer, w)
		if err != nil || again.Zone != winner.Zone || again.Score != winner.Score {
			t.Fatalf("%v among %d zones, %v among %d of them: %v", winner, len(from), again, len(fewer), err)
		}
	})
}

func TestTopIsTheHeadOfRank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		need, from := drawWorld(t)
		w := rapid.SampledFrom([]Weights{Money(), Planning(), Paper()}).Draw(t, "weights")
		ranked := Rank(nil, need, from, w)
		if !slices.IsSortedFunc(ranked, compare) {
			t.Fatalf("not in order: %v", ranked)
		}
		most := rapid.IntRange(0, 14).Draw(t, "most")
		before := Choice{Zone: "the caller's"}
		top := Top([]Choice{before}, most, need, from, w)
		if top[0] != before || !slices.Equal(top[1:], ranked[:min(most, len(ranked))]) {
			t.Fatalf("top %d is %v of %v", most, top, ranked)
		}
		for _, c := range ranked {
			if from[c.Index].ID != c.Zone || c.Score != c.Parts.Total() {
				t.Fatalf("choice %+v doesn't explain itself", c)
			}
		}
	})
}

func TestOrderOfCandidatesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		need, from := drawWorld(t)
		other := rapid.Permutation(from).Draw(t, "other order")
		a, b := Rank(nil, need, from, Money()), Rank(nil, need, other, Money())
		if !slices.EqualFunc(a, b, func(a, b Choice) bool { return a.Zone == b.Zone && a.Score == b.Score }) {
			t.Fatalf("%v in one order, %v in another", a, b)
		}
	})
}

func TestRankReusesMemory(t *testing.T) {
	need, from := halfCore(), world(100)
	dst := make([]Choice, 0, len(from))
	if n := testing.AllocsPerRun(10, func() { dst = Rank(dst[:0], need, from, Money()) }); n != 0 {
		t.Errorf("Rank allocates %v times", n)
	}
	if n := testing.AllocsPerRun(10, func() { dst = Top(dst[:0], 3, need, from, Money()) }); n != 0 {
		t.Errorf("Top allocates %v times", n)
	}
}
