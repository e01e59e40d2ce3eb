package persistence

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// Bounds of a shard's log on disk and in memory.
const (
	// cacheBytes of the newest entries stay in memory: what is appended is applied,
	// and sent to followers that keep up, without a read. 64 shards take 64 MB at most.
	cacheBytes = 1 << 20
	// windowBytes of entries lie between two truncations; one to two windows are
	// kept for followers that lag. Larger: fewer range tombstones; smaller: less disk.
	windowBytes = 16 << 20
)

// entryLog is a shard's log: raft.Storage over Pebble with the newest entries in
// memory. Entries (cut, last] exist; the term of cut is known.
type entryLog struct {
	view
	hard      *raftpb.HardState
	conf      *raftpb.ConfState
	cut, last uint64
	cutTerm   uint64

	recent []*raftpb.Entry // the newest entries, up to last
	bytes  int             // of recent

	window int    // windowBytes, less in tests
	filled int    // bytes appended since mark was set
	mark   uint64 // where the next truncation cuts
}

var _ raft.Storage = (*entryLog)(nil)

// openEntryLog reads what it must know to begin. Errors: ErrCorrupt.
func openEntryLog(v view, s *shardState) (*entryLog, error) {
	l := &entryLog{view: v, conf: s.conf, cut: s.cut, cutTerm: s.cutTerm, window: windowBytes, mark: s.applied}
	err := l.get(appendTable(nil, tableHard, l.shard), func(value []byte) (err error) {
		l.hard, err = decodeHard(value)
		return err
	})
	if err != nil {
		return nil, err
	}
	if l.last = s.applied; s.applied < s.cut || l.hard.GetCommit() < s.applied {
		return nil, fmt.Errorf("%w: shard %d applied %d, committed %d, cut at %d",
			ErrCorrupt, l.shard, s.applied, l.hard.GetCommit(), s.cut)
	}
	from, to := entryKey(l.shard, s.applied+1), after(appendTable(nil, tableEntry, l.shard))
	err = l.scan(from, to, func(key, value []byte) error {
		e, err := l.decode(key, value)
		if err == nil && e.GetIndex() != l.last+1 {
			err = fmt.Errorf("%w: shard %d has log entry %d after %d", ErrCorrupt, l.shard, e.GetIndex(), l.last)
		}
		l.keep(e)
		return err
	})
	if err == nil && l.hard.GetCommit() > l.last {
		err = fmt.Errorf("%w: shard %d committed %d, its log ends at %d",
			ErrCorrupt, l.shard, l.hard.GetCommit(), l.last)
	}
	if err != nil {
		return nil, err
	}
	if _, err := l.Term(s.applied); err != nil {
		return nil, fmt.Errorf("%w: shard %d lacks entry %d: %w", ErrCorrupt, l.shard, s.applied, err)
	}
	return l, nil
}

// record puts what a Ready asks to be durable into b. The entries take the place
// of all from the first one's index on.
func (l *entryLog) record(b *pebble.Batch, hard *raftpb.HardState, entries []*raftpb.Entry) error {
	if !raft.IsEmptyHardState(hard) {
		if err := b.Set(appendTable(nil, tableHard, l.shard), encodeHard(hard), nil); err != nil {
			return err
		}
		l.hard = hard
	}
	if len(entries) == 0 {
		return nil
	}
	if first := entries[0].GetIndex(); first <= l.last {
		if err := b.DeleteRange(entryKey(l.shard, first), entryKey(l.shard, l.last+1), nil); err != nil {
			return err
		}
		l.forget(first)
	}
	for _, e := range entries {
		if err := b.Set(entryKey(l.shard, e.GetIndex()), encodeEntry(e), nil); err != nil {
			return err
		}
		l.keep(e)
	}
	return nil
}

// keep makes e the last entry.
func (l *entryLog) keep(e *raftpb.Entry) {
	l.last = e.GetIndex()
	l.recent = append(l.recent, e)
	l.bytes += len(e.GetData())
	l.filled += len(e.GetData()) + 32 // 32: what an entry costs at least, so that empty ones count
	for l.bytes > cacheBytes && len(l.recent) > 1 {
		l.bytes -= len(l.recent[0].GetData())
		l.recent = l.recent[1:]
	}
}

