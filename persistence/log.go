// Package persistence keeps actors' state: one replicated log per shard, the
// state that the log builds, and the series of samples beside it. It knows bytes
// and actor keys and nothing of what they mean.
//
// The contract between a shard and whoever runs its actors is Log. Behind it stand
// Memory, one thread and no disk, and Group, a Raft replica on Pebble. Groups live
// on a Disk, which a simulator pumps in its own thread; on a node a Store does so
// in a goroutine and hands out each Group as a Shard, safe for concurrent use.
package persistence

import (
	"errors"
	"fmt"
)

// Bounds of what one proposal may hold. A batch over them is refused before it
// is proposed.
const (
	MaxBatchBytes = 256 << 10 // of one actor's batch, encoded: the size of the largest message
	// MaxSnapshotBytes bounds a batch with a snapshot: the state of a zone with all
	// the holdings that it may have.
	MaxSnapshotBytes = 8 << 20
	MaxRows          = 2_000   // of one ingest
	MaxIngestBytes   = 1 << 20 // of one ingest, encoded: 500 bytes for each of MaxRows
	MaxKeyBytes      = 512     // of a kind, id, request id, reminder key or row identity: four id parts
	MaxPending       = 4_096   // proposals and events of one shard that wait for their outcome or reader
)

// MaxTimeMs is the latest instant that a proposal may name, the end of the year
// 2999: one that lies past it would end the shard's log time.
const MaxTimeMs int64 = 32_503_680_000_000

// AnswersKeptMs is how much log time an answer stays known.
const AnswersKeptMs = dayMs

const dayMs int64 = 24 * 3600 * 1000

// Errors that a caller decides on. Each is wrapped with what was seen.
var (
	// ErrNotLeader: this replica does not lead the shard (any more). Nothing was
	// written; ask the leader.
	ErrNotLeader = errors.New("not the leader of this shard")
	// ErrOverloaded: MaxPending proposals wait. Nothing was written; back off.
	ErrOverloaded = errors.New("shard is overloaded")
	// ErrInvalid: a proposal breaks the form that its type states. Nothing was
	// written; it will never be taken.
	ErrInvalid = errors.New("invalid proposal")
	// ErrTooLarge: a batch or ingest is over its bound. Nothing was written.
	ErrTooLarge = errors.New("too large")
	// ErrFenced: the batch was computed on a version, or in a term, that is no
	// longer current. It was applied as a no-op.
	ErrFenced = errors.New("fenced by a newer version")
	// ErrDuplicate: a request id in the batch was answered before. The batch was
	// applied as a no-op.
	ErrDuplicate = errors.New("request was answered before")
)

// Actor is the key of an actor's state.
type Actor struct{ Kind, ID string }

// String returns kind/id.
func (a Actor) String() string { return a.Kind + "/" + a.ID }

// Version identifies an accepted batch of an actor: the term in which its
// activation loaded, the number of that activation within the term, and the
// number of the batch within the activation, from 1. The zero Version is that of
// an actor which was never written.
type Version struct{ Term, Activation, Number uint64 }

// String returns term.activation.number.
func (v Version) String() string {
	return fmt.Sprintf("%d.%d.%d", v.Term, v.Activation, v.Number)
}

// Batch is what one step of one actor makes durable, all of it or nothing.
//
// It is accepted if and only if the log entry that carries it was appended in
// Version.Term, the actor's stored version is Base, and none of its answers'
// request ids has an answer yet. Accepted or not, it raises the shard's log time.
type Batch struct {
	Actor   Actor
	Version Version // the actor's version once this is applied
	Base    Version // the version on which it was computed
	NowMs   int64   // the proposer's clock, Unix ms; raises the shard's log time

	Records  [][]byte // appended to the actor's tail
	Snapshot []byte   // if not nil: the state after this batch; replaces snapshot and tail, and Records is empty
	Answers  []Answer // settled request ids
	Wakes    []Wake   // reminders set or cleared, of this actor whatever they name; the last of a key counts
	Rows     []Row    // samples of this actor's own series, whatever actor they name
}

