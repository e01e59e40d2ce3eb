package persistence

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"pgregory.net/rapid"
)

// TestEntriesComeBack encodes and decodes random commands, and holds Batch.size to
// its promise.
func TestEntriesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBatch(t, 3, rapid.Int64Range(0, MaxTimeMs).Draw(t, "now"), func(Actor) Version { return Version{1, 2, 3} })
		rows := drawRows(t, 3)
		entry := appendBatch([]byte{entryFormat}, b)
		if len(entry) > b.size() {
			t.Fatalf("%d bytes, size says %d", len(entry), b.size())
		}
		entry = appendIngest(entry, 5, rows, 4)
		for i := range b.Wakes {
			b.Wakes[i].Actor = b.Actor
		}
		for i := range b.Rows {
			b.Rows[i].Actor = b.Actor
		}
		want := fmt.Sprintf("%+v %v 0 0 []|<nil> false 5 4 %+v|", *b, b.Snapshot != nil, rows)
		got := ""
		err := decodeEntry(entry, func(c command) error {
			if c.batch != nil {
				got += fmt.Sprintf("%+v %v ", *c.batch, c.batch.Snapshot != nil)
			} else {
				got += "<nil> false "
			}
			got += fmt.Sprintf("%d %d %+v|", c.nowMs, c.token, c.rows)
			return nil
		})
		if err != nil || got != want {
			t.Fatalf("%v\n got %s\nwant %s", err, got, want)
		}
	})
}

// TestFormatOfEntries is an entry as this version writes it: what is on disks must
// stay readable.
func TestFormatOfEntries(t *testing.T) {
	b := &Batch{
		Actor: Actor{"user", "t/u"}, Version: Version{2, 1, 3}, Base: Version{2, 1, 2}, NowMs: 1000,
		Records: [][]byte{[]byte("r")},
		Answers: []Answer{{Request: "q", Result: []byte("a")}},
		Wakes:   []Wake{{Key: "k", AtMs: 2000}},
		Rows:    []Row{{Identity: "i", AtMs: 999, Data: []byte("d")}},
	}
	entry := appendIngest(appendBatch([]byte{entryFormat}, b), 1001, []Row{{Actor: ana, Identity: "j", AtMs: 5}}, 7)
	const want = "01" + // entryFormat
		"01" + "2604757365720374" + "2f75" + "020103" + "020102" + "e807" + "00" +
		"010172" + "0101710161" + "01016bd00f" + "010169e7070164" +
		"02" + "19e90707" + "01" + "0475736572" + "0b64656661756c742f616e61" + "016a0500"
	if got := hex.EncodeToString(entry); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestNamesSortAsStrings holds the order of keys to that of compareWakes.
func TestNamesSortAsStrings(t *testing.T) {
	draw := func(t *rapid.T) Wake {
		name := rapid.StringOf(rapid.SampledFrom([]rune{0, 1, 'a', 0xFF, 0x7FF}))
		a := Actor{name.Draw(t, "kind"), name.Draw(t, "id")}
		return Wake{a, name.Draw(t, "key"), rapid.Int64Range(0, 2).Draw(t, "at")}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t), draw(t)
		if got, want := bytes.Compare(dueKey(7, a), dueKey(7, b)), compareWakes(&a, &b); cmp.Compare(got, 0) != want {
			t.Fatalf("%+v and %+v: keys compare %d, want %d", a, b, got, want)
		}
		if back, err := parseDue(dueKey(7, a)); err != nil || back != a {
			t.Fatalf("%+v came back as %+v: %v", a, back, err)
		}
	})
}

// FuzzEntry feeds any bytes to the decoder of entries: an error or commands, never
// a panic, and what it accepts it accepts again once encoded.
func FuzzEntry(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 5 {
		s := &story{random: random, longest: 20, stored: map[Actor]Version{}}
		f.Add(appendIngest(appendBatch([]byte{entryFormat}, s.next(2)), 1, s.batches[0].Rows, 1))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		again := []byte{entryFormat}
		err := decodeEntry(data, func(c command) error {
			if c.batch != nil {
				again = appendBatch(again, c.batch)
			} else {
				again = appendIngest(again, c.nowMs, c.rows, c.token)
			}
			return nil
		})
		if err == nil && decodeEntry(again, func(command) error { return nil }) != nil {
			t.Errorf("%x was accepted, %x not", data, again)
		}
	})
}

// FuzzStored feeds any bytes to the decoders of what is stored.
func FuzzStored(f *testing.F) {
	state := shardState{replica: 1, applied: 9, cut: 3, cutTerm: 2, clock: clock{nowMs: 5, last: 6}, conf: &raftpb.ConfState{Voters: []uint64{1}}}
	value, err := state.encode()
	must(f, err)
	f.Add(value)
	f.Add((&header{Version{1, 2, 3}, 4, 5}).encode())
	f.Add(dueKey(7, Wake{ana, "k\x00", 5}))
	f.Add(appendRow([]byte{valueFormat}, &Row{Identity: "i", AtMs: 9, Data: []byte("d")}))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = decodeShardState(data)
		_, _ = decodeHard(data)
		_, _ = decodeLogEntry(1, data)
		_, _ = decodeRow(ana, make([]byte, 8), data)
		if h, err := decodeHeader(data); err == nil {
			if back, err := decodeHeader(h.encode()); err != nil || back != h {
				t.Errorf("%+v came back as %+v: %v", h, back, err)
			}
		}
		if w, err := parseDue(data); err == nil {
			if back, err := parseDue(dueKey(7, w)); err != nil || back != w {
				t.Errorf("%v came back as %v: %v", w, back, err)
			}
		}
	})
}
