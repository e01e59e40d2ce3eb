package persistence

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// Bounds of one shard's Raft replica.
const (
	// MaxEntryBytes is how much of what waits goes into one entry; a larger command
	// gets an entry of its own. Large enough that the fixed cost of an entry is
	// small, small enough to interleave with heartbeats.
	MaxEntryBytes = 64 << 10
	// applyBytes of committed entries are applied in one round: what a restart may
	// hold in memory at a time.
	applyBytes = 16 << 20
	// messageBytes and inflight bound what is on its way to one follower.
	messageBytes = 1 << 20
	inflight     = 256
	// waitingBytes bound what waits to be packed, and as much again what Raft holds
	// uncommitted.
	waitingBytes = 16 << 20
)

// Group is one replica of one shard: a Log on Raft and Pebble with no goroutine,
// clock or I/O of its own. Its Disk drives it: Tick and Step put time and messages
// in, Disk.Pump does a round of work, Events and Messages take out what came of it.
// Like its Disk it is not safe for concurrent use.
//
// Every batch that Propose took gets an Applied, unless the replica loses the
// leadership, Lose loses it, or the Disk fails or is closed. In the first case a
// Term event with Number 0 says so; after the last two nothing comes any more.
type Group struct {
	// Lose, if set, is asked before a taken proposal goes to Raft; true drops it
	// without a word, as a message would be that a leader loses. For simulators.
	Lose func() bool
	// Unfenced accepts batches whatever version they were computed on. For tests
	// that show what the fence is for.
	Unfenced bool

	disk  *Disk
	shard uint32
	node  *raft.RawNode
	log   *entryLog
	state shardState

	leads uint64 // the term in which Raft leads, 0 when it doesn't
	term  uint64 // the same once an entry of that term is applied

	queue   [][]byte // commands that wait to be packed
	queued  int      // bytes of queue
	pending int      // commands taken whose outcome is open, those in queue too
	asked   []uint64 // tokens of reads that wait for the next round
	reads   []reading
	round   uint64 // of reads
	events  []Event
	out     []*raftpb.Message

	ready raft.Ready // of the round that is under way
}

// reading is a round of reads: tokens that one ReadIndex answers, at index once
// Raft confirmed it.
type reading struct {
	round  uint64
	tokens []uint64
	index  uint64
	sure   bool
}

// openGroup starts the replica that is stored of shard.
func openGroup(d *Disk, shard uint32, state shardState) (*Group, error) {
	log, err := openEntryLog(view{db: d.db, shard: shard}, &state)
	if err != nil {
		return nil, err
	}
	g := &Group{disk: d, shard: shard, log: log, state: state}
	g.node, err = raft.NewRawNode(&raft.Config{
		ID:                        state.replica,
		ElectionTick:              d.config.ElectionTicks,
		HeartbeatTick:             1,
		Storage:                   log,
		Applied:                   state.applied,
		MaxSizePerMsg:             messageBytes,
		MaxCommittedSizePerReady:  applyBytes,
		MaxInflightMsgs:           inflight,
		MaxUncommittedEntriesSize: waitingBytes,
		CheckQuorum:               true,
		PreVote:                   true,
		DisableProposalForwarding: true,
		Logger:                    raftLogger{d.config.Log, shard},
	})
	if err != nil {
		return nil, err
	}
	if c := state.conf; len(c.GetVoters()) == 1 && c.GetVoters()[0] == state.replica {
		err = g.node.Campaign() // nobody else could be the leader: no timeout to wait for
	}
	return g, err
}

// Shard returns the shard's number.
func (g *Group) Shard() uint32 { return g.shard }

// Tick says that one Config.Tick has passed.
func (g *Group) Tick() { g.node.Tick() }

// Step puts in a message of another replica. Errors are Raft's; none is fatal.
func (g *Group) Step(m *raftpb.Message) error { return g.node.Step(m) }

// Depose makes the replica take notice of a leader in a later term, as after a
// partition: it no longer leads, and stands for election once that leader is silent
// for Config.ElectionTicks. For simulators.
func (g *Group) Depose() error {
	const stranger = 1 << 40 // no replica has this id, so that nothing more is heard of it
	kind, to, from, term := raftpb.MsgHeartbeat, g.state.replica, uint64(stranger), g.node.BasicStatus().GetTerm()+1
	return g.node.Step(&raftpb.Message{Type: &kind, To: &to, From: &from, Term: &term})
}

