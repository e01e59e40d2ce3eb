package persistence

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// A story is what one seed proposes: batch n of the shard has NowMs n, so that the
// log time of a recovered shard says how many batches it has.
type story struct {
	random  *rand.Rand
	longest int // bytes of a text
	batches []*Batch
	stored  map[Actor]Version

	// Counted for those who look from Pebble's goroutines.
	acked, proposed atomic.Int64 // batches whose outcome was seen, batches proposed
}

func newStory(seed uint64, longest int) *story {
	return &story{longest: longest, random: rand.New(rand.NewPCG(seed, 1)), stored: map[Actor]Version{}}
}

// next is the next batch, which has something of everything.
func (s *story) next(term uint64) *Batch {
	n := int64(len(s.batches) + 1)
	a := twinActors[s.random.IntN(len(twinActors))]
	text := func() []byte { return fmt.Appendf(nil, "%d %s", n, strings.Repeat("x", s.random.IntN(s.longest))) }
	b := &Batch{Actor: a, Base: s.stored[a], Version: Version{term, 1, s.stored[a].Number + 1}, NowMs: n}
	if s.random.IntN(6) == 0 {
		b.Snapshot = text()
	} else {
		b.Records = [][]byte{text(), text()}
	}
	b.Answers = []Answer{{Request: fmt.Sprint(n), Result: text()}}
	b.Wakes = []Wake{{Key: twinNames[s.random.IntN(3)], AtMs: int64(s.random.IntN(4))}}
	b.Rows = []Row{{Identity: fmt.Sprint(n), AtMs: n, Data: text()}, {Identity: fmt.Sprint(-n), AtMs: n}}
	s.stored[a] = b.Version
	s.batches = append(s.batches, b)
	s.proposed.Add(1)
	return b
}

// tell proposes and pumps until a disk error or n rounds.
func (s *story) tell(t *testing.T, d *Disk, g *Group, rounds int) {
	for range rounds {
		for range 1 + s.random.IntN(4) {
			must(t, g.Propose(s.next(g.Term())))
		}
		err := d.Pump()
		for _, e := range g.Events(nil) {
			if e.Applied != nil && e.Applied.Err != nil {
				t.Fatalf("refused: %v", e.Applied.Err)
			}
			if e.Applied != nil {
				s.acked.Add(1)
			}
		}
		if err != nil {
			if !errors.Is(err, ErrDiskFailed) || !errors.Is(d.Pump(), ErrDiskFailed) {
				t.Fatalf("pump: %v", err)
			}
			return
		}
	}
}

// verify opens what a crash left and checks that it is exactly what the first n
// batches make, with n between what was acknowledged and what was proposed.
func (s *story) verify(t *testing.T, fs vfs.FS, acked, proposed int64) {
	t.Helper()
	d, err := OpenDisk(memoryConfig(fs))
	must(t, err)
	defer d.Close()
	if acked == 0 && d.Group(7) == nil {
		return // it crashed before the shard was made
	}
	g := d.Group(7)
	must(t, d.Pump())
	n := g.NowMs()
	if n < acked || n > proposed {
		t.Fatalf("%d batches are there, %d were acknowledged, %d proposed", n, acked, proposed)
	}
	m := NewMemory()
	for m.Term() < g.Term() {
		for _, b := range s.batches[:n] {
			if b.Version.Term == m.Term() {
				must(t, m.Propose(b))
				m.Events(nil)
			}
		}
		m.Restart()
	}
	var requests []string
	for i := range s.batches {
		requests = append(requests, fmt.Sprint(i+1))
	}
	if want, got := dump(m, requests), dump(g, requests); want != got {
		t.Fatalf("after %d batches:\n%s\nwant:\n%s", n, got, want)
	}
}

// TestCrashPoints stops the world at a random write, sync or rename and loses part
// of what was not synced.
func TestCrashPoints(t *testing.T) {
	for seed := range seeds(60) {
		s := newStory(seed, 3_000)
		fs := vfs.NewCrashableMem()
		left, percent := 1+s.random.IntN(200), []int{0, 50, 100}[s.random.IntN(3)]
		var crashed *vfs.MemFS
		var acked, proposed int64
		hook := serial(func(errorfs.Op) error {
			if left--; left == 0 {
				acked = s.acked.Load()
				crashed = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(seed, 2))})
				proposed = s.proposed.Load()
			}
			return nil
		})
		d, g := openOne(t, memoryConfig(errorfs.Wrap(fs, hook)))
		s.tell(t, d, g, 40)
		must(t, d.Close())
		if crashed == nil {
			acked, proposed, crashed = s.acked.Load(), s.proposed.Load(), fs
		}
		s.verify(t, crashed, acked, proposed)
	}
}

var errInjected = errors.New("injected")

// seeds is less with -short, for the race detector.
func seeds(n uint64) uint64 {
	if testing.Short() {
		return n / 4
	}
	return n
}

// TestDiskErrors fails the writes and syncs of the log from a random one on. The
// log is not changed for a new one meanwhile: where that fails Pebble ends the
// process, with a message.
func TestDiskErrors(t *testing.T) {
	failed := 0
	for seed := range seeds(60) {
		s := newStory(seed, 50)
		fs := vfs.NewCrashableMem()
		var armed atomic.Bool
		left := s.random.IntN(60)
		broken := serial(func(op errorfs.Op) error {
			if !armed.Load() || !strings.HasSuffix(op.Path, ".log") {
				return nil
			}
			if left--; left >= 0 {
				return nil
			}
			return errInjected
		})
		d, g := openOne(t, memoryConfig(errorfs.Wrap(fs, broken)))
		armed.Store(true)
		s.tell(t, d, g, 20)
		if errors.Is(d.failed, ErrDiskFailed) {
			failed++
			if err := g.Propose(s.next(g.Term())); !errors.Is(err, ErrDiskFailed) {
				t.Errorf("propose on a failed disk: %v", err)
			}
		}
		acked, proposed := s.acked.Load(), s.proposed.Load()
		armed.Store(false)
		if err := d.Close(); err != nil && !errors.Is(err, errInjected) { // it may come after the last Pump
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(seed, 2))
		s.verify(t, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: s.random.IntN(101), RNG: rng}), acked, proposed)
	}
	if failed < int(seeds(30)) {
		t.Errorf("only %d of %d runs had an error", failed, seeds(60))
	}
}

// serial calls do for every operation that changes the disk, one at a time.
func serial(do func(op errorfs.Op) error) errorfs.Injector {
	var mu sync.Mutex
	return errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		return do(op)
	})
}
