package score

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/zonecast/zonecast/actors/resource"
)

// Why says whether a zone may take a request, and if not, the first constraint
// in the way.
type Why uint8

// The constraints in the order in which they are asked. Locality is not among
// them: a far zone scores low and is never filtered.
const (
	Suits    Why = iota // nothing is in the way
	Full                // Room is less than the request
	Draining            // the zone takes nothing new
	Denied              // the request names the zone as denied
	Region              // the zone's region is not among the allowed ones
	Label               // the zone lacks a required label
	Dear                // the request costs more per hour than its ceiling
)

// String returns why as a clause that follows the zone's name.
func (w Why) String() string {
	return [...]string{"suits", "lacks room", "is draining", "is denied by the request",
		"lies in a region that the request does not allow", "lacks a label that the request requires",
		"costs more per hour than the request's ceiling"}[w]
}

// Suitable returns Suits when c may take n and has room for it, else what is in
// the way; Full only where no other constraint is.
func (n *Need) Suitable(c *Candidate) Why {
	switch {
	case c.Draining:
		return Draining
	case slices.Contains(n.Denied, c.ID):
		return Denied
	case len(n.Regions) > 0 && !slices.Contains(n.Regions, c.Region):
		return Region
	case !containsAll(c.Labels, n.Labels):
		return Label
	case n.CeilingHour > 0 && c.Prices.Hourly(n.Vector) > n.CeilingHour:
		return Dear
	case !n.Vector.Fits(c.Room):
		return Full
	}
	return Suits
}

func containsAll(have, want []string) bool {
	for _, w := range want {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}

// MaxRefusals bounds the zones that a NoSuitableZone lists: an answer stays
// readable and far below a message's bound however many zones there are.
const MaxRefusals = 16

// NoSuitableZone is the error when no zone can take a request.
type NoSuitableZone struct {
	Need     resource.Vector
	Refusals []Refusal // at most MaxRefusals, nearest miss first
	Full     int       // zones that lack room and nothing else
	Barred   int       // zones that another constraint rules out
}

// Refusal is one zone's reason.
type Refusal struct {
	Zone  string
	Why   Why
	Short resource.Vector // what Room lacks; nothing unless Why is Full
}

// Refuse returns why none of from takes n: zones that lack room alone first, by
// how small a share of the need is missing, then the others by reason, ties by
// zone id. Candidates that suit are not listed.
func Refuse(n Need, from []Candidate) *NoSuitableZone {
	e := &NoSuitableZone{Need: n.Vector}
	for i := range from {
		c := &from[i]
		r := Refusal{Zone: c.ID, Why: n.Suitable(c)}
		switch r.Why {
		case Suits:
			continue
		case Full:
			r.Short = n.Vector.Shortfall(c.Room)
			e.Full++
		default:
			e.Barred++
		}
		e.Refusals = append(e.Refusals, r)
	}
	slices.SortFunc(e.Refusals, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(a.Why, b.Why),
			cmp.Compare(missing(a.Short, n.Vector), missing(b.Short, n.Vector)), cmp.Compare(a.Zone, b.Zone))
	})
	e.Refusals = slices.Clip(e.Refusals[:min(len(e.Refusals), MaxRefusals)])
	return e
}

// missing returns the largest share of need, 0 to 1, that is short.
func missing(short, need resource.Vector) float64 {
	var most float64
	short.Each(func(name string, amount int64) {
		if amount > 0 {
			most = max(most, float64(amount)/float64(need.Of(name)))
		}
	})
	return most
}

// Error names the nearest miss and says what to do.
func (e *NoSuitableZone) Error() string {
	if len(e.Refusals) == 0 {
		return fmt.Sprintf("no suitable zone for %v: no zone is known; add one or wait for the first report", e.Need)
	}
	nearest := e.Refusals[0]
	text := fmt.Sprintf("no suitable zone for %v: %d lack room, %d are barred by constraints; the nearest miss, %q, %v",
		e.Need, e.Full, e.Barred, nearest.Zone, nearest.Why)
	if nearest.Why == Full {
		return fmt.Sprintf("%s (short of %v); ask for less, or again when something is released", text, nearest.Short)
	}
	return text + "; loosen the request's constraints"
}
