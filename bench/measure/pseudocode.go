package measure

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/zonecast/zonecast/actors/score"
)

// errNoZone is the pseudocode's error.
var errNoZone = errors.New("no suitable data zone available")

// selectDataZone is the published pseudocode taken literally: the pre-staging
// scores of all zones in a map, the combined ones in another, all of these sorted,
// the first zone with capacity. It chooses what score.Best does under score.Paper.
func selectDataZone(need *score.Need, available map[string]*score.Candidate) (string, error) {
	const costWeight = 0.3
	zoneScores, highest := make(map[string]float64, len(available)), 0.0
	for id, zone := range available {
		zoneScores[id] = zone.Access * zone.Readiness
		highest = max(highest, zone.Prices.Hourly(need.Vector)*need.Duration.Hours())
	}
	type combined struct {
		zone      string
		score, km float64
	}
	scoredZones := make(map[string]combined, len(available))
	for id, zone := range available {
		km, cost := need.At.KmTo(zone.At), 0.0
		if highest > 0 {
			cost = costWeight * (zone.Prices.Hourly(need.Vector) * need.Duration.Hours() / highest)
		}
		scoredZones[id] = combined{id, zoneScores[id] - km/score.HalfCircumferenceKm - cost, km}
	}
	sortedZones := slices.SortedFunc(maps.Values(scoredZones), func(a, b combined) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.km, b.km), cmp.Compare(a.zone, b.zone))
	})
	for _, c := range sortedZones {
		if need.Vector.Fits(available[c.zone].Room) {
			return c.zone, nil
		}
	}
	return "", errNoZone
}
