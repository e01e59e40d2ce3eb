// Package house holds the project's own rules about its source: which package may import which, where
// third-party modules live, what pure packages keep out, and what every file owes its reader. Its test runs
// them over the whole module; docs/ARCHITECTURE.md gives the reasons. The tables in this file are the house,
// rules.go is how a file is held against them. Libraries are not inspected; test files are free of all rules
// but the one on unfinished work.
package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

const module = "github.com/zonecast/zonecast"

// house lists every package by its folder. "x/..." is x and all below it, which may import each other.
type house struct {
	rows  [][]string          // a row imports only rows above it; packages of one row don't know each other
	tower []string            // top-level folders, lowest first; each imports only those below it
	homes map[string][]string // third-party module, without its version: who may import it
	pure  []string            // packages that decide and never act
}

// ours is the house as it stands. A new package gets its row here, in the commit that creates it.
func ours() house {
	return house{
		rows: [][]string{
			{"messages", "actors/resource", "actors/span"},
			{"actors/forecast", "actors/anomaly", "actors/ledger", "actors/plan", "actors/score", "persistence"},
			{"actors"},
			{"actors/run", "cluster"},
			{"actors/host", "actors/sim", "cluster/agent", "cluster/edge"},
			{"bench/..."},
			{"cmd/..."},
		},
		tower: []string{"messages", "persistence", "cluster", "actors", "bench", "cmd"},
		homes: map[string][]string{
			"github.com/asynkron/protoactor-go": {"actors/host", "cluster"},
			"github.com/hashicorp/memberlist":   {"cluster"},
			"github.com/cockroachdb/pebble":     {"persistence", "bench/measure"}, // alone, it is the floor for a log
			"go.etcd.io/raft":                   {"persistence"},
			"gonum.org/v1/gonum": {
				"actors/forecast", "actors/anomaly", "actors/plan", "actors/score", "bench/...",
			},
			// actors/sim is host's twin: it carries the same messages.
			"google.golang.org/protobuf": {
				"messages", "actors", "actors/run", "actors/host", "actors/sim", "persistence", "cluster",
				"bench/replay",
			},
			"github.com/spf13/cobra": {"cmd/..."},
		},
		pure: []string{
			"actors", "actors/resource", "actors/span", "actors/forecast", "actors/anomaly", "actors/ledger",
			"actors/plan", "actors/score", "actors/run",
		},
	}
}

// Check holds every Go file of the module rooted at tree against the rules and returns what breaks them, one
// line each, "file:line: what and what to do", sorted. Nested modules, testdata and folders whose names begin
// with "." or "_" are not read. The error is of a file that can't be read or parsed.
func Check(tree fs.FS) ([]string, error) {
	c := &check{house: ours(), files: token.NewFileSet(), packages: map[string]bool{}}
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && foreign(tree, name):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		source, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(c.files, name, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		c.file(path.Dir(name), file, strings.HasSuffix(name, "_test.go"))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("house: %w", err)
	}
	c.undocumented()
	slices.Sort(c.found)
	return c.found, nil
}

// foreign tells whether the go command would leave the folder out of this module's packages.
func foreign(tree fs.FS, dir string) bool {
	if dir == "." {
		return false
	}
	base := path.Base(dir)
	if base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := fs.Stat(tree, path.Join(dir, "go.mod"))
	return err == nil
}

// check is one walk over the tree.
type check struct {
	house    house
	files    *token.FileSet
	packages map[string]bool // folder with non-test files: has one of them a package comment?
	found    []string
}

func (c *check) breach(at token.Pos, format string, args ...any) {
	where := c.files.Position(at)
	c.found = append(c.found, fmt.Sprintf("%s:%d: %s", where.Filename, where.Line, fmt.Sprintf(format, args...)))
}

// file holds one file of the package in folder dir against every rule.
func (c *check) file(dir string, file *ast.File, test bool) {
	c.unfinished(file)
	if test {
		return
	}
	if _, seen := c.packages[dir]; !seen {
		c.newcomer(dir, file)
	}
	c.packages[dir] = c.packages[dir] || file.Doc != nil
	for _, spec := range file.Imports {
		c.order(dir, spec)
		c.home(dir, spec)
	}
	if slices.Contains(c.house.pure, dir) {
		c.purity(file)
	}
	if !ast.IsGenerated(file) {
		c.declarations(file)
	}
}
