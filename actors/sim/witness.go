package sim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zonecast/zonecast/persistence"
)

// witness watches one shard's log from outside and holds it to its promises: the
// accepted batches of an actor form one chain, and none that was acknowledged is
// lost.
type witness struct {
	persistence.Log
	pump   func() error // works the log's disk
	counts Counts
	report func(error)
	chains map[persistence.Actor]*chain
	wrote  func(persistence.Actor) // told of every proposal
	// doubles says that requests reach their actors twice, so that the check at apply
	// is the only one left.
	doubles bool
}

// chain is what is known of one actor's versions.
type chain struct {
	applied  persistence.Version                         // the last of which an outcome was seen
	proposed map[persistence.Version]persistence.Version // bases of those without an outcome
}

// Propose implements persistence.Log.
func (w *witness) Propose(b *persistence.Batch) error {
	if err := w.Log.Propose(b); err != nil {
		return err
	}
	c := w.chains[b.Actor]
	if c == nil {
		c = &chain{proposed: make(map[persistence.Version]persistence.Version)}
		w.chains[b.Actor] = c
	}
	if _, twice := c.proposed[b.Version]; twice {
		w.report(fmt.Errorf("version %v of %v was proposed twice", b.Version, b.Actor))
	}
	c.proposed[b.Version] = b.Base
	w.wrote(b.Actor)
	return nil
}

// Events implements persistence.Log.
func (w *witness) Events(dst []persistence.Event) []persistence.Event {
	if err := w.pump(); err != nil {
		w.report(err)
	}
	from := len(dst)
	dst = w.Log.Events(dst)
	for _, e := range dst[from:] {
		switch {
		case e.Applied != nil:
			w.applied(e.Applied)
		case e.Term != nil && e.Term.Number != 0:
			w.recovered()
		}
	}
	return dst
}

func (w *witness) applied(a *persistence.Applied) {
	c := w.chains[a.Actor]
	base, known := c.proposed[a.Version]
	delete(c.proposed, a.Version)
	switch {
	case errors.Is(a.Err, persistence.ErrFenced):
		w.counts[BatchFenced]++
	case a.Err != nil && !w.doubles:
		w.report(fmt.Errorf("batch %v of %v: %w", a.Version, a.Actor, a.Err))
	case a.Err != nil:
	case !known:
		w.report(fmt.Errorf("batch %v of %v was applied twice or never proposed", a.Version, a.Actor))
	case base != c.applied:
		w.report(fmt.Errorf("two activations write: %v of %v is on %v, but %v was accepted",
			a.Version, a.Actor, base, c.applied))
	default:
		c.applied = a.Version
	}
}

// recovered checks, after a crash or an election, that what is stored goes back to
// what was acknowledged, by batches that were proposed.
func (w *witness) recovered() {
	byName := func(a, b persistence.Actor) int { return strings.Compare(a.String(), b.String()) }
	for _, actor := range slices.SortedFunc(maps.Keys(w.chains), byName) {
		c := w.chains[actor]
		state, err := w.Load(actor)
		if err != nil {
			w.report(err)
			return
		}
		for at := state.Version; at != c.applied; {
			base, known := c.proposed[at]
			if !known {
				w.report(fmt.Errorf("%v is at %v after recovery, which does not follow the acknowledged %v",
					actor, state.Version, c.applied))
				return
			}
			at = base
		}
		c.applied = state.Version
		clear(c.proposed)
	}
}
