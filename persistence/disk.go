package persistence

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"go.etcd.io/raft/v3/raftpb"
)

// Errors of a Disk that can't go on.
var (
	// ErrClosed: the Disk was closed.
	ErrClosed = errors.New("disk is closed")
	// ErrDiskFailed: a write or sync failed, so that what is on disk is no longer
	// known. Close it and open it again: what was acknowledged is there.
	ErrDiskFailed = errors.New("disk failed")
)

// Disk is a node's Pebble and the groups that live on it. It has no goroutine or
// clock of its own and is not safe for concurrent use: a Store runs one, a
// simulator drives one itself.
type Disk struct {
	config Config
	lock   io.Closer
	db     *pebble.DB
	groups []*Group // by shard
	failed error    // ErrClosed or ErrDiskFailed, wrapped
	active []*Group // of the round under way
}

// OpenDisk opens the directory and all groups that are stored in it. Errors:
// ErrConfig, ErrLocked, ErrForeign, ErrNewer, ErrCorrupt.
func OpenDisk(c Config) (*Disk, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := makeDir(c.FS, c.Dir); err != nil {
		return nil, fmt.Errorf("make %s: %w", c.Dir, err)
	}
	lock, err := c.FS.Lock(c.FS.PathJoin(c.Dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: stop the process that uses it, or choose another: %w", ErrLocked, c.Dir, err)
	}
	d := &Disk{config: c, lock: lock}
	if err := d.open(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Disk) open() error {
	made, err := d.config.claim()
	if err != nil {
		return err
	}
	if err := d.openDB(made); err != nil {
		return err
	}
	if !made {
		if err := d.config.writeIdentity(true); err != nil {
			return err
		}
	}
	return d.openGroups()
}

// openDB opens Pebble. Its format is pinned: a newer library must not change it
// unasked, since the version before could not read it any more.
func (d *Disk) openDB(made bool) error {
	c := d.config
	cache := pebble.NewCache(c.CacheBytes)
	defer cache.Unref()
	o := &pebble.Options{
		Cache:                       cache,
		FS:                          c.FS,
		Logger:                      pebbleLogger{c.Log},
		FormatMajorVersion:          pebble.FormatTableFormatV6,
		ErrorIfNotExists:            made,
		MemTableSize:                c.MemTableBytes,
		MemTableStopWritesThreshold: 4,
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // most look-ups of request ids and identities find nothing
	}
	db, err := pebble.Open(c.FS.PathJoin(c.Dir, databaseDir), o)
	switch {
	case errors.Is(err, pebble.ErrDBDoesNotExist):
		return fmt.Errorf("%w: %s has lost its database: restore a backup, or remove it to begin anew", ErrCorrupt, c.Dir)
	case pebble.IsCorruptionError(err):
		return fmt.Errorf("%w: %s: restore a backup: %w", ErrCorrupt, c.Dir, err)
	case err != nil:
		return fmt.Errorf("open %s: %w", c.Dir, err)
	}
	d.db = db
	return nil
}

// openGroups opens every group that has a shard state.
func (d *Disk) openGroups() error {
	var states []shardState
	var shards []uint32
	err := view{db: d.db}.scan([]byte{tableState}, []byte{tableState + 1}, func(key, value []byte) error {
		s, err := decodeShardState(value)
		states, shards = append(states, s), append(shards, shardOf(key))
		return err
	})
	for i := 0; i < len(shards) && err == nil; i++ {
		err = d.openGroup(shards[i], states[i])
	}
	return err
}

func (d *Disk) openGroup(shard uint32, s shardState) error {
	g, err := openGroup(d, shard, s)
	if err != nil {
		return fmt.Errorf("open shard %d: %w", shard, err)
	}
	at, _ := slices.BinarySearchFunc(d.groups, shard, func(g *Group, n uint32) int { return cmp.Compare(g.shard, n) })
	d.groups = slices.Insert(d.groups, at, g)
	return nil
}

// bootIndex and bootTerm are where every shard's log begins, so that all its first
// replicas begin with the same configuration and no entry.
const bootIndex, bootTerm = 1, 1

// Create makes a replica of a new shard with its first voters, one of which is
// usually replica itself. Every first replica is created alike. It is durable on
// return. A replica that is stored already is returned as it is.
func (d *Disk) Create(shard uint32, replica uint64, voters ...uint64) (*Group, error) {
	if g := d.Group(shard); g != nil {
		return g, nil
	}
	if d.failed != nil {
		return nil, d.failed
	}
	if replica == 0 || len(voters) == 0 || slices.Contains(voters, 0) {
		return nil, fmt.Errorf("%w: shard %d needs replica and voter ids above 0", ErrConfig, shard)
	}
	s := shardState{
		replica: replica, applied: bootIndex, cut: bootIndex, cutTerm: bootTerm,
		conf: raftpb.EnsureConfState(&raftpb.ConfState{Voters: voters}),
	}
	b := d.db.NewBatch()
	term, commit := uint64(bootTerm), uint64(bootIndex)
	hard := encodeHard(&raftpb.HardState{Term: &term, Commit: &commit})
	err := errors.Join(b.Set(appendTable(nil, tableHard, shard), hard, nil), s.store(b, shard))
	if err == nil {
		err = d.commit(b, pebble.Sync)
	}
	if err = errors.Join(err, b.Close()); err != nil {
		return nil, d.fail(err)
	}
	if err := d.openGroup(shard, s); err != nil {
		return nil, err
	}
	return d.Group(shard), nil
}

// Group returns the replica of shard, nil if there is none.
func (d *Disk) Group(shard uint32) *Group {
	at, found := slices.BinarySearchFunc(d.groups, shard, func(g *Group, n uint32) int { return cmp.Compare(g.shard, n) })
	if !found {
		return nil
	}
	return d.groups[at]
}

// Groups returns all replicas by shard.
func (d *Disk) Groups() []*Group { return d.groups }

// Tick says to every group that one Config.Tick has passed.
func (d *Disk) Tick() {
	for _, g := range d.groups {
		g.Tick()
	}
}

// Pump hands to Raft what waits and works until no group has anything to do: it
// makes durable, applies, and queues events and messages. The log entries of all
// groups share one sync. It costs little when there is nothing to do. Errors:
// ErrClosed, ErrDiskFailed; from then on every call returns the same.
func (d *Disk) Pump() error {
	if d.failed != nil {
		return d.failed
	}
	for _, g := range d.groups {
		g.feed()
	}
	for {
		d.active = d.active[:0]
		for _, g := range d.groups {
			if g.take() {
				d.active = append(d.active, g)
			}
		}
		if len(d.active) == 0 {
			return nil
		}
		if err := d.round(d.active); err != nil {
			return d.fail(err)
		}
	}
}

// round writes what groups have ready: first what Raft must find again, then, when
// that is durable, what it makes of the state. The state needs no sync of its own:
// the log can always make it again from the index that is stored with it.
func (d *Disk) round(groups []*Group) (err error) {
	b := d.db.NewIndexedBatch()
	defer func() { err = errors.Join(err, b.Close()) }()
	sync := false
	for _, g := range groups {
		if err := g.record(b); err != nil {
			return err
		}
		sync = sync || g.ready.MustSync
	}
	if sync {
		if err := errors.Join(d.commit(b, pebble.Sync), b.Close()); err != nil {
			return err
		}
		b = d.db.NewIndexedBatch()
	}
	for _, g := range groups {
		if err := g.settle(b); err != nil {
			return err
		}
	}
	if err := d.commit(b, pebble.NoSync); err != nil {
		return err
	}
	for _, g := range groups {
		g.finish()
	}
	return nil
}

// commit writes b unless it is empty. Pebble panics when it can't, see pebbleLogger.
func (d *Disk) commit(b *pebble.Batch, o *pebble.WriteOptions) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	if b.Empty() {
		return nil
	}
	return b.Commit(o)
}

// fail makes err the answer to all that comes.
func (d *Disk) fail(err error) error {
	if d.failed == nil {
		d.failed = fmt.Errorf("%w: %s: %w", ErrDiskFailed, d.config.Dir, err)
	}
	return d.failed
}

// Close gives up the directory. After ErrDiskFailed Pebble may hang or still write,
// so that it is left alone, and only the end of the process gives the directory up.
func (d *Disk) Close() error {
	broken := errors.Is(d.failed, ErrDiskFailed)
	if errors.Is(d.failed, ErrClosed) || broken {
		return nil
	}
	d.failed = fmt.Errorf("%w: %s", ErrClosed, d.config.Dir)
	var err error
	if d.db != nil {
		err = d.db.Close()
	}
	return errors.Join(err, d.lock.Close())
}
