package house

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// TestHouse holds this module against its rules.
func TestHouse(t *testing.T) {
	found, err := Check(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, breach := range found {
		t.Error(breach)
	}
}

// breaches breaks each rule, each time in one small file. want is part of the one report that must come, or
// empty where the file is right and nothing may be said.
var breaches = []struct{ rule, file, source, want string }{
	{"order: up the rows", "actors/run/a.go", imports(module + "/actors"), ""},
	{"order: down the rows", "actors/a.go",
		imports(module + "/actors/run"), "actors (row 3) imports actors/run (row 4)"},
	{"order: one row", "actors/score/a.go", imports(module + "/actors/plan"), "(row 2) imports actors/plan (row 2)"},
	{"order: one row of runners", "actors/host/a.go", imports(module + "/actors/sim"), "actors/sim (row 5)"},
	{"order: edge reaches no host", "cluster/edge/a.go",
		imports(module + "/actors/host"), "cluster stands below actors"},
	{"order: within bench", "bench/policy/a.go", imports(module + "/bench/trace"), ""},
	{"order: within cmd", "cmd/zonecast/a.go", imports(module + "/cmd/plot"), ""},
	{"order: bench knows no cmd", "bench/policy/a.go", imports(module + "/cmd/plot"), "bench stands below cmd"},
	{"tower: actors stand on cluster", "actors/host/a.go", imports(module + "/cluster"), ""},
	{"tower: cluster knows no actors", "cluster/a.go", imports(module + "/actors"), "cluster stands below actors"},
	{"tower: persistence knows no actors", "persistence/a.go",
		imports(module + "/actors/span"), "persistence stands below actors"},
	{"row for each package", "actors/mood/a.go", imports(), "actors/mood has no row: give it a row"},
	{"row for the root", "a.go", imports(), ". has no row"},

	{"home", "cluster/a.go", imports("github.com/hashicorp/memberlist"), ""},
	{"home of protoactor", "bench/a.go",
		imports("github.com/asynkron/protoactor-go/actor"), "whose home is actors/host, cluster"},
	{"home of memberlist", "actors/host/a.go", imports("github.com/hashicorp/memberlist"), "whose home is cluster"},
	{"home of pebble", "cmd/zonecast/a.go",
		imports("github.com/cockroachdb/pebble/v2/vfs"), "whose home is persistence"},
	{"home of raft", "actors/sim/a.go", imports("go.etcd.io/raft/v3"), "whose home is persistence"},
	{"home of gonum", "actors/ledger/a.go", imports("gonum.org/v1/gonum/stat"), "whose home is actors/forecast"},
	{"home of protobuf", "actors/score/a.go", imports("google.golang.org/protobuf/proto"), "whose home is messages"},
	{"home of cobra", "bench/a.go", imports("github.com/spf13/cobra"), "whose home is cmd"},

	{"purity: import", "actors/a.go", imports("os"), "a pure package imports os"},
	{"purity: import below", "actors/plan/a.go", imports("net/http"), "imports net/http"},
	{"purity: import of locks", "actors/run/a.go", imports("sync/atomic"), "imports sync/atomic"},
	{"purity: import of context", "actors/run/a.go", imports("context"), "imports context"},
	{"purity: import of logs", "actors/run/a.go", imports("log/slog"), "imports log/slog"},
	{"purity: import under an alias", "actors/a.go",
		"// Package x.\npackage x\nimport str \"syscall\"", "imports syscall"},
	{"purity: elsewhere it is free", "actors/host/a.go", imports("os", "sync", "context"), ""},
	{"purity: go", "actors/a.go", body("", "go f()"), "a go statement"},
	{"purity: clock", "actors/a.go", body(`"time"`, "_ = time.Now()"), "time.Now in a pure package"},
	{"purity: clock as a value", "actors/a.go", body(`"time"`, "now := time.Since"), "time.Since in a pure package"},
	{"purity: clock under an alias", "actors/a.go",
		body(`clock "time"`, "clock.Sleep(1)"), "time.Sleep in a pure package"},
	{"purity: clock by a dot", "actors/a.go", body(`. "time"`, "_ = Now()"), "a dot import of time"},
	{"purity: a day is no clock", "actors/a.go", body(`"time"`, "_ = 24 * time.Hour"), ""},
	{"purity: dice", "actors/a.go", body(`"math/rand"`, "_ = rand.Intn(6)"), "math/rand.Intn in a pure package"},
	{"purity: dice, v2", "actors/a.go", body(`"math/rand/v2"`, "_ = rand.N(6)"), "math/rand/v2.N in a pure package"},
	{"purity: dice of a seed", "actors/a.go", body(`"math/rand/v2"`, "r := rand.New(rand.NewPCG(1, 2)); r.IntN(6)"), ""},

	{"finished", "bench/a.go", imports() + "\n// TODO: more\n", "bench/a.go:4: a TODO"},
	{"finished, tests too", "bench/a_test.go", "package x\n// FIXME\n", "a FIXME"},
	{"name", "bench/helpers/a.go", imports(), "a package called helpers"},
	{"package comment", "bench/a.go", "package bench", "bench: the package has no comment"},
	{"doc: function", "bench/a.go", imports() + "\nfunc Run() {}", "Run has no doc comment"},
	{"doc: method", "bench/a.go",
		imports() + "\n// T is.\ntype T[K any] int\n\nfunc (t *T[K]) Run() {}", "Run has no doc comment"},
	{"doc: type", "bench/a.go", imports() + "\ntype T int", "T has no doc comment"},
	{"doc: constant", "bench/a.go", imports() + "\nconst a, B = 1, 2", "B has no doc comment"},
	{"doc: group", "bench/a.go", imports() + "\n// Sizes in bytes.\nconst (\n\tA = 1\n\tB = 2\n)", ""},
	{"doc: hidden type", "bench/a.go", imports() + "\ntype t int\n\nfunc (t) Run() {}", ""},
	{"doc: generated", "messages/a.pb.go",
		"// Code generated by x. DO NOT EDIT.\n\n" + imports() + "\nfunc Run() {}\nfunc init() {}", ""},
	{"init", "bench/a.go", imports() + "\nfunc init() {}", "an init function"},

	{"tests are free", "actors/a_test.go", imports("os", module+"/cmd/zonecast", "gonum.org/v1/gonum/stat"), ""},
	{"other modules are free", "messages/tools/a.go", "package types", ""},
}

// TestEachRuleBites shows that every rule reports its breach, once, and leaves what is right alone.
func TestEachRuleBites(t *testing.T) {
	for _, b := range breaches {
		t.Run(b.rule, func(t *testing.T) {
			found, err := Check(fstest.MapFS{
				b.file:                  {Data: []byte(b.source)},
				"messages/tools/go.mod": {},
			})
			switch {
			case err != nil:
				t.Fatal(err)
			case b.want == "" && len(found) > 0:
				t.Fatalf("found %q, want nothing", found)
			case b.want != "" && (len(found) != 1 || !strings.Contains(found[0], b.want)):
				t.Fatalf("found %q, want one with %q", found, b.want)
			}
		})
	}
}

// imports is a documented file that imports what is given and declares nothing.
func imports(paths ...string) string {
	source := "// Package x is.\npackage x\n"
	for _, p := range paths {
		source += "import \"" + p + "\"\n"
	}
	return source
}

// body is a file with one import and one function.
func body(imported, statement string) string {
	source := imports()
	if imported != "" {
		source += "import " + imported + "\n"
	}
	return source + "func f() { " + statement + " }\n"
}
