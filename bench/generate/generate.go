package generate

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/bench/trace"
)

// Trace is what was generated: rows as a trace file that holds them would give
// them, and zones to serve them.
type Trace struct {
	Rows  []trace.Row
	Zones []trace.Zone
}

// Generate makes the trace and zones that c describes. It fails if c is not
// valid, or if so little is asked for that no request came about. each, unless
// it is nil, is called after each of c.Users users; an error that it returns
// ends the work and is returned.
func Generate(c Config, each func() error) (Trace, error) {
	if err := c.Validate(); err != nil {
		return Trace{}, err
	}
	g := &generator{Config: c, cities: c.cities(), sizes: map[string]int64{}}
	for i := range c.Users {
		g.user(i)
		if each == nil {
			continue
		}
		if err := each(); err != nil {
			return Trace{}, err
		}
	}
	g.crowds()
	if len(g.rows) == 0 {
		return Trace{}, fmt.Errorf("%w: no request came about; raise PerDay, Users or Days", ErrConfig)
	}
	slices.SortStableFunc(g.rows, func(a, b trace.Row) int { return cmp.Compare(a.At, b.At) })
	test := c.Start.Add(span.Duration(float64(c.length()) * (1 - c.TestShare)))
	for i := range g.rows {
		g.rows[i].Number, g.rows[i].Part = i+1, "train"
		if g.rows[i].At >= test {
			g.rows[i].Part = trace.Test
		}
	}
	return Trace{g.rows, g.zones()}, nil
}

func (c Config) length() span.Duration { return span.Duration(c.Days) * span.Day }

// generator is a trace in the making.
type generator struct {
	Config
	cities  []city
	members []member
	sizes   map[string]int64
	rows    []trace.Row
}

// member is a user as others see him.
type member struct {
	tenant, user string
	city         int
	joins        int // day on which his habits begin
}

// routine is one habit of a user: what he does at about the same time.
type routine struct {
	free   bool          // on weekends and holidays, else on working days
	at     span.Duration // local time of day
	jitter span.Duration // standard deviation around it
	chance float64       // that it happens on a day to which it applies
	place  place
}

// user adds all requests of the i-th user but those of flash crowds.
func (g *generator) user(i int) {
	d := g.draws(streamUser + uint64(i))
	m := member{tenant: fmt.Sprintf("t%d", i%g.Tenants+1), user: fmt.Sprintf("u%d", i+1), city: i % g.Cities}
	if d.chance(g.Newcomers) {
		m.joins = int(float64(g.Days) * d.between(0.1, 0.9))
	}
	g.members = append(g.members, m)
	town := &g.cities[m.city]
	routines := g.routines(d, m, town)
	for day := m.joins; day < g.Days; day++ {
		for _, r := range routines {
			if r.free == town.holidays[day] && d.chance(r.chance*g.Rhythm) {
				to := r.place
				if d.chance(g.Explore) {
					to = town.somewhere(d)
				}
				at := r.at + span.Duration(d.NormFloat64()*float64(r.jitter))
				g.ask(d, m, g.local(town, day, at), to)
			}
		}
	}
	g.noise(d, m)
}

// local returns the instant of a city's local time on a day.
func (g *generator) local(town *city, day int, at span.Duration) span.Time {
	return g.Start.Add(span.Duration(day)*span.Day + at - town.offset)
}

// noise adds the requests of one user that no habit explains: a homogeneous
// Poisson process over the whole trace.
func (g *generator) noise(d draws, m member) {
	rate := g.PerDay * (1 - g.Rhythm) // per day
	if rate == 0 {
		return
	}
	town := &g.cities[m.city]
	for days := d.ExpFloat64() / rate; days < float64(g.Days); days += d.ExpFloat64() / rate {
		lat, lon := d.near(town.lat, town.lon, homesKm)
		at := g.Start.Add(span.Duration(days * float64(span.Day)))
		g.ask(d, m, at, place{lat, lon, town.somewhere(d).dataset})
	}
}

// ask adds one request, unless it lies outside of the trace.
func (g *generator) ask(d draws, m member, at span.Time, where place) {
	at = at.Floor(span.Second)
	lasts := span.Duration(d.logNormal(g.Duration.Seconds(), g.Spread)) * span.Second
	if at < g.Start || at >= g.Start.Add(g.length()) {
		return
	}
	bytes, known := g.sizes[where.dataset]
	if !known {
		bytes = g.size(where.dataset)
		g.sizes[where.dataset] = bytes
	}
	g.rows = append(g.rows, trace.Row{
		At: at, Tenant: m.tenant, User: m.user, Lat: where.lat, Lon: where.lon,
		Duration: min(max(lasts, span.Second), span.Day), Need: g.Need, Image: "default",
		Dataset: where.dataset, DatasetBytes: bytes,
	})
}

// crowds adds the flash crowds: within one and a half hours of an event, most at
// its beginning, a share of the city's users asks from the same place for the
// same dataset. Each event takes place with probability Rhythm.
func (g *generator) crowds() {
	d := g.draws(streamCrowd)
	for range g.Crowds {
		in := d.IntN(g.Cities)
		town := &g.cities[in]
		day, begins := d.IntN(g.Days), span.Duration(d.between(11, 21)*float64(span.Hour))
		where, happens := town.places[d.IntN(len(town.places))], d.chance(g.Rhythm)
		for _, m := range g.members {
			if m.city != in || m.joins > day || !d.chance(g.CrowdShare) || !happens {
				continue
			}
			late := span.Duration(math.Min(d.ExpFloat64()/3, 1) * 1.5 * float64(span.Hour))
			g.ask(d, m, g.local(town, day, begins+late), where)
		}
	}
}
