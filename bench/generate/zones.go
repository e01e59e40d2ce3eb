package generate

import (
	"fmt"
	"math"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/bench/trace"
)

// zones returns the zones of all cities in turn. If every request went to its
// nearest zone, each would just suffice, and the busiest be short by 1 - Crowded.
func (g *generator) zones() []trace.Zone {
	d := g.draws(streamZones)
	out := make([]trace.Zone, g.Zones)
	for i := range out {
		town := &g.cities[i%g.Cities]
		cents := 20 + 3*d.IntN(5) // tenths of a cent per core and hour: 0.020 to 0.032
		z := trace.Zone{
			ID: fmt.Sprintf("zone-%02d", i), Region: town.name,
			PriceCPUHourMicros: int64(cents) * 1000, PriceGiBHourMicros: int64(cents) * 200,
			StagingPriceFactor: 0.3,
		}
		z.Lat, z.Lon = d.near(town.lat, town.lon, zonesKm)
		out[i] = z
	}
	g.equip(out)
	return out
}

// equip gives zones their capacity.
func (g *generator) equip(zones []trace.Zone) {
	const least = 2 // requests that fit into the emptiest zone
	served := make([][]trace.Row, len(zones))
	for _, r := range g.rows {
		i := nearest(zones, r.Lat, r.Lon)
		served[i] = append(served[i], r)
	}
	busiest := 0
	for i := range served {
		if len(served[i]) > len(served[busiest]) {
			busiest = i
		}
	}
	for i := range zones {
		peak := trace.Peak(served[i])
		if i == busiest {
			peak = int(float64(peak) * g.Crowded)
		}
		zones[i].Capacity = g.Need.Times(int64(min(max(peak, least), resource.MaxHoldings)))
		if g.Need.IO == 0 {
			zones[i].Capacity.IO = resource.MaxCapacity // not limited
		}
	}
}

// nearest returns the index of the zone at the least distance; the first of
// several.
func nearest(zones []trace.Zone, lat, lon float64) int {
	best, least := 0, math.Inf(1)
	for i := range zones {
		if d := squaredChord(lat, lon, zones[i].Lat, zones[i].Lon); d < least {
			best, least = i, d
		}
	}
	return best
}

// squaredChord orders points by great-circle distance.
func squaredChord(lat1, lon1, lat2, lon2 float64) float64 {
	const radians = math.Pi / 180
	a, b := math.Sin((lat2-lat1)*radians/2), math.Sin((lon2-lon1)*radians/2)
	return a*a + math.Cos(lat1*radians)*math.Cos(lat2*radians)*b*b
}
