package run_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/run"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
	"github.com/zonecast/zonecast/persistence"
)

const noon = span.Time(1_750_000_000_000)

func sample(at span.Time, sequence int64) *messages.Sample {
	return &messages.Sample{
		AtMs: int64(at), Zone: "z", Source: "meter", Sequence: sequence, Used: &messages.Vector{CpuMillicores: 100},
	}
}

func acme(tenant string) bool { return tenant == "acme" }

// pump hands the log's outcomes to the ingest.
func pump(l *persistence.Memory, g *run.Ingest, out *run.Output) (activate []actors.Address) {
	for _, e := range l.Events(nil) {
		if e.Ingested != nil {
			activate = append(activate, g.Ingested(e.Ingested.Token, out)...)
		}
	}
	return activate
}

// TestIngest: samples wait a moment for others, are stored once, and answered when
// they are durable. Who sends the first is to be activated.
func TestIngest(t *testing.T) {
	l, out := persistence.NewMemory(), run.Output{}
	g := run.NewIngest(l, acme)
	if g.Due() != span.Never {
		t.Error("nothing waits")
	}
	for caller, user := range []string{"acme/ana", "acme/ben", "acme/ana"} {
		if err := g.Put(noon.Add(span.Duration(caller)), user, []*messages.Sample{sample(noon, 1)}, true, uint64(caller+1)); err != nil {
			t.Fatal(err)
		}
	}
	if g.Due() != noon.Add(run.BatchFor) || len(out.Answers) != 0 {
		t.Errorf("due at %v, %d answers", g.Due(), len(out.Answers))
	}
	if err := g.Flush(g.Due()); err != nil {
		t.Fatal(err)
	}
	activate := pump(l, g, &out)
	if len(out.Answers) != 3 || len(activate) != 3 || g.Due() != span.Never {
		t.Errorf("%d answers, activate %v, due at %v", len(out.Answers), activate, g.Due())
	}
	rows, err := l.Series(persistence.Actor{Kind: actors.KindUser, ID: "acme/ana"}, 0, 10)
	if err != nil || len(rows) != 1 {
		t.Errorf("ana has %d samples, %v: sent twice, it counts once", len(rows), err)
	}
}

// TestIngestKnowsUsers: who has written anything is activated by nobody's samples.
func TestIngestKnowsUsers(t *testing.T) {
	l, out := persistence.NewMemory(), run.Output{}
	ana := persistence.Actor{Kind: actors.KindUser, ID: "acme/ana"}
	record := messages.AppendRecord(nil, &messages.Enrolled{})
	err := l.Propose(&persistence.Batch{Actor: ana, Version: persistence.Version{Term: l.Term(), Activation: 1, Number: 1}, Records: [][]byte{record}})
	if err != nil {
		t.Fatal(err)
	}
	g := run.NewIngest(l, acme)
	err = errors.Join(g.Put(noon, ana.ID, []*messages.Sample{sample(noon, 1)}, true, 1), g.Flush(noon))
	if activate := pump(l, g, &out); err != nil || len(activate) != 0 || len(out.Answers) != 1 {
		t.Errorf("activate %v, answers %v, %v", activate, out.Answers, err)
	}
}

// TestIngestRefuses: one bad sample, and none of its lot is taken.
func TestIngestRefuses(t *testing.T) {
	change := func(do func(*messages.Sample)) *messages.Sample {
		s := sample(noon, 2)
		do(s)
		return s
	}
	for _, c := range []struct {
		name, user string
		sample     *messages.Sample
		want       error
	}{
		{"no tenant", "other/ana", sample(noon, 2), run.ErrNoTenant},
		{"no user", "acme", sample(noon, 2), actors.ErrInvalid},
		{"nothing", "acme/ana", nil, actors.ErrInvalid},
		{"late", "acme/ana", sample(noon.Add(-run.LateMost-1), 2), run.ErrLate},
		{"early", "acme/ana", sample(noon.Add(run.EarlyMost+1), 2), run.ErrEarly},
		{"before time", "acme/ana", sample(-1, 2), actors.ErrInvalid},
		{"negative amount", "acme/ana", change(func(s *messages.Sample) { s.Used.CpuMillicores = -1 }), actors.ErrInvalid},
		{"huge amount", "acme/ana", change(func(s *messages.Sample) { s.Used.MemoryBytes = 1 << 62 }), actors.ErrInvalid},
		{"negative count", "acme/ana", change(func(s *messages.Sample) { s.Requests = -1 }), actors.ErrInvalid},
		{"zone's name", "acme/ana", change(func(s *messages.Sample) { s.Zone = "a/b" }), actors.ErrInvalid},
		{"source's name", "acme/ana", change(func(s *messages.Sample) { s.Source = strings.Repeat("x", 200) }), actors.ErrInvalid},
		{"class", "acme/ana", change(func(s *messages.Sample) { s.Class = "\xff" }), actors.ErrInvalid},
	} {
		l := persistence.NewMemory()
		g := run.NewIngest(l, acme)
		err := g.Put(noon, c.user, []*messages.Sample{sample(noon, 1), c.sample}, true, 1)
		if !errors.Is(err, c.want) || g.Due() != span.Never {
			t.Errorf("%s: %v, want %v; due at %v", c.name, err, c.want, g.Due())
		}
	}
	g := run.NewIngest(persistence.NewMemory(), acme)
	if err := g.Put(noon, "acme/ana", []*messages.Sample{sample(0, 1)}, false, 1); err != nil {
		t.Errorf("history of any age is taken: %v", err)
	}
	if err := g.Put(noon, "acme/ana", make([]*messages.Sample, run.SamplesMost+1), true, 1); !errors.Is(err, actors.ErrInvalid) {
		t.Errorf("too many at once: %v", err)
	}
}

// TestIngestFillsBatches: a full batch goes before its time, and one proposal never
// has more than SamplesMost.
func TestIngestFillsBatches(t *testing.T) {
	l, out := persistence.NewMemory(), run.Output{}
	g := run.NewIngest(l, acme)
	lot := make([]*messages.Sample, 1_500)
	for n := range lot {
		lot[n] = sample(noon, int64(n+1))
	}
	for caller, user := range []string{"acme/ana", "acme/ben"} {
		if err := g.Put(noon, user, lot, true, uint64(caller+1)); err != nil {
			t.Fatal(err)
		}
	}
	if pump(l, g, &out); len(out.Answers) != 1 || out.Answers[0].Caller != 1 {
		t.Errorf("answers %v: the first lot alone fills a batch", out.Answers)
	}
}

// TestIngestWithoutOutcome: what was lost is unknown to who sent it.
func TestIngestWithoutOutcome(t *testing.T) {
	l, out := persistence.NewMemory(), run.Output{}
	g := run.NewIngest(l, acme)
	if err := errors.Join(g.Put(noon, "acme/ana", []*messages.Sample{sample(noon, 1)}, true, 1), g.Flush(noon)); err != nil {
		t.Fatal(err)
	}
	l.Events(nil)
	g.Expire(noon.Add(run.OutcomeTimeout-1), &out)
	if len(out.Answers) != 0 {
		t.Fatal("given up too early")
	}
	g.Expire(noon.Add(run.OutcomeTimeout), &out)
	if len(out.Answers) != 1 || out.Answers[0].Message.(*messages.Error).GetCode() != messages.Code_CODE_UNKNOWN {
		t.Errorf("answers %v", out.Answers)
	}
}
