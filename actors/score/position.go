package score

import (
	"fmt"
	"math"
)

// HalfCircumferenceKm is the longest distance on the globe, in km; the earth's
// radius here is the one that gives it (6,371 km).
const HalfCircumferenceKm = 20_015

const (
	earthRadiusKm = HalfCircumferenceKm / math.Pi
	degree        = math.Pi / 180

	// fibreKmPerMs is the distance that one round trip of 1 ms covers: light in
	// fibre runs 200 km/ms, there and back.
	fibreKmPerMs = 100
	// leastTripMs is a round trip to a zone next door: switches and kernels take
	// their time even where the way takes none.
	leastTripMs = 0.2
)

// Position is a place on the globe in degrees: latitude -90 to 90, longitude
// -180 to 180.
type Position struct{ Lat, Lon float64 }

// Validate returns an error that wraps ErrInput unless p lies on the globe.
func (p Position) Validate() error {
	if !within(p.Lat, -90, 90) || !within(p.Lon, -180, 180) {
		return fmt.Errorf("%w: position %v, %v: latitude must be from -90 to 90 degrees, longitude from -180 to 180",
			ErrInput, p.Lat, p.Lon)
	}
	return nil
}

// KmTo returns the great-circle distance from p to q in km, by the haversine
// formula (Sinnott, Virtues of the Haversine, 1984).
func (p Position) KmTo(q Position) float64 { return from(p).kmTo(q) }

// origin is a Position with what every distance from it needs.
type origin struct{ lat, lon, cosLat float64 } // radians

func from(p Position) origin {
	return origin{p.Lat * degree, p.Lon * degree, math.Cos(p.Lat * degree)}
}

func (o origin) kmTo(q Position) float64 {
	lat := q.Lat * degree
	north, east := math.Sin((lat-o.lat)/2), math.Sin((q.Lon*degree-o.lon)/2)
	h := north*north + o.cosLat*math.Cos(lat)*east*east
	return 2 * earthRadiusKm * math.Asin(math.Sqrt(min(h, 1)))
}

// TripMs returns the time of one round trip over km of fibre, in ms.
func TripMs(km float64) float64 { return max(km/fibreKmPerMs, leastTripMs) }
