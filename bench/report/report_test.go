package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/bench/trace"
)

// policy makes a policy whose run k wastes waste[k] hours a day, give or take,
// and hits rate[k] of some hundred requests. All policies have the same days.
func policy(name string, waste, rate []float64) Policy {
	p := Policy{Name: name, Chosen: len(waste) / 2}
	for k := range waste {
		r := rand.New(rand.NewPCG(1, 1))
		run := Run{Knob: float64(k + 1), Start: StartTimes{100, 90, 400, 700}, Reservations: Reservations{Soft: k}}
		for day := range 40 {
			n := 80 + r.IntN(40)
			hit := int(float64(n) * rate[k] * (0.9 + 0.2*r.Float64()))
			run.Days = append(run.Days, Day{
				Start: span.Time(day) * span.Time(span.Day), StartMs: float64(100 * n),
				Compute: Facet{n, hit, 1, n - hit - 2, 1}, Data: Facet{n / 2, n / 4, 0, n/2 - n/4, 0},
				StagedHours: waste[k] + 10, WastedHours: waste[k] * (0.8 + 0.4*r.Float64()), CachedByteHours: 1e9,
				Cost: []float64{waste[k] + 10*(1-rate[k]), waste[k] + 100*(1-rate[k])},
			})
		}
		p.Runs = append(p.Runs, run)
	}
	return p
}

func study() Study {
	return Study{
		Trace: trace.Info{Rows: 4000}, Parameters: map[string]int{"seed": 1}, Subject: "predictive",
		Policies: []Policy{
			policy(Reactive, []float64{0}, []float64{0}),
			policy("keep-alive", []float64{5, 20, 60}, []float64{.1, .3, .55}),
			policy("zone-only", []float64{4, 20, 70}, []float64{.2, .5, .8}),
			policy("predictive", []float64{4, 20, 70}, []float64{.25, .6, .85}),
			policy(Oracle, []float64{0.5}, []float64{.9}),
		},
		Ratios: []float64{1, 10}, Ratio: 1, Seed: 1, Resamples: 300,
	}
}

func report(t testing.TB, s Study) *Report {
	t.Helper()
	r, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReportAddsUp(t *testing.T) {
	r := report(t, study())
	for name, p := range r.Policies {
		if p.Hit+p.Late+p.Missed+p.Refused != p.Requests || p.HitRate != float64(p.Hit)/float64(p.Requests) {
			t.Errorf("%s: %+v", name, p)
		}
		if math.Abs(p.UsedHours+p.WastedHours-p.StagedHours) > 1e-9 || p.TotalCost != p.CostByRatio["10"] {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if r.GainShare[Reactive] != 0 || r.GainShare[Oracle] != 1 || !(r.GainShare["predictive"] > r.GainShare["zone-only"]) {
		t.Errorf("gain %v", r.GainShare)
	}
	p := r.Policies["predictive"]
	if len(p.Frontier) != 3 || p.Frontier[1].HitRate != p.HitRate || len(p.AtWaste) != 4 {
		t.Errorf("%+v", p)
	}
	for level, at := range p.AtWaste {
		if !(at.Low < at.HitRate && at.HitRate < at.High) {
			t.Errorf("at %s: %+v", level, at)
		}
	}
}

func TestComparisonsArePaired(t *testing.T) {
	ahead := 0
	for _, c := range report(t, study()).Comparisons {
		if c.Of == "data_hit_rate" && (c.Difference != 0 || c.Low != 0 || c.High != 0) {
			t.Errorf("equal days differ: %+v", c)
		}
		if c.Against == "zone-only" && c.Of == "hit_rate" {
			ahead++
			if !(c.Low > 0 && c.High-c.Low < .03) {
				t.Errorf("%+v", c)
			}
		}
		if c.Against == Oracle || c.Against == Greedy {
			t.Errorf("compared with the reference: %+v", c)
		}
	}
	if ahead != 4 {
		t.Errorf("%d levels against zone-only, want 4", ahead)
	}
}

func TestJSONHasTheNamedFields(t *testing.T) {
	s := study()
	s.Measured = map[string]float64{"wall_s": 1}
	text, err := json.Marshal(report(t, s))
	if err != nil {
		t.Fatal(err)
	}
	var top map[string]any
	if err := json.Unmarshal(text, &top); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"trace rows", "parameters seed", "measured wall_s", "gain_share zone-only",
		"policies reactive start_ms p99", "policies predictive cost_by_ratio 10", "policies predictive facets data cached_byte_hours",
		"policies predictive facets connection hit_rate", "policies predictive reservations upgraded", "policies predictive hit_rate",
	} {
		var at any = top
		for _, name := range strings.Fields(path) {
			fields, ok := at.(map[string]any)
			if at = fields[name]; !ok || at == nil {
				t.Errorf("no %s in %s", path, text)
			}
		}
	}
	point := top["policies"].(map[string]any)["predictive"].(map[string]any)["frontier"].([]any)[0].(map[string]any)
	for _, name := range []string{"wasted_hours", "hit_rate", "data_hit_rate", "cost"} {
		if _, ok := point[name]; !ok {
			t.Errorf("a frontier's point lacks %s: %v", name, point)
		}
	}
}

// The report as it is printed. Run with UPDATE=1 to write it anew.
func TestPrint(t *testing.T) {
	var b bytes.Buffer
	if err := report(t, study()).Print(&b, Style{Footer: "Next: replay a trace of your own."}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "report.txt")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || b.String() != string(want) {
		t.Errorf("%v; printed\n%s", err, b.String())
	}
}

func TestSameStudySameReport(t *testing.T) {
	one, _ := json.Marshal(report(t, study()))
	two, _ := json.Marshal(report(t, study()))
	if !bytes.Equal(one, two) {
		t.Error("two reports of one study differ")
	}
}

func TestBadStudies(t *testing.T) {
	for name, edit := range map[string]func(*Study){
		"no policy":      func(s *Study) { s.Policies = nil },
		"no ratio":       func(s *Study) { s.Ratios = nil },
		"twice":          func(s *Study) { s.Policies[1].Name = Oracle },
		"no run":         func(s *Study) { s.Policies[1].Runs = nil },
		"other subject":  func(s *Study) { s.Subject = "x" },
		"fewer days":     func(s *Study) { s.Policies[1].Runs[0].Days = s.Policies[1].Runs[0].Days[1:] },
		"other days":     func(s *Study) { s.Policies[1].Runs[0].Days[3].Start++ },
		"sums":           func(s *Study) { s.Policies[1].Runs[0].Days[3].Data.Hit++ },
		"costs":          func(s *Study) { s.Policies[1].Runs[0].Days[3].Cost = nil },
		"negative waste": func(s *Study) { s.Policies[1].Runs[0].Days[3].WastedHours = -1 },
		"no number":      func(s *Study) { s.Policies[1].Runs[0].Days[3].Cost[0] = math.NaN() },
	} {
		s := study()
		edit(&s)
		if _, err := New(s); !errors.Is(err, ErrStudy) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func drawPoints(t *rapid.T) []Point {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Point {
		return Point{float64(rapid.IntRange(0, 20).Draw(t, "x")), rapid.Float64Range(0, 1).Draw(t, "y")}
	}), 1, 8).Draw(t, "points")
}

// What a frontier gives at x: the best point for no more than x, or a mixture of
// two neighbours on it.
func TestFrontierAgainstItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := drawPoints(t)
		f := NewFrontier(append([]Point(nil), points...))
		for x := 0.0; x <= 22; x += 0.5 {
			best, reaches := 0.0, false
			for _, p := range points {
				if p.X <= x {
					best, reaches = max(best, p.Y), true
				}
			}
			if got := f.At(x); reaches && got < best-1e-12 || f.Reaches(x) != reaches {
				t.Fatalf("at %v: %v (reaches: %v), a point gives %v", x, got, f.Reaches(x), best)
			}
			if x > 0 && f.At(x) < f.At(x-0.5)-1e-12 {
				t.Fatalf("falls at %v", x)
			}
		}
		for _, p := range f {
			if f.At(p.X) != p.Y {
				t.Fatalf("%v is not at %v", f.At(p.X), p)
			}
		}
	})
}

