package persistence

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Scratch is a Disk in memory, for simulators: a crash loses what was not synced.
// Every shard has one voter, its own replica.
type Scratch struct {
	*Disk
	config Config
	fs     *vfs.MemFS
}

// OpenScratch returns an empty Scratch with these shards, each of which leads.
func OpenScratch(shards ...uint32) (*Scratch, error) {
	fs := vfs.NewCrashableMem()
	c := Default()
	c.Dir, c.FS, c.CacheBytes, c.MemTableBytes = "node", fs, 1<<20, 256<<10
	s := &Scratch{config: c, fs: fs}
	var err error
	if s.Disk, err = OpenDisk(c); err != nil {
		return nil, err
	}
	for _, n := range shards {
		if _, err := s.Create(n, soleReplica, soleReplica); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, s.Pump()
}

// Crash ends the process and starts it again from what is on the disk: of the
// blocks that were not synced each survives with a chance of unsyncedPercent, as
// seed decides. The groups are new ones, and lead.
func (s *Scratch) Crash(unsyncedPercent int, seed uint64) error {
	left := s.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsyncedPercent, RNG: rand.New(rand.NewPCG(seed, 0))})
	if err := s.Close(); err != nil {
		return fmt.Errorf("end the crashed process: %w", err)
	}
	s.fs, s.config.FS = left, left
	var err error
	if s.Disk, err = OpenDisk(s.config); err != nil {
		return err
	}
	return s.Pump()
}

// Reelect deposes the leader of a shard and ticks until it leads again, in a later
// term.
func (s *Scratch) Reelect(shard uint32) error {
	g := s.Group(shard)
	before := g.Term()
	if err := g.Depose(); err != nil {
		return err
	}
	for g.Term() <= before {
		s.Tick()
		if err := s.Pump(); err != nil {
			return err
		}
	}
	return nil
}
