package persistence

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

// twinActors are few, and some of their names try the keys' escapes.
var twinActors = []Actor{
	ana, {"user", "default/ana\x00"}, {"user", "default/an"}, {"zone", "a\x00\x01b"}, {"z", "\xff"},
}

var twinNames = []string{"a", "b", "a\x00", "a\x00\xff", "\x00\x01", "c"}

// drawBatch draws a batch that is mostly the next one of its actor and sometimes
// stale, of another term, or a repetition.
func drawBatch(t *rapid.T, term uint64, nowMs int64, stored func(Actor) Version) *Batch {
	a := rapid.SampledFrom(twinActors).Draw(t, "actor")
	b := &Batch{Actor: a, Base: stored(a), NowMs: nowMs}
	if rapid.IntRange(0, 9).Draw(t, "stale") == 0 {
		b.Base = Version{Term: term, Activation: 9, Number: 9}
	}
	b.Version = Version{Term: term, Activation: 1, Number: b.Base.Number + 1}
	if rapid.IntRange(0, 9).Draw(t, "old term") == 0 {
		b.Version.Term--
	}
	few := rapid.IntRange(0, 3)
	text := rapid.SliceOfN(rapid.Byte(), 0, 5)
	if rapid.IntRange(0, 4).Draw(t, "snapshot") == 0 {
		b.Snapshot = text.Draw(t, "state")
	} else {
		b.Records = rapid.SliceOfN(text, 0, 3).Draw(t, "records")
	}
	name := rapid.SampledFrom(twinNames)
	if rapid.Bool().Draw(t, "answer") {
		b.Answers = []Answer{{Request: name.Draw(t, "request"), Result: text.Draw(t, "result")}}
	}
	for range few.Draw(t, "wakes") {
		b.Wakes = append(b.Wakes, Wake{Key: name.Draw(t, "key"), AtMs: rapid.Int64Range(0, 5).Draw(t, "at")})
	}
	b.Rows = drawRows(t, few.Draw(t, "rows"))
	return b
}

func drawRows(t *rapid.T, n int) (rows []Row) {
	for range n {
		rows = append(rows, Row{
			Actor:    rapid.SampledFrom(twinActors).Draw(t, "row of"),
			Identity: rapid.SampledFrom(twinNames).Draw(t, "identity"),
			AtMs:     rapid.SampledFrom([]int64{0, 1, dayMs, 3 * dayMs}).Draw(t, "row at"),
			Data:     rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "data"),
		})
	}
	return rows
}

// dump is all that a Log answers about the twins and the request ids, as text.
func dump(l Log, requests []string) string {
	var out strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	say("term %d log time %d", l.Term(), l.NowMs())
	for _, a := range twinActors {
		s, err := l.Load(a)
		say("%q %v snapshot %v %q tail %q %v", a, s.Version, s.Snapshot != nil, s.Snapshot, s.Tail, err)
		for _, n := range requests {
			result, found, err := l.Answer(a, n)
			say("  %q %q %v %v", n, result, found, err)
		}
		rows, err := l.Series(a, 0, 1000)
		say("  rows %+v %v", rows, err)
		if len(rows) > 1 {
			rest, err := l.Series(a, rows[len(rows)/2].Position, len(rows)/3)
			say("  later rows %+v %v", rest, err)
		}
	}
	for _, at := range []int64{2, 5, MaxTimeMs} {
		due, err := l.Due(at, 4)
		say("due %+v %v", due, err)
	}
	at, ok, err := l.NextDue()
	say("next %d %v %v", at, ok, err)
	return out.String()
}

// tale is what events say, as text.
func tale(events []Event) string {
	var out strings.Builder
	for _, e := range events {
		switch {
		case e.Applied != nil:
			fmt.Fprintf(&out, "applied %v %v %v\n", e.Applied.Actor, e.Applied.Version, e.Applied.Err)
		case e.Ingested != nil:
			fmt.Fprintf(&out, "ingested %d\n", e.Ingested.Token)
		case e.Read != nil:
			fmt.Fprintf(&out, "read %d\n", e.Read.Token)
		case e.Term != nil:
			fmt.Fprintf(&out, "term %d\n", e.Term.Number)
		default:
			fmt.Fprintf(&out, "rows %+v\n", e.Rows)
		}
	}
	return out.String()
}

// twins is a Memory and a Group that are told the same.
type twins struct {
	memory *Memory
	fs     *vfs.MemFS
	disk   *Disk
	group  *Group
}

func newTwins(t testing.TB) *twins {
	w := &twins{memory: NewMemory(), fs: vfs.NewCrashableMem()}
	w.memory.Restart() // a shard's first leader has term 2
	w.disk, w.group = openOne(t, memoryConfig(w.fs))
	return w
}

// crash loses what percent of the unsynced writes the seed says, and reopens.
func (w *twins) crash(t testing.TB, percent int, seed uint64) {
	w.fs = w.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(seed, 0))})
	must(t, w.disk.Close())
	w.disk, w.group = openOne(t, memoryConfig(w.fs))
	w.memory.Restart()
}

