package actors_test

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/score"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

var moneyWeights = score.Money()

// longest is the longest request, in ms.
const longest = int64(35 * span.Day)

// directory is a mapper with the digests that it was told.
type directory struct {
	*actors.Mapper
	sequence uint64
}

func newDirectory() *directory { return &directory{Mapper: actors.NewMapper(moneyWeights)} }

// learn tells the mapper of a zone with room for n ordinary requests.
func (d *directory) learn(id string, at *messages.Position, n int64, change func(*messages.ZoneDigest)) {
	d.sequence++
	m := &messages.ZoneDigest{
		Zone: id, Sequence: d.sequence, AtMs: int64(start), Spec: spec(at, units(100)), Free: units(n), Starts: actors.DefaultStarts(),
	}
	if change != nil {
		change(m)
	}
	var out actors.Effects
	d.Step(start, zone(id), m, &out)
}

// rank returns the zones for r, best first, and the answer.
func (d *directory) rank(r *messages.Request, dry bool) ([]string, *messages.Ranked) {
	var out actors.Effects
	d.Step(start, ann, &messages.Rank{User: ann.ID, Tenant: "default", Request: r, Dry: dry}, &out)
	answer := out.Sends[0].Message.(*messages.Ranked)
	var zones []string
	for _, c := range answer.GetChoices() {
		zones = append(zones, c.GetZone())
	}
	return zones, answer
}

func TestMapperWithoutZones(t *testing.T) {
	if zones, answer := newDirectory().rank(request("r"), false); len(zones) != 0 || answer.GetOrigin() != "" || len(answer.GetReasons()) != 0 {
		t.Errorf("%v, %v", zones, answer)
	}
}

// Until a zone's next digest comes, what was ranked there counts as taken; a mere
// selection doesn't.
func TestMapperDeductsWhatIsInFlight(t *testing.T) {
	d := newDirectory()
	d.learn("london", london, 2, nil)
	d.learn("paris", paris, 2, nil)
	for i, want := range []string{"london", "london", "paris", "paris", ""} {
		if zones, _ := d.rank(request("s"), true); len(zones) > 0 && zones[0] != want {
			t.Errorf("selection %d: %v, want %s", i, zones, want)
		}
		if zones, _ := d.rank(request(fmt.Sprint(i)), false); len(zones) > 0 && zones[0] != want || len(zones) == 0 && want != "" {
			t.Errorf("request %d: %v, want %s", i, zones, want)
		}
	}
	d.learn("london", london, 1, nil)
	if zones, _ := d.rank(request("r"), false); !slices.Equal(zones, []string{"london"}) {
		t.Errorf("after a digest: %v", zones)
	}
}

// Digests may come late or twice: an earlier one is not heard, one of a zone that is
// gone takes it off.
func TestMapperHearsTheLatest(t *testing.T) {
	d := newDirectory()
	d.learn("london", london, 2, nil)
	late := &messages.ZoneDigest{Zone: "london", Sequence: 0, Spec: spec(london, units(100)), Free: units(0)}
	var out actors.Effects
	d.Step(start, zone("london"), late, &out)
	if zones, _ := d.rank(request("r"), true); len(zones) != 1 {
		t.Error("a late digest was heard")
	}
	d.learn("london", london, 0, func(m *messages.ZoneDigest) { m.Deleted = true })
	d.learn("nowhere", london, 0, func(m *messages.ZoneDigest) { m.Deleted = true })
	if zones, answer := d.rank(request("r"), true); len(zones) != 0 || len(answer.GetReasons()) != 0 {
		t.Errorf("a deleted zone is ranked: %v", answer)
	}
}