func TestEnvelopeIsTheBestAtEveryPoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := NewFrontier(drawPoints(t)), NewFrontier(drawPoints(t))
		both := Envelope(a, b)
		for _, f := range []Frontier{a, b} {
			for _, p := range f {
				if both.At(p.X) < p.Y-1e-12 {
					t.Fatalf("%v is above the envelope %v", p, both)
				}
			}
		}
	})
}

func TestLevels(t *testing.T) {
	p := policy("p", []float64{1, 1000}, []float64{.1, .9})
	if got := Levels([]Policy{p}); got[0] != 2500 || got[3] != 18000 {
		t.Errorf("%v", got)
	}
	got := Levels(study().Policies)
	if len(got) != 4 || got[0] != 390 || got[3] != 2800 {
		t.Errorf("%v", got)
	}
	if got := Levels(study().Policies[:1]); got != nil {
		t.Errorf("%v", got)
	}
	if twoDigits(0.0456) != 0.045 || twoDigits(456) != 450 || twoDigits(7) != 7 {
		t.Errorf("%v %v %v", twoDigits(0.0456), twoDigits(456), twoDigits(7))
	}
}

// In worlds whose truth is known, the 95 % interval holds it about as often as
// it says.
func TestIntervalsCover(t *testing.T) {
	const worlds, truth = 300, 0.4
	held := 0
	for w := range worlds {
		r := rand.New(rand.NewPCG(7, uint64(w)))
		var run Run
		for range 60 {
			d := Day{Compute: Facet{Requests: 50}, WastedHours: 10}
			for range d.Compute.Requests {
				if r.Float64() < truth {
					d.Compute.Hit++
				}
			}
			run.Days = append(run.Days, d)
		}
		at, ok := NewBootstrap(60, 200, uint64(w)).At(Policy{Runs: []Run{run}}, HitsAtWaste(), 1000)
		if ok && at.Low <= truth && truth <= at.High {
			held++
		}
	}
	if share := float64(held) / worlds; share < .90 || share > .985 {
		t.Errorf("intervals of 95 %% held the truth in %.1f %%", 100*share)
	}
}

// As large as a replay of all policies with a sweep.
func BenchmarkNew(b *testing.B) {
	s := study()
	s.Resamples = 0
	var waste, rate []float64
	for k := range 8 {
		waste, rate = append(waste, float64(5*k*k+1)), append(rate, float64(k+1)/10)
	}
	s.Policies = nil
	for _, name := range []string{"keep-alive", "static", "last-day", "last-week", "histogram", "scheduled", "zone-only", "predictive"} {
		s.Policies = append(s.Policies, policy(name, waste, rate))
	}
	for b.Loop() {
		report(b, s)
	}
}
