package replay

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/bench/trace"
)

// realTrace returns the replay's real input; it skips the test where that is
// absent, but in CI, which has it, fails.
func realTrace(t testing.TB) (*trace.Trace, []trace.Zone) {
	t.Helper()
	dir := os.Getenv("ZONECAST_DATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	rows, err := trace.Read(filepath.Join(dir, "traces/nyc_visits.csv.gz"), trace.Options{})
	if err != nil {
		if os.Getenv("CI") == "" && os.IsNotExist(err) {
			t.Skipf("%s needs the real trace: %v", t.Name(), err)
		}
		t.Fatal(err)
	}
	zones, err := trace.ReadZones(filepath.Join(dir, "traces/nyc_zones.csv"))
	if err != nil {
		t.Fatal(err)
	}
	return rows, zones.Zones
}

// lastWeeks returns a replay of the last weeks of the real trace, of which the
// last is scored.
func lastWeeks(t testing.TB, weeks int) *Config {
	rows, zones := realTrace(t)
	last := rows.Rows[len(rows.Rows)-1].At
	first := 0
	for rows.Rows[first].At < last.Add(-span.Duration(weeks)*span.Week) {
		first++
	}
	return &Config{
		Rows: rows.Rows[first:], Zones: zones, From: last.Add(-span.Week), Starts: "container", CostRatio: 10, Seed: 1,
	}
}

// BenchmarkPolicy replays the last five weeks of the real trace under each policy.
func BenchmarkPolicy(b *testing.B) {
	config := lastWeeks(b, 5)
	for _, p := range Policies() {
		b.Run(p.Name, func(b *testing.B) {
			events := 0
			for b.Loop() {
				o, err := Run(context.Background(), config, p, p.Default, nil)
				if err != nil {
					b.Fatal(err)
				}
				events += o.Events
			}
			b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(len(config.Rows)), "requests")
		})
	}
}

// A replay counts the same whichever log is under it.
func TestRaftCountsAsMemory(t *testing.T) {
	config := lastWeeks(t, 1)
	config.From = config.Rows[len(config.Rows)/2].At
	p := Policies()[8]
	memory, err := Run(context.Background(), config, p, .1, nil)
	if err != nil {
		t.Fatal(err)
	}
	config.Raft = true
	raft, err := Run(context.Background(), config, p, .1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(memory, raft) {
		t.Errorf("%s counted\n%+v over the log in memory and\n%+v over Raft", p.Name, memory, raft)
	}
}
