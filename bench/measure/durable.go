package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sync/errgroup"

	"github.com/zonecast/zonecast/persistence"
)

// What is proposed: records of recordBytes; every snapshotEvery-th batch of an
// actor is a snapshot, so that its tail doesn't grow for ever.
const (
	recordBytes   = 128
	snapshotEvery = 64
)

// Targets of one voter beside Pebble alone.
const (
	rateAt256 = 0.5 // of its rate with 256 callers
	p50At1    = 1.5 // times its median time with one
)

// durable measures what it takes until a batch is on disk and applied.
func durable(ctx context.Context, c Config) (Group, error) {
	g := Group{What: fmt.Sprintf("Batches of %d bytes to a shard of one voter, each caller waiting for the outcome of one "+
		"before the next. The baseline commits as much to Pebble alone, synced. Wall and CPU are of all callers together.",
		recordBytes)}
	for _, callers := range []int{1, 16, 256} {
		if err := g.durableRow(ctx, c, callers); err != nil {
			return g, err
		}
		switch row := g.last(); callers {
		case 1:
			times := row.Cost.P50Ns / row.Baseline.P50Ns
			g.Targets = append(g.Targets, atMost("callers: 1; median time, times Pebble's", times, p50At1))
		case 256:
			g.Targets = append(g.Targets, atLeast("callers: 256; rate, times Pebble's", row.WallRatio, rateAt256))
		}
	}
	err := g.memoryRow(ctx, c)
	return g, err
}

func (g *Group) durableRow(ctx context.Context, c Config, callers int) (err error) {
	dir, err := os.MkdirTemp(c.Dir, "zonecast-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	shard, err := openShard(filepath.Join(dir, "shard"), callers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shard.close()) }()
	raw, err := openPebble(filepath.Join(dir, "pebble"), callers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.db.Close()) }()
	length := c.Each / (2 * rounds)
	return g.row(ctx, rounds, fmt.Sprintf("propose, callers: %d", callers),
		together(length, callers, shard.propose), "Pebble, synced", together(length, callers, raw.set))
}

// together returns turns in which callers call do for length, each one call after
// the other.
func together(length time.Duration, callers int, do func(caller int) error) turn {
	return func() (Cost, error) {
		took := make([][]time.Duration, callers)
		var all errgroup.Group
		w := begin()
		for i := range callers {
			all.Go(func() error {
				for len(took[i]) == 0 || w.elapsed() < length {
					start := time.Now()
					if err := do(i); err != nil {
						return err
					}
					took[i] = append(took[i], time.Since(start))
				}
				return nil
			})
		}
		if err := all.Wait(); err != nil {
			return Cost{}, err
		}
		sorted := slices.Concat(took...)
		c := w.cost(len(sorted))
		slices.Sort(sorted)
		c.P50Ns = float64(sorted[len(sorted)/2])
		return c, nil
	}
}

// memoryRow measures the log that replays run on beside the Raft core in one
// thread, over a disk in memory.
func (g *Group) memoryRow(ctx context.Context, c Config) (err error) {
	memory := persistence.NewMemory()
	config := persistence.Default()
	config.FS = vfs.NewMem()
	disk, err := persistence.OpenDisk(config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	group, err := disk.Create(1, 1, 1)
	if err != nil {
		return err
	}
	if err := disk.Pump(); err != nil {
		return err
	}
	idle := func() error { return nil }
	return g.compare(ctx, c, "propose to Memory", through(memory, idle),
		"Raft core on a disk in memory", through(group, disk.Pump))
}

// through returns the operation that takes one batch through a log, by pump.
func through(log persistence.Log, pump func() error) operation {
	b := batches{actor: persistence.Actor{Kind: "user", ID: "1"}}
	events := log.Events(nil)
	return func() error {
		if err := log.Propose(b.next(log.Term())); err != nil {
			return err
		}
		err := pump()
		events = log.Events(events[:0])
		for _, e := range events {
			if e.Applied != nil {
				return errors.Join(err, e.Applied.Err)
			}
		}
		return errors.Join(err, errors.New("a batch has no outcome"))
	}
}
