package generate

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/bench/trace"
)

func generate(t testing.TB, c Config) Trace {
	t.Helper()
	out, err := Generate(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func describe(t testing.TB, rows []trace.Row) trace.Info {
	t.Helper()
	return trace.Describe(&trace.Trace{Rows: rows})
}

func TestDefaultIsTheDemosSize(t *testing.T) {
	out := generate(t, Default())
	info := describe(t, out.Rows)
	t.Log("\n" + info.String())
	if info.Rows < 7000 || info.Rows > 9000 || info.Tenants != 3 || info.Users < 110 || len(out.Zones) != 8 {
		t.Errorf("%d zones, %+v", len(out.Zones), info)
	}
	share := float64(info.Parts[1].Rows) / float64(info.Rows)
	if len(info.Parts) != 2 || info.Parts[1].Name != trace.Test || math.Abs(share-0.2) > 0.05 {
		t.Errorf("parts %v", info.Parts)
	}
	if info.ReturningShare < .5 || info.HourEntropyBits > 4.4 || info.UserHourEntropyBits > info.HourEntropyBits-.3 {
		t.Errorf("no habits to be seen: %+v", info)
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	sum := func(c Config) string {
		var b bytes.Buffer
		out := generate(t, c)
		if err := errors.Join(trace.Encode(&b, out.Rows), trace.EncodeZones(&b, out.Zones)); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x", sha256.Sum256(b.Bytes()))
	}
	c, other := Default(), Default()
	other.Seed = 2
	if a, b := sum(c), sum(c); a != b || a == sum(other) {
		t.Errorf("sums %s, %s", a, b)
	}
}

func TestAnyValidConfigGivesFilesThatReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Default()
		c.Seed = rapid.Uint64().Draw(t, "seed")
		c.Days, c.Users = rapid.IntRange(1, 9).Draw(t, "days"), rapid.IntRange(1, 20).Draw(t, "users")
		c.Tenants, c.Cities = rapid.IntRange(1, c.Users).Draw(t, "tenants"), rapid.IntRange(1, MaxCities).Draw(t, "cities")
		c.Zones, c.Places = c.Cities+rapid.IntRange(0, 5).Draw(t, "zones"), rapid.IntRange(1, 9).Draw(t, "places")
		c.Holidays, c.Crowds = rapid.IntRange(0, c.Days).Draw(t, "holidays"), rapid.IntRange(0, c.Days).Draw(t, "crowds")
		for _, part := range []*float64{&c.Rhythm, &c.Newcomers, &c.Explore, &c.CrowdShare, &c.Private, &c.Spread, &c.Crowded, &c.TestShare} {
			*part = rapid.Float64Range(0, 1).Draw(t, "share")
		}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		out, err := Generate(c, nil)
		if err != nil {
			t.Skip("nothing came about")
		}
		var b bytes.Buffer
		if err := trace.Encode(&b, out.Rows); err != nil {
			t.Fatal(err)
		}
		got, err := trace.Decode(&b, trace.Options{})
		if err != nil || got.Bad.Total > 0 || !reflect.DeepEqual(got.Rows, out.Rows) {
			t.Fatalf("%v, bad %v", err, got.Bad)
		}
		if err := trace.EncodeZones(&b, out.Zones); err != nil {
			t.Fatal(err)
		}
		zones, err := trace.DecodeZones(&b)
		if err != nil || !reflect.DeepEqual(zones.Zones, out.Zones) {
			t.Fatalf("%v, %+v", err, zones)
		}
	})
}

// Without rhythm, gaps within a user are exponential and what is asked for
// doesn't depend on what was asked before.
func TestNoRhythmHasNoHabits(t *testing.T) {
	c := Default()
	c.Rhythm, c.Days, c.Spread = 0, 120, 0
	rows := generate(t, c).Rows
	info := describe(t, rows)
	t.Log("\n" + info.String())
	if info.HourEntropyBits < 4.58 || info.UserHourEntropyBits < 4.5 || info.WeekdayEntropyBits < 2.80 {
		t.Errorf("a rhythm remains: %+v", info)
	}
	expected := c.PerDay * float64(c.Users*c.Days)
	if n := float64(info.Rows); math.Abs(n-expected) > 4*math.Sqrt(expected) {
		t.Errorf("%v rows, a Poisson process would give %v", n, expected)
	}
	last := map[string]trace.Row{}
	var gaps, same float64
	n, squares, over := 0.0, 0.0, 0.0
	popular := map[string]float64{}
	for _, r := range rows {
		if before, ok := last[r.User]; ok {
			gap := r.At.Sub(before.At).Hours() / 24 * c.PerDay // in mean gaps
			gaps, squares, n = gaps+gap, squares+gap*gap, n+1
			if gap > 1 {
				over++
			}
			if before.Dataset == r.Dataset {
				same++
			}
			if before.Lat == r.Lat && before.Lon == r.Lon {
				t.Fatalf("%s stays at one position", r.User)
			}
		}
		popular[r.Dataset]++
		last[r.User] = r
	}
	if math.Abs(gaps/n-1) > .03 || math.Abs(squares/n-2) > .12 || math.Abs(over/n-math.Exp(-1)) > .01 {
		t.Errorf("gaps have mean %v and second moment %v, over 1: %v", gaps/n, squares/n, over/n)
	}
	chance := 0.0 // that two independent draws are the same dataset
	for _, count := range popular {
		chance += math.Pow(count/float64(len(rows)), 2)
	}
	if math.Abs(same/n-chance) > .01 {
		t.Errorf("%v repeat the last dataset, %v would by chance", same/n, chance)
	}
}

