package persistence

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// BenchmarkPropose measures one shard of one voter on a real disk: each proposer
// waits for the outcome of its batch of 128 bytes before the next. BenchmarkPebble
// is the floor: as many writers commit synced batches of 128 bytes to Pebble alone.
func BenchmarkPropose(b *testing.B) {
	for _, proposers := range []int{1, 16, 256} {
		b.Run(fmt.Sprint(proposers), func(b *testing.B) {
			c := tempConfig(b)
			c.MemTableBytes = Default().MemTableBytes
			outcomes := make([]chan Applied, proposers)
			for i := range outcomes {
				outcomes[i] = make(chan Applied, 1)
			}
			started := make(chan *Shard, 1)
			moved := make(chan struct{}, 1)
			s, err := OpenStore(c, func(uint32) { poke(moved) }, 1)
			must(b, err)
			defer s.Close()
			go deliver(s, moved, started, outcomes)
			sh := <-started
			measure(b, proposers, func(i int, n uint64) {
				batch := benchBatch(sh.Term(), i, n)
				must(b, sh.Propose(batch))
				if o := <-outcomes[i]; o.Err != nil {
					b.Error(o.Err)
				}
			})
		})
	}
}

func BenchmarkPebble(b *testing.B) {
	for _, writers := range []int{1, 16, 256} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			c := tempConfig(b)
			c.MemTableBytes = Default().MemTableBytes
			d, err := OpenDisk(c)
			must(b, err)
			defer d.Close()
			measure(b, writers, func(i int, n uint64) {
				key := binary.BigEndian.AppendUint64(fmt.Appendf(nil, "z%d", i), n)
				must(b, d.db.Set(key, make([]byte, 128), pebble.Sync))
			})
		})
	}
}

// BenchmarkPump is a simulator's step: one batch through the core in one thread, on
// a file system in memory.
func BenchmarkPump(b *testing.B) {
	c := memoryConfig(vfs.NewCrashableMem())
	d, g := openOne(b, c)
	defer d.Close()
	var events []Event
	n := uint64(0)
	for b.Loop() {
		n++
		must(b, g.Propose(benchBatch(g.Term(), 1, n)))
		must(b, d.Pump())
		events = g.Events(events[:0])
	}
}

// BenchmarkPumpOneOf64 is the same where 63 other shards have nothing to do.
func BenchmarkPumpOneOf64(b *testing.B) {
	d, g := openOne(b, memoryConfig(vfs.NewMem()))
	defer d.Close()
	for n := range uint32(63) {
		_, err := d.Create(100+n, 1, 1)
		must(b, err)
	}
	must(b, d.Pump())
	n := uint64(0)
	for b.Loop() {
		n++
		must(b, g.Propose(benchBatch(g.Term(), 1, n)))
		must(b, d.Pump())
		g.Events(nil)
	}
}

// measure shares b.N calls of do among workers and reports their rate and median.
func measure(b *testing.B, workers int, do func(i int, n uint64)) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	b.ResetTimer()
	for i := range workers {
		share := (b.N + i) / workers
		all.Go(func() {
			mine := make([]time.Duration, 0, share)
			for n := range uint64(share) {
				from := time.Now()
				do(i, n+1)
				mine = append(mine, time.Since(from))
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
		})
	}
	all.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "ops/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
}

// benchBatch is the n-th of actor i; every 64th is a snapshot.
func benchBatch(term uint64, i int, n uint64) *Batch {
	batch := &Batch{Actor: Actor{"user", fmt.Sprint(i)}, Version: Version{term, 1, n}, NowMs: int64(n)}
	if n > 1 {
		batch.Base = Version{term, 1, n - 1}
	}
	if state := make([]byte, 128); n%64 == 0 {
		batch.Snapshot = state
	} else {
		batch.Records = [][]byte{state}
	}
	return batch
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// deliver hands each outcome to its proposer, whose number is the actor's id.
func deliver(s *Store, moved chan struct{}, started chan<- *Shard, outcomes []chan Applied) {
	sh := s.Shard(1)
	var events []Event
	for {
		select {
		case <-moved:
		case <-s.Done():
			return
		}
		events = sh.Events(events[:0])
		for _, e := range events {
			switch {
			case e.Term != nil && e.Term.Number != 0:
				started <- sh
			case e.Applied != nil:
				var i int
				fmt.Sscan(e.Applied.Actor.ID, &i)
				outcomes[i] <- *e.Applied
			}
		}
	}
}
