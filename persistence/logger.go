package persistence

import (
	"context"
	"fmt"
	"log/slog"
)

// pebbleLogger passes on what Pebble says. Pebble calls Fatalf when it can't write
// and doesn't expect it to return: it panics, so that a process that ends has said
// why, and Disk.commit turns a panic of its own writes into an error.
type pebbleLogger struct{ log *slog.Logger }

func (l pebbleLogger) Infof(format string, args ...any)  { l.log.Debug(fmt.Sprintf(format, args...)) }
func (l pebbleLogger) Errorf(format string, args ...any) { l.log.Error(fmt.Sprintf(format, args...)) }
func (l pebbleLogger) Fatalf(format string, args ...any) { stop(l.log, fmt.Sprintf(format, args...)) }

// raftLogger is raft.Logger for one shard. What Raft calls fatal or a panic is a
// broken invariant.
type raftLogger struct {
	log   *slog.Logger
	shard uint32
}

func (l raftLogger) say(level slog.Level, text string) {
	l.log.Log(context.Background(), level, text, "shard", l.shard)
}

func (l raftLogger) Debug(v ...any)                 {}
func (l raftLogger) Debugf(format string, v ...any) {}
func (l raftLogger) Info(v ...any)                  { l.say(slog.LevelDebug, fmt.Sprint(v...)) }
func (l raftLogger) Infof(format string, v ...any)  { l.say(slog.LevelDebug, fmt.Sprintf(format, v...)) }
func (l raftLogger) Warning(v ...any)               { l.say(slog.LevelWarn, fmt.Sprint(v...)) }
func (l raftLogger) Warningf(format string, v ...any) {
	l.say(slog.LevelWarn, fmt.Sprintf(format, v...))
}
func (l raftLogger) Error(v ...any) { l.say(slog.LevelError, fmt.Sprint(v...)) }
func (l raftLogger) Errorf(format string, v ...any) {
	l.say(slog.LevelError, fmt.Sprintf(format, v...))
}
func (l raftLogger) Fatal(v ...any)                 { stop(l.log, fmt.Sprint(v...)) }
func (l raftLogger) Fatalf(format string, v ...any) { stop(l.log, fmt.Sprintf(format, v...)) }
func (l raftLogger) Panic(v ...any)                 { stop(l.log, fmt.Sprint(v...)) }
func (l raftLogger) Panicf(format string, v ...any) { stop(l.log, fmt.Sprintf(format, v...)) }

func stop(log *slog.Logger, text string) {
	log.Error(text)
	panic(text)
}
