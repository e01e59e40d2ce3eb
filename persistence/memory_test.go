package persistence

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

var ana = Actor{Kind: "user", ID: "default/ana"}

// following returns the next batch of ana's activation in term after base.
func following(base Version, term uint64, records ...string) *Batch {
	b := &Batch{Actor: ana, Base: base, Version: Version{Term: term, Activation: 1, Number: base.Number + 1}}
	for _, r := range records {
		b.Records = append(b.Records, []byte(r))
	}
	return b
}

func ExampleMemory() {
	log := NewMemory()
	first := following(Version{}, log.Term(), "came", "asked")
	first.NowMs = 1_000
	first.Answers = []Answer{{Request: "r1", Result: []byte("zone-a")}}
	first.Wakes = []Wake{{Key: "plan", AtMs: 5_000}}
	stale := following(Version{}, log.Term(), "written by another activation")
	again := following(first.Version, log.Term())
	again.Answers = first.Answers
	for _, b := range []*Batch{first, stale, again} {
		if err := log.Propose(b); err != nil {
			panic(err)
		}
	}
	for _, e := range log.Events(nil) {
		if e.Applied != nil {
			fmt.Println(e.Applied.Version, e.Applied.Err)
		}
	}
	s, _ := log.Load(ana)
	due, _ := log.Due(5_000, 10)
	fmt.Printf("%v %q %v\n", s.Version, s.Tail, due)
	// Output:
	// 1.1.1 <nil>
	// 1.1.1 fenced by a newer version: user/default/ana is at 1.1.1, batch 1.1.1 is on 0.0.0
	// 1.1.2 request was answered before: "r1" of user/default/ana
	// 1.1.1 ["came" "asked"] [{user/default/ana plan 5000}]
}

func TestSnapshotDropsTail(t *testing.T) {
	log := NewMemory()
	must(t, log.Propose(following(Version{}, 1, "a", "b")))
	before, _ := log.Load(ana)
	b := following(Version{1, 1, 1}, 1)
	b.Snapshot = []byte{}
	must(t, log.Propose(b))
	s, _ := log.Load(ana)
	if s.Snapshot == nil || len(s.Tail) != 0 || len(before.Tail) != 2 {
		t.Fatalf("after the snapshot: %+v; loaded before: %+v", s, before)
	}
}

func TestRowsAreStoredOnce(t *testing.T) {
	log := NewMemory()
	log.Events(nil)
	row := Row{Actor: ana, Identity: "gateway/7", AtMs: 60_000, Data: []byte("x")}
	later := row
	later.AtMs++
	must(t, log.Ingest(61_000, []Row{row, row, later}, 1))
	must(t, log.Ingest(62_000, []Row{row}, 2))
	got, _ := log.Series(ana, 0, 10)
	if len(got) != 2 || got[0].Position == 0 || got[0].Position >= got[1].Position {
		t.Fatalf("stored %+v", got)
	}
	if rest, _ := log.Series(ana, got[0].Position, 10); len(rest) != 1 {
		t.Fatalf("after the first: %+v", rest)
	}
	events := log.Events(nil)
	if len(events) != 3 || events[0].Ingested.Token != 1 || len(events[1].Rows) != 2 || events[2].Ingested.Token != 2 {
		t.Fatalf("events: %s", tale(events))
	}
}

func TestBadProposalsChangeNothing(t *testing.T) {
	log := NewMemory()
	bad := map[string]struct {
		spoil func(b *Batch)
		want  error
	}{
		"no actor":           {func(b *Batch) { b.Actor.ID = "" }, ErrInvalid},
		"no number":          {func(b *Batch) { b.Version.Number = 0 }, ErrInvalid},
		"snapshot + records": {func(b *Batch) { b.Snapshot = []byte("s") }, ErrInvalid},
		"negative clock":     {func(b *Batch) { b.NowMs = -1 }, ErrInvalid},
		"endless clock":      {func(b *Batch) { b.NowMs = MaxTimeMs + 1 }, ErrInvalid},
		"reminder":           {func(b *Batch) { b.Wakes = []Wake{{Key: "k", AtMs: -1}} }, ErrInvalid},
		"row":                {func(b *Batch) { b.Rows = []Row{{Identity: "k", AtMs: -1}} }, ErrInvalid},
		"record":             {func(b *Batch) { b.Records = [][]byte{make([]byte, MaxBatchBytes)} }, ErrTooLarge},
		"long name":          {func(b *Batch) { b.Actor.ID = strings.Repeat("x", MaxKeyBytes+1) }, ErrTooLarge},
	}
	for name, c := range bad {
		b := following(Version{}, 1, "r")
		c.spoil(b)
		if err := log.Propose(b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := log.Ingest(0, make([]Row, MaxRows+1), 1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("ingest: %v", err)
	}
	if n := len(log.Events(nil)); n != 1 || log.NowMs() != 0 || len(log.actors) != 0 {
		t.Errorf("%d events, log time %d, %d actors", n, log.NowMs(), len(log.actors))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkMemory(b *testing.B) {
	log := NewMemory()
	actors := make([]Actor, 10_000)
	base := make([]Version, len(actors))
	for i := range actors {
		actors[i] = Actor{Kind: "user", ID: fmt.Sprintf("default/%d", i)}
	}
	record, snapshot := [][]byte{make([]byte, 100)}, make([]byte, 500)
	events := make([]Event, 0, 16)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		a := i * 7919 % len(actors)
		v := Version{1, 1, base[a].Number + 1}
		next := &Batch{Actor: actors[a], Base: base[a], Version: v, NowMs: int64(i)}
		if next.Records = record; v.Number%64 == 0 {
			next.Records, next.Snapshot = nil, snapshot
		}
		next.Wakes = []Wake{{Key: "plan", AtMs: int64(i + 1_000_000)}}
		if err := log.Propose(next); err != nil {
			b.Fatal(err)
		}
		base[a] = v
		events = log.Events(events[:0])
	}
}
