// Package sim runs the machines in a world of its own: one thread and a virtual
// clock. Without faults it is the driver of replays; with them it is the
// simulator, whose network, disks and processes misbehave as a seed decides.
//
// It drives the same package run over the same persistence.Log as a node does.
package sim

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/run"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
	"github.com/zonecast/zonecast/persistence"
)

// duePage is how many reminders are fetched from a shard at a time.
const duePage = 64

// Config says what a world is made of.
type Config struct {
	// Start is the first instant.
	Start span.Time
	// Logs are the shards' logs, at least one. An actor lives in the one that its
	// address hashes to.
	Logs []persistence.Log
	// Machine makes the machine of a sharded actor.
	Machine func(actors.Address) actors.Machine
	// Tenant says whether samples of a tenant's users are taken; nil takes none.
	Tenant func(id string) bool
	// Guards switches rules of package run off, for tests of the simulator.
	Guards run.Guards
	// Network decides what becomes of messages; nil delivers each at once.
	Network Network
	// Commit, if not nil, decides how long the logs take with what is proposed; nil
	// settles each proposal before anything else happens.
	Commit func() span.Duration
	// Trace, if not nil, is told of every delivery.
	Trace func(now span.Time, from, to actors.Address, message proto.Message)
	// After, if not nil, is called when a delivery, or the outcome of an earlier one,
	// has been worked off.
	After func()
}

// Network decides the fate of one message: the delays after which copies of it
// arrive, none if it is lost.
type Network interface {
	Delays(now span.Time, from, to actors.Address) []span.Duration
}

// World holds the actors of one simulated node, what is under way between them,
// and the clock. It is not safe for concurrent use.
type World struct {
	config Config
	now    span.Time
	shards []*shard
	locals map[actors.Address]actors.Machine
	agenda agenda
	waits  map[uint64]func(proto.Message)
	caller uint64
	out    run.Output
	local  actors.Effects
	down   bool // the node is crashed
	asked  bool // something was proposed that the logs are not driven for yet
	driven bool // the logs are to be driven at a set time
	err    error
}

// New returns a world in which nothing has happened yet.
func New(config Config) *World {
	w := &World{
		config: config,
		now:    config.Start,
		locals: make(map[actors.Address]actors.Machine),
		waits:  make(map[uint64]func(proto.Message)),
	}
	for _, log := range config.Logs {
		w.shards = append(w.shards, newShard(w, log))
	}
	return w
}

// AddLocal puts a machine that keeps no records (a mapper, an agent) on the node.
func (w *World) AddLocal(address actors.Address, machine actors.Machine) {
	w.locals[address] = machine
}

// Now returns the clock.
func (w *World) Now() span.Time { return w.now }

// Call sends message to an actor on behalf of a caller outside of the world;
// answered is told the reply, if one comes. The number is the caller's.
func (w *World) Call(to actors.Address, message proto.Message, answered func(proto.Message)) uint64 {
	w.caller++
	w.waits[w.caller] = answered
	w.post(parcel{from: actors.Address{Kind: actors.KindEdge}, to: to, message: message, caller: w.caller})
	return w.caller
}

// Forget takes off a caller whose deadline has passed: it is not answered any more.
func (w *World) Forget(to actors.Address, request string, caller uint64) {
	delete(w.waits, caller)
	if activation := w.shard(to).live[to]; activation != nil {
		activation.Forget(request, caller)
	}
}

// Put sends samples of a user to the ingest of its shard; answered is told Done once
// they are durable, or that this is unknown. Errors: those of run.Ingest.Put, and
// persistence.ErrNotLeader.
func (w *World) Put(user string, samples []*messages.Sample, live bool, answered func(proto.Message)) error {
	return w.shard(actors.Address{Kind: actors.KindUser, ID: user}).put(user, samples, live, answered)
}

// At has do called once the clock has reached t.
func (w *World) At(t span.Time, do func()) { w.agenda.push(w.now, t, parcel{do: do}) }

// Tell sends message to an actor without expecting an answer.
func (w *World) Tell(to actors.Address, message proto.Message) {
	w.post(parcel{from: actors.Address{Kind: actors.KindEdge}, to: to, message: message})
}

// RunUntil lets everything happen that is due up to and including t, then sets the
// clock to t. The clock jumps to the next due thing only when nothing else is
// under way. The error is the first that a log or a load gave.
func (w *World) RunUntil(t span.Time) error {
	for w.err == nil {
		w.settle()
		next := w.nextDue()
		if next > t || w.err != nil {
			break
		}
		w.now = max(w.now, next)
		w.wake()
	}
	w.now = max(w.now, t)
	return w.err
}

