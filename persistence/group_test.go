package persistence

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// memoryConfig is a small node on fs.
func memoryConfig(fs vfs.FS) Config {
	c := Default()
	c.Dir, c.FS, c.CacheBytes, c.MemTableBytes = "node", fs, 1<<20, 1<<20
	return c
}

// openOne opens a Disk with one shard of one voter and pumps until it leads.
func openOne(t testing.TB, c Config) (*Disk, *Group) {
	t.Helper()
	d, err := OpenDisk(c)
	if err != nil {
		t.Fatal(err)
	}
	g, err := d.Create(7, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Pump(); err != nil {
		t.Fatal(err)
	}
	if g.Term() == 0 {
		t.Fatal("the only voter doesn't lead")
	}
	return d, g
}

func ExampleDisk() {
	c := memoryConfig(vfs.NewMem())
	disk, err := OpenDisk(c)
	if err != nil {
		panic(err)
	}
	defer disk.Close()
	log, _ := disk.Create(7, 1, 1) // shard 7 has one voter, replica 1, and this is it
	_ = disk.Pump()                // elects it
	b := following(Version{}, log.Term(), "came")
	_ = log.Propose(b)
	_ = disk.Pump() // packs, syncs, applies
	for _, e := range log.Events(nil) {
		switch {
		case e.Term != nil:
			fmt.Println("leads in term", e.Term.Number)
		case e.Applied != nil:
			fmt.Println("applied", e.Applied.Version, e.Applied.Err)
		}
	}
	// Output:
	// leads in term 2
	// applied 2.1.1 <nil>
}

func TestGroupSurvivesReopen(t *testing.T) {
	fs := vfs.NewMem()
	d, g := openOne(t, memoryConfig(fs))
	b := following(Version{}, g.Term(), "came")
	b.NowMs, b.Answers = 5_000, []Answer{{Request: "r", Result: []byte("x")}}
	b.Wakes = []Wake{{Key: "plan", AtMs: 9_000}}
	b.Rows = []Row{{Identity: "1", AtMs: 4_000, Data: []byte("row")}}
	must(t, g.Propose(b))
	must(t, d.Pump())
	must(t, d.Close())

	d, g = openOne(t, memoryConfig(fs))
	defer d.Close()
	s, err := g.Load(ana)
	if err != nil || s.Version != b.Version || len(s.Tail) != 1 || g.NowMs() != 5_000 || g.Term() != 3 {
		t.Fatalf("%+v %v, log time %d, term %d", s, err, g.NowMs(), g.Term())
	}
	if result, found, err := g.Answer(ana, "r"); !found || string(result) != "x" || err != nil {
		t.Error(string(result), found, err)
	}
	if due, err := g.Due(9_000, 10); len(due) != 1 || due[0] != (Wake{ana, "plan", 9_000}) || err != nil {
		t.Error(due, err)
	}
	if at, ok, err := g.NextDue(); at != 9_000 || !ok || err != nil {
		t.Error(at, ok, err)
	}
	if rows, err := g.Series(ana, 0, 10); len(rows) != 1 || string(rows[0].Data) != "row" || err != nil {
		t.Error(rows, err)
	}
}

// TestReadWaitsForItsIndex confirms reads before what they must see is applied.
func TestReadWaitsForItsIndex(t *testing.T) {
	d, g := openOne(t, memoryConfig(vfs.NewMem()))
	defer d.Close()
	g.Events(nil)
	g.reads, g.pending = []reading{{round: 8, tokens: []uint64{1}}, {round: 9, tokens: []uint64{2}}}, 2
	g.confirm(9, g.state.applied+1)
	if g.answerReads(); len(g.events) != 0 {
		t.Error("a read was answered before its index was applied")
	}
	g.state.applied++
	if g.answerReads(); tale(g.events) != "read 1\nread 2\n" || g.pending != 0 {
		t.Errorf("events %q", tale(g.events))
	}
}

// TestRemindersThatWentCostNothing moves one reminder often: the look for the next
// must not walk over where it was.
func TestRemindersThatWentCostNothing(t *testing.T) {
	d, g := openOne(t, memoryConfig(vfs.NewMem()))
	defer d.Close()
	var base Version
	for at := range int64(3_000) {
		b := following(base, g.Term())
		base, b.Wakes = b.Version, []Wake{{Key: "other"}, {Key: "k", AtMs: at + 1}}
		must(t, g.Propose(b))
		must(t, d.Pump())
		g.Events(nil)
		if next, ok, err := g.NextDue(); next != at+1 || !ok || err != nil {
			t.Fatal(next, ok, err)
		}
	}
	if from := *g.soon.at.Load(); from != 3_000 {
		t.Errorf("the next look begins at %d", from)
	}
}