// Answer is the result of a request id, kept for AnswersKeptMs of log time.
type Answer struct {
	Request string
	Result  []byte
}

// Wake is a reminder: the actor is to be woken with Key once the shard's log
// time reaches AtMs. An actor has at most one reminder per key; AtMs 0 clears it.
type Wake struct {
	Actor Actor
	Key   string
	AtMs  int64
}

// Row is one sample of an actor's series. Actor, AtMs and Identity say which one it
// is: a row of which another with the same three is stored is dropped at apply.
type Row struct {
	Actor    Actor
	Identity string
	AtMs     int64
	Data     []byte
}

// Placed is a Row with its position in its actor's series: a number that grows
// in the order of commits, starts above 0 and is not dense.
type Placed struct {
	Row
	Position uint64
}

// State is what is stored of an actor.
type State struct {
	Version  Version
	Snapshot []byte   // nil if none was written
	Tail     [][]byte // records since the snapshot, oldest first
}

// Event is one thing that a Log tells the one who drives it. Exactly one of its
// fields is set. Applied and Ingested come before their Rows.
//
// Between a Term with Number 0 and the next Term there are no other events: what
// was proposed or asked before is unknown and stays so.
type Event struct {
	Applied  *Applied  // a batch that this replica proposed was applied, or refused at apply
	Ingested *Ingested // an ingest that this replica proposed was applied
	Rows     []Placed  // rows that were committed, by batch or ingest, without the duplicates
	Read     *Read     // a ReadIndex was confirmed
	Term     *Term     // leadership was gained or lost
}

// Applied is the outcome of a proposed batch. A proposal whose Applied never
// comes is unknown, not failed.
type Applied struct {
	Actor   Actor
	Version Version
	Err     error // nil, or wraps ErrFenced or ErrDuplicate
}

// Ingested is the outcome of Ingest(Token): its rows, or earlier ones with the same
// identities, are stored. An Ingested that never comes leaves it unknown.
type Ingested struct{ Token uint64 }

// Read says that the replica still led the shard after ReadIndex(Token) began
// and has applied all that was committed then.
type Read struct{ Token uint64 }

// Term says in which term the replica leads, having applied an entry of its own
// term; Number 0 says that it doesn't lead.
type Term struct{ Number uint64 }

// Log is one shard's replicated log and the state built from it, as the runner
// at its leader uses it. It is not safe for concurrent use. Outcomes come as
// events, in the order of the log; within a shard the event of a committed batch
// comes before that of any later one.
//
// On error nothing has changed.
type Log interface {
	// Term returns the term in which the replica leads and may load activations,
	// 0 when it doesn't lead.
	Term() uint64
	// NowMs returns the shard's log time: the largest NowMs of all applied entries.
	NowMs() int64
	// Propose hands b over; it must not be changed afterwards. nil means taken, not
	// committed. Errors: ErrNotLeader, ErrOverloaded, ErrTooLarge, ErrInvalid.
	Propose(b *Batch) error
	// Ingest proposes rows of many actors, without a fence, and answers with an
	// Ingested event with token. Errors as Propose.
	Ingest(nowMs int64, rows []Row, token uint64) error
	// ReadIndex asks for a Read event with token. Errors: ErrNotLeader, ErrOverloaded.
	ReadIndex(token uint64) error
	// Load returns the applied state of a; the zero State for one never written. Its
	// bytes must not be changed; no later batch does.
	Load(a Actor) (State, error)
	// Answer returns the stored result of a request id.
	Answer(a Actor, request string) (result []byte, found bool, err error)
	// Due returns up to limit reminders with AtMs <= nowMs, earliest first, ties by
	// actor and key. A reminder stays until a batch sets or clears it.
	Due(nowMs int64, limit int) ([]Wake, error)
	// NextDue returns the earliest reminder's time, false when there is none.
	NextDue() (atMs int64, ok bool, err error)
	// Series returns up to limit rows of a with a position above after, in order.
	Series(a Actor, after uint64, limit int) ([]Placed, error)
	// Events appends to dst what has happened since the last call.
	Events(dst []Event) []Event
}
