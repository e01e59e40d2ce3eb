package sim

import (
	"maps"
	"slices"
	"strings"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/persistence"
)

// Crash ends the node: all activations are gone, and the named machines that keep no
// records. What arrives before Restart is lost; agents and callers live elsewhere.
func (w *World) Crash(locals ...actors.Address) {
	w.down = true
	for _, a := range locals {
		delete(w.locals, a)
	}
	for _, s := range w.shards {
		s.forget()
		s.term = 0
	}
}

// Restart starts the node again, with its logs as they were found on the disk, in
// the same order.
func (w *World) Restart(logs []persistence.Log) {
	w.down = false
	for i, s := range w.shards {
		s.log, s.known = logs[i], false
		s.forget()
	}
	w.pump()
}

// Tend gives up the activations whose outcomes never came, and passivates those that
// have been idle for this long. A node does so every few seconds.
func (w *World) Tend(idle span.Duration) (expired, passivated int) {
	for _, s := range w.shards {
		for _, address := range slices.SortedFunc(maps.Keys(s.live), compareAddresses) {
			activation := s.live[address]
			was := activation.Dropped()
			switch {
			case activation.Expire(w.now, &w.out):
				if !was {
					expired++
				}
				delete(s.live, address)
			case activation.Idle(w.now.Add(-idle)):
				passivated++
				delete(s.live, address)
			}
			w.letOut(address)
		}
		s.ingest.Expire(w.now, &w.out)
		w.letOut(actors.Address{})
	}
	return expired, passivated
}

func compareAddresses(a, b actors.Address) int {
	if c := strings.Compare(a.Kind, b.Kind); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// Living returns the activation of an actor that lives, nil if none does.
func (w *World) Living(a actors.Address) actors.Machine {
	activation := w.shard(a).live[a]
	if activation == nil || activation.Dropped() {
		return nil
	}
	return activation.Machine()
}
