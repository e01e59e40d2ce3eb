package persistence

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"
)

// view reads a shard's state. Every method sees one moment of what db holds; over
// a *pebble.DB it is safe for concurrent use.
type view struct {
	db    pebble.Reader
	shard uint32
}

// load is Log.Load.
func (v view) load(a Actor) (s State, err error) {
	prefix := actorKey(tableActor, v.shard, a)
	err = v.scan(prefix, after(prefix), func(key, value []byte) error {
		switch key[len(prefix)] {
		case partHeader:
			h, err := decodeHeader(value)
			s.Version = h.version
			return err
		case partSnapshot:
			s.Snapshot = append([]byte{}, value...)
		default:
			s.Tail = append(s.Tail, bytes.Clone(value))
		}
		return nil
	})
	return s, err
}

// header returns the header of a, a zero one if it was never written.
func (v view) header(a Actor) (h header, err error) {
	err = v.get(append(actorKey(tableActor, v.shard, a), partHeader), func(value []byte) (err error) {
		h, err = decodeHeader(value)
		return err
	})
	return h, err
}

// answer returns the answer that was settled after afterMs, by a shard whose log
// time is AnswersKeptMs later: on that day or the one before.
func (v view) answer(a Actor, request string, afterMs int64) (result []byte, found bool, err error) {
	today := day(afterMs + AnswersKeptMs)
	for back := range min(today+1, 2) {
		err = v.get(answerKey(v.shard, today-back, a, request), func(value []byte) error {
			d := decoder{rest: value}
			d.format()
			if found = int64(d.uvarint()) > afterMs; found {
				result = bytes.Clone(d.rest)
			}
			return d.err
		})
		if found || err != nil {
			break
		}
	}
	return result, found, err
}

// due returns up to limit reminders from fromMs to toMs, in order.
func (v view) due(fromMs, toMs int64, limit int) (due []Wake, err error) {
	if limit <= 0 || toMs < fromMs {
		return nil, nil
	}
	err = v.scan(dueBound(v.shard, fromMs), dueBound(v.shard, toMs+1), func(key, _ []byte) error {
		w, err := parseDue(key)
		if due = append(due, w); err == nil && len(due) == limit {
			err = errEnough
		}
		return err
	})
	return due, err
}

// wakeAt returns the time of a reminder, 0 if it isn't set.
func (v view) wakeAt(a Actor, key string) (atMs int64, err error) {
	err = v.get(appendNames(actorKey(tableWake, v.shard, a), key), func(value []byte) error {
		if len(value) != 8 {
			return fmt.Errorf("%w: reminder %q of %v", ErrCorrupt, key, a)
		}
		atMs = int64(binary.BigEndian.Uint64(value))
		return nil
	})
	return atMs, err
}

// has reports whether key is stored.
func (v view) has(key []byte) (found bool, err error) {
	err = v.get(key, func([]byte) error { found = true; return nil })
	return found, err
}

// series is Log.Series. Days in which the actor has no row cost one seek for each
// day that has rows of others.
func (v view) series(a Actor, above uint64, limit int) (rows []Placed, err error) {
	if limit <= 0 || above == math.MaxUint64 {
		return nil, nil
	}
	end := after(appendTable(nil, tableRow, v.shard))
	it, err := v.db.NewIter(&pebble.IterOptions{LowerBound: rowKey(v.shard, a, above+1), UpperBound: end})
	if err != nil {
		return nil, err
	}
	for valid := it.First(); valid && len(rows) < limit && err == nil; {
		d := binary.BigEndian.Uint32(it.Key()[5:])
		mine := dayKey(tableRow, v.shard, uint64(d), a)
		switch order := bytes.Compare(it.Key(), mine); {
		case bytes.HasPrefix(it.Key(), mine):
			var p Placed
			p, err = decodeRow(a, it.Key(), it.Value())
			rows = append(rows, p)
			valid = it.Next()
		case order < 0:
			valid = it.SeekGE(mine)
		default:
			valid = it.SeekGE(dayKey(tableRow, v.shard, uint64(d)+1, a))
		}
	}
	return rows, errors.Join(err, it.Error(), it.Close())
}

// scan calls do for every key in [from, to), in order, until it returns an error;
// errEnough ends the scan without one.
func (v view) scan(from, to []byte, do func(key, value []byte) error) error {
	it, err := v.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	for valid := it.First(); valid && err == nil; valid = it.Next() {
		err = do(it.Key(), it.Value())
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return errors.Join(err, it.Error(), it.Close())
}

var errEnough = errors.New("enough")

// get calls do with key's value unless there is none.
func (v view) get(key []byte, do func(value []byte) error) error {
	value, closer, err := v.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(do(value), closer.Close())
}

// decodeRow returns the row of a at key.
func decodeRow(a Actor, key, value []byte) (Placed, error) {
	d := decoder{rest: bytes.Clone(value)}
	d.format()
	p := Placed{Row: d.row(a), Position: binary.BigEndian.Uint64(key[len(key)-8:])}
	return p, d.end()
}
