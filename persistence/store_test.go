package persistence

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirVar); dir != "" {
		writeUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// tempConfig is a small node on the real file system.
func tempConfig(t testing.TB) Config {
	c := memoryConfig(vfs.Default)
	c.Dir = filepath.Join(t.TempDir(), "node")
	return c
}

// waiter is what a host does with a Store: it waits for the events of each shard.
type waiter struct {
	mu    sync.Mutex
	moved *sync.Cond
	calls int
}

func newWaiter() *waiter {
	w := &waiter{}
	w.moved = sync.NewCond(&w.mu)
	return w
}

func (w *waiter) notify(uint32) {
	w.mu.Lock()
	w.calls++
	w.mu.Unlock()
	w.moved.Broadcast()
}

// until calls done after each notification until it returns true.
func (w *waiter) until(done func() bool) {
	late := time.AfterFunc(30*time.Second, func() { panic("waited 30 s for a Store") })
	defer late.Stop()
	for {
		w.mu.Lock()
		seen := w.calls
		w.mu.Unlock()
		if done() {
			return
		}
		w.mu.Lock()
		for w.calls == seen {
			w.moved.Wait()
		}
		w.mu.Unlock()
	}
}

// outcomes waits for n outcomes of sh and returns those.
func (w *waiter) outcomes(sh *Shard, n int) (got []Applied) {
	w.until(func() bool {
		for _, e := range sh.Events(nil) {
			if e.Applied != nil {
				got = append(got, *e.Applied)
			}
		}
		return len(got) >= n
	})
	return got
}

func TestStoreFromManyGoroutines(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	c := memoryConfig(vfs.NewMem())
	w := newWaiter()
	s, err := OpenStore(c, w.notify, 1, 2)
	must(t, err)
	const writers, batches = 8, 50
	var all sync.WaitGroup
	for _, number := range []uint32{1, 2} {
		sh := s.Shard(number)
		w.until(func() bool { return sh.Term() != 0 })
		for i := range writers {
			all.Go(func() {
				a := Actor{"user", fmt.Sprintf("default/%d", i)}
				for n := range uint64(batches) {
					b := &Batch{Actor: a, Version: Version{sh.Term(), 1, n + 1}, Records: [][]byte{[]byte("r")}}
					if n > 0 {
						b.Base = Version{sh.Term(), 1, n}
					}
					if err := sh.Propose(b); err != nil {
						t.Error(err)
					}
					if _, err := sh.Load(a); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Go(func() {
			for _, o := range w.outcomes(sh, writers*batches) {
				if o.Err != nil {
					t.Error(o.Err)
				}
			}
		})
	}
	all.Wait()
	for _, number := range []uint32{1, 2} {
		for i := range writers {
			state, err := s.Shard(number).Load(Actor{"user", fmt.Sprintf("default/%d", i)})
			if err != nil || len(state.Tail) != batches {
				t.Errorf("shard %d, actor %d: %d records, %v", number, i, len(state.Tail), err)
			}
		}
	}
	must(t, s.Close())
}

// TestClosedStore shows what is left when a Store ends: a lost leadership, and
// errors instead of waiting.
func TestClosedStore(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	w := newWaiter()
	s, err := OpenStore(memoryConfig(vfs.NewMem()), w.notify, 1)
	must(t, err)
	sh := s.Shard(1)
	w.until(func() bool { return sh.Term() != 0 })
	must(t, s.Close())
	must(t, s.Close())
	if events := sh.Events(nil); tale(events) != "term 2\nterm 0\n" || sh.Term() != 0 || s.Err() != nil {
		t.Errorf("events %q, term %d, %v", tale(events), sh.Term(), s.Err())
	}
	_, loadErr := sh.Load(ana)
	for _, err := range []error{sh.Propose(following(Version{}, 2)), sh.Ingest(0, nil, 1), sh.ReadIndex(1), loadErr} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}

func TestStoreRefusesWhatItCantHold(t *testing.T) {
	w := newWaiter()
	s, err := OpenStore(memoryConfig(vfs.NewMem()), w.notify, 1)
	must(t, err)
	defer s.Close()
	sh := s.Shard(1)
	w.until(func() bool { return sh.Term() != 0 })
	for n := range 2 * MaxPending {
		if err = sh.ReadIndex(uint64(n)); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrOverloaded) {
		t.Errorf("%d reads that nobody fetched: %v", 2*MaxPending, err)
	}
}

// TestDirectories opens what can't be opened, and what almost can't.
func TestDirectories(t *testing.T) {
	full := func(t *testing.T, c Config, name, text string) {
		must(t, os.MkdirAll(c.Dir, 0o755))
		must(t, os.WriteFile(filepath.Join(c.Dir, name), []byte(text), 0o644))
	}
	made := func(t *testing.T, c Config) {
		d, err := OpenDisk(c)
		must(t, err)
		must(t, d.Close())
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, c *Config)
		want  error
	}{
		"in use": {func(t *testing.T, c *Config) {
			d, err := OpenDisk(*c)
			must(t, err)
			t.Cleanup(func() { d.Close() })
		}, ErrLocked},
		"other data":     {func(t *testing.T, c *Config) { full(t, *c, "notes.txt", "mine") }, ErrForeign},
		"no identity":    {func(t *testing.T, c *Config) { full(t, *c, identityFile, "") }, ErrForeign},
		"other node":     {func(t *testing.T, c *Config) { made(t, *c); c.Identity = "other" }, ErrForeign},
		"newer":          {func(t *testing.T, c *Config) { full(t, *c, identityFile, `{"format":2}`) }, ErrNewer},
		"lost database":  {func(t *testing.T, c *Config) { made(t, *c); os.RemoveAll(filepath.Join(c.Dir, "db")) }, ErrCorrupt},
		"no tick":        {func(t *testing.T, c *Config) { c.Tick = 0 }, ErrConfig},
		"unfinished one": {func(t *testing.T, c *Config) { full(t, *c, identityFile, `{"format":1,"identity":"local"}`) }, nil},
		"empty one":      {func(t *testing.T, c *Config) { must(t, os.MkdirAll(c.Dir, 0o755)) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			config := tempConfig(t)
			c.spoil(t, &config)
			d, err := OpenDisk(config)
			if !errors.Is(err, c.want) {
				t.Fatal(err)
			}
			if err == nil {
				must(t, d.Close())
			}
		})
	}
}

func ExampleStore() {
	c := Default()
	c.FS = vfs.NewMem()
	events := make(chan uint32, 100)
	store, err := OpenStore(c, func(shard uint32) { events <- shard }, 0, 1)
	if err != nil {
		panic(err)
	}
	defer store.Close()
	log := store.Shard(1)
	for range events { // until shard 1 has been elected, and then until its batch is durable
		for _, e := range log.Events(nil) {
			switch {
			case e.Term != nil:
				_ = log.Propose(following(Version{}, e.Term.Number, "came"))
			case e.Applied != nil:
				fmt.Println("applied", e.Applied.Version, e.Applied.Err)
				return
			}
		}
	}
	// Output: applied 2.1.1 <nil>
}
