package generate

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/zonecast/zonecast/actors/span"
)

// city is where users live: a centre and its distance from UTC. Daylight saving
// is left out: routines follow this offset all year.
type city struct {
	name     string
	lat, lon float64
	offset   span.Duration
	places   []place
	popular  []float64 // cumulative weights of places, by Zipf's law
	holidays []bool    // by local day
}

// place is a position with a dataset.
type place struct {
	lat, lon float64
	dataset  string
}

// cityTable returns the cities that a trace may lie in, in the order in which
// they are taken.
func cityTable() [MaxCities]city {
	return [MaxCities]city{
		{name: "london", lat: 51.509, lon: -0.126},
		{name: "new-york", lat: 40.730, lon: -73.990, offset: -5 * span.Hour},
		{name: "singapore", lat: 1.352, lon: 103.820, offset: 8 * span.Hour},
		{name: "sao-paulo", lat: -23.551, lon: -46.633, offset: -3 * span.Hour},
		{name: "berlin", lat: 52.520, lon: 13.405, offset: span.Hour},
		{name: "nairobi", lat: -1.286, lon: 36.817, offset: 3 * span.Hour},
		{name: "tokyo", lat: 35.677, lon: 139.765, offset: 9 * span.Hour},
		{name: "sydney", lat: -33.869, lon: 151.209, offset: 10 * span.Hour},
	}
}

// Spreads of positions around a city's centre, as standard deviations in km.
const (
	homesKm  = 8.0
	placesKm = 4.0
	zonesKm  = 7.0
)

// Streams of random numbers, one per subject, so that changing one subject's
// settings doesn't shift the draws of another.
const (
	streamCity  = 1 << 32
	streamZones = 2 << 32
	streamCrowd = 3 << 32
	streamUser  = 4 << 32
)

// draws are the random numbers of one subject.
type draws struct{ *rand.Rand }

func (c Config) draws(stream uint64) draws { return draws{rand.New(rand.NewPCG(c.Seed, stream))} }

// near returns a position around a centre, to five decimals (about a metre).
func (d draws) near(lat, lon, km float64) (float64, float64) {
	const kmPerDegree = 111.195
	dLat := d.NormFloat64() * km / kmPerDegree
	dLon := d.NormFloat64() * km / kmPerDegree / math.Cos(lat*math.Pi/180)
	return math.Round((lat+dLat)*1e5) / 1e5, math.Round((lon+dLon)*1e5) / 1e5
}

func (d draws) chance(p float64) bool { return d.Float64() < p }

func (d draws) between(low, high float64) float64 { return low + (high-low)*d.Float64() }

// logNormal returns a draw with the given mean and standard deviation of the
// logarithm.
func (d draws) logNormal(mean, spread float64) float64 {
	return mean * math.Exp(spread*d.NormFloat64()-spread*spread/2)
}

// pick returns an index with the probabilities that cumulative weights give.
func (d draws) pick(cumulative []float64) int {
	at, _ := slices.BinarySearch(cumulative, d.Float64()*cumulative[len(cumulative)-1])
	return min(at, len(cumulative)-1)
}

// cities returns the first Cities of the table with their places and holidays.
func (c Config) cities() []city {
	table := cityTable()
	out := slices.Clone(table[:c.Cities])
	for i := range out {
		d := c.draws(streamCity + uint64(i))
		total := 0.0
		for rank := range c.Places {
			lat, lon := d.near(out[i].lat, out[i].lon, placesKm)
			out[i].places = append(out[i].places, place{lat, lon, fmt.Sprintf("%s-%d", out[i].name, rank+1)})
			total += math.Pow(float64(rank+1), -c.Zipf)
			out[i].popular = append(out[i].popular, total)
		}
		out[i].holidays = c.holidays(d)
	}
	return out
}

// holidays returns for each day whether it passes as one of a weekend.
func (c Config) holidays(d draws) []bool {
	free := make([]bool, c.Days)
	var working []int
	for day := range free {
		free[day] = c.weekend(day)
		if !free[day] {
			working = append(working, day)
		}
	}
	d.Shuffle(len(working), func(i, j int) { working[i], working[j] = working[j], working[i] })
	for _, day := range working[:min(c.Holidays, len(working))] {
		free[day] = true
	}
	return free
}

func (c Config) weekend(day int) bool {
	weekday := c.Start.Add(span.Duration(day) * span.Day).Std().Weekday()
	return weekday == 0 || weekday == 6
}

// somewhere returns one of the city's places, drawn by popularity.
func (t *city) somewhere(d draws) place { return t.places[d.pick(t.popular)] }

// size returns a dataset's bytes: a function of seed and name, so that it is the
// same on every row.
func (c Config) size(dataset string) int64 {
	h := fnv.New64a()
	h.Write([]byte(dataset))
	return max(int64(c.draws(h.Sum64()).logNormal(float64(c.DatasetBytes), 1)), 1)
}
