package run_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/zonecast/zonecast/actors/run"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
	"github.com/zonecast/zonecast/persistence"
)

// life drives activations of a toy over a slow log, and keeps account of what may
// have left them.
type life struct {
	t       *rapid.T
	log     *slowLog
	toy     *toy
	active  *run.Activation
	serial  uint64
	now     span.Time
	caller  uint64
	asked   map[uint64]string // names by caller; "" for a read
	after   map[uint64]int    // by caller of a read: names that it saw at least
	told    []string          // what the peer was told since the last load
	pending map[uint64]bool   // callers that have no answer
}

func newLife(t *rapid.T) *life {
	l := &life{
		t: t, log: &slowLog{Memory: persistence.NewMemory()}, now: 1_000,
		asked: make(map[uint64]string), after: make(map[uint64]int), pending: make(map[uint64]bool),
	}
	l.load()
	return l
}

func (l *life) load() {
	l.toy, l.told, l.log.reads = new(toy), nil, nil
	l.serial++
	l.active = run.New(toyAddress, l.toy, l.log, run.Guards{})
	var out run.Output
	if err := run.Load(l.active, l.log.Term(), l.serial, l.now, &out); err != nil {
		l.t.Fatal(err)
	}
	if want := l.log.names(); !slices.Equal(l.toy.names, want) {
		l.t.Fatalf("loaded %v, the log has %v", l.toy.names, want)
	}
	l.take(&out)
}

// take checks what left the activation against what the log has applied.
func (l *life) take(out *run.Output) {
	applied := l.log.names()
	for _, s := range out.Sends {
		l.told = append(l.told, s.Message.(*messages.Freed).GetRequestId())
	}
	if len(l.told) > len(applied) || !slices.Equal(l.told, applied[:len(l.told)]) {
		l.t.Fatalf("the peer was told %v, applied are %v", l.told, applied)
	}
	for _, a := range out.Answers {
		if !l.pending[a.Caller] {
			l.t.Fatalf("caller %d was answered twice: %v", a.Caller, a.Message)
		}
		delete(l.pending, a.Caller)
		l.answer(a, applied)
	}
}

func (l *life) answer(a run.Answer, applied []string) {
	switch m := a.Message.(type) {
	case *messages.Placement:
		name := l.asked[a.Caller]
		switch {
		case m.GetPlacementId() != name:
			l.t.Fatalf("asked for %q, answered %v", name, m)
		case name == "" && (int(m.GetEndMs()) < l.after[a.Caller] || int(m.GetEndMs()) > len(applied)):
			l.t.Fatalf("a read saw %d names; %d were acknowledged before it, %d are applied", m.GetEndMs(), l.after[a.Caller], len(applied))
		case name != "" && !slices.Contains(applied[:m.GetEndMs()], name):
			l.t.Fatalf("%s is acknowledged and not applied: %v", name, applied)
		}
	case *messages.Error:
		if m.GetCode() == messages.Code_CODE_UNSPECIFIED {
			l.t.Fatalf("an error without a code: %v", m)
		}
	}
}

func (l *life) deliver(request int, name string) {
	l.caller++
	l.asked[l.caller], l.pending[l.caller], l.after[l.caller] = name, true, len(l.told)
	var out run.Output
	l.active.Deliver(l.now, run.Delivery{Message: release(request, name), Caller: l.caller}, &out)
	l.take(&out)
}

// check is called after every action.
func (l *life) check(t *rapid.T) {
	names := l.log.names()
	seen := make(map[string]bool)
	for _, name := range names {
		if name != "woken" && seen[name] {
			t.Fatalf("%s took effect twice: %v", name, names)
		}
		seen[name] = true
	}
	if l.active.Dropped() {
		l.load()
	}
}

// TestActivation lets anything happen that a log may do, in any order.
func TestActivation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLife(t)
		ids := rapid.IntRange(1, 12)
		t.Repeat(map[string]func(*rapid.T){
			"": l.check,
			"ask": func(t *rapid.T) { // few ids, so that many come again
				n := ids.Draw(t, "id")
				l.deliver(n, nameOf(n))
			},
			"read": func(t *rapid.T) { l.deliver(1_000+int(l.caller), "") },
			"wake": func(*rapid.T) {
				var out run.Output
				l.active.Deliver(l.now, run.Delivery{Message: &messages.Woken{Key: "k"}}, &out)
				l.take(&out)
			},
			"apply": func(t *rapid.T) {
				if len(l.log.proposed) == 0 {
					t.Skip()
				}
				outcome := l.log.apply()
				if errors.Is(outcome.Err, persistence.ErrDuplicate) {
					t.Fatal("a known request reached the machine: ", outcome.Err)
				}
				var out run.Output
				l.active.Applied(outcome, &out)
				l.take(&out)
			},
			"lose": func(t *rapid.T) {
				if len(l.log.proposed) == 0 {
					t.Skip()
				}
				l.log.proposed = l.log.proposed[1:]
			},
			"confirm reads": func(t *rapid.T) {
				if len(l.log.reads) == 0 {
					t.Skip()
				}
				last := l.log.reads[len(l.log.reads)-1]
				l.log.reads = nil
				var out run.Output
				l.active.Read(last, &out)
				l.take(&out)
			},
			"forget": func(t *rapid.T) {
				n := ids.Draw(t, "id")
				for caller, name := range l.asked {
					if name == nameOf(n) && l.pending[caller] {
						l.active.Forget(release(n, "").GetRequestId(), caller)
						delete(l.pending, caller)
					}
				}
			},
			"wait": func(t *rapid.T) {
				l.now = l.now.Add(span.Duration(rapid.Int64Range(0, 15_000).Draw(t, "ms")))
				var out run.Output
				l.active.Expire(l.now, &out)
				l.take(&out)
			},
			"passivate": func(t *rapid.T) {
				if !l.active.Idle(l.now + 1) {
					t.Skip()
				}
				l.load()
			},
			"crash": func(*rapid.T) {
				l.log.Restart()
				l.log.proposed, l.log.reads = nil, nil
				clear(l.pending)
				l.load()
			},
		})
	})
}

