package persistence

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/raft/v3/raftpb"
)

// trio is three replicas of a shard in one thread, and the network between them.
type trio struct {
	t      *testing.T
	fs     [3]*vfs.MemFS
	disks  [3]*Disk
	groups [3]*Group
	cut    [3]bool // from the others
}

func newTrio(t *testing.T) *trio {
	n := &trio{t: t}
	for i := range n.disks {
		n.fs[i] = vfs.NewCrashableMem()
		n.open(i)
	}
	return n
}

func (n *trio) open(i int) {
	d, err := OpenDisk(memoryConfig(n.fs[i]))
	must(n.t, err)
	g, err := d.Create(7, uint64(i+1), 1, 2, 3)
	must(n.t, err)
	n.disks[i], n.groups[i] = d, g
}

// settle ticks once and delivers until nobody has anything to say.
func (n *trio) settle() {
	for _, d := range n.disks {
		d.Tick()
	}
	for quiet := false; !quiet; {
		quiet = true
		for i, d := range n.disks {
			must(n.t, d.Pump())
			for _, m := range n.groups[i].Messages(nil) {
				quiet = false
				n.deliver(i, m)
			}
		}
	}
}

func (n *trio) deliver(from int, m *raftpb.Message) {
	if to := int(m.GetTo() - 1); !n.cut[from] && !n.cut[to] {
		_ = n.groups[to].Step(m)
	}
}

// leader ticks until a replica that isn't cut off leads.
func (n *trio) leader() int {
	n.t.Helper()
	for range 500 {
		n.settle()
		for i, g := range n.groups {
			if g.Term() != 0 && !n.cut[i] {
				return i
			}
		}
	}
	n.t.Fatal("no leader in 500 ticks")
	return 0
}

func (n *trio) propose(i int, b *Batch) {
	n.t.Helper()
	must(n.t, n.groups[i].Propose(b))
	n.settle()
}

// TestReplicasAgree replicates, cuts the leader off, and heals: what it took alone
// is gone, it says that it lost the leadership, and all three end alike.
func TestReplicasAgree(t *testing.T) {
	n := newTrio(t)
	old := n.leader()
	term := n.groups[old].Term()
	first := following(Version{}, term, "by the first leader")
	n.propose(old, first)
	n.groups[old].Events(nil)

	n.cut[old] = true
	alone := following(first.Version, term, "taken alone")
	for range 6 { // a longer log than the others will have
		n.propose(old, alone)
	}
	n.groups[old].ReadIndex(1)
	now := n.leader()
	if now == old || n.groups[now].Term() <= term {
		t.Fatalf("leader %d in term %d after %d in %d", now, n.groups[now].Term(), old, term)
	}
	second := following(first.Version, n.groups[now].Term(), "by the second leader")
	n.propose(now, second)
	n.propose(now, following(second.Version, term, "of a term that has passed"))

	n.cut[old] = false
	for range 30 {
		n.settle()
	}
	if got := tale(n.groups[old].Events(nil)); got != "term 0\n" {
		t.Errorf("the old leader said %q", got)
	}
	if err := n.groups[old].Propose(alone); !errors.Is(err, ErrNotLeader) {
		t.Errorf("the old leader took a batch: %v", err)
	}
	n.alike(second.Version)

	must(t, n.disks[old].Close())
	n.fs[old] = n.fs[old].CrashClone(vfs.CrashCloneCfg{})
	n.open(old)
	for range 30 {
		n.settle()
	}
	n.alike(second.Version)
}

// alike checks that all replicas have the same state and the same log.
func (n *trio) alike(want Version) {
	n.t.Helper()
	for i, g := range n.groups {
		for index := uint64(bootIndex); index <= n.groups[0].log.last; index++ {
			got, err := g.log.Term(index)
			if want, _ := n.groups[0].log.Term(index); got != want || err != nil || g.log.last != n.groups[0].log.last {
				n.t.Fatalf("replica %d: entry %d of %d has term %d, not %d: %v", i+1, index, g.log.last, got, want, err)
			}
		}
		s, err := g.Load(ana)
		if err != nil || s.Version != want || len(s.Tail) != 2 || string(s.Tail[1]) != "by the second leader" {
			n.t.Errorf("replica %d: %v %q %v", i+1, s.Version, s.Tail, err)
		}
	}
}

// TestFollowerCatchesUpFromDisk keeps a follower away for longer than the cache of
// entries lasts.
func TestFollowerCatchesUpFromDisk(t *testing.T) {
	n := newTrio(t)
	leads := n.leader()
	away := (leads + 1) % 3
	n.cut[away] = true
	var base Version
	for range 30 {
		b := following(base, n.groups[leads].Term(), string(make([]byte, cacheBytes/10)))
		n.propose(leads, b)
		base = b.Version
	}
	if first := n.groups[leads].log.recent[0].GetIndex(); first < 10 {
		t.Fatalf("entries from %d on are in memory, the test wants them read", first)
	}
	n.cut[away] = false
	for range 30 {
		n.settle()
	}
	if s, err := n.groups[away].Load(ana); err != nil || len(s.Tail) != 30 {
		t.Errorf("the follower has %d records, %v", len(s.Tail), err)
	}
}
