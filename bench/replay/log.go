package replay

import (
	"fmt"

	"github.com/zonecast/zonecast/persistence"
)

// raftLog is a shard of the Raft core over a disk in memory, driven whenever its
// events are asked for.
type raftLog struct {
	*persistence.Group
	disk   *persistence.Scratch
	failed error
}

const raftShard = 1

func newRaftLog() (*raftLog, error) {
	disk, err := persistence.OpenScratch(raftShard)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return &raftLog{Group: disk.Group(raftShard), disk: disk}, nil
}

// Events implements persistence.Log.
func (l *raftLog) Events(dst []persistence.Event) []persistence.Event {
	if err := l.disk.Pump(); err != nil && l.failed == nil {
		l.failed = err
	}
	return l.Group.Events(dst)
}

// close ends the log and returns what failed in it.
func (l *raftLog) close() error {
	if err := l.disk.Close(); err != nil && l.failed == nil {
		l.failed = err
	}
	return l.failed
}
