package house

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// newcomer: every package has a row, and a name that says what is inside.
func (c *check) newcomer(dir string, file *ast.File) {
	if c.house.row(dir) == 0 {
		c.breach(file.Package, "%s has no row: give it a row in cmd/house", dir)
	}
	vague := []string{"util", "utils", "common", "helper", "helpers", "types", "manager"}
	for _, name := range slices.Compact([]string{file.Name.Name, path.Base(dir)}) {
		if slices.Contains(vague, name) {
			c.breach(file.Package, "a package called %s: name it for what it does", name)
		}
	}
}

// order: imports inside the module go up the rows and down the tower.
func (c *check) order(dir string, spec *ast.ImportSpec) {
	target, inside := strings.CutPrefix(importPath(spec), module+"/")
	from, to := c.house.row(dir), c.house.row(target)
	if !inside || from == 0 || to == 0 {
		return
	}
	top, targetTop := folder(dir), folder(target)
	if top == targetTop && slices.Contains(c.house.rows[from-1], top+"/...") {
		return
	}
	switch {
	case slices.Index(c.house.tower, targetTop) > slices.Index(c.house.tower, top):
		c.breach(spec.Pos(), "%s imports %s: in the tower %s stands below %s", dir, target, top, targetTop)
	case to >= from:
		c.breach(spec.Pos(), "%s (row %d) imports %s (row %d): a row imports only rows above it", dir, from, target, to)
	}
}

// home: a third-party module is imported only where it lives.
func (c *check) home(dir string, spec *ast.ImportSpec) {
	for library, homes := range c.house.homes {
		if within(importPath(spec), library+"/...") && !among(dir, homes) {
			c.breach(spec.Pos(), "%s imports %s, whose home is %s", dir, library, strings.Join(homes, ", "))
		}
	}
}

// purity: a pure package neither reaches the outside, nor waits, nor reads a clock or dice that the seed
// doesn't rule.
func (c *check) purity(file *ast.File) {
	imported := map[string]string{} // local name: path
	for _, spec := range file.Imports {
		target := importPath(spec)
		for _, banned := range []string{"os", "net", "sync", "syscall", "log", "context", "crypto/rand"} {
			if within(target, banned+"/...") {
				c.breach(spec.Pos(), "a pure package imports %s: take what it gives as an argument", target)
			}
		}
		switch name := localName(spec); name {
		case ".":
			c.breach(spec.Pos(), "a dot import of %s in a pure package: name the package", target)
		default:
			imported[name] = target
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.GoStmt:
			c.breach(node.Pos(), "a go statement in a pure package: let the runner do it")
		case *ast.SelectorExpr:
			if left, ok := node.X.(*ast.Ident); ok && impure(imported[left.Name], node.Sel.Name) {
				c.breach(node.Pos(), "%s.%s in a pure package: take the time or a *rand.Rand as an argument",
					imported[left.Name], node.Sel.Name)
			}
		}
		return true
	})
}

// impure tells whether a package's name reads the real clock, or draws from the process-wide generator.
func impure(target, name string) bool {
	switch target {
	case "time":
		clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
		return slices.Contains(clock, name)
	case "math/rand", "math/rand/v2":
		seeded := []string{
			"New", "NewSource", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "Source64", "PCG", "ChaCha8", "Zipf",
		}
		return !slices.Contains(seeded, name)
	}
	return false
}

// declarations: exported names are documented, and nothing runs before main.
func (c *check) declarations(file *ast.File) {
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" {
				c.breach(d.Pos(), "an init function: let a constructor do it")
			}
			if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d))) {
				c.breach(d.Pos(), "%s has no doc comment", d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				c.documented(d, spec)
			}
		}
	}
}

// documented: a comment on the group, on the line or after it will do, and for a type one of its own.
func (c *check) documented(group *ast.GenDecl, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil && (group.Doc == nil || group.Lparen.IsValid()) {
			c.breach(s.Pos(), "%s has no doc comment", s.Name)
		}
	case *ast.ValueSpec:
		exported := slices.IndexFunc(s.Names, (*ast.Ident).IsExported)
		if exported >= 0 && s.Doc == nil && s.Comment == nil && group.Doc == nil {
			c.breach(s.Pos(), "%s has no doc comment", s.Names[exported])
		}
	}
}

// undocumented: every package says in one of its files what it is for.
func (c *check) undocumented() {
	for dir, documented := range c.packages {
		if !documented {
			c.found = append(c.found, dir+": the package has no comment")
		}
	}
}

// unfinished: no comment puts work off.
func (c *check) unfinished(file *ast.File) {
	putOff := regexp.MustCompile(`\b(TODO|FIXME)\b`)
	for _, group := range file.Comments {
		for _, comment := range group.List {
			if word := putOff.FindString(comment.Text); word != "" {
				c.breach(comment.Pos(), "a %s: do it, or open an issue", word)
			}
		}
	}
}

// row counts from 1; 0 is a package that has none.
func (h house) row(dir string) int {
	return 1 + slices.IndexFunc(h.rows, func(row []string) bool {
		return among(dir, row)
	})
}

func among(dir string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return within(dir, pattern) })
}

// within tells whether a path is the pattern's, or below it when the pattern ends in "/...".
func within(name, pattern string) bool {
	above, deep := strings.CutSuffix(pattern, "/...")
	return name == above || deep && strings.HasPrefix(name, above+"/")
}

func folder(dir string) string {
	top, _, _ := strings.Cut(dir, "/")
	return top
}

func importPath(spec *ast.ImportSpec) string {
	target, _ := strconv.Unquote(spec.Path.Value) // the parser has seen that it is a string
	return target
}

// localName is what a file calls an import: its alias, else the last element that is not a version.
func localName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	target := importPath(spec)
	if base := path.Base(target); !regexp.MustCompile(`^v[0-9]+$`).MatchString(base) {
		return base
	}
	return path.Base(path.Dir(target))
}

// receiver is the name of a method's type, without pointer and type parameters.
func receiver(method *ast.FuncDecl) string {
	var name string
	ast.Inspect(method.Recv.List[0].Type, func(node ast.Node) bool {
		if id, ok := node.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return name == ""
	})
	return name
}
