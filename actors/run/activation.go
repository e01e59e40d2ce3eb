// Package run is the life of activations as a state machine: it loads an actor
// from its log, keeps requests from taking effect twice, steps its machine,
// proposes what the step decided, and lets effects out, in order, once the log
// has committed them.
//
// It has no goroutine, clock or I/O but the Log it is handed, so that package
// host, the replay and the simulator run the very same code.
package run

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
	"github.com/zonecast/zonecast/persistence"
)

// Bounds of one activation.
const (
	// QueueMax steps may wait for the log. Past it new messages are shed with
	// Overloaded: a log that far behind will not catch up by queueing more.
	QueueMax = 1_024
	// TailRecordsMax and TailBytesMax are how long a tail of records may grow
	// before a batch carries a snapshot in its place: what a load has to fold.
	TailRecordsMax = 1_024
	TailBytesMax   = 128 << 10
	// OutcomeTimeout is how long the log may take with a step before the activation is
	// given up: proposals can be lost without a word. Far above any commit that is
	// still under way, far below what a caller's retries last.
	OutcomeTimeout = 10 * span.Second
	// seriesPage is how many samples a load reads at a time.
	seriesPage = 1_000
)

// Log is what an activation needs of its shard's log; persistence.Log has it.
type Log interface {
	Propose(b *persistence.Batch) error
	ReadIndex(token uint64) error
	Load(a persistence.Actor) (persistence.State, error)
	Answer(a persistence.Actor, request string) (result []byte, found bool, err error)
	Series(a persistence.Actor, after uint64, limit int) ([]persistence.Placed, error)
}

// Guards are the rules that keep an activation honest. All of them hold outside
// of tests; a test switches one off to show that the simulator notices.
type Guards struct {
	NoDedupe           bool // step known request ids again
	SendBeforeRecorded bool // let effects out before the log has committed them
}

// Delivery is one message for an activation.
type Delivery struct {
	From    actors.Address
	Message proto.Message
	// Caller stands for whoever waits for the reply to a message that carries a
	// request id; 0 for nobody.
	Caller uint64
	// StaleOK lets an answer without records go out without asking whether this
	// activation is still the only one.
	StaleOK bool
}

// Answer is a reply on its way to a waiting caller.
type Answer struct {
	Caller  uint64
	Message proto.Message
}

// Output collects what an activation lets out.
type Output struct {
	Sends   []actors.Send
	Answers []Answer
}

// Activation is an actor living in memory for at most one term of its shard.
//
// Invariants: effects leave in the order of the steps that had them; those of a
// step with records leave only when its batch has been applied; once a batch is
// refused, nothing more leaves but errors to callers.
type Activation struct {
	address actors.Address
	key     persistence.Actor
	log     Log
	machine actors.Machine
	guards  Guards

	version persistence.Version // of the last proposed batch
	number  uint64              // of batches proposed by this activation
	term    uint64
	serial  uint64 // of this activation within the term

	queue    []group             // steps whose effects wait, oldest first
	callers  map[string][]uint64 // request ids in flight and who waits for them
	waking   map[string]bool     // reminders delivered whose batches are in flight
	tail     tail
	reads    uint64 // last ReadIndex token
	dropped  bool
	lastUsed span.Time
	effects  actors.Effects
}

// group is the effects of one step, and what they wait for.
type group struct {
	version persistence.Version // of its batch; zero if it has none
	read    uint64              // token of its ReadIndex; 0 if it needs none
	since   span.Time
	woken   string // the reminder that it answers; it stays until the batch is applied
	ready   bool
	sends   []actors.Send
	replies []actors.Reply
}

// tail is how much a load would have to fold since the last snapshot.
type tail struct{ records, bytes int }

// Load brings the actor to life: it folds the applied state, lets the machine
// observe its series, and steps it with Activated so that it repeats what was not
// acknowledged. term must be the one in which the shard's log leads, serial a
// number that no other activation of the actor had in that term.
//
// An error means that the stored state could not be read; nothing was changed.
func Load(a *Activation, term, serial uint64, now span.Time, out *Output) error {
	state, err := a.log.Load(a.key)
	if err != nil {
		return fmt.Errorf("load %v: %w", a.address, err)
	}
	a.version, a.term, a.serial = state.Version, term, serial
	if err := a.fold(state); err != nil {
		return fmt.Errorf("load %v: %w", a.address, err)
	}
	if err := a.observeSeries(); err != nil {
		return fmt.Errorf("load %v: %w", a.address, err)
	}
	a.Deliver(now, Delivery{From: a.address, Message: &messages.Activated{}}, out)
	return nil
}

// New returns an activation of address that is yet to be loaded.
func New(address actors.Address, machine actors.Machine, log Log, guards Guards) *Activation {
	return &Activation{
		address: address,
		key:     persistence.Actor{Kind: address.Kind, ID: address.ID},
		log:     log,
		machine: machine,
		guards:  guards,
		callers: make(map[string][]uint64),
		waking:  make(map[string]bool),
	}
}

func (a *Activation) fold(state persistence.State) error {
	if state.Snapshot != nil {
		if err := a.foldBytes(state.Snapshot); err != nil {
			return err
		}
	}
	for _, b := range state.Tail {
		if err := a.foldBytes(b); err != nil {
			return err
		}
		a.tail.add(b)
	}
	return nil
}

func (a *Activation) foldBytes(b []byte) error {
	record, err := messages.DecodeRecord(b)
	if err != nil {
		return err
	}
	a.machine.Fold(record)
	return nil
}

// observeSeries feeds the machine what its series got after the position that
// its snapshot holds.
func (a *Activation) observeSeries() error {
	observer, ok := a.machine.(actors.Observer)
	if !ok {
		return nil
	}
	for {
		rows, err := a.log.Series(a.key, observer.Position(), seriesPage)
		if err != nil {
			return err
		}
		if err := a.Observe(rows); err != nil || len(rows) < seriesPage {
			return err
		}
	}
}

// Observe hands committed rows of the actor's series to its machine; rows that it
// has seen are skipped.
func (a *Activation) Observe(rows []persistence.Placed) error {
	observer, ok := a.machine.(actors.Observer)
	if !ok || a.dropped {
		return nil
	}
	samples := make([]*messages.Sample, 0, len(rows))
	position := observer.Position()
	for _, row := range rows {
		if row.Position <= position {
			continue
		}
		sample := new(messages.Sample)
		if err := proto.Unmarshal(row.Data, sample); err != nil {
			return fmt.Errorf("sample %d of %v: %w", row.Position, a.address, err)
		}
		samples, position = append(samples, sample), row.Position
	}
	if len(samples) > 0 {
		observer.Observe(samples, position)
	}
	return nil
}

// Address returns whose activation it is.
func (a *Activation) Address() actors.Address { return a.address }

// Machine returns what it runs, for reports and tests; it must not be stepped.
func (a *Activation) Machine() actors.Machine { return a.machine }

// Dropped reports whether a batch was refused or its outcome given up: the
// activation does nothing any more and a new one has to be loaded.
func (a *Activation) Dropped() bool { return a.dropped }

// Version returns that of the last batch it proposed, or loaded.
func (a *Activation) Version() persistence.Version { return a.version }

// Idle reports whether nothing is under way and nothing came since before; such
// an activation may be passivated: simply forgotten.
func (a *Activation) Idle(before span.Time) bool {
	return len(a.queue) == 0 && len(a.callers) == 0 && a.lastUsed < before
}

// Waiting returns how many steps wait for the log.
func (a *Activation) Waiting() int { return len(a.queue) }

func (t *tail) add(record []byte) {
	t.records++
	t.bytes += len(record)
}
