package persistence

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Errors of a directory that can't be opened. Nothing in it has changed.
var (
	// ErrLocked: another process, or another Disk of this one, has it open.
	ErrLocked = errors.New("directory is in use")
	// ErrForeign: it holds something else, or the data of another node.
	ErrForeign = errors.New("directory is not this node's")
	// ErrNewer: a newer version of the program wrote it.
	ErrNewer = errors.New("directory was written by a newer version")
)

// The files of a node's directory.
const (
	identityFile = "ZONECAST" // says what the directory is
	lockFile     = "LOCK"
	databaseDir  = "db" // Pebble's
)

// diskFormat is the version of the keys and values; a program reads its own and
// refuses newer ones.
const diskFormat = 1

// identity is the content of identityFile.
type identity struct {
	Format   int    `json:"format"`
	Identity string `json:"identity"`
	// Ready says that the database beside it was made. Until then nothing was
	// acknowledged, from then on a missing database is an error and not a new one.
	Ready bool `json:"ready"`
}

// claim checks that the directory is, or can become, this node's, and reports
// whether its database has been made.
func (c Config) claim() (made bool, err error) {
	id, err := c.readIdentity()
	switch {
	case err != nil:
		return false, err
	case id == nil:
		return false, errors.Join(syncDir(c.FS, c.FS.PathDir(c.Dir)), c.writeIdentity(false))
	case id.Format > diskFormat:
		return false, fmt.Errorf("%w: %s has format %d, this program reads %d: use a newer program",
			ErrNewer, c.Dir, id.Format, diskFormat)
	case id.Identity != c.Identity:
		return false, fmt.Errorf("%w: %s is that of %q, not of %q: choose another directory",
			ErrForeign, c.Dir, id.Identity, c.Identity)
	}
	return id.Ready, nil
}

// readIdentity returns nil for an empty directory.
func (c Config) readIdentity() (*identity, error) {
	names, err := c.FS.List(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", c.Dir, err)
	}
	if !slices.Contains(names, identityFile) {
		ours := []string{lockFile, identityFile + ".new", "lost+found"}
		rest := slices.DeleteFunc(names, func(n string) bool { return slices.Contains(ours, n) })
		if len(rest) > 0 {
			slices.Sort(rest)
			return nil, fmt.Errorf("%w: %s holds %s and no %s: choose an empty one", ErrForeign, c.Dir, rest[0], identityFile)
		}
		return nil, nil
	}
	f, err := c.FS.Open(c.FS.PathJoin(c.Dir, identityFile))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", identityFile, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", identityFile, err)
	}
	id := &identity{}
	if err := json.Unmarshal(text, id); err != nil || id.Format < 1 {
		return nil, fmt.Errorf("%w: %s in %s can't be read", ErrForeign, identityFile, c.Dir)
	}
	return id, nil
}

// writeIdentity replaces identityFile; it is there whole, or as before.
func (c Config) writeIdentity(ready bool) error {
	text, err := json.Marshal(identity{Format: diskFormat, Identity: c.Identity, Ready: ready})
	if err != nil {
		return err
	}
	path := c.FS.PathJoin(c.Dir, identityFile)
	if err := writeFile(c.FS, path+".new", append(text, '\n')); err != nil {
		return fmt.Errorf("write %s: %w", identityFile, err)
	}
	if err := c.FS.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write %s: %w", identityFile, err)
	}
	return syncDir(c.FS, c.Dir)
}

// writeFile makes a file whose content is durable; its name isn't yet.
func writeFile(fs vfs.FS, path string, text []byte) error {
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// makeDir makes the directory and those above it, and makes their names durable.
func makeDir(fs vfs.FS, path string) error {
	if _, err := fs.Stat(path); err == nil {
		return nil
	}
	above := fs.PathDir(path)
	if above != path {
		if err := makeDir(fs, above); err != nil {
			return err
		}
	}
	if err := fs.MkdirAll(path, 0o755); err != nil {
		return err
	}
	return syncDir(fs, above)
}

func syncDir(fs vfs.FS, path string) error {
	d, err := fs.OpenDir(path)
	if err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return errors.Join(d.Sync(), d.Close())
}