// The demand is the nearest permitted zone's, full or not.
func TestMapperNamesTheOrigin(t *testing.T) {
	d := newDirectory()
	d.learn("london", london, 0, nil)
	d.learn("paris", paris, 2, nil)
	if zones, answer := d.rank(request("r"), true); answer.GetOrigin() != "london" || !slices.Equal(zones, []string{"paris"}) {
		t.Errorf("origin %s, %v", answer.GetOrigin(), zones)
	}
	r := request("r")
	r.DenyZones = []string{"london"}
	if _, answer := d.rank(r, true); answer.GetOrigin() != "paris" {
		t.Errorf("origin %s", answer.GetOrigin())
	}
}

// What a user or its pool has reserved firmly is room for it, and for nobody else.
func TestMapperCountsOwnFirm(t *testing.T) {
	class, _ := actors.ClassOf(request(""))
	for name, change := range map[string]func(*messages.ZoneDigest){
		"own":       func(m *messages.ZoneDigest) { m.Firm = []*messages.UserFirm{{User: ann.ID, Amount: units(1)}} },
		"another's": func(m *messages.ZoneDigest) { m.Firm = []*messages.UserFirm{{User: bob.ID, Amount: units(1)}} },
		"own pool's": func(m *messages.ZoneDigest) {
			m.Pools = []*messages.PoolDigest{{Tenant: "default", Class: class, Firm: units(1)}}
		},
		"other class's": func(m *messages.ZoneDigest) {
			m.Pools = []*messages.PoolDigest{{Tenant: "default", Class: "x", Firm: units(1)}}
		},
		"other tenant's": func(m *messages.ZoneDigest) {
			m.Pools = []*messages.PoolDigest{{Tenant: "other", Class: class, Firm: units(1)}}
		},
	} {
		d := newDirectory()
		d.learn("london", london, 0, change)
		zones, _ := d.rank(request("r"), true)
		if own := name == "own" || name == "own pool's"; own != (len(zones) == 1) {
			t.Errorf("%s: %v", name, zones)
		}
	}
}

// A unit that is ready, a dataset that is there: the farther zone may be the better.
func TestMapperPrefersWhatIsReady(t *testing.T) {
	class, _ := actors.ClassOf(request(""))
	d := newDirectory()
	d.learn("london", london, 9, nil)
	d.learn("paris", paris, 9, func(m *messages.ZoneDigest) {
		m.Datasets = []string{"maps"}
		m.Pools = []*messages.PoolDigest{{Tenant: "default", Class: class, Ready: 1}}
	})
	short := request("r")
	short.DurationMs = int64(10 * span.Second) // distance counts as long as it runs
	if zones, _ := d.rank(short, true); zones[0] != "paris" {
		t.Errorf("ranked %v", zones)
	}
}

// Whatever is ranked has room, and the order of digests decides nothing: equal
// directories answer alike.
func TestMapperAnswersAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		free := rapid.SliceOfN(rapid.Int64Range(-2, 3), 1, 20).Draw(t, "free")
		at := rapid.SliceOfN(rapid.Float64Range(-80, 80), len(free), len(free)).Draw(t, "lat")
		order := make([]int, len(free))
		for i := range order {
			order[i] = i
		}
		tellAll := func(order []int) *messages.Ranked {
			d := newDirectory()
			for _, i := range order {
				d.learn(fmt.Sprintf("z%d", i), &messages.Position{Lat: at[i]}, free[i], nil)
			}
			_, answer := d.rank(request("r"), true)
			return answer
		}
		a, b := tellAll(order), tellAll(rapid.Permutation(order).Draw(t, "order"))
		if !proto.Equal(a, b) {
			t.Fatalf("%v\n%v", a, b)
		}
		for _, c := range a.GetChoices() {
			var i int
			if fmt.Sscanf(c.GetZone(), "z%d", &i); free[i] < 1 {
				t.Fatalf("%s has no room", c.GetZone())
			}
		}
		if len(a.GetChoices()) > 16 || len(a.GetReasons()) > 16 || (len(a.GetChoices()) == 0) != (len(a.GetReasons()) > 0) {
			t.Fatalf("%v", a)
		}
	})
}
