package generate

import (
	"fmt"

	"github.com/zonecast/zonecast/actors/span"
)

// setting is a kind of routine: when in the day it may lie, and how often it is
// taken among the settings of the same days.
type setting struct {
	weight      float64
	early, late float64 // local hours between which a routine's time is drawn
	where       int     // index of haunts
}

// Places of a user's own map.
const (
	home = iota
	work
	favourite // and the next ones
)

const favourites = 4 // places other than home and work that a user keeps to

// workingDay and freeDay are the settings of the two kinds of day.
func workingDay() []setting {
	return []setting{
		{0.15, 6.5, 8.5, home},
		{0.40, 8.5, 17.5, work},
		{0.10, 12, 13.5, favourite},
		{0.15, 17.5, 20.5, favourite},
		{0.20, 19, 23.5, home},
	}
}

func freeDay() []setting {
	return []setting{
		{0.30, 9, 13, home},
		{0.35, 11, 18, favourite},
		{0.15, 18, 23, favourite},
		{0.20, 18, 23.5, home},
	}
}

// routines returns a user's habits. Users differ in how much they ask
// (log-normal), in how early they are and in how punctual; about a user's share
// of PerDay is reached on both kinds of day, a fifth less on free ones.
func (g *generator) routines(d draws, m member, town *city) []routine {
	haunts := g.haunts(d, m, town)
	wanted := g.PerDay * d.logNormal(1, 0.5)
	shift, punctual := d.NormFloat64()*0.8, d.between(5, 25) // hours; minutes
	var out []routine
	for _, kind := range []struct {
		free     bool
		settings []setting
		wanted   float64
	}{{false, workingDay(), wanted * 1.08}, {true, freeDay(), wanted * 0.8}} {
		for left := kind.wanted; left > 0; {
			r := routine{free: kind.free, chance: min(d.between(0.3, 0.9), left)}
			s := kind.settings[d.pick(cumulative(kind.settings))]
			r.at = span.Duration((d.between(s.early, s.late) + shift) * float64(span.Hour))
			r.jitter = span.Duration(punctual * float64(span.Minute))
			r.place = haunts[s.where]
			if s.where == favourite {
				r.place = haunts[favourite+d.IntN(favourites)]
			}
			out = append(out, r)
			left -= r.chance
		}
	}
	return out
}

// haunts returns a user's home, workplace and favourites. Home has a dataset of
// its own; elsewhere it is the place's, or with probability Private his own.
func (g *generator) haunts(d draws, m member, town *city) []place {
	lat, lon := d.near(town.lat, town.lon, homesKm)
	out := []place{{lat, lon, m.user + "-home"}}
	for i := range 1 + favourites {
		p := town.somewhere(d)
		if d.chance(g.Private) {
			p.dataset = fmt.Sprintf("%s-%d", m.user, i+1)
		}
		out = append(out, p)
	}
	return out
}

func cumulative(settings []setting) []float64 {
	out, total := make([]float64, len(settings)), 0.0
	for i, s := range settings {
		total += s.weight
		out[i] = total
	}
	return out
}
