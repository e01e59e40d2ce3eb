package actors

import (
	"encoding"
	"math"

	"github.com/zonecast/zonecast/actors/forecast"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// What a user says of its future.
const (
	intentSlot  = span.Hour
	intentSlots = 24
	// intentLeast is the number of requests expected in a zone, or for a dataset,
	// over the horizon below which nothing is said: no zone would stage for it.
	intentLeast = 0.02
	// intentChange is how much the next hours must change to be told anew.
	intentChange = 0.10
	intentNear   = 3 // slots that count as the next hours
	// dormantAfter is how long after its last request a user says nothing more until
	// it is back: what it would expect by then is next to nothing.
	dormantAfter = 2 * span.Week
)

// told is what was last said of a zone: the requests expected in the next hours.
type told float64

// tellIntents tells every zone that the user may visit what it expects to need.
func (u *User) tellIntents(now span.Time, out *Effects) {
	if u.learned.habits == nil || u.config.Silent || now.Sub(u.learned.last) > dormantAfter {
		return
	}
	u.tell(now, out, func(told, float64) bool { return true })
}

// tellChanged tells those zones whose next hours look different from what they
// were told.
func (u *User) tellChanged(now span.Time, out *Effects) {
	if u.learned.habits == nil || u.config.Silent {
		return
	}
	u.tell(now, out, func(before told, near float64) bool {
		return math.Abs(near-float64(before)) > intentChange*max(float64(before), intentLeast)
	})
}

func (u *User) tell(now span.Time, out *Effects, changed func(before told, near float64) bool) {
	e := &u.expected
	u.learned.habits.Expect(now, intentSlot, intentSlots, e)
	for i := range e.Zones {
		z := &e.Zones[i]
		total, near := totals(z.Rates)
		if total < intentLeast && u.told[z.Zone] == 0 || !changed(u.told[z.Zone], near) {
			continue
		}
		u.told[z.Zone] = told(near)
		out.send(Address{KindZone, z.Zone}, u.intents(z))
	}
}

// totals returns the expected requests of all slots, and of the next hours.
func totals(rates []float32) (total, near float64) {
	for i, r := range rates {
		total += float64(r) * intentSlot.Hours()
		if i < intentNear {
			near = total
		}
	}
	return total, near
}

func (u *User) intents(z *forecast.ZoneRates) *messages.Intents {
	m := &messages.Intents{
		Tenant:   u.tenant,
		User:     u.id,
		Class:    u.learned.class,
		StartMs:  int64(u.expected.From),
		SlotMs:   int64(intentSlot),
		Requests: perSlot(z.Rates),
		BusyMs:   int64(u.expected.DurationMean * float64(span.Second)),

		StorageBytes: int64(u.learned.mean[2]),
	}
	for _, d := range z.Datasets {
		if total, _ := totals(d.Rates); total < intentLeast {
			break // the rest is expected even less
		}
		m.Datasets = append(m.Datasets, &messages.DatasetIntent{Dataset: d.Dataset, Bytes: d.Bytes, Requests: perSlot(d.Rates)})
	}
	return m
}

// perSlot returns rates per hour as requests per slot, in memory of its own.
func perSlot(rates []float32) []float32 {
	list := make([]float32, len(rates))
	for i, r := range rates {
		list[i] = r * float32(intentSlot.Hours())
	}
	return list
}

// marshal returns the state of a model, nil for no model.
func marshal[P interface {
	comparable
	encoding.BinaryMarshaler
}](m P) []byte {
	var none P
	if m == none {
		return nil
	}
	b, err := m.MarshalBinary()
	if err != nil {
		panic("actors: model: " + err.Error()) // models of ours marshal without condition
	}
	return b
}

// unmarshal returns the model in b, nil where there is none that can be read.
func unmarshal[M any, P interface {
	*M
	encoding.BinaryUnmarshaler
}](b []byte) *M {
	m := P(new(M))
	if len(b) == 0 || m.UnmarshalBinary(b) != nil {
		return nil
	}
	return m
}
