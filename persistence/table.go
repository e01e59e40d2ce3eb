package persistence

import (
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"
)

// diskTable is the table that apply writes on disk: an indexed batch, which sees
// what it wrote itself.
type diskTable struct {
	view
	batch   *pebble.Batch
	headers headers
	found   header // by the last version
}

func newDiskTable(shard uint32, batch *pebble.Batch, known headers) *diskTable {
	return &diskTable{view: view{db: batch, shard: shard}, batch: batch, headers: known}
}

// headers are those of actors that were written last, so that the fence of the next
// batch needs no look-up. All are dropped when there are maxHeaders.
type headers map[Actor]header

// maxHeaders of a shard stay in memory: some 300 kB, for actors at work at a time.
const maxHeaders = 2_048

func (h headers) put(a Actor, of header) {
	if len(h) >= maxHeaders {
		clear(h)
	}
	h[a] = of
}

func (t *diskTable) version(a Actor) (v Version, err error) {
	known := false
	if t.found, known = t.headers[a]; !known {
		t.found, err = t.header(a)
	}
	return t.found.version, err
}

func (t *diskTable) answered(a Actor, request string, afterMs int64) (bool, error) {
	_, found, err := t.answer(a, request, afterMs)
	return found, err
}

func (t *diskTable) keep(b *Batch, nowMs int64) error {
	h := t.found
	h.version = b.Version
	if err := t.keepState(b, &h); err != nil {
		return err
	}
	t.headers.put(b.Actor, h)
	for i := range b.Answers {
		value := binary.AppendUvarint([]byte{valueFormat}, uint64(nowMs))
		value = append(value, b.Answers[i].Result...)
		if err := t.set(answerKey(t.shard, day(nowMs), b.Actor, b.Answers[i].Request), value); err != nil {
			return err
		}
	}
	for i := range b.Wakes {
		if err := t.wake(Wake{Actor: b.Actor, Key: b.Wakes[i].Key, AtMs: b.Wakes[i].AtMs}); err != nil {
			return err
		}
	}
	return nil
}

// keepState writes snapshot, records and header h. A tail is dropped by deleting
// its records one by one: they are few, and a range tombstone per actor would
// slow down every later scan.
func (t *diskTable) keepState(b *Batch, h *header) error {
	prefix := actorKey(tableActor, t.shard, b.Actor)
	tail := append(prefix[:len(prefix):len(prefix)], partTail)
	number := func(n uint64) []byte { return binary.BigEndian.AppendUint64(tail[:len(tail):len(tail)], n) }
	if b.Snapshot != nil {
		if err := t.set(append(prefix[:len(prefix):len(prefix)], partSnapshot), b.Snapshot); err != nil {
			return err
		}
		for ; h.first < h.next; h.first++ {
			if err := t.batch.Delete(number(h.first), nil); err != nil {
				return err
			}
		}
	}
	for _, r := range b.Records {
		if err := t.set(number(h.next), r); err != nil {
			return err
		}
		h.next++
	}
	return t.set(append(prefix, partHeader), h.encode())
}

// wake sets or clears a reminder in both of its tables.
func (t *diskTable) wake(w Wake) error {
	old, err := t.wakeAt(w.Actor, w.Key)
	if err != nil || old == w.AtMs {
		return err
	}
	key := appendNames(actorKey(tableWake, t.shard, w.Actor), w.Key)
	if old != 0 {
		if err := t.batch.Delete(dueKey(t.shard, Wake{w.Actor, w.Key, old}), nil); err != nil {
			return err
		}
	}
	if w.AtMs == 0 {
		return t.batch.Delete(key, nil)
	}
	if err := t.set(key, binary.BigEndian.AppendUint64(nil, uint64(w.AtMs))); err != nil {
		return err
	}
	return t.set(dueKey(t.shard, w), nil)
}

func (t *diskTable) place(p *Placed) (stored bool, err error) {
	key := identityKey(t.shard, &p.Row)
	if known, err := t.has(key); known || err != nil {
		return false, err
	}
	if err := t.set(key, nil); err != nil {
		return false, err
	}
	return true, t.set(rowKey(t.shard, p.Actor, p.Position), appendRow([]byte{valueFormat}, &p.Row))
}

// dropAnswers drops those that were settled before the day before today.
func (t *diskTable) dropAnswers(today uint64) error {
	from, to := dayBound(tableAnswer, t.shard, 0), dayBound(tableAnswer, t.shard, max(today, 1)-1)
	return t.batch.DeleteRange(from, to, nil)
}

func (t *diskTable) set(key, value []byte) error { return t.batch.Set(key, value, nil) }
