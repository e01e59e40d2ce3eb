package persistence

import (
	"math"
	"sync/atomic"
)

// never is later than every reminder.
const never int64 = math.MaxInt64

// horizon is an instant before which a shard has no reminder. Reminders are set
// behind and cleared at the front of their table, where Pebble keeps a trace of
// each for long: a look that began at the front would walk over all of them.
//
// It is read and raised from any goroutine and lowered by the one that applies. A
// look may raise it only if nothing was applied since it began: every lowering is
// a new pointer, even to the same instant.
type horizon struct{ at atomic.Pointer[int64] }

func newHorizon() *horizon {
	h := &horizon{}
	h.at.Store(new(int64))
	return h
}

// lower says that a reminder at atMs was committed.
func (h *horizon) lower(atMs int64) {
	at := min(*h.at.Load(), atMs)
	h.at.Store(&at)
}

// due is Log.Due over v.
func (h *horizon) due(v view, nowMs int64, limit int) ([]Wake, error) {
	seen := h.at.Load()
	nowMs = min(nowMs, MaxTimeMs)
	due, err := v.due(*seen, nowMs, limit)
	if err != nil || limit <= 0 {
		return nil, err
	}
	from := nowMs + 1
	if len(due) > 0 {
		from = due[0].AtMs
	}
	if from > *seen {
		h.at.CompareAndSwap(seen, &from)
	}
	return due, nil
}

// next is Log.NextDue over v.
func (h *horizon) next(v view) (atMs int64, ok bool, err error) {
	due, err := h.due(v, MaxTimeMs, 1)
	if err != nil || len(due) == 0 {
		return 0, false, err
	}
	return due[0].AtMs, true, nil
}
