package persistence

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/format1.txt anew")

// TestFormatOfTables holds all keys and values that one batch and one ingest leave
// to those in testdata/format1.txt: what this version wrote, every later one reads.
// docs/FORMATS.md explains them.
func TestFormatOfTables(t *testing.T) {
	d, g := openOne(t, memoryConfig(vfs.NewMem()))
	defer d.Close()
	b := following(Version{}, g.Term(), "came", "asked")
	b.NowMs = 3*dayMs + 5
	b.Answers = []Answer{{Request: "r1", Result: []byte("zone-a")}}
	b.Wakes = []Wake{{Key: "plan", AtMs: 4 * dayMs}}
	b.Rows = []Row{{Identity: "s\x007", AtMs: 2 * dayMs, Data: []byte("sample")}}
	must(t, g.Propose(b))
	next := following(b.Version, g.Term())
	next.Snapshot = []byte("all of it")
	must(t, g.Propose(next))
	must(t, g.Propose(following(next.Version, g.Term(), "went")))
	must(t, g.Ingest(b.NowMs+1, []Row{{Actor: Actor{"user", "t/bo"}, Identity: "1", AtMs: 9}}, 6))
	must(t, d.Pump())

	var got strings.Builder
	must(t, view{db: d.db}.scan([]byte{0}, []byte{0xFF}, func(key, value []byte) error {
		_, err := fmt.Fprintf(&got, "%c %x = %x\n", key[0], key[1:], value)
		return err
	}))
	path := filepath.Join("testdata", "format1.txt")
	if *rewrite {
		must(t, os.WriteFile(path, []byte(got.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if got.String() != string(want) {
		t.Errorf("got:\n%swant:\n%s", &got, want)
	}
}
