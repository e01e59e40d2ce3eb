package persistence

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// crashDirVar makes the test binary a process that writes in this directory until
// it is killed.
const crashDirVar = "ZONECAST_CRASH_DIR"

// Shards and actors of that process.
const (
	crashShards = 2
	crashActors = 6 // of each shard
)

func crashConfig(dir string) Config {
	c := memoryConfig(vfs.Default)
	c.Dir = dir
	return c
}

func crashActor(i int) Actor { return Actor{"user", "default/" + strconv.Itoa(i)} }

// crashBatch is the n-th batch of a over all its activations. Its state is n alone,
// as a snapshot or as the record after n-1.
func crashBatch(a Actor, n uint64, base, version Version) *Batch {
	text := strconv.AppendUint(nil, n, 10)
	b := &Batch{Actor: a, Base: base, Version: version, NowMs: int64(n), Records: [][]byte{text, text}}
	if n%10 == 0 {
		b.Records, b.Snapshot = nil, text
	}
	padding := make([]byte, n*977%5000)
	b.Answers = []Answer{{Request: string(text), Result: append(text[:len(text):len(text)], padding...)}}
	b.Wakes = []Wake{{Key: "k", AtMs: int64(n)}}
	b.Rows = []Row{{Identity: string(text), AtMs: int64(n), Data: padding}, {Identity: "-" + string(text), AtMs: int64(n)}}
	return b
}

// crashNumber returns how many batches made s, and an error if it is none's whole work.
func crashNumber(s State) (n uint64, err error) {
	if s.Snapshot != nil {
		if n, err = strconv.ParseUint(string(s.Snapshot), 10, 64); err != nil {
			return 0, err
		}
	}
	for i, r := range s.Tail {
		if want := n + uint64(i/2) + 1; string(r) != strconv.FormatUint(want, 10) {
			return 0, fmt.Errorf("record %d of the tail is %q, not %d", i, r, want)
		}
	}
	if len(s.Tail)%2 != 0 {
		return 0, fmt.Errorf("half a batch: %d records", len(s.Tail))
	}
	return n + uint64(len(s.Tail)/2), nil
}

// writeUntilKilled is the process: several batches of each actor are under way at
// a time, and a line is written for each that was acknowledged.
func writeUntilKilled(dir string) {
	w := newWaiter()
	s, err := OpenStore(crashConfig(dir), w.notify, 0, 1)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for number := range uint32(crashShards) {
		go writeShard(w, s.Shard(number))
	}
	<-s.Done()
	fmt.Fprintln(os.Stderr, s.Err())
	os.Exit(1)
}

// crashWriter writes one shard in that process.
type crashWriter struct {
	sh       *Shard
	proposed [crashActors]uint64
	settled  map[Actor]uint64
	version  [crashActors]Version
}

func writeShard(w *waiter, sh *Shard) {
	w.until(func() bool { return sh.Term() != 0 })
	c := crashWriter{sh: sh, settled: map[Actor]uint64{}}
	for i := range crashActors {
		s, err := sh.Load(crashActor(i))
		orPanic(err)
		c.proposed[i], err = crashNumber(s)
		orPanic(err)
		c.settled[crashActor(i)], c.version[i] = c.proposed[i], s.Version
		for range 1 + i { // so many of this actor are under way at a time
			c.propose(i)
		}
	}
	for {
		for _, o := range w.outcomes(sh, 1) {
			orPanic(o.Err)
			i, _ := strconv.Atoi(o.Actor.ID[len("default/"):])
			c.settled[o.Actor]++
			fmt.Printf("%d %d %d\n", sh.Number(), i, c.settled[o.Actor])
			c.propose(i)
		}
	}
}

func (c *crashWriter) propose(i int) {
	base := c.version[i]
	c.version[i] = Version{Term: c.sh.Term(), Activation: 1, Number: 1}
	if base.Term == c.sh.Term() {
		c.version[i].Number = base.Number + 1
	}
	c.proposed[i]++
	orPanic(c.sh.Propose(crashBatch(crashActor(i), c.proposed[i], base, c.version[i])))
}

func orPanic(err error) {
	if err != nil {
		panic(err)
	}
}

// TestKill kills a real process at random moments and checks after each that every
// acknowledged batch is there, and none in part.
func TestKill(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	dir := tempConfig(t).Dir
	var acked [crashShards][crashActors]uint64
	random := rand.New(rand.NewPCG(1, 1))
	for range rounds {
		killAfter(t, dir, 1+random.IntN(600), &acked)
		checkKilled(t, dir, &acked)
	}
	t.Logf("%d rounds, acknowledged at last: %v", rounds, acked)
}

// killAfter runs the process, kills it after so many acknowledgements, and notes all
// that it had written until then.
func killAfter(t *testing.T, dir string, lines int, acked *[crashShards][crashActors]uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDirVar+"="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	seen := 0
	for in := bufio.NewReader(out); ; {
		line, err := in.ReadString('\n')
		if err != nil { // the last line may be cut short: it is no acknowledgement
			if err != io.EOF {
				t.Error(err)
			}
			break
		}
		var shard, actor int
		var n uint64
		if _, err := fmt.Sscan(line, &shard, &actor, &n); err != nil {
			t.Errorf("line %q: %v", line, err)
			break
		}
		acked[shard][actor] = max(acked[shard][actor], n)
		if seen++; seen == lines {
			must(t, cmd.Process.Kill())
		}
	}
	_ = cmd.Wait() // killed
	if seen < lines {
		t.Fatalf("the process ended by itself after %d lines: %s", seen, &stderr)
	}
}

func checkKilled(t *testing.T, dir string, acked *[crashShards][crashActors]uint64) {
	t.Helper()
	d, err := OpenDisk(crashConfig(dir))
	must(t, err)
	defer d.Close()
	must(t, d.Pump())
	for shard := range acked {
		g := d.Group(uint32(shard))
		for i := range acked[shard] {
			s, err := g.Load(crashActor(i))
			must(t, err)
			n, err := crashNumber(s)
			if err != nil || n < acked[shard][i] {
				t.Fatalf("shard %d actor %d has %d batches (%v), %d were acknowledged", shard, i, n, err, acked[shard][i])
			}
			checkWhole(t, g, crashActor(i), n)
			acked[shard][i] = n // what was found counts from now on
		}
	}
}

// checkWhole checks all that the first n batches of a wrote beside its state.
func checkWhole(t *testing.T, g *Group, a Actor, n uint64) {
	t.Helper()
	rows, err := g.Series(a, 0, 1<<20)
	must(t, err)
	if uint64(len(rows)) != 2*n {
		t.Fatalf("%v: %d rows of %d batches", a, len(rows), n)
	}
	for i := range n + 10 {
		want := crashBatch(a, i+1, Version{}, Version{})
		result, found, err := g.Answer(a, want.Answers[0].Request)
		must(t, err)
		if found != (i < n) || (found && !bytes.Equal(result, want.Answers[0].Result)) {
			t.Fatalf("%v: answer %d of %d batches: found %v", a, i+1, n, found)
		}
		if i < n && (rows[2*i].Identity != want.Rows[0].Identity || !bytes.Equal(rows[2*i].Data, want.Rows[0].Data)) {
			t.Fatalf("%v: row %d is %q", a, 2*i, rows[2*i].Identity)
		}
	}
	due, err := g.Due(int64(n), 1000)
	must(t, err)
	mine := 0
	for _, w := range due {
		if w.Actor == a && w.AtMs == int64(n) {
			mine++
		}
	}
	if mine != min(1, int(n)) {
		t.Fatalf("%v: %d reminders at %d", a, mine, n)
	}
}