// forget drops the entries from first on.
func (l *entryLog) forget(first uint64) {
	for len(l.recent) > 0 && l.recent[len(l.recent)-1].GetIndex() >= first {
		l.bytes -= len(l.recent[len(l.recent)-1].GetData())
		l.recent = l.recent[:len(l.recent)-1]
	}
	l.recent = l.recent[:len(l.recent):len(l.recent)] // what was handed out isn't overwritten
	l.last = first - 1
}

// truncate drops the entries before the last window once a window has been filled,
// none of them above applied.
func (l *entryLog) truncate(b *pebble.Batch, applied uint64) error {
	if l.filled < l.window {
		return nil
	}
	to := l.mark
	l.mark, l.filled = applied, 0
	if to <= l.cut {
		return nil
	}
	term, err := l.Term(to)
	if err != nil {
		return err
	}
	l.cut, l.cutTerm = to, term
	for len(l.recent) > 0 && l.recent[0].GetIndex() <= to {
		l.bytes -= len(l.recent[0].GetData())
		l.recent = l.recent[1:]
	}
	return b.DeleteRange(entryKey(l.shard, 0), entryKey(l.shard, to+1), nil)
}

// InitialState implements raft.Storage.
func (l *entryLog) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	return l.hard, l.conf, nil
}

// FirstIndex implements raft.Storage.
func (l *entryLog) FirstIndex() (uint64, error) { return l.cut + 1, nil }

// LastIndex implements raft.Storage.
func (l *entryLog) LastIndex() (uint64, error) { return l.last, nil }

// Snapshot implements raft.Storage. A replica that lags behind the log waits.
func (l *entryLog) Snapshot() (*raftpb.Snapshot, error) {
	return nil, raft.ErrSnapshotTemporarilyUnavailable
}

// Term implements raft.Storage.
func (l *entryLog) Term(index uint64) (uint64, error) {
	switch {
	case index < l.cut:
		return 0, raft.ErrCompacted
	case index == l.cut:
		return l.cutTerm, nil
	case index > l.last:
		return 0, raft.ErrUnavailable
	}
	entries, err := l.Entries(index, index+1, 0)
	if err != nil {
		return 0, err
	}
	return entries[0].GetTerm(), nil
}

// Entries implements raft.Storage: entries [lo, hi), at least one, up to most bytes.
func (l *entryLog) Entries(lo, hi, most uint64) ([]*raftpb.Entry, error) {
	switch {
	case lo <= l.cut:
		return nil, raft.ErrCompacted
	case hi > l.last+1:
		return nil, raft.ErrUnavailable
	}
	if len(l.recent) > 0 && l.recent[0].GetIndex() <= lo {
		from := l.recent[0].GetIndex()
		return limit(l.recent[lo-from:hi-from:hi-from], most), nil
	}
	var entries []*raftpb.Entry
	var bytes uint64
	err := l.scan(entryKey(l.shard, lo), entryKey(l.shard, hi), func(key, value []byte) error {
		e, err := l.decode(key, value)
		if bytes += uint64(len(value)); err == nil && len(entries) > 0 && bytes > most {
			return errEnough
		}
		entries = append(entries, e)
		return err
	})
	if err == nil && len(entries) == 0 {
		err = raft.ErrUnavailable
	}
	return entries, err
}

// limit returns as many entries from the front as have up to most bytes, at least one.
func limit(entries []*raftpb.Entry, most uint64) []*raftpb.Entry {
	var bytes uint64
	for i, e := range entries {
		if bytes += uint64(len(e.GetData())); i > 0 && bytes > most {
			return entries[:i:i]
		}
	}
	return entries
}

// decode returns the entry at key, in memory of its own.
func (l *entryLog) decode(key, value []byte) (*raftpb.Entry, error) {
	index, err := entryIndex(key)
	if err != nil {
		return nil, err
	}
	e, err := decodeLogEntry(index, append([]byte(nil), value...))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("log entry %d of shard %d", index, l.shard), err)
	}
	return e, nil
}