// TestSnapshot writes more records than a load should have to fold.
func TestSnapshot(t *testing.T) {
	l := &slowLog{Memory: persistence.NewMemory()}
	a := run.New(toyAddress, new(toy), l, run.Guards{})
	var out run.Output
	if err := run.Load(a, l.Term(), 1, 0, &out); err != nil {
		t.Fatal(err)
	}
	for n := range run.TailRecordsMax + 100 {
		a.Deliver(0, run.Delivery{Message: release(n, nameOf(n)), Caller: 1}, &out)
		a.Applied(l.apply(), &out)
	}
	state, err := l.Load(persistence.Actor{Kind: toyAddress.Kind, ID: toyAddress.ID})
	if err != nil || state.Snapshot == nil || len(state.Tail) >= 100 {
		t.Errorf("snapshot of %d bytes, %d records behind it, %v", len(state.Snapshot), len(state.Tail), err)
	}
	if names := l.names(); len(names) != run.TailRecordsMax+100 {
		t.Errorf("%d names are left", len(names))
	}
}

// TestReminderOnce delivers a due reminder again while its batch is under way.
func TestReminderOnce(t *testing.T) {
	l := &slowLog{Memory: persistence.NewMemory()}
	a := run.New(toyAddress, new(toy), l, run.Guards{})
	var out run.Output
	if err := run.Load(a, l.Term(), 1, 0, &out); err != nil {
		t.Fatal(err)
	}
	wake := run.Delivery{Message: &messages.Woken{Key: "k"}}
	a.Deliver(0, wake, &out)
	a.Deliver(1, wake, &out)
	if len(l.proposed) != 1 {
		t.Fatalf("%d batches for one reminder", len(l.proposed))
	}
	a.Applied(l.apply(), &out)
	a.Deliver(2, wake, &out)
	if len(l.proposed) != 1 {
		t.Fatal("it was not delivered when it was due again")
	}
}

// TestOutcomeThatNeverComes gives an activation up, and tells who waits to ask again.
func TestOutcomeThatNeverComes(t *testing.T) {
	l := &slowLog{Memory: persistence.NewMemory()}
	a := run.New(toyAddress, new(toy), l, run.Guards{})
	var out run.Output
	if err := run.Load(a, l.Term(), 1, 0, &out); err != nil {
		t.Fatal(err)
	}
	a.Deliver(0, run.Delivery{Message: release(1, "n"), Caller: 7}, &out)
	if a.Expire(span.Time(run.OutcomeTimeout-1), &out) || len(out.Answers) > 0 {
		t.Fatal("it was given up too early")
	}
	if !a.Expire(span.Time(run.OutcomeTimeout), &out) || !a.Dropped() {
		t.Fatal("it was not given up")
	}
	if len(out.Answers) != 1 || out.Answers[0].Message.(*messages.Error).GetCode() != messages.Code_CODE_UNKNOWN {
		t.Errorf("the caller was told %v", out.Answers)
	}
}

// TestForgottenQuestionIsAskedAgain: a machine that waits for others never replies
// when its question to them is lost, so that the same id must reach it again.
func TestForgottenQuestionIsAskedAgain(t *testing.T) {
	l := &slowLog{Memory: persistence.NewMemory()}
	silent := &counting{}
	a := run.New(toyAddress, silent, l, run.Guards{})
	var out run.Output
	if err := run.Load(a, l.Term(), 1, 0, &out); err != nil {
		t.Fatal(err)
	}
	ask := func(caller uint64) { a.Deliver(0, run.Delivery{Message: release(1, "n"), Caller: caller}, &out) }
	ask(1)
	ask(2)
	if silent.steps != 2 { // with Activated
		t.Fatalf("%d steps while the question is under way", silent.steps)
	}
	a.Forget("q1", 1)
	ask(3)
	if silent.steps != 2 {
		t.Fatal("somebody still waits: it is under way")
	}
	a.Forget("q1", 2)
	a.Forget("q1", 3)
	ask(4)
	if silent.steps != 3 {
		t.Fatal("nobody waits: it must be asked again")
	}
}
