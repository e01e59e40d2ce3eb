package persistence

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// The tables of a node's Pebble. A key is the table's letter, the shard (4 bytes)
// and what the table adds; all numbers are big-endian, so that keys sort as they
// count. A name (kind, id, request, reminder key, identity) ends with 00 01, and a
// 00 within it is written 00 FF, so that names sort as strings do. What is dropped
// by time has the day (4 bytes, since the epoch) before all else, so that dropping
// is one DeleteRange a day and shard.
//
//	letter  key after the shard          value
//	h       -                            Raft's hard state: term, vote, commit
//	s       -                            shard state: see shardState
//	e       index                        log entry: type, term, data
//	a       kind id 00                   actor's header: version, first and next number of its tail
//	a       kind id 01                   actor's snapshot
//	a       kind id 02 number            a record of its tail
//	w       kind id key                  reminder's time
//	d       time kind id key             nothing: the reminders by time
//	q       day kind id request          answer: log time, result; the day is that of the log time
//	r       day kind id position         row: time, identity, data; the day is that of the position
//	i       day kind id time identity    nothing: the rows that are stored; the day is that of the row's time
const (
	tableHard     = 'h'
	tableState    = 's'
	tableEntry    = 'e'
	tableActor    = 'a'
	tableWake     = 'w'
	tableDue      = 'd'
	tableAnswer   = 'q'
	tableRow      = 'r'
	tableIdentity = 'i'
)

// The parts of an actor in tableActor.
const (
	partHeader   = 0
	partSnapshot = 1
	partTail     = 2
)

// appendTable begins a key.
func appendTable(dst []byte, table byte, shard uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, table), shard)
}

// shardOf returns the shard of a key.
func shardOf(key []byte) uint32 { return binary.BigEndian.Uint32(key[1:]) }

func entryKey(shard uint32, index uint64) []byte {
	return binary.BigEndian.AppendUint64(appendTable(make([]byte, 0, 13), tableEntry, shard), index)
}

// entryIndex is the inverse of entryKey.
func entryIndex(key []byte) (uint64, error) {
	if len(key) != 13 {
		return 0, fmt.Errorf("%w: log entry key %x", ErrCorrupt, key)
	}
	return binary.BigEndian.Uint64(key[5:]), nil
}

// actorKey returns the prefix of an actor in a table without days.
func actorKey(table byte, shard uint32, a Actor) []byte {
	return appendNames(appendTable(make([]byte, 0, 32+len(a.Kind)+len(a.ID)), table, shard), a.Kind, a.ID)
}

// dayKey returns the prefix of an actor in a table with days.
func dayKey(table byte, shard uint32, day uint64, a Actor) []byte {
	key := appendTable(make([]byte, 0, 64+len(a.Kind)+len(a.ID)), table, shard)
	return appendNames(binary.BigEndian.AppendUint32(key, uint32(day)), a.Kind, a.ID)
}

// dayBound returns the first key of day in a table with days.
func dayBound(table byte, shard uint32, day uint64) []byte {
	return binary.BigEndian.AppendUint32(appendTable(nil, table, shard), uint32(day))
}

func answerKey(shard uint32, day uint64, a Actor, request string) []byte {
	return appendNames(dayKey(tableAnswer, shard, day, a), request)
}

func identityKey(shard uint32, r *Row) []byte {
	key := dayKey(tableIdentity, shard, day(r.AtMs), r.Actor)
	return appendNames(binary.BigEndian.AppendUint64(key, uint64(r.AtMs)), r.Identity)
}

func rowKey(shard uint32, a Actor, position uint64) []byte {
	return binary.BigEndian.AppendUint64(dayKey(tableRow, shard, position>>positionBits, a), position)
}

func dueKey(shard uint32, w Wake) []byte {
	return appendNames(dueBound(shard, w.AtMs), w.Actor.Kind, w.Actor.ID, w.Key)
}

// dueBound returns a key before those of all reminders at atMs or later.
func dueBound(shard uint32, atMs int64) []byte {
	return binary.BigEndian.AppendUint64(appendTable(nil, tableDue, shard), uint64(atMs))
}

// parseDue is the inverse of dueKey.
func parseDue(key []byte) (w Wake, err error) {
	if len(key) < 13 {
		return w, fmt.Errorf("%w: reminder key %x", ErrCorrupt, key)
	}
	w.AtMs = int64(binary.BigEndian.Uint64(key[5:]))
	rest := key[13:]
	for _, name := range []*string{&w.Actor.Kind, &w.Actor.ID, &w.Key} {
		if *name, rest, err = cutName(rest); err != nil {
			return w, err
		}
	}
	return w, nil
}

func appendNames(dst []byte, names ...string) []byte {
	for _, name := range names {
		for i := range len(name) {
			if dst = append(dst, name[i]); name[i] == 0 {
				dst = append(dst, 0xFF)
			}
		}
		dst = append(dst, 0, 1)
	}
	return dst
}

// cutName reads a name from the front of key.
func cutName(key []byte) (name string, rest []byte, err error) {
	var got []byte
	for {
		i := bytes.IndexByte(key, 0)
		if i < 0 || i+1 >= len(key) || (key[i+1] != 1 && key[i+1] != 0xFF) {
			return "", nil, fmt.Errorf("%w: name without an end in a key", ErrCorrupt)
		}
		got = append(got, key[:i]...)
		if key[i+1] == 1 {
			return string(got), key[i+2:], nil
		}
		got, key = append(got, 0), key[i+2:]
	}
}

// after returns the first key that doesn't begin with prefix, which has a byte
// below FF.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; ; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
}
