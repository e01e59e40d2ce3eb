// Package actors defines what users, zones, tenants, mappers and (simulated)
// agents do. Each is a state machine that says nothing of how it is run: the
// cluster and the simulator are two ways to run the same machines.
package actors

import (
	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// Machine is one actor's whole behaviour. The same messages in the same order
// always lead to the same state and effects.
//
// Step decides what follows from msg, which arrived at now; it changes state only
// by committing records, which it folds at once, so that later decisions of the
// same step see them. What is not folded (caches, questions that are under way)
// may be lost at any time.
type Machine interface {
	Step(now span.Time, from Address, msg proto.Message, out *Effects)
	// Fold applies a record, or a snapshot as the first of them. It is
	// deterministic and reads nothing that is not folded.
	Fold(record proto.Message)
	// Snapshot returns a message whose Fold restores the present state; nil for a
	// machine that keeps no state.
	Snapshot() proto.Message
}

// Observer is a Machine with derived state: a function of its series of samples
// up to a position, saved in its snapshot and rebuilt from the series.
type Observer interface {
	Machine
	// Observe takes the next samples of the series; position is the last one's.
	Observe(samples []*messages.Sample, position uint64)
	// Position returns up to where the series was observed.
	Position() uint64
}

// Kinds of actors.
const (
	KindUser   = "user"   // tenant/user
	KindZone   = "zone"   // zone id
	KindTenant = "tenant" // tenant id
	KindMapper = "mapper" // one a node
	KindAgent  = "agent"  // zone id
	KindEdge   = "edge"   // a caller outside of the actors
)

// EveryMapper addresses the mappers of all nodes.
const EveryMapper = "*"

// Address names an actor, wherever it lives.
type Address struct{ Kind, ID string }

// String returns kind/id.
func (a Address) String() string { return a.Kind + "/" + a.ID }

// Hash spreads addresses evenly and equally on every node and in every version:
// it decides in which shard an actor lives. (64-bit FNV-1a, then the finalizer of
// MurmurHash3, since FNV's low bits alone are uneven.)
func (a Address) Hash() uint64 {
	h := fnv1a(fnv1a(14695981039346656037, a.Kind)*1099511628211, a.ID)
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

func fnv1a(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// Effects is what a step asks of the world. Records, Samples and Wakes are made
// durable together, before any of Sends and Replies goes out, so that nobody
// learns of a promise which a crash could still undo.
type Effects struct {
	Records []proto.Message
	Samples []*messages.Sample // into the actor's own series
	Wakes   []Wake
	Sends   []Send
	Replies []Reply
}

// Wake sets the actor's reminder Key to At, or clears it where At is 0. A
// reminder that was delivered is gone unless set again.
type Wake struct {
	Key string
	At  span.Time
}

// Send is a message to another actor. It arrives at most once.
type Send struct {
	To      Address
	Message proto.Message
}

// Reply answers everybody who waits for the outcome of a request id.
type Reply struct {
	Request string
	Message proto.Message
}

// Reset empties e and keeps its memory.
func (e *Effects) Reset() {
	e.Records, e.Samples, e.Wakes = e.Records[:0], e.Samples[:0], e.Wakes[:0]
	e.Sends, e.Replies = e.Sends[:0], e.Replies[:0]
}

// Durable reports whether e holds anything to be made durable.
func (e *Effects) Durable() bool {
	return len(e.Records) > 0 || len(e.Samples) > 0 || len(e.Wakes) > 0
}

func (e *Effects) record(m proto.Message) { e.Records = append(e.Records, m) }

func (e *Effects) send(to Address, m proto.Message) { e.Sends = append(e.Sends, Send{to, m}) }

func (e *Effects) reply(request string, m proto.Message) {
	e.Replies = append(e.Replies, Reply{request, m})
}

func (e *Effects) wake(key string, at span.Time) { e.Wakes = append(e.Wakes, Wake{key, at}) }
