package sim

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/run"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
	"github.com/zonecast/zonecast/persistence"
)

// shard is one log and the activations that live on it.
type shard struct {
	world  *World
	log    persistence.Log
	live   map[actors.Address]*run.Activation
	ingest *run.Ingest // of this term
	term   uint64      // in which activations may live; 0 for none
	serial uint64      // of the last activation
	reads  map[uint64]reader
	read   uint64 // last token
	events []persistence.Event
	due    span.Time // of the next reminder, as far as known
	known  bool      // due is current
	swept  span.Time // when reminders were delivered last
}

// reader is who asked for a ReadIndex, by its own token.
type reader struct {
	activation *run.Activation
	token      uint64
}

func newShard(w *World, log persistence.Log) *shard {
	s := &shard{world: w, log: log, term: log.Term()}
	s.forget()
	return s
}

// forget drops every activation. The serial goes on: two activations of a term must
// not number their batches alike.
func (s *shard) forget() {
	s.live = make(map[actors.Address]*run.Activation)
	s.reads = make(map[uint64]reader)
	s.ingest = run.NewIngest(s.log, s.world.config.Tenant)
}

// lead begins a term, 0 for none: it drops every activation of the term before and
// tells those who wait.
func (s *shard) lead(term uint64) {
	if term == s.term {
		return // it led when the world began
	}
	s.term = term
	for _, address := range slices.SortedFunc(maps.Keys(s.live), compareAddresses) {
		s.live[address].Drop(persistence.ErrNotLeader, &s.world.out)
		s.world.letOut(address)
	}
	s.ingest.Drop(persistence.ErrNotLeader, &s.world.out)
	s.world.letOut(actors.Address{})
	s.forget()
}

// activation returns the living activation of a, loading it if need be; nil while
// the shard has no leader here.
func (s *shard) activation(a actors.Address) (*run.Activation, error) {
	if activation := s.live[a]; activation != nil && !activation.Dropped() {
		return activation, nil
	}
	if s.term == 0 || s.term != s.log.Term() {
		return nil, nil
	}
	s.serial++
	log := &tap{Log: s.log, shard: s}
	activation := run.New(a, s.world.config.Machine(a), log, s.world.config.Guards)
	log.activation = activation
	if err := run.Load(activation, s.term, s.serial, s.world.now, &s.world.out); err != nil {
		return nil, err
	}
	s.live[a] = activation
	s.world.letOut(a)
	return activation, nil
}

// tap is a shard's log as one activation sees it: tokens of ReadIndex are its own.
type tap struct {
	persistence.Log
	shard      *shard
	activation *run.Activation
}

// Propose implements run.Log.
func (t *tap) Propose(b *persistence.Batch) error {
	t.shard.world.asked = true
	return t.Log.Propose(b)
}

// ReadIndex implements run.Log.
func (t *tap) ReadIndex(token uint64) error {
	t.shard.world.asked = true
	t.shard.read++
	if err := t.Log.ReadIndex(t.shard.read); err != nil {
		return err
	}
	t.shard.reads[t.shard.read] = reader{t.activation, token}
	return nil
}

// pump hands the log's events to the activations and reports whether there were
// any.
func (s *shard) pump() bool {
	s.events = s.log.Events(s.events[:0])
	s.known = s.known && len(s.events) == 0
	for _, e := range s.events {
		s.handle(e)
	}
	return len(s.events) > 0
}

func (s *shard) handle(e persistence.Event) {
	switch {
	case e.Term != nil:
		s.lead(e.Term.Number)
	case e.Applied != nil:
		s.applied(e.Applied)
	case e.Ingested != nil:
		s.ingested(e.Ingested.Token)
	case e.Read != nil:
		if r, ok := s.reads[e.Read.Token]; ok {
			delete(s.reads, e.Read.Token)
			r.activation.Read(r.token, &s.world.out)
			s.world.letOut(r.activation.Address())
		}
	case e.Rows != nil:
		s.observe(e.Rows)
	}
}

func (s *shard) applied(a *persistence.Applied) {
	address := actors.Address{Kind: a.Actor.Kind, ID: a.Actor.ID}
	activation := s.live[address]
	if activation == nil {
		return
	}
	activation.Applied(a, &s.world.out)
	s.world.letOut(address)
}

// put hands samples to the ingest, and has it propose them in time.
func (s *shard) put(user string, samples []*messages.Sample, live bool, answered func(proto.Message)) error {
	w := s.world
	if w.config.Tenant == nil || w.down || s.term == 0 {
		return persistence.ErrNotLeader
	}
	idle := s.ingest.Due() == span.Never
	w.caller++
	if err := s.ingest.Put(w.now, user, samples, live, w.caller); err != nil {
		return err
	}
	w.waits[w.caller] = answered
	if idle {
		w.At(s.ingest.Due(), s.flush)
	}
	return nil
}

func (s *shard) flush() {
	if s.world.down || s.ingest.Due() > s.world.now {
		return
	}
	if err := s.ingest.Flush(s.world.now); err != nil {
		s.ingest.Drop(err, &s.world.out)
		s.world.letOut(actors.Address{})
		return
	}
	s.world.asked = true
}

// ingested answers those whose samples are stored and activates who is new.
func (s *shard) ingested(token uint64) {
	activate := s.ingest.Ingested(token, &s.world.out)
	s.world.letOut(actors.Address{})
	for _, user := range activate {
		if _, err := s.activation(user); err != nil {
			s.world.fail(err)
		}
	}
}

// observe hands rows to the active among their actors; passive ones catch up when
// they wake.
func (s *shard) observe(rows []persistence.Placed) {
	for from := 0; from < len(rows); {
		to := from + 1
		for to < len(rows) && rows[to].Actor == rows[from].Actor {
			to++
		}
		address := actors.Address{Kind: rows[from].Actor.Kind, ID: rows[from].Actor.ID}
		if activation := s.live[address]; activation != nil {
			if err := activation.Observe(rows[from:to]); err != nil {
				s.world.fail(err)
			}
		}
		from = to
	}
}

// sweepEvery is how long a reminder that is still due after it was delivered waits
// to be delivered again: its batch is under way, or was lost.
const sweepEvery = 100 * span.Millisecond

func (s *shard) nextDue() span.Time {
	if s.term == 0 {
		return span.Never
	}
	if !s.known {
		at, ok, err := s.log.NextDue()
		if err != nil {
			s.world.fail(err)
		}
		if s.due, s.known = span.Time(at), true; !ok {
			s.due = span.Never
		}
	}
	if s.world.config.Commit != nil && s.due <= s.swept {
		return s.swept.Add(sweepEvery)
	}
	return s.due
}

// wake delivers the reminders that are due.
func (s *shard) wake() {
	if s.term == 0 || s.nextDue() > s.world.now {
		return
	}
	s.swept = s.world.now
	due, err := s.log.Due(int64(s.world.now), duePage)
	if err != nil {
		s.world.fail(err)
		return
	}
	for _, d := range due {
		address := actors.Address{Kind: d.Actor.Kind, ID: d.Actor.ID}
		s.world.agenda.push(s.world.now, s.world.now, parcel{from: address, to: address, message: &messages.Woken{Key: d.Key}})
	}
}