// Messages appends to dst what is to be sent since the last call; each may be lost.
func (g *Group) Messages(dst []*raftpb.Message) []*raftpb.Message {
	dst = append(dst, g.out...)
	clear(g.out)
	g.out = g.out[:0]
	return dst
}

// Term implements Log.
func (g *Group) Term() uint64 { return g.term }

// NowMs implements Log.
func (g *Group) NowMs() int64 { return g.state.clock.nowMs }

// Propose implements Log. It may also return ErrClosed.
func (g *Group) Propose(b *Batch) error {
	if err := b.check(); err != nil {
		return err
	}
	if err := g.admit(); err != nil {
		return err
	}
	g.enqueue(appendBatch(nil, b))
	return nil
}

// Ingest implements Log. It may also return ErrClosed.
func (g *Group) Ingest(nowMs int64, rows []Row) error {
	if err := checkIngest(nowMs, rows); err != nil {
		return err
	}
	if err := g.admit(); err != nil {
		return err
	}
	g.enqueue(appendIngest(nil, nowMs, rows))
	return nil
}

// ReadIndex implements Log. It may also return ErrClosed.
func (g *Group) ReadIndex(token uint64) error {
	if err := g.admit(); err != nil {
		return err
	}
	g.ask(token)
	return nil
}

// admit refuses what can't be taken now.
func (g *Group) admit() error {
	switch {
	case g.disk.failed != nil:
		return g.disk.failed
	case g.term == 0:
		return fmt.Errorf("%w: shard %d", ErrNotLeader, g.shard)
	case g.pending+len(g.events) >= MaxPending || g.queued >= waitingBytes:
		return fmt.Errorf("%w: shard %d has %d proposals and %d events",
			ErrOverloaded, g.shard, g.pending, len(g.events))
	}
	return nil
}

// enqueue takes a command; without leadership it is lost.
func (g *Group) enqueue(command []byte) {
	if g.term != 0 {
		g.queue = append(g.queue, command)
		g.queued += len(command)
		g.pending++
	}
}

// ask takes a read; without leadership it is lost.
func (g *Group) ask(token uint64) {
	if g.term != 0 {
		g.asked = append(g.asked, token)
		g.pending++
	}
}

// Load implements Log.
func (g *Group) Load(a Actor) (State, error) { return g.log.load(a) }

// Answer implements Log.
func (g *Group) Answer(a Actor, request string) (result []byte, found bool, err error) {
	return g.log.answer(a, request, g.state.clock.answersAfter())
}

// Due implements Log.
func (g *Group) Due(nowMs int64, limit int) ([]Wake, error) { return g.log.due(nowMs, limit) }

// NextDue implements Log.
func (g *Group) NextDue() (atMs int64, ok bool, err error) { return g.log.nextDue() }

// Series implements Log.
func (g *Group) Series(a Actor, after uint64, limit int) ([]Placed, error) {
	return g.log.series(a, after, limit)
}

// Events implements Log.
func (g *Group) Events(dst []Event) []Event {
	dst = append(dst, g.events...)
	clear(g.events)
	g.events = g.events[:0]
	return dst
}

// feed hands what waits to Raft.
func (g *Group) feed() {
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
	if !g.node.HasReady() {
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
	g.node.Advance(ready)
}

// applyAll applies the committed entries and stores the state that they lead to.
func (g *Group) applyAll(b *pebble.Batch) error {
	t := newDiskTable(g.shard, b)
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
func (g *Group) apply(t diskTable, e *raftpb.Entry) error {
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

func (g *Group) applyCommand(t diskTable, term uint64, c command, mine bool) (err error) {
	var rows []Placed
	var refused error
	g.state.clock.unfenced = g.Unfenced
	if c.batch != nil {
		rows, refused, err = g.state.clock.applyBatch(t, term, c.batch, nil)
	} else {
		rows, err = g.state.clock.applyIngest(t, c.nowMs, c.rows, nil)
	}
	if err != nil || !mine {
		return err
	}
	g.pending--
	if c.batch != nil {
		g.events = append(g.events, Event{Applied: &Applied{Actor: c.batch.Actor, Version: c.batch.Version, Err: refused}})
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
