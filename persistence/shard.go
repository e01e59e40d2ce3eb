package persistence

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Shard is the Log of one shard of a Store. Unlike other Logs it is safe for
// concurrent use: its reads see what is applied and don't wait for the loop. When
// the Store ends it loses the leadership, and every call returns ErrClosed or
// ErrDiskFailed.
type Shard struct {
	store  *Store
	number uint32
	group  *Group // the loop's alone
	view   view
	soon   *horizon

	term  atomic.Uint64 // the group's
	nowMs atomic.Int64  // the group's

	mu      sync.Mutex
	inbox   [][]byte // commands that wait for the loop
	asked   []uint64 // tokens of reads that do
	bytes   int      // of inbox
	pending int      // of the group, as it was after the last round
	queued  int      // likewise
	events  []Event
	ended   error // why nothing is taken any more
}

var _, _, _ Log = (*Memory)(nil), (*Group)(nil), (*Shard)(nil)

// Number returns the shard's number.
func (sh *Shard) Number() uint32 { return sh.number }

// Term implements Log.
func (sh *Shard) Term() uint64 { return sh.term.Load() }

// NowMs implements Log.
func (sh *Shard) NowMs() int64 { return sh.nowMs.Load() }

// Propose implements Log. It encodes b on the caller's goroutine.
func (sh *Shard) Propose(b *Batch) error {
	if err := b.check(); err != nil {
		return err
	}
	return sh.enqueue(appendBatch(nil, b))
}

// Ingest implements Log.
func (sh *Shard) Ingest(nowMs int64, rows []Row, token uint64) error {
	if err := checkIngest(nowMs, rows); err != nil {
		return err
	}
	return sh.enqueue(appendIngest(nil, nowMs, rows, token))
}

// ReadIndex implements Log.
func (sh *Shard) ReadIndex(token uint64) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if err := sh.admit(); err != nil {
		return err
	}
	sh.asked = append(sh.asked, token)
	sh.store.signal()
	return nil
}

func (sh *Shard) enqueue(command []byte) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if err := sh.admit(); err != nil {
		return err
	}
	sh.inbox = append(sh.inbox, command)
	sh.bytes += len(command)
	sh.store.signal()
	return nil
}

// admit is Group.admit with what waits for the loop counted in.
func (sh *Shard) admit() error {
	waiting := len(sh.inbox) + len(sh.asked) + sh.pending
	switch {
	case sh.ended != nil:
		return sh.ended
	case sh.term.Load() == 0:
		return fmt.Errorf("%w: shard %d", ErrNotLeader, sh.number)
	case waiting+len(sh.events) >= MaxPending || sh.bytes+sh.queued >= waitingBytes:
		return fmt.Errorf("%w: shard %d has %d proposals and %d events", ErrOverloaded, sh.number, waiting, len(sh.events))
	}
	return nil
}

// Load implements Log.
func (sh *Shard) Load(a Actor) (s State, err error) {
	err = sh.read(func() (err error) { s, err = sh.view.load(a); return err })
	return s, err
}

// Answer implements Log.
func (sh *Shard) Answer(a Actor, request string) (result []byte, found bool, err error) {
	now := clock{nowMs: sh.NowMs()}
	err = sh.read(func() (err error) { result, found, err = sh.view.answer(a, request, now.answersAfter()); return err })
	return result, found, err
}

// Due implements Log.
func (sh *Shard) Due(nowMs int64, limit int) (due []Wake, err error) {
	err = sh.read(func() (err error) { due, err = sh.soon.due(sh.view, nowMs, limit); return err })
	return due, err
}

// NextDue implements Log.
func (sh *Shard) NextDue() (atMs int64, ok bool, err error) {
	err = sh.read(func() (err error) { atMs, ok, err = sh.soon.next(sh.view); return err })
	return atMs, ok, err
}

// Series implements Log.
func (sh *Shard) Series(a Actor, after uint64, limit int) (rows []Placed, err error) {
	err = sh.read(func() (err error) { rows, err = sh.view.series(a, after, limit); return err })
	return rows, err
}

// read does a read of the database unless it is closed.
func (sh *Shard) read(do func() error) error {
	sh.store.reading.RLock()
	defer sh.store.reading.RUnlock()
	if sh.store.gone {
		return fmt.Errorf("%w: %s", ErrClosed, sh.store.disk.config.Dir)
	}
	return do()
}

// Events implements Log.
func (sh *Shard) Events(dst []Event) []Event {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	dst = append(dst, sh.events...)
	clear(sh.events)
	sh.events = sh.events[:0]
	return dst
}

// feed hands to the group what waits for the loop.
func (sh *Shard) feed() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, c := range sh.inbox {
		sh.group.enqueue(c)
	}
	for _, token := range sh.asked {
		sh.group.ask(token)
	}
	clear(sh.inbox)
	sh.inbox, sh.asked, sh.bytes = sh.inbox[:0], sh.asked[:0], 0
	sh.pending, sh.queued = sh.group.pending, sh.group.queued
}

// publish shows what the round came to and reports whether there are events.
func (sh *Shard) publish() bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	before := len(sh.events)
	sh.events = sh.group.Events(sh.events)
	sh.pending, sh.queued = sh.group.pending, sh.group.queued
	sh.nowMs.Store(sh.group.NowMs())
	sh.term.Store(sh.group.Term())
	return len(sh.events) > before
}

// end gives up the leadership for good.
func (sh *Shard) end(err error) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.ended = err; err == nil {
		sh.ended = fmt.Errorf("%w: %s", ErrClosed, sh.store.disk.config.Dir)
	}
	if sh.term.Swap(0) != 0 {
		sh.events = append(sh.events, Event{Term: &Term{}})
	}
}
