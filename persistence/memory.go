package persistence

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/RaduBerinde/btreemap"
)

// Memory is a Log of one shard that lives in one thread's memory: what is
// proposed is applied at once, and nothing outlives the process. It is what a
// replay runs on. Its Term is 1 until Restart.
type Memory struct {
	clock  clock
	term   uint64
	actors map[Actor]*kept
	last   *kept                               // the one looked up last: a batch asks for its actor several times
	due    *btreemap.BTreeMap[*Wake, struct{}] // by time, actor, key

	// Answers by the day of log time in which they were settled. Those of two days
	// hold all of the last 24 h; older days are dropped whole.
	answers   map[question]settled
	yesterday map[question]settled
	day       uint64

	events []Event
}

// kept is one actor in memory.
type kept struct {
	actor Actor
	state State
	wakes []*Wake // of this actor, at most one per key; few, so a list
	rows  []Placed
	seen  map[sighting]struct{}
}

// question is the key of an answer, sighting that of a row within its actor.
type (
	question struct {
		actor   Actor
		request string
	}
	settled struct {
		result []byte
		atMs   int64
	}
	sighting struct {
		atMs     int64
		identity string
	}
)

// NewMemory returns an empty shard that leads in term 1; its Term event is queued.
func NewMemory() *Memory {
	m := &Memory{
		actors:  map[Actor]*kept{},
		due:     btreemap.New[*Wake, struct{}](16, compareWakes),
		answers: map[question]settled{},
	}
	m.Restart()
	return m
}

// Restart does what a crash and a new election do to a replica: events that were
// not fetched are lost, and it leads in a new term.
func (m *Memory) Restart() {
	m.term++
	m.events = append(m.events[:0], Event{Term: &Term{Number: m.term}})
}

// Term implements Log.
func (m *Memory) Term() uint64 { return m.term }

// NowMs implements Log.
func (m *Memory) NowMs() int64 { return m.clock.nowMs }

// Propose implements Log.
func (m *Memory) Propose(b *Batch) error {
	if err := b.check(); err != nil {
		return err
	}
	if err := m.admit(); err != nil {
		return err
	}
	rows, refused, _ := m.clock.applyBatch(m, m.term, b, nil)
	m.events = append(m.events, Event{Applied: &Applied{Actor: b.Actor, Version: b.Version, Err: refused}})
	m.tell(rows)
	return nil
}

// Ingest implements Log.
func (m *Memory) Ingest(nowMs int64, rows []Row, token uint64) error {
	if err := checkIngest(nowMs, rows); err != nil {
		return err
	}
	if err := m.admit(); err != nil {
		return err
	}
	placed, _ := m.clock.applyIngest(m, nowMs, rows, make([]Placed, 0, len(rows)))
	m.events = append(m.events, Event{Ingested: &Ingested{Token: token}})
	m.tell(placed)
	return nil
}

// admit refuses what would queue more events than a Log may.
func (m *Memory) admit() error {
	if len(m.events) >= MaxPending {
		return fmt.Errorf("%w: %d events were not fetched", ErrOverloaded, len(m.events))
	}
	return nil
}

func (m *Memory) tell(rows []Placed) {
	if len(rows) > 0 {
		m.events = append(m.events, Event{Rows: rows})
	}
}

// ReadIndex implements Log.
func (m *Memory) ReadIndex(token uint64) error {
	if err := m.admit(); err != nil {
		return err
	}
	m.events = append(m.events, Event{Read: &Read{Token: token}})
	return nil
}

// Load implements Log.
func (m *Memory) Load(a Actor) (State, error) {
	k := m.find(a)
	if k == nil {
		return State{}, nil
	}
	s := k.state
	s.Tail = slices.Clip(s.Tail)
	return s, nil
}

// Answer implements Log.
func (m *Memory) Answer(a Actor, request string) (result []byte, found bool, err error) {
	s, found := m.settled(a, request, m.clock.answersAfter())
	return s.result, found, nil
}

// Due implements Log.
func (m *Memory) Due(nowMs int64, limit int) ([]Wake, error) {
	var due []Wake
	for w := range m.due.Ascend(btreemap.Min[*Wake](), btreemap.Max[*Wake]()) {
		if w.AtMs > nowMs || len(due) >= limit {
			break
		}
		due = append(due, *w)
	}
	return due, nil
}

