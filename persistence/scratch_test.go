package persistence

import "testing"

// TestScratch proposes before a re-election and before a crash: what was committed
// stays, what was not has no outcome.
func TestScratch(t *testing.T) {
	s, err := OpenScratch(1, 2)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	g := s.Group(1)
	first := following(Version{}, g.Term(), "one")
	must(t, g.Propose(first))
	must(t, s.Pump())
	must(t, g.Propose(following(first.Version, g.Term(), "two")))
	must(t, s.Reelect(1))

	terms, applied := []uint64{}, 0
	for _, e := range g.Events(nil) {
		switch {
		case e.Term != nil:
			terms = append(terms, e.Term.Number)
		case e.Applied != nil && e.Applied.Err == nil:
			applied++
		}
	}
	if len(terms) != 3 || terms[1] != 0 || terms[2] <= terms[0] || applied != 1 {
		t.Errorf("terms %v, %d applied", terms, applied)
	}
	must(t, s.Group(2).Propose(following(Version{}, s.Group(2).Term(), "other shard")))
	must(t, s.Crash(50, 7))
	state, err := s.Group(1).Load(first.Actor)
	must(t, err)
	if state.Version != first.Version || s.Group(1).Term() == 0 {
		t.Errorf("after the crash: %v in term %d", state.Version, s.Group(1).Term())
	}
}

// TestUnfenced accepts what the fence would refuse.
func TestUnfenced(t *testing.T) {
	s, err := OpenScratch(1)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	g := s.Group(1)
	g.Unfenced = true
	g.Events(nil)
	lost := following(Version{}, g.Term(), "lost")
	must(t, g.Propose(following(lost.Version, g.Term(), "kept")))
	must(t, s.Pump())
	if e := g.Events(nil); len(e) != 1 || e[0].Applied.Err != nil {
		t.Errorf("events %+v", e)
	}
}
