package persistence

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// Store runs a Disk: one goroutine that feeds its groups, ticks them and pumps. What
// comes in while a sync runs waits for the next round and shares its sync; nothing
// waits longer than that. It is safe for concurrent use.
type Store struct {
	disk   *Disk
	shards []*Shard // by number, as they were at OpenStore

	reading sync.RWMutex // held by reads, and by Close when it takes the database away
	gone    bool         // the database; under reading

	wake   chan struct{} // holds one: there is input
	stop   chan struct{}
	done   chan struct{} // closed when the goroutine is gone
	close  sync.Once
	closed error // of Close; read after done
	err    error // why the loop ended, nil if Close ended it; read after done
}

// OpenStore opens the directory as OpenDisk does, creates each of shards that it
// lacks with this node as its one voter, and starts the write loop. notify, if not
// nil, is called on the loop's goroutine with a shard that has events: it must not
// block and not call the Store.
func OpenStore(c Config, notify func(shard uint32), shards ...uint32) (*Store, error) {
	d, err := OpenDisk(c)
	if err != nil {
		return nil, err
	}
	for _, n := range shards {
		if _, err := d.Create(n, soleReplica, soleReplica); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	s := &Store{disk: d, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	for _, g := range d.Groups() {
		s.shards = append(s.shards, &Shard{store: s, group: g, view: g.log.view, soon: g.soon, number: g.shard})
	}
	go s.run(c.Tick, notify)
	return s, nil
}

// soleReplica is the id of a shard's first replica.
const soleReplica = 1

// Shard returns the Log of a shard, nil if the Store has none of that number.
func (s *Store) Shard(number uint32) *Shard {
	i := slices.IndexFunc(s.shards, func(sh *Shard) bool { return sh.number == number })
	if i < 0 {
		return nil
	}
	return s.shards[i]
}

// Done is closed when the write loop has ended: by Close, or by an error that Err
// returns.
func (s *Store) Done() <-chan struct{} { return s.done }

// Err returns why the write loop ended by itself, nil as long as it didn't. It wraps
// ErrDiskFailed; every shard has lost its leadership then.
func (s *Store) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Close ends the write loop, waits for it and gives up the directory. What was
// taken and not applied is unknown.
func (s *Store) Close() error {
	s.close.Do(func() { close(s.stop) })
	<-s.done
	return s.closed
}

// run is the write loop.
func (s *Store) run(tick time.Duration, notify func(shard uint32)) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	defer close(s.done)
	for running := true; running; {
		if s.err = s.round(notify); s.err != nil {
			break
		}
		select {
		case <-s.wake:
		case <-ticker.C:
			s.disk.Tick()
		case <-s.stop:
			running = false
		}
	}
	s.reading.Lock()
	s.closed, s.gone = s.disk.Close(), true
	s.reading.Unlock()
	for _, sh := range s.shards {
		sh.end(s.err)
		tell(notify, sh)
	}
}

// round feeds, pumps and publishes once.
func (s *Store) round(notify func(shard uint32)) error {
	for _, sh := range s.shards {
		sh.feed()
	}
	if err := s.disk.Pump(); err != nil {
		return err
	}
	for _, sh := range s.shards {
		if sh.publish() {
			tell(notify, sh)
		}
	}
	return nil
}

func tell(notify func(shard uint32), sh *Shard) {
	if notify != nil {
		notify(sh.number)
	}
}

// signal wakes the loop.
func (s *Store) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
