package run_test

import (
	"fmt"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
	"github.com/zonecast/zonecast/persistence"
)

var toyAddress = actors.Address{Kind: "toy", ID: "t"}

// toy is a list of names. A Release adds its placement to it, tells a peer and
// replies with the length; one of placement "" only replies. A reminder adds itself
// and sets itself again. What peers have to know is sent again on activation.
type toy struct{ names []string }

func (y *toy) Step(now span.Time, _ actors.Address, msg proto.Message, out *actors.Effects) {
	switch m := msg.(type) {
	case *messages.Release:
		if m.GetPlacementId() != "" {
			y.add(m.GetPlacementId(), out)
		}
		out.Replies = append(out.Replies, actors.Reply{
			Request: m.GetRequestId(), Message: &messages.Placement{PlacementId: m.GetPlacementId(), EndMs: int64(len(y.names))},
		})
	case *messages.Woken:
		y.add("woken", out)
		out.Wakes = append(out.Wakes, actors.Wake{Key: m.GetKey(), At: now.Add(span.Minute)})
	case *messages.Activated:
		for _, name := range y.names {
			y.tell(name, out)
		}
	}
}

func (y *toy) add(name string, out *actors.Effects) {
	record := &messages.ZoneAsked{Zone: name}
	out.Records = append(out.Records, record)
	y.Fold(record)
	y.tell(name, out)
}

func (y *toy) tell(name string, out *actors.Effects) {
	out.Sends = append(out.Sends, actors.Send{To: actors.Address{Kind: "peer", ID: "p"}, Message: &messages.Freed{RequestId: name}})
}

func (y *toy) Fold(record proto.Message) {
	switch r := record.(type) {
	case *messages.ZoneAsked:
		y.names = append(y.names, r.GetZone())
	case *messages.TenantState:
		y.names = nil
		for _, z := range r.GetZones() {
			y.names = append(y.names, z.GetZone())
		}
	}
}

func (y *toy) Snapshot() proto.Message {
	s := &messages.TenantState{}
	for _, name := range y.names {
		s.Zones = append(s.Zones, &messages.ZoneAsked{Zone: name})
	}
	return s
}

// slowLog is a log whose outcomes wait until a test lets them out, over a Memory that
// judges batches when they are applied. A proposal can be lost.
type slowLog struct {
	*persistence.Memory
	proposed []*persistence.Batch
	reads    []uint64
}

func (l *slowLog) Propose(b *persistence.Batch) error {
	l.proposed = append(l.proposed, b)
	return nil
}

func (l *slowLog) ReadIndex(token uint64) error {
	l.reads = append(l.reads, token)
	return nil
}

// apply applies the oldest proposal and returns its outcome.
func (l *slowLog) apply() *persistence.Applied {
	b := l.proposed[0]
	l.proposed = l.proposed[1:]
	l.Memory.Events(nil)
	if err := l.Memory.Propose(b); err != nil {
		panic(err)
	}
	for _, e := range l.Memory.Events(nil) {
		if e.Applied != nil {
			return e.Applied
		}
	}
	panic("no outcome")
}

// names is what the log has applied, folded.
func (l *slowLog) names() []string {
	state, err := l.Load(persistence.Actor{Kind: toyAddress.Kind, ID: toyAddress.ID})
	if err != nil {
		panic(err)
	}
	fresh := new(toy)
	if state.Snapshot != nil {
		state.Tail = slices.Insert(state.Tail, 0, state.Snapshot)
	}
	for _, b := range state.Tail {
		record, err := messages.DecodeRecord(b)
		if err != nil {
			panic(err)
		}
		fresh.Fold(record)
	}
	return fresh.names
}

func release(n int, name string) *messages.Release {
	return &messages.Release{RequestId: "q" + strconv.Itoa(n), PlacementId: name}
}

func nameOf(n int) string { return fmt.Sprintf("n%d", n) }

// counting is a machine that counts its steps and says nothing.
type counting struct {
	toy
	steps int
}

func (c *counting) Step(span.Time, actors.Address, proto.Message, *actors.Effects) { c.steps++ }