// NextDue implements Log.
func (m *Memory) NextDue() (atMs int64, ok bool, err error) {
	w, _, ok := m.due.Min()
	if !ok {
		return 0, false, nil
	}
	return w.AtMs, true, nil
}

// Series implements Log.
func (m *Memory) Series(a Actor, after uint64, limit int) ([]Placed, error) {
	k := m.find(a)
	if k == nil {
		return nil, nil
	}
	from := sort.Search(len(k.rows), func(i int) bool { return k.rows[i].Position > after })
	rows := k.rows[from:]
	return slices.Clone(rows[:min(len(rows), max(limit, 0))]), nil
}

// Events implements Log.
func (m *Memory) Events(dst []Event) []Event {
	dst = append(dst, m.events...)
	clear(m.events)
	m.events = m.events[:0]
	return dst
}

// find returns the actor, nil if nothing is stored of it.
func (m *Memory) find(a Actor) *kept {
	if m.last == nil || m.last.actor != a {
		k := m.actors[a]
		if k == nil {
			return nil
		}
		m.last = k
	}
	return m.last
}

// made returns the actor and makes it if nothing is stored of it.
func (m *Memory) made(a Actor) *kept {
	k := m.find(a)
	if k == nil {
		k = &kept{actor: a}
		m.actors[a], m.last = k, k
	}
	return k
}

func (m *Memory) version(a Actor) (Version, error) {
	if k := m.find(a); k != nil {
		return k.state.Version, nil
	}
	return Version{}, nil
}

func (m *Memory) answered(a Actor, request string, afterMs int64) (bool, error) {
	_, found := m.settled(a, request, afterMs)
	return found, nil
}

// settled returns the answer that was settled after afterMs.
func (m *Memory) settled(a Actor, request string, afterMs int64) (settled, bool) {
	q := question{a, request}
	s, found := m.answers[q]
	if !found {
		s, found = m.yesterday[q]
	}
	if !found || s.atMs <= afterMs {
		return settled{}, false
	}
	return s, true
}

func (m *Memory) keep(b *Batch, nowMs int64) error {
	k := m.made(b.Actor)
	k.state.Version = b.Version
	if b.Snapshot != nil {
		k.state.Snapshot, k.state.Tail = b.Snapshot, nil
	}
	k.state.Tail = append(k.state.Tail, b.Records...)
	m.turn(day(nowMs))
	for i := range b.Answers {
		m.answers[question{b.Actor, b.Answers[i].Request}] = settled{b.Answers[i].Result, nowMs}
	}
	for i := range b.Wakes {
		m.wake(k, b.Wakes[i].Key, b.Wakes[i].AtMs)
	}
	return nil
}

// turn drops the answers that were settled before yesterday.
func (m *Memory) turn(today uint64) {
	if today == m.day {
		return
	}
	m.yesterday = nil
	if today == m.day+1 {
		m.yesterday = m.answers
	}
	m.answers, m.day = map[question]settled{}, today
}

// wake sets or clears the reminder key of k.
func (m *Memory) wake(k *kept, key string, atMs int64) {
	i := slices.IndexFunc(k.wakes, func(w *Wake) bool { return w.Key == key })
	if i >= 0 && k.wakes[i].AtMs == atMs {
		return
	}
	if i >= 0 {
		m.due.Delete(k.wakes[i])
		k.wakes = slices.Delete(k.wakes, i, i+1)
	}
	if atMs == 0 {
		return
	}
	w := &Wake{Actor: k.actor, Key: key, AtMs: atMs}
	k.wakes = append(k.wakes, w)
	m.due.ReplaceOrInsert(w, struct{}{})
}

func (m *Memory) place(p *Placed) (bool, error) {
	k := m.made(p.Actor)
	id := sighting{p.AtMs, p.Identity}
	if _, known := k.seen[id]; known {
		return false, nil
	}
	if k.seen == nil {
		k.seen = map[sighting]struct{}{}
	}
	k.seen[id] = struct{}{}
	k.rows = append(k.rows, *p)
	return true, nil
}

// compareWakes orders reminders by time, then actor, then key.
func compareWakes(a, b *Wake) int {
	if a.AtMs != b.AtMs {
		return cmp.Compare(a.AtMs, b.AtMs)
	}
	return cmp.Or(cmp.Compare(a.Actor.Kind, b.Actor.Kind), cmp.Compare(a.Actor.ID, b.Actor.ID), cmp.Compare(a.Key, b.Key))
}
