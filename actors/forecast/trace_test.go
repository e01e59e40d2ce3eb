package forecast_test

import (
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/zonecast/zonecast/actors/forecast"
	"github.com/zonecast/zonecast/actors/span"
)

// The public mobility trace, at decisions that see earlier rows only. What is scored
// here are the eight weeks before the trace's own test part, on which the constants
// of the package were chosen; that part itself is scored by replay.
var (
	scoredTo   = span.Of(time.Date(2012, 12, 13, 13, 0, 0, 0, time.UTC))
	scoredFrom = scoredTo.Add(-8 * span.Week)
)

type request struct {
	at           span.Time
	pool         string // tenant and zone
	user         string
	zone, set    string
	datasetBytes int64
}

// readData returns the rows of a file of the evaluation data as fields by column. The
// test is skipped where the data is absent, and fails when CI is set.
func readData(t testing.TB, name string) []map[string]string {
	dir := cmp.Or(os.Getenv("ZONECAST_DATA"), "../../../shared/data")
	file, err := os.Open(filepath.Join(dir, name))
	if err != nil && os.Getenv("CI") != "true" {
		t.Skipf("no evaluation data: set ZONECAST_DATA to its folder (%v)", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	in := csv.NewReader(file)
	if filepath.Ext(name) == ".gz" {
		unpacked, err := gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		in = csv.NewReader(unpacked)
	}
	rows, err := in.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		fields := map[string]string{}
		for i, name := range rows[0] {
			fields[name] = row[i]
		}
		out = append(out, fields)
	}
	return out
}

func number(s string) float64 {
	x, _ := strconv.ParseFloat(s, 64)
	return x
}

// readTrace returns the trace's requests up to scoredTo, in order, each with the zone
// that is nearest to it.
func readTrace(t testing.TB) []request {
	zones := readData(t, "traces/nyc_zones.csv")
	var out []request
	for _, row := range readData(t, "traces/nyc_visits.csv.gz") {
		at, err := time.Parse(time.RFC3339, row["time"])
		if err != nil {
			t.Fatal(err)
		}
		lat, lon := number(row["lat"]), number(row["lon"])
		nearest := slices.MinFunc(zones, func(a, b map[string]string) int {
			return cmp.Compare(apart(a, lat, lon), apart(b, lat, lon))
		})["zone"]
		r := request{
			at: span.Of(at), zone: nearest, pool: row["tenant"] + "/" + nearest,
			user: row["tenant"] + "/" + row["user"],
			set:  row["dataset"], datasetBytes: int64(number(row["dataset_bytes"])),
		}
		if r.at < scoredTo {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b request) int { return cmp.Compare(a.at, b.at) })
	return out
}

func apart(zone map[string]string, lat, lon float64) float64 {
	y, x := number(zone["lat"])-lat, (number(zone["lon"])-lon)*math.Cos(lat*math.Pi/180)
	return x*x + y*y
}

// hourOfWeek is the plain seasonal rate that a pool has to beat.
type hourOfWeek struct {
	start span.Time
	seen  [7 * 24]float64
}

func (h *hourOfWeek) slot(at span.Time) *float64 { return &h.seen[at/span.Time(span.Hour)%(7*24)] }

func (h *hourOfWeek) forecast(at span.Time) forecast.Count {
	weeks := float64(at.Sub(h.start)) / float64(span.Week)
	mean := (*h.slot(at) + .05) / (weeks + .5) / 4
	return forecast.Count{Mean: mean, Variance: mean}
}

func TestPoolsBeatTheHourOfWeek(t *testing.T) {
	arrivals := map[string][]span.Time{}
	var start span.Time
	for i, r := range readTrace(t) {
		if i == 0 {
			start = r.at.Floor(quarter)
		}
		arrivals[r.pool] = append(arrivals[r.pool], r.at)
	}
	var ours, plain, requests float64
	for _, times := range arrivals {
		p, h := forecast.NewPool(start, 0), hourOfWeek{start: start}
		var dst [1]forecast.Count
		for at := start; at < scoredTo; at = at.Add(quarter) {
			mine, other := p.Forecast(at, at, quarter, nil, dst[:])[0], h.forecast(at)
			n := 0
			for ; len(times) > 0 && times[0] < at.Add(quarter); times = times[1:] {
				p.Observe(times[0], 1)
				*h.slot(times[0])++
				n++
			}
			if at >= scoredFrom {
				ours -= math.Log(mine.Probability(n))
				plain -= math.Log(other.Probability(n))
				requests += float64(n)
			}
		}
	}
	t.Logf("log-loss per request: %.3f, hour of week %.3f (%.0f requests, %d pools)",
		ours/requests, plain/requests, requests, len(arrivals))
	if ours > .93*plain {
		t.Errorf("log-loss per request is %.3f, not 7 %% below the hour of week's %.3f", ours/requests, plain/requests)
	}
}

func TestHabitsKnowTheNextZone(t *testing.T) {
	var h *forecast.Habits
	var next forecast.Next
	var visits, first, three, often float64
	user, seen := "", map[string]int{}
	for _, row := range readData(t, "mobility/zones_fsq_nyc.csv.gz") {
		if row["user"] != user {
			user, h, seen = row["user"], forecast.NewHabits(monday, 0), map[string]int{}
		}
		// Days count from the user's first; the same weekday keeps the calendar.
		day := int(number(row["day"]))
		day += (int(number(row["weekday"])) - day%7 + 7) % 7
		at := monday.Add(span.Duration(day)*span.Day + span.Duration(number(row["minute"]))*span.Minute)
		zone := row["zone24"]
		if row["set"] == "valid" {
			h.Next(at, &next)
			rank := slices.IndexFunc(next.Zones, func(l forecast.Likely) bool { return l.Name == zone })
			visits++
			first += one(rank == 0)
			three += one(rank >= 0 && rank < 3)
			often += one(mostFrequent(seen) == zone)
		}
		seen[zone]++
		h.Observe(forecast.Visit{At: at, Zone: zone, Dataset: row["location"]})
	}
	t.Logf("next zone: first %.3f, among three %.3f; the most frequent %.3f (%.0f visits)",
		first/visits, three/visits, often/visits, visits)
	if first < .69*visits || three < .90*visits || first < often+.05*visits {
		t.Errorf("next zone: first %.3f, among three %.3f; the most frequent %.3f", first/visits, three/visits, often/visits)
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func mostFrequent(seen map[string]int) string {
	best := ""
	for zone, n := range seen {
		if n > seen[best] || n == seen[best] && zone < best {
			best = zone
		}
	}
	return best
}
