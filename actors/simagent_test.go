package actors_test

import (
	"errors"
	"math"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// site is an agent of London with start times that don't vary, and what it said
// last.
type site struct {
	*actors.SimAgent
	out     actors.Effects
	version uint64
	class   string
}

func newSite(change func(*actors.SimAgentConfig)) *site {
	config := actors.SimAgentConfig{Position: london, Starts: actors.DefaultStarts(), CacheBytes: 300_000_000, Seed: 1}
	if change != nil {
		change(&config)
	}
	class, _ := actors.ClassOf(request(""))
	return &site{SimAgent: actors.NewSimAgent("london", config, start), class: class}
}

func (a *site) step(at span.Time, m proto.Message) {
	a.out.Reset()
	a.Step(at, zone("london"), m, &a.out)
}

// want wants so many idle units, and datasets of 100 MB.
func (a *site) want(at span.Time, units int64, datasets ...string) {
	a.version++
	m := &messages.Desired{Version: a.version, Running: a.Running()}
	if units > 0 {
		m.Pools = []*messages.PoolStage{{Tenant: "default", Class: a.class, Unit: &messages.Vector{CpuMillicores: 500, MemoryBytes: gib / 2}, Idle: units}}
	}
	for _, d := range datasets {
		m.Datasets = append(m.Datasets, &messages.DatasetStage{Dataset: d, Bytes: 100_000_000})
	}
	a.step(at, m)
}

func (a *site) start(at span.Time, r *messages.Request) *messages.Started {
	a.step(at, &messages.Start{
		Placement: "default/ann#" + r.GetId(), Tenant: "default", User: ann.ID, Class: a.class, Request: r, Version: a.version,
	})
	return a.out.Sends[0].Message.(*messages.Started)
}

const hit, late, missed = messages.Outcome_OUTCOME_HIT, messages.Outcome_OUTCOME_LATE, messages.Outcome_OUTCOME_MISSED

// A unit is missed, late or hit, by when it was begun.
func TestAgentCompute(t *testing.T) {
	a := newSite(nil)
	r := request("r1")
	r.Dataset, r.DatasetBytes = "", 0
	if s := a.start(start, r); s.GetCompute() != missed || math.Abs(s.GetStartMs()-740) > 1 || s.GetData() != 0 || s.GetStorage() != 0 {
		t.Errorf("nothing begun: %v", s)
	}
	a.want(start, 2)
	r.Id = "r2"
	if s := a.start(start.Add(500), r); s.GetCompute() != late || math.Abs(s.GetStartMs()-(240+60)) > 1 {
		t.Errorf("being made: %v", s)
	}
	r.Id = "r3"
	if s := a.start(start.Add(740), r); s.GetCompute() != hit || math.Abs(s.GetStartMs()-60) > 1 {
		t.Errorf("ready: %v", s)
	}
	if again := a.start(start.Add(741), r); again.GetCompute() != hit || len(a.Running()) != 3 {
		t.Errorf("a second start of what runs: %v, %v", again, a.Running())
	}
}

// The tally counts every unit from when it was begun, and its use from claim to
// release.
func TestAgentTally(t *testing.T) {
	a := newSite(nil)
	a.want(start, 1)
	a.start(start.Add(10*span.Second), request("r"))
	a.step(start.Add(70*span.Second), &messages.Stop{Placement: "default/ann#r"})
	a.want(start.Add(70*span.Second), 1)
	a.want(start.Add(100*span.Second), 0)
	got := a.Tally(start.Add(span.Hour))
	if got.StagedMs != 100_000 || got.UsedMs != 60_000 || got.IdleByteMs != 40_000*gib/2 {
		t.Errorf("%+v", got)
	}
	if idle, wanted := a.Units(); idle != 0 || wanted != 0 {
		t.Errorf("%d idle, %d wanted", idle, wanted)
	}
}

// Desired stages are level-triggered: an older version changes nothing, and what
// the latest does not have running is an orphan.
func TestAgentFollowsTheLatest(t *testing.T) {
	a := newSite(nil)
	a.version = 5
	a.want(start, 3)
	a.step(start, &messages.Desired{Version: 2})
	if idle, wanted := a.Units(); idle != 3 || wanted != 3 {
		t.Errorf("%d idle, %d wanted", idle, wanted)
	}
	a.start(start, request("r"))
	a.version++
	a.step(start, &messages.Desired{Version: a.version + 1})
	if idle, _ := a.Units(); idle != 0 || len(a.Running()) != 0 {
		t.Errorf("%d idle, running %v", idle, a.Running())
	}
}

// The cache keeps what is wanted, and else what was used last; pulls share the rate.
func TestAgentData(t *testing.T) {
	a := newSite(nil)
	read := func(at span.Duration, dataset string) *messages.Started {
		r := request(dataset + at.String())
		r.Dataset = dataset
		return a.start(start.Add(at), r)
	}
	if s := read(0, "a"); s.GetData() != missed || math.Abs(s.GetStartMs()-1000) > 1 {
		t.Errorf("not there: %v", s)
	}
	if s := read(400, "a"); s.GetData() != late || math.Abs(s.GetStartMs()-740) > 1 { // 600 ms are left; compute is slower
		t.Errorf("on its way: %v", s)
	}
	if s := read(2000, "a"); s.GetData() != hit {
		t.Errorf("there: %v", s)
	}
	a.want(start.Add(3000), 0, "a")
	for i, other := range []string{"b", "c", "d"} { // room for two of them
		read(span.Duration(10_000*(i+1)), other)
	}
	for dataset, want := range map[string]messages.Outcome{"a": hit, "c": hit, "d": hit} {
		if s := read(50_000, dataset); s.GetData() != want {
			t.Errorf("%s: %v", dataset, s)
		}
	}
	if s := read(60_000, "b"); s.GetData() != missed {
		t.Errorf("b is still there: %v", s)
	}
}

func TestAgentVolumesAndConnections(t *testing.T) {
	a := newSite(nil)
	r := request("cold")
	r.Dataset, r.Need.StorageBytes, r.Position = "", gib, paris
	cold := a.start(start, r)
	a.version++
	a.step(start, &messages.Desired{
		Version: a.version, Running: a.Running(), Connections: []string{ann.ID}, Volumes: []*messages.VolumeStage{{User: ann.ID, Bytes: gib}},
	})
	r.Id = "warm"
	warm := a.start(start, r)
	if cold.GetStorage() != missed || cold.GetConnection() != missed || warm.GetStorage() != hit || warm.GetConnection() != hit {
		t.Errorf("cold %v, warm %v", cold, warm)
	}
	if got := a.Tally(start.Add(1000)); got.VolumeByteMs != 1000*gib {
		t.Errorf("%+v", got)
	}
}

// The same seed draws the same for a request, whatever came before it.
func TestAgentDraws(t *testing.T) {
	spread := func(seed uint64) func(*actors.SimAgentConfig) {
		return func(c *actors.SimAgentConfig) { c.Spread, c.Seed = .25, seed }
	}
	a, b, other := newSite(spread(1)), newSite(spread(1)), newSite(spread(2))
	b.start(start, request("before"))
	x, y, z := a.start(start, request("r")), b.start(start.Add(span.Minute), request("r")), other.start(start, request("r"))
	if x.GetStartMs() == z.GetStartMs() {
		t.Errorf("another seed draws the same: %v", z)
	}
	y.Data, x.Data = 0, 0 // the cache of b has it by now
	x.StartMs, y.StartMs = 0, 0
	if !proto.Equal(x, y) {
		t.Errorf("%v, %v", x, y)
	}
}

func TestAgentConfig(t *testing.T) {
	for name, change := range map[string]func(*actors.SimAgentConfig){
		"negative start":   func(c *actors.SimAgentConfig) { c.Starts.ComputeColdMs = -1 },
		"no number":        func(c *actors.SimAgentConfig) { c.Starts.StorageColdMs = math.NaN() },
		"infinite start":   func(c *actors.SimAgentConfig) { c.Starts.ComputePausedMs = math.Inf(1) },
		"no pull rate":     func(c *actors.SimAgentConfig) { c.Starts.PullBytesPerSecond = 0 },
		"infinite rate":    func(c *actors.SimAgentConfig) { c.Starts.PullBytesPerSecond = math.Inf(1) },
		"no spread":        func(c *actors.SimAgentConfig) { c.Spread = math.NaN() },
		"negative cache":   func(c *actors.SimAgentConfig) { c.CacheBytes = -1 },
		"more than all":    func(c *actors.SimAgentConfig) { c.FailPermille = 1001 },
		"not on earth":     func(c *actors.SimAgentConfig) { c.Position = &messages.Position{Lat: 91} },
		"no starts at all": func(c *actors.SimAgentConfig) { c.Starts = nil },
		"good":             func(*actors.SimAgentConfig) {},
	} {
		config := actors.SimAgentConfig{Position: london, Starts: actors.DefaultStarts(), CacheBytes: gib}
		change(&config)
		if err := config.Validate(); errors.Is(err, actors.ErrInvalid) == (name == "good") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
