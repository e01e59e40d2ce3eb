package persistence

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// A round of a Group, in the order in which its Disk calls: feed, then as long as
// take says that there is something, record, settle and finish.

// feed hands what waits to Raft.
func (g *Group) feed() {
	g.moved = g.moved || len(g.asked) > 0 || len(g.queue) > 0
	if len(g.asked) > 0 {
		g.round++
		g.reads = append(g.reads, reading{round: g.round, tokens: g.asked})
		g.asked = nil
		g.node.ReadIndex(binary.BigEndian.AppendUint64(nil, g.round))
	}
	for len(g.queue) > 0 {
		entry, n, lost := g.pack()
		if len(entry) > 1 && g.node.Propose(entry) != nil {
			break // a transfer is under way: it waits for its end
		}
		for _, c := range g.queue[:n] {
			g.queued -= len(c)
		}
		g.queue = g.queue[n:]
		g.pending -= lost
	}
}

// pack returns an entry of the first n commands of the queue without those that
// Lose lost.
func (g *Group) pack() (entry []byte, n, lost int) {
	entry = append(entry, entryFormat)
	for _, c := range g.queue {
		if n > lost && len(entry)+len(c) > MaxEntryBytes {
			break
		}
		n++
		if g.Lose != nil && g.Lose() {
			lost++
			continue
		}
		entry = append(entry, c...)
	}
	return entry, n, lost
}

// take begins a round and reports whether there is something to do in it.
func (g *Group) take() bool {
	if g.moved = g.moved && g.node.HasReady(); !g.moved {
		return false
	}
	g.ready = g.node.Ready()
	status := g.node.BasicStatus()
	leads := uint64(0)
	if status.RaftState == raft.StateLeader {
		leads = status.GetTerm()
	}
	if leads != g.leads {
		g.leads = leads
		g.resign()
	}
	return true
}

// resign ends the leadership that was: what was open is unknown from now on.
func (g *Group) resign() {
	if g.term == 0 {
		return
	}
	g.term, g.pending, g.asked, g.reads = 0, 0, nil, nil
	g.queue, g.queued = nil, 0
	g.events = append(g.events, Event{Term: &Term{}})
}

// record puts what must be durable before anything of the round leaves into b.
func (g *Group) record(b *pebble.Batch) error {
	if !raft.IsEmptySnap(g.ready.Snapshot) {
		return fmt.Errorf("shard %d was sent a snapshot, which this version can't take", g.shard)
	}
	return g.log.record(b, g.ready.HardState, g.ready.Entries)
}

// settle applies what the round committed into b.
func (g *Group) settle(b *pebble.Batch) error {
	g.out = append(g.out, g.ready.Messages...)
	for _, r := range g.ready.ReadStates {
		g.confirm(binary.BigEndian.Uint64(r.RequestCtx), r.Index)
	}
	if len(g.ready.CommittedEntries) > 0 {
		if err := g.applyAll(b); err != nil {
			return fmt.Errorf("shard %d: %w", g.shard, err)
		}
	}
	g.answerReads()
	return nil
}

// finish ends the round once all of it is stored.
func (g *Group) finish() {
	ready := g.ready
	g.ready = raft.Ready{}
	if g.woken != never {
		g.soon.lower(g.woken)
		g.woken = never
	}
	g.node.Advance(ready)
}

// applyAll applies the committed entries and stores the state that they lead to.
func (g *Group) applyAll(b *pebble.Batch) error {
	t := newDiskTable(g.shard, b, g.headers)
	today := day(g.state.clock.nowMs)
	for _, e := range g.ready.CommittedEntries {
		if err := g.apply(t, e); err != nil {
			return fmt.Errorf("entry %d: %w", e.GetIndex(), err)
		}
		g.state.applied = e.GetIndex()
	}
	if turned := day(g.state.clock.nowMs); turned != today {
		if err := t.dropAnswers(turned); err != nil {
			return err
		}
	}
	if err := g.log.truncate(b, g.state.applied); err != nil {
		return err
	}
	g.state.cut, g.state.cutTerm = g.log.cut, g.log.cutTerm
	return g.state.store(b, g.shard)
}

// apply applies one entry. The first of its own term lets a leader load.
func (g *Group) apply(t *diskTable, e *raftpb.Entry) error {
	if e.GetType() != raftpb.EntryNormal {
		return fmt.Errorf("%w: of type %v, which this version can't apply", ErrCorrupt, e.GetType())
	}
	if g.leads != 0 && e.GetTerm() == g.leads && g.term == 0 {
		g.term = g.leads
		g.events = append(g.events, Event{Term: &Term{Number: g.term}})
	}
	if len(e.GetData()) == 0 {
		return nil
	}
	// Proposals are never forwarded, so that an entry of the term in which this
	// replica leads is its own.
	mine := g.term != 0 && e.GetTerm() == g.term
	return decodeEntry(e.GetData(), func(c command) error { return g.applyCommand(t, e.GetTerm(), c, mine) })
}

func (g *Group) applyCommand(t *diskTable, term uint64, c command, mine bool) (err error) {
	var rows []Placed
	var refused error
	g.state.clock.unfenced = g.Unfenced
	if c.batch != nil {
		rows, refused, err = g.state.clock.applyBatch(t, term, c.batch, nil)
		for i := range c.batch.Wakes {
			if at := c.batch.Wakes[i].AtMs; at != 0 { // in a refused batch it does no harm
				g.woken = min(g.woken, at)
			}
		}
	} else {
		rows, err = g.state.clock.applyIngest(t, c.nowMs, c.rows, nil)
	}
	if err != nil || !mine {
		return err
	}
	g.pending--
	if c.batch != nil {
		g.events = append(g.events, Event{Applied: &Applied{Actor: c.batch.Actor, Version: c.batch.Version, Err: refused}})
	} else {
		g.events = append(g.events, Event{Ingested: &Ingested{Token: c.token}})
	}
	if len(rows) > 0 {
		g.events = append(g.events, Event{Rows: rows})
	}
	return nil
}

// confirm notes that Raft confirmed a round of reads at index.
func (g *Group) confirm(round, index uint64) {
	for i := range g.reads {
		if g.reads[i].round == round {
			g.reads[i].index, g.reads[i].sure = index, true
		}
	}
}

// answerReads tells the reads that are confirmed and whose index is applied. Raft
// may confirm a later round alone; the earlier ones began before it, so that it
// holds for them too.
func (g *Group) answerReads() {
	done := 0
	for i, r := range g.reads {
		if r.sure && r.index <= g.state.applied {
			done = i + 1
		}
	}
	for _, r := range g.reads[:done] {
		for _, token := range r.tokens {
			g.events = append(g.events, Event{Read: &Read{Token: token}})
		}
		g.pending -= len(r.tokens)
	}
	g.reads = g.reads[done:]
}