func TestRhythmIsAWeight(t *testing.T) {
	c := Default()
	c.Crowds, c.Newcomers = 0, 0
	var entropies, rows []float64
	for _, c.Rhythm = range []float64{0, 0.5, 1} {
		info := describe(t, generate(t, c).Rows)
		entropies, rows = append(entropies, info.UserHourEntropyBits), append(rows, float64(info.Rows))
	}
	if !(entropies[0] > entropies[1]+.2 && entropies[1] > entropies[2]+.2) {
		t.Errorf("entropies %v", entropies)
	}
	for _, n := range rows {
		if math.Abs(n/rows[0]-1) > .12 {
			t.Errorf("rows %v", rows)
		}
	}
}

func TestHolidaysCrowdsAndNewcomersShow(t *testing.T) {
	c := Default()
	c.Users, c.Crowds, c.Newcomers = 600, 0, 0
	perDay := func(c Config) []int {
		days := make([]int, c.Days)
		for _, r := range generate(t, c).Rows {
			days[r.At.Sub(c.Start)/span.Day]++
		}
		return days
	}
	plain := perDay(c)
	town := c.cities()[0]
	holiday := -1
	for day, free := range town.holidays {
		if free && !c.weekend(day) {
			holiday = day
		}
	}
	if working := plain[1]; holiday < 0 || float64(plain[holiday]) > .9*float64(working) {
		t.Errorf("holiday %d of %v", holiday, plain)
	}
	crowded := c
	crowded.Crowds = 1
	if a, b := sum(plain), sum(perDay(crowded)); b < a+100 || b > a+200 {
		t.Errorf("a crowd of a quarter of 600 took rows from %d to %d", a, b)
	}
	growing := c
	growing.Newcomers = 1
	if days := perDay(growing); days[0] > 10 || days[28] < plain[28]*9/10 {
		t.Errorf("newcomers: %v, without: %v", days, plain)
	}
}

func sum(counts []int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

func TestCapacityIsNearThePeak(t *testing.T) {
	c := Default()
	out := generate(t, c)
	short := 0
	for i, z := range out.Zones {
		var served []trace.Row
		for _, r := range out.Rows {
			if nearest(out.Zones, r.Lat, r.Lon) == i {
				served = append(served, r)
			}
		}
		units := int(z.Capacity.CPU / c.Need.CPU)
		if units < trace.Peak(served) {
			short++
		}
	}
	if short != 1 {
		t.Errorf("%d zones are short of their peak, want the busiest alone", short)
	}
}

func TestValidateNamesTheField(t *testing.T) {
	for name, edit := range map[string]func(*Config){
		"Days": func(c *Config) { c.Days = 0 }, "Users": func(c *Config) { c.Users = MaxUsers + 1 },
		"Tenants": func(c *Config) { c.Tenants = 0 }, "Cities": func(c *Config) { c.Cities = 9 },
		"Zones": func(c *Config) { c.Zones = 0 }, "Rhythm": func(c *Config) { c.Rhythm = math.NaN() },
		"PerDay": func(c *Config) { c.PerDay = math.Inf(1) }, "Zipf": func(c *Config) { c.Zipf = -1 },
		"Start": func(c *Config) { c.Start++ }, "Duration": func(c *Config) { c.Duration = 0 },
		"DatasetBytes": func(c *Config) { c.DatasetBytes = 0 }, "Need": func(c *Config) { c.Need.CPU = -1 },
		"Need is nothing":       func(c *Config) { c.Need = resource.Vector{} },
		"Users is over":         func(c *Config) { c.Users, c.Days = MaxUsers, MaxDays },
		"no request came about": func(c *Config) { c.PerDay, c.Crowds = 0, 0 },
	} {
		c := Default()
		edit(&c)
		_, err := Generate(c, nil)
		if !errors.Is(err, ErrConfig) || !bytes.Contains([]byte(err.Error()), []byte(name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
}

func BenchmarkGenerate(b *testing.B) {
	for b.Loop() {
		generate(b, Default())
	}
}