// TestTwins tells Memory and Group the same random proposals and compares all
// outcomes, events and state, over crashes that lose unsynced writes.
func TestTwins(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newTwins(t)
		defer func() { w.disk.Close() }()
		w.group.log.window = 300 // truncate every few entries
		nowMs := int64(0)
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.IntRange(0, 12).Draw(rt, "do") {
			case 0:
				w.crash(t, rapid.IntRange(0, 100).Draw(rt, "percent"), rapid.Uint64().Draw(rt, "seed"))
				w.group.log.window = 300
			case 1:
				must(t, w.memory.ReadIndex(7))
				must(t, w.group.ReadIndex(7))
			case 2:
				nowMs += rapid.SampledFrom([]int64{1, dayMs / 3, dayMs / 2, dayMs, 40 * dayMs}).Draw(rt, "later")
			case 3:
				rows := drawRows(rt, 5)
				must(t, w.memory.Ingest(nowMs, rows, 3))
				must(t, w.group.Ingest(nowMs, rows, 3))
			default:
				b := drawBatch(rt, w.memory.Term(), nowMs, func(a Actor) Version { s, _ := w.memory.Load(a); return s.Version })
				must(t, w.memory.Propose(b))
				must(t, w.group.Propose(b))
			}
			w.compare(t, rt)
		}
	})
}

func (w *twins) compare(t testing.TB, rt *rapid.T) {
	must(t, w.disk.Pump())
	if m, g := tale(w.memory.Events(nil)), tale(w.group.Events(nil)); m != g {
		rt.Fatalf("events of Memory:\n%s of Group:\n%s", m, g)
	}
	if m, g := dump(w.memory, twinNames), dump(w.group, twinNames); m != g {
		rt.Fatalf("Memory:\n%s Group:\n%s", m, g)
	}
	if w.group.pending != 0 || w.group.queued != 0 {
		rt.Fatalf("%d pending, %d bytes queued when all is done", w.group.pending, w.group.queued)
	}
}

func TestAnswersAreKeptADay(t *testing.T) {
	w := newTwins(t)
	defer w.disk.Close()
	const at = 20_000*dayMs + dayMs/2
	for _, log := range []Log{w.memory, w.group} {
		b := following(Version{}, log.Term())
		b.NowMs, b.Answers = at, []Answer{{Request: "r", Result: []byte("x")}}
		must(t, log.Propose(b))
		for _, c := range []struct {
			nowMs int64
			want  bool
		}{{at, true}, {at + dayMs/2, true}, {at + dayMs - 1, true}, {at + dayMs, false}} {
			must(t, log.Ingest(c.nowMs, nil, 1))
			must(t, w.disk.Pump())
			if _, found, err := log.Answer(ana, "r"); found != c.want || err != nil {
				t.Errorf("%T, %d ms later: found %v, %v", log, c.nowMs-at, found, err)
			}
		}
	}
}

// TestPipelinedBatchesShareAnEntry proposes before it pumps: what waits is packed,
// and each batch still has an outcome of its own.
func TestPipelinedBatchesShareAnEntry(t *testing.T) {
	w := newTwins(t)
	defer w.disk.Close()
	before := w.group.log.last
	var base Version
	for i := range 10 {
		b := following(base, w.group.Term(), strings.Repeat("x", 20_000))
		if base = b.Version; i == 5 {
			b.Base.Activation++ // refused, and with it all that follow
		}
		must(t, w.memory.Propose(b))
		must(t, w.group.Propose(b))
	}
	must(t, w.disk.Pump())
	if m, g := tale(w.memory.Events(nil)), tale(w.group.Events(nil)); m != g || strings.Count(g, "fenced") != 5 {
		t.Errorf("events of Memory:\n%s of Group:\n%s", m, g)
	}
	if entries := w.group.log.last - before; entries != 4 { // three of 20 kB in each
		t.Errorf("10 batches of 20 kB took %d entries", entries)
	}
}

func TestLostProposalsHaveNoOutcome(t *testing.T) {
	w := newTwins(t)
	defer w.disk.Close()
	w.group.Events(nil)
	lose := []bool{false, true, false}
	w.group.Lose = func() bool {
		lost := lose[0]
		lose = lose[1:]
		return lost
	}
	first := following(Version{}, w.group.Term())
	second := following(first.Version, w.group.Term())
	for _, b := range []*Batch{first, second, following(second.Version, w.group.Term())} {
		must(t, w.group.Propose(b))
	}
	must(t, w.disk.Pump())
	var got []bool
	for _, e := range w.group.Events(nil) {
		got = append(got, e.Applied.Err == nil)
	}
	if !slices.Equal(got, []bool{true, false}) || w.group.pending != 0 {
		t.Errorf("outcomes %v, pending %d: the third must be fenced without the second", got, w.group.pending)
	}
}