// Activation returns the living activation of a sharded actor, loading it if
// there is none; for reports and tests.
func (w *World) Activation(address actors.Address) (*run.Activation, error) {
	return w.shard(address).activation(address)
}

// settle delivers what is due now until nothing is under way.
func (w *World) settle() {
	for w.err == nil {
		p, ok := w.agenda.pop(w.now)
		if !ok {
			if w.config.Commit != nil || !w.pump() {
				return
			}
			continue
		}
		if p.do != nil {
			p.do()
		} else {
			w.deliver(p)
		}
		w.drive()
	}
}

// drive has the logs settle what was proposed: at once, or when Config.Commit says.
func (w *World) drive() {
	switch {
	case w.config.Commit == nil:
		w.pump()
	case w.asked && !w.driven && !w.down:
		w.driven = true
		w.At(w.now.Add(max(w.config.Commit(), 1)), w.driveNow)
	}
}

func (w *World) driveNow() {
	w.driven, w.asked = false, false
	if !w.down {
		w.pump()
	}
}

// pump handles all events of all logs and reports whether there were any.
func (w *World) pump() bool {
	busy := false
	for _, s := range w.shards {
		busy = s.pump() || busy
	}
	if busy && w.config.After != nil {
		w.config.After()
	}
	return busy
}

func (w *World) nextDue() span.Time {
	next := w.agenda.next()
	if w.down {
		return next
	}
	for _, s := range w.shards {
		next = min(next, s.nextDue())
	}
	return next
}

func (w *World) wake() {
	if w.down {
		return
	}
	for _, s := range w.shards {
		s.wake()
	}
}

// post puts p on its way.
func (w *World) post(p parcel) {
	if w.config.Network == nil {
		w.agenda.push(w.now, w.now, p)
		return
	}
	for _, delay := range w.config.Network.Delays(w.now, p.from, p.to) {
		w.agenda.push(w.now, w.now.Add(delay), p)
	}
}

func (w *World) deliver(p parcel) {
	if w.down && onNode(p.to) {
		return // lost: nobody is there to take it
	}
	if w.config.Trace != nil {
		w.config.Trace(w.now, p.from, p.to, p.message)
	}
	if machine, ok := w.locals[p.to]; ok {
		w.stepLocal(p, machine)
	} else if p.to.Kind != actors.KindMapper && onNode(p.to) {
		w.stepActivation(p)
	}
	if w.config.After != nil {
		w.config.After()
	}
}

// onNode reports whether an actor lives on the node: agents and callers don't.
func onNode(a actors.Address) bool {
	return a.Kind != actors.KindAgent && a.Kind != actors.KindEdge
}

func (w *World) stepActivation(p parcel) {
	activation, err := w.shard(p.to).activation(p.to)
	if err != nil {
		w.fail(err)
		return
	}
	if activation == nil {
		return // nobody leads its shard: the message is lost
	}
	activation.Deliver(w.now, run.Delivery{From: p.from, Message: p.message, Caller: p.caller}, &w.out)
	w.letOut(p.to)
}

// stepLocal steps a machine without records; its wakes are kept in the agenda.
func (w *World) stepLocal(p parcel, machine actors.Machine) {
	w.local.Reset()
	machine.Step(w.now, p.from, p.message, &w.local)
	for _, s := range w.local.Sends {
		w.send(p.to, s)
	}
	for _, wake := range w.local.Wakes {
		if wake.At != 0 {
			w.agenda.push(w.now, max(wake.At, w.now), parcel{from: p.to, to: p.to, message: &messages.Woken{Key: wake.Key}})
		}
	}
}

// letOut sends what an activation has released.
func (w *World) letOut(from actors.Address) {
	for _, s := range w.out.Sends {
		w.send(from, s)
	}
	for _, a := range w.out.Answers {
		if answered := w.waits[a.Caller]; answered != nil {
			delete(w.waits, a.Caller)
			answered(a.Message)
		}
	}
	w.out.Sends, w.out.Answers = w.out.Sends[:0], w.out.Answers[:0]
}

func (w *World) send(from actors.Address, s actors.Send) {
	if s.To == (actors.Address{Kind: actors.KindMapper, ID: actors.EveryMapper}) {
		s.To.ID = "local"
	}
	w.post(parcel{from: from, to: s.To, message: s.Message})
}

func (w *World) shard(a actors.Address) *shard {
	return w.shards[a.Hash()%uint64(len(w.shards))]
}

func (w *World) fail(err error) {
	if w.err == nil {
		w.err = fmt.Errorf("at %v: %w", w.now, err)
	}
}
