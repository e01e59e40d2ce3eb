package measure

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/zonecast/zonecast/persistence"
)

// batches makes the batches of one actor, one after the other.
type batches struct {
	actor   persistence.Actor
	version persistence.Version
}

func (b *batches) next(term uint64) *persistence.Batch {
	base := b.version
	b.version = persistence.Version{Term: term, Activation: 1, Number: base.Number + 1}
	batch := &persistence.Batch{Actor: b.actor, Version: b.version, Base: base, NowMs: int64(b.version.Number)}
	if state := make([]byte, recordBytes); b.version.Number%snapshotEvery == 0 {
		batch.Snapshot = state
	} else {
		batch.Records = [][]byte{state}
	}
	return batch
}

// shard is a store with one shard, and callers who wait for outcomes.
type shard struct {
	store    *persistence.Store
	log      *persistence.Shard
	moved    chan struct{} // holds one: there are events
	leads    chan struct{} // closed when the shard has its leader
	told     sync.WaitGroup
	batches  []batches // by caller, who is the actor
	outcomes []chan error
}

// openShard opens a store with one shard of one voter, and waits until it leads.
func openShard(dir string, callers int) (*shard, error) {
	s := &shard{moved: make(chan struct{}, 1), leads: make(chan struct{})}
	for i := range callers {
		s.batches = append(s.batches, batches{actor: persistence.Actor{Kind: "user", ID: strconv.Itoa(i)}})
		s.outcomes = append(s.outcomes, make(chan error, 1))
	}
	config := persistence.Default()
	config.Dir = dir
	store, err := persistence.OpenStore(config, func(uint32) {
		select {
		case s.moved <- struct{}{}:
		default:
		}
	}, 1)
	if err != nil {
		return nil, err
	}
	s.store, s.log = store, store.Shard(1)
	s.told.Go(s.tell)
	select {
	case <-s.leads:
		return s, nil
	case <-store.Done():
		return nil, errors.Join(store.Err(), s.close())
	}
}

// tell hands outcomes to their callers until the store is closed.
func (s *shard) tell() {
	var events []persistence.Event
	for {
		select {
		case <-s.moved:
		case <-s.store.Done():
			return
		}
		events = s.log.Events(events[:0])
		for _, e := range events {
			switch {
			case e.Term != nil && e.Term.Number != 0:
				close(s.leads)
			case e.Applied != nil:
				caller, err := strconv.Atoi(e.Applied.Actor.ID)
				s.outcomes[caller] <- errors.Join(err, e.Applied.Err)
			}
		}
	}
}

// propose proposes the caller's next batch and waits for its outcome.
func (s *shard) propose(caller int) error {
	if err := s.log.Propose(s.batches[caller].next(s.log.Term())); err != nil {
		return err
	}
	select {
	case err := <-s.outcomes[caller]:
		return err
	case <-s.store.Done():
		return s.store.Err()
	}
}

func (s *shard) close() error {
	err := s.store.Close()
	s.told.Wait()
	return err
}

// rawPebble is Pebble alone, with the same memory.
type rawPebble struct {
	db    *pebble.DB
	count []uint64 // of keys, by caller
}

func openPebble(dir string, callers int) (*rawPebble, error) {
	config := persistence.Default()
	cache := pebble.NewCache(config.CacheBytes)
	defer cache.Unref()
	db, err := pebble.Open(dir, &pebble.Options{
		Cache: cache, MemTableSize: config.MemTableBytes, MemTableStopWritesThreshold: 4, Logger: quiet{},
	})
	return &rawPebble{db, make([]uint64, callers)}, err
}

func (r *rawPebble) set(caller int) error {
	r.count[caller]++
	key := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, uint32(caller)), r.count[caller])
	return r.db.Set(key, make([]byte, recordBytes), pebble.Sync)
}

// quiet says nothing of what Pebble does.
type quiet struct{}

var _ pebble.Logger = quiet{}

func (quiet) Infof(string, ...any) {}

func (quiet) Errorf(string, ...any) {}

func (quiet) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
