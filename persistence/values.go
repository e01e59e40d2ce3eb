package persistence

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// valueFormat is the first byte of the values of tables h, s, e and a, so that
// each may change its form alone.
const valueFormat = 1

// shardState is what a replica knows of its shard beside its tables. It is stored
// in the batch of every apply, so that state and index are always of one moment.
type shardState struct {
	replica uint64 // this replica's id, never given twice
	applied uint64 // index of the last applied entry
	cut     uint64 // index of the last entry that truncation dropped ...
	cutTerm uint64 // ... and its term
	clock   clock
	conf    *raftpb.ConfState
}

func (s *shardState) encode() ([]byte, error) {
	b := []byte{valueFormat}
	for _, n := range [...]uint64{s.replica, s.applied, s.cut, s.cutTerm, uint64(s.clock.nowMs), s.clock.last} {
		b = binary.AppendUvarint(b, n)
	}
	return proto.MarshalOptions{Deterministic: true}.MarshalAppend(b, s.conf)
}

// store puts s into b.
func (s *shardState) store(b *pebble.Batch, shard uint32) error {
	value, err := s.encode()
	if err != nil {
		return err
	}
	return b.Set(appendTable(nil, tableState, shard), value, nil)
}

func decodeShardState(value []byte) (s shardState, err error) {
	d := decoder{rest: value}
	d.format()
	s.replica, s.applied, s.cut, s.cutTerm = d.uvarint(), d.uvarint(), d.uvarint(), d.uvarint()
	s.clock = clock{nowMs: int64(d.uvarint()), last: d.uvarint()}
	if d.err != nil {
		return s, d.err
	}
	s.conf = &raftpb.ConfState{}
	if err := proto.Unmarshal(d.rest, s.conf); err != nil {
		return s, errors.Join(ErrCorrupt, err)
	}
	return s, nil
}

func encodeHard(h *raftpb.HardState) []byte {
	b := []byte{valueFormat}
	for _, n := range [...]uint64{h.GetTerm(), h.GetVote(), h.GetCommit()} {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func decodeHard(value []byte) (*raftpb.HardState, error) {
	d := decoder{rest: value}
	d.format()
	term, vote, commit := d.uvarint(), d.uvarint(), d.uvarint()
	return &raftpb.HardState{Term: &term, Vote: &vote, Commit: &commit}, d.end()
}

func encodeEntry(e *raftpb.Entry) []byte {
	b := make([]byte, 0, 16+len(e.GetData()))
	b = binary.AppendUvarint(append(b, valueFormat), uint64(e.GetType()))
	return append(binary.AppendUvarint(b, e.GetTerm()), e.GetData()...)
}

// decodeLogEntry returns an entry that shares value's memory.
func decodeLogEntry(index uint64, value []byte) (*raftpb.Entry, error) {
	d := decoder{rest: value}
	d.format()
	kind, term := raftpb.EntryType(d.uvarint()), d.uvarint()
	return &raftpb.Entry{Type: &kind, Term: &term, Index: &index, Data: d.rest}, d.err
}

// header is an actor's version and the numbers of its tail: [first, next).
type header struct {
	version     Version
	first, next uint64
}

func (h *header) encode() []byte {
	b := appendVersion([]byte{valueFormat}, h.version)
	return binary.AppendUvarint(binary.AppendUvarint(b, h.first), h.next)
}

func decodeHeader(value []byte) (header, error) {
	d := decoder{rest: value}
	d.format()
	h := header{version: d.version(), first: d.uvarint(), next: d.uvarint()}
	return h, d.end()
}

// format reads valueFormat.
func (d *decoder) format() {
	if d.byte() != valueFormat {
		d.fail()
	}
}
