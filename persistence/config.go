package persistence

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Config says how a node keeps its shards.
type Config struct {
	Dir      string // the node's directory; made if it doesn't exist
	Identity string // whose data it is, such as cluster/node; a directory of another is refused

	CacheBytes    int64  // of blocks read, shared by all shards
	MemTableBytes uint64 // of writes before they are flushed to a table; four may wait

	Tick          time.Duration // of Raft; a leader's heartbeat goes out on each
	ElectionTicks int           // without a heartbeat until a follower stands for election

	FS  vfs.FS       // the file system; simulators bring their own
	Log *slog.Logger // what Raft and Pebble have to say
}

// Default returns the configuration of a node on its own, in ./zonecast-data.
func Default() Config {
	return Config{
		Dir:           "zonecast-data",
		Identity:      "local",
		CacheBytes:    64 << 20,
		MemTableBytes: 32 << 20,
		Tick:          100 * time.Millisecond,
		ElectionTicks: 10,
		FS:            vfs.Default,
		Log:           slog.New(slog.DiscardHandler),
	}
}

// ErrConfig is wrapped by every error of Config.Validate.
var ErrConfig = errors.New("bad persistence configuration")

// Validate returns an error that wraps ErrConfig and names the field, unless c can
// be used.
func (c Config) Validate() error {
	for _, rule := range []struct {
		ok    bool
		field string
		want  string
	}{
		{c.Dir != "", "Dir", "a directory"},
		{c.Identity != "" && len(c.Identity) <= MaxKeyBytes, "Identity", "1 to 512 bytes"},
		{c.CacheBytes >= 1<<20, "CacheBytes", "at least 1 MiB"},
		{c.MemTableBytes >= 64<<10 && c.MemTableBytes <= 1<<30, "MemTableBytes", "64 KiB to 1 GiB"},
		{c.Tick >= time.Millisecond, "Tick", "at least 1 ms"},
		{c.ElectionTicks >= 2, "ElectionTicks", "at least 2"},
		{c.FS != nil, "FS", "a file system"},
		{c.Log != nil, "Log", "a logger"},
	} {
		if !rule.ok {
			return fmt.Errorf("%w: %s must be %s", ErrConfig, rule.field, rule.want)
		}
	}
	return nil
}
