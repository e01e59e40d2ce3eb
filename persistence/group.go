package persistence

import (
	"fmt"

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
// Every batch that Propose took gets an Applied, and every ingest an Ingested, unless the replica loses the
// leadership, Lose loses it, or the Disk fails or is closed. In the first case a
// Term event with Number 0 says so; after the last two nothing comes any more.
type Group struct {
	// Lose, if set, is asked before a taken proposal goes to Raft; true drops it
	// without a word, as a message would be that a leader loses. For simulators.
	Lose func() bool
	// Unfenced accepts batches whatever version they were computed on. For tests
	// that show what the fence is for.
	Unfenced bool

	disk    *Disk
	shard   uint32
	node    *raft.RawNode
	log     *entryLog
	state   shardState
	soon    *horizon
	headers headers

	moved bool   // since node had nothing ready: asking 64 quiet shards each time is dear
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

	// Of the round that is under way.
	ready raft.Ready
	woken int64 // the earliest reminder that was set
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
	g := &Group{disk: d, shard: shard, log: log, state: state, woken: never, moved: true}
	g.soon, g.headers = newHorizon(), headers{}
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
func (g *Group) Tick() {
	g.moved = true
	g.node.Tick()
}

// Step puts in a message of another replica. Errors are Raft's; none is fatal.
func (g *Group) Step(m *raftpb.Message) error {
	g.moved = true
	return g.node.Step(m)
}

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
func (g *Group) Ingest(nowMs int64, rows []Row, token uint64) error {
	if err := checkIngest(nowMs, rows); err != nil {
		return err
	}
	if err := g.admit(); err != nil {
		return err
	}
	g.enqueue(appendIngest(nil, nowMs, rows, token))
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
func (g *Group) Due(nowMs int64, limit int) ([]Wake, error) {
	return g.soon.due(g.log.view, nowMs, limit)
}

// NextDue implements Log.
func (g *Group) NextDue() (atMs int64, ok bool, err error) { return g.soon.next(g.log.view) }

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
