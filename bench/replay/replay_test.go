package replay

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/ledger"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/bench/generate"
	"github.com/zonecast/zonecast/bench/report"
	"github.com/zonecast/zonecast/bench/trace"
	"github.com/zonecast/zonecast/messages"
	"github.com/zonecast/zonecast/persistence"
)

// small is a replay of a few hundred generated requests, of which the last part is
// scored.
func small(t testing.TB, change func(*generate.Config)) *Config {
	t.Helper()
	c := generate.Default()
	c.Days, c.Users, c.Zones, c.PerDay = 10, 15, 3, 3
	if change != nil {
		change(&c)
	}
	made, err := generate.Generate(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	from, err := (&trace.Trace{Rows: made.Rows}).From(trace.Test)
	if err != nil {
		t.Fatal(err)
	}
	return &Config{Rows: made.Rows, Zones: made.Zones, From: from, Starts: "container", CostRatio: 10, Seed: 1}
}

func named(t testing.TB, name string) Policy {
	t.Helper()
	policies, err := Named(name)
	if err != nil {
		t.Fatal(err)
	}
	return policies[0]
}

func mustRun(t testing.TB, c *Config, p Policy, knob float64) Outcome {
	t.Helper()
	o, err := Run(context.Background(), c, p, knob, nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Every scored request is counted once in every facet that it needs.
func TestEveryRequestCountsOnce(t *testing.T) {
	c := small(t, func(g *generate.Config) { g.PerDay = 8 })
	for i := range c.Zones {
		c.Zones[i].Capacity.CPU = 500 // one request at a time
	}
	var want [4]int // of compute, data, connection, storage
	for _, r := range c.Rows {
		if r.At >= c.From {
			want[0]++
			want[2]++
			if r.Dataset != "" {
				want[1]++
			}
			if r.Need.Storage > 0 {
				want[3]++
			}
		}
	}
	refused := 0
	for _, p := range Policies() {
		var got [4]int
		for _, d := range mustRun(t, c, p, p.Default).Run.Days {
			for i, f := range []report.Facet{d.Compute, d.Data, d.Connection, d.Storage} {
				got[i] += f.Requests
				if f.Hit+f.Late+f.Missed+f.Refused != f.Requests {
					t.Errorf("%s: %+v doesn't add up", p.Name, f)
				}
			}
			refused += d.Compute.Refused
			if d.Compute.Refused != d.Connection.Refused {
				t.Errorf("%s: refused in one facet alone: %+v", p.Name, d)
			}
		}
		if got != want {
			t.Errorf("%s counted %v, want %v", p.Name, got, want)
		}
	}
	if refused == 0 {
		t.Error("no request was refused: the zones are too large for this test")
	}
}

// output is the report as it is printed, but for what was measured.
func output(t *testing.T, c *Config) string {
	t.Helper()
	study, err := Do(context.Background(), c, Plan{Policies: Policies()}, trace.Describe(&trace.Trace{Rows: c.Rows}), nil)
	if err != nil {
		t.Fatal(err)
	}
	study.Measured = nil
	r, err := report.New(study)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSameSeedSameOutput(t *testing.T) {
	c := small(t, nil)
	first := output(t, c)
	if output(t, c) != first {
		t.Error("the same seed gave another output")
	}
	c.Seed = 2
	if output(t, c) == first {
		t.Error("another seed gave the same output")
	}
}

// decision is where a request was placed, and how it went.
type decision struct {
	Zone    string
	StartMs float64
	Refused bool
}

// follow replays c row by row and calls each after every row.
func follow(t *testing.T, c *Config, p Policy, each func(*driver, *trace.Row)) {
	t.Helper()
	d := newDriver(newSetting(c), p, p.Default, persistence.NewMemory())
	if err := d.setUp(); err != nil {
		t.Fatal(err)
	}
	for i := range d.Rows {
		if err := d.serveRow(&d.Rows[i]); err != nil {
			t.Fatal(err)
		}
		each(d, &d.Rows[i])
	}
}

func decisions(t *testing.T, c *Config, p Policy) []decision {
	all := *c
	all.From = c.Rows[0].At // so that every start is kept
	var list []decision
	served := 0
	follow(t, &all, p, func(d *driver, r *trace.Row) {
		one := decision{Refused: len(d.record.starts) == served}
		if !one.Refused {
			one.StartMs = d.record.starts[served]
			one.Zone = placedIn(t, d, r)
		}
		served = len(d.record.starts)
		list = append(list, one)
	})
	return list
}

func placedIn(t *testing.T, d *driver, r *trace.Row) string {
	t.Helper()
	activation, err := d.world.Activation(actors.Address{Kind: actors.KindUser, ID: r.Tenant + "/" + r.User})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range activation.Machine().Snapshot().(*messages.UserState).GetPlacements() {
		if p.GetPlacing().GetRequest().GetId() == strconv.Itoa(r.Number) {
			return p.GetPlacing().GetChoices()[p.GetIndex()].GetZone()
		}
	}
	return ""
}

// Whatever happens after an instant, every decision before it is the same: no
// policy but the reference sees the future.
func TestNobodySeesTheFuture(t *testing.T) {
	c := small(t, nil)
	cut := len(c.Rows) * 2 / 3
	for cut > 0 && c.Rows[cut].At == c.Rows[cut-1].At {
		cut--
	}
	other := *c
	other.Rows = slices.Clone(c.Rows)
	after := other.Rows[cut:]
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(after), func(i, j int) {
		after[i], after[j] = after[j], after[i]
		after[i].At, after[j].At = after[j].At, after[i].At
		after[i].Number, after[j].Number = after[j].Number, after[i].Number
	})
	for _, p := range Policies() {
		if p.oracle {
			continue
		}
		a, b := decisions(t, c, p), decisions(t, &other, p)
		if !reflect.DeepEqual(a[:cut], b[:cut]) {
			t.Errorf("%s decided otherwise before %v", p.Name, c.Rows[cut].At)
		}
		if reflect.DeepEqual(a[cut:], b[cut:]) {
			t.Errorf("%s: the permutation changed nothing: this test shows nothing", p.Name)
		}
	}
}

// Reactive has nothing staged but what is used.
func TestReactiveStagesNothing(t *testing.T) {
	for _, d := range mustRun(t, small(t, nil), named(t, "reactive"), 0).Run.Days {
		if d.WastedHours != 0 || d.Compute.Hit != 0 || d.Compute.Late != 0 || d.StagedHours == 0 && d.Compute.Missed > 0 {
			t.Errorf("%+v", d)
		}
	}
}

// No policy holds or promises more than a zone has, at any request.
func TestNobodyExceedsCapacity(t *testing.T) {
	c := small(t, func(g *generate.Config) { g.Crowded = .2 })
	for _, p := range Policies() {
		full := 0
		follow(t, c, p, func(d *driver, r *trace.Row) {
			for _, z := range d.zones {
				state, _ := z.Books()
				books, err := ledger.Restore(state)
				if err != nil {
					t.Fatal(err)
				}
				if over := books.OverdraftOver(r.At, span.Starting(r.At, span.Day)); !over.IsZero() {
					t.Fatalf("%s, request %d: %v more than there is", p.Name, r.Number, over)
				}
				if free := books.Free(r.At); free.CPU < r.Need.CPU {
					full++
				}
			}
		})
		if full == 0 {
			t.Errorf("%s: no zone was ever full: this test shows nothing", p.Name)
		}
	}
}

// total is the cost of the scored days at the replay's ratio.
func total(c *Config, o Outcome) float64 {
	at, sum := slices.Index(c.Ratios(), c.CostRatio), 0.0
	for _, d := range o.Run.Days {
		sum += d.Cost[at]
	}
	return sum
}

// The price of a start is linear in the cost ratio; what is idle costs the same at
// every ratio.
func TestCostIsLinearInTheRatio(t *testing.T) {
	c := small(t, nil)
	c.CostRatio = 7 // none of those that are priced anyway
	ratios := c.Ratios()
	for _, d := range mustRun(t, c, named(t, "keep-alive"), 60).Run.Days {
		slope := (d.Cost[len(ratios)-1] - d.Cost[0]) / (ratios[len(ratios)-1] - ratios[0])
		idle := d.Cost[0] - slope*ratios[0]
		for i, r := range ratios {
			if math.Abs(d.Cost[i]-idle-slope*r) > 1e-9*d.Cost[i] {
				t.Errorf("at %v: %v, want %v", r, d.Cost[i], idle+slope*r)
			}
		}
		if slope <= 0 || idle < 0 {
			t.Errorf("a start costs %v, what is idle %v", slope, idle)
		}
	}
}

// Stage-hours and money count from the instant at which scoring begins, also where
// that lies within the first day.
func TestScoringBeginsAtFrom(t *testing.T) {
	c := small(t, nil)
	p := named(t, "static")
	wasted := func(from span.Time) (sum float64) {
		c.From = from
		for _, d := range mustRun(t, c, p, p.Default).Run.Days {
			sum += d.WastedHours
		}
		return sum
	}
	first, later, before := c.Rows[0].At, c.Rows[20].At, 0.0
	all, rest := wasted(first), wasted(later)
	follow(t, c, p, func(d *driver, r *trace.Row) {
		if r.Number == c.Rows[20].Number {
			for _, agent := range d.record.agents {
				tally := agent.Tally(later)
				before += (tally.StagedMs - tally.UsedMs) / msPerHour
			}
		}
	})
	if before < 1 || math.Abs(all-before-rest) > 1e-6*all {
		t.Errorf("%v h wasted in all, %v before %v, and yet %v after", all, before, later, rest)
	}
}

// The reference knows all arrivals: nobody is cheaper.
func TestGreedyIsCheapest(t *testing.T) {
	for seed := range uint64(2) {
		c := small(t, func(g *generate.Config) { g.Seed = seed + 1; g.Rhythm = float64(seed) })
		least := total(c, mustRun(t, c, named(t, report.Greedy), 0))
		for _, p := range Policies() {
			knob := p.Default
			if len(p.Settings) > 0 && seed == 0 {
				knob = p.Settings[3]
			}
			if cost := total(c, mustRun(t, c, p, knob)); cost < least {
				t.Errorf("seed %d: %s at %v costs %v, the reference %v", seed, p.Name, knob, cost, least)
			}
		}
	}
}

// chosen is what a policy costs at the setting that was cheapest before scoring, of
// every second one.
func chosen(t *testing.T, c *Config, p Policy) float64 {
	knobs := p.Settings
	if len(knobs) == 0 {
		knobs = []float64{p.Default}
	}
	least, cost := math.Inf(1), 0.0
	for i := 0; i < len(knobs); i += 2 {
		if o := mustRun(t, c, p, knobs[i]); o.TuningCost < least {
			least, cost = o.TuningCost, total(c, o)
		}
	}
	return cost
}

// Where nobody has habits, predictive learns that: over a few worlds it costs no more
// than reactive or keep-alive, whichever is cheaper in each, and 2 %.
func TestNoRhythmNoLoss(t *testing.T) {
	ours, others := 0.0, 0.0
	for _, seed := range []uint64{2, 4} {
		c := small(t, func(g *generate.Config) { g.Seed = seed; g.Rhythm = 0 })
		a, b, best := chosen(t, c, named(t, "reactive")), chosen(t, c, named(t, "keep-alive")), chosen(t, c, named(t, "predictive"))
		t.Logf("seed %d: reactive %.2f, keep-alive %.2f, predictive %.2f", seed, a, b, best)
		ours, others = ours+best, others+min(a, b)
	}
	if ours > 1.02*others {
		t.Errorf("predictive costs %v, the others %v", ours, others)
	}
}

func TestConfigThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no rows":        func(c *Config) { c.Rows = nil },
		"no zones":       func(c *Config) { c.Zones = nil },
		"from too late":  func(c *Config) { c.From = c.Rows[len(c.Rows)-1].At + 1 },
		"unknown starts": func(c *Config) { c.Starts = "rocket" },
		"no ratio":       func(c *Config) { c.CostRatio = 0 },
		"negative ratio": func(c *Config) { c.CostRatio = -1 },
		"NaN ratio":      func(c *Config) { c.CostRatio = math.NaN() },
		"infinite ratio": func(c *Config) { c.CostRatio = math.Inf(1) },
	} {
		c := small(t, func(g *generate.Config) { g.Days = 3 })
		change(c)
		if _, err := Run(context.Background(), c, Policies()[0], 0, nil); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, list := range []string{"", "predictiv", "all,reactive", "reactive,", "Reactive"} {
		if _, err := Named(list); !errors.Is(err, ErrConfig) {
			t.Errorf("%q: %v", list, err)
		}
	}
	if list, err := Named("predictive,reactive,reactive"); err != nil || len(list) != 2 || list[0].Name != "reactive" {
		t.Errorf("%v, %v", list, err)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Do(ctx, small(t, nil), Plan{Policies: Policies()[:2]}, trace.Info{}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
