package persistence

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// entries returns entries [from, to] of term, each of n bytes.
func entries(from, to, term uint64, n int) (all []*raftpb.Entry) {
	for i := from; i <= to; i++ {
		kind := raftpb.EntryNormal
		all = append(all, &raftpb.Entry{Index: &i, Term: &term, Type: &kind, Data: make([]byte, n)})
	}
	return all
}

// TestTruncation appends, applies all but two entries, and truncates: what is kept
// is a window at least, nothing that is not applied goes, and memory and disk agree.
func TestTruncation(t *testing.T) {
	d, g := openOne(t, memoryConfig(vfs.NewMem()))
	defer d.Close()
	l := g.log
	l.window = 10 * 132
	for from := l.last + 1; from < 100; from += 5 {
		b := d.db.NewBatch()
		must(t, l.record(b, nil, entries(from, from+4, 9, 100)))
		applied := l.last - 2
		must(t, l.truncate(b, applied))
		must(t, d.commit(b, pebble.NoSync))
		if kept := applied - l.cut; l.cut > bootIndex && (kept < 8 || kept > 25) {
			t.Fatalf("cut at %d with %d applied, window of 10", l.cut, applied)
		}
	}
	for _, cached := range []bool{true, false} {
		if !cached {
			l.recent = nil
		}
		got, err := l.Entries(l.cut+1, l.last+1, 1<<30)
		if err != nil || uint64(len(got)) != l.last-l.cut || got[0].GetIndex() != l.cut+1 {
			t.Errorf("cached %v: %d entries of (%d, %d], %v", cached, len(got), l.cut, l.last, err)
		}
		if term, err := l.Term(l.cut); term != 9 || err != nil {
			t.Errorf("cached %v: term of the cut %d, %v", cached, term, err)
		}
		if _, err := l.Entries(l.cut, l.last, 1); !errors.Is(err, raft.ErrCompacted) {
			t.Errorf("cached %v: an entry that was cut: %v", cached, err)
		}
		if two, err := l.Entries(l.last-5, l.last+1, 250); err != nil || len(two) != 2 {
			t.Errorf("cached %v: %d entries in 250 bytes, %v", cached, len(two), err)
		}
	}
}
