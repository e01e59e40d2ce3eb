package sim

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/ledger"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
	"github.com/zonecast/zonecast/persistence"
)

// audit keeps books of its own about what was asked, answered and granted, and counts
// after every step whether the world still keeps its promises.
type audit struct {
	*trial
	dirty   map[actors.Address]bool // zones that wrote, or were loaded, since the last recount
	books   map[actors.Address]seen
	holds   map[string]map[string]bool // zones with a confirmed allocation, by user#request
	acks    map[string]*ack            // by user#request
	quotas  map[string]map[int64]bool  // every quota that a tenant was ever given
	started map[string]string          // zone in which a placement runs
	agent   int                        // the one that was told something; -1 for none
	bad     map[string]bool            // ids of requests that must be refused
	fooled  actors.Address             // the actor that was sent one; the zero Address for none
	before  []byte                     // its state before
}

// seen is a zone's books as they were after its last step.
type seen struct {
	machine actors.Machine
	state   ledger.State
}

// ack is a placement that a caller was told of.
type ack struct {
	zone    string
	end     span.Time // at least so long it lives
	excused bool      // somebody released it, or its start failed
}

func newAudit(t *trial) *audit {
	return &audit{
		trial: t, agent: -1,
		dirty: make(map[actors.Address]bool), books: make(map[actors.Address]seen),
		holds: make(map[string]map[string]bool), acks: make(map[string]*ack),
		quotas: make(map[string]map[int64]bool), started: make(map[string]string),
		bad: make(map[string]bool),
	}
}

// wrote notes that an actor proposed something.
func (a *audit) wrote(actor persistence.Actor) {
	if actor.Kind == actors.KindZone {
		a.dirty[actors.Address{Kind: actor.Kind, ID: actor.ID}] = true
	}
}

// saw is told of every message that is about to be delivered.
func (a *audit) saw(to actors.Address, m proto.Message) {
	if to.Kind == actors.KindAgent {
		a.agent = slices.IndexFunc(a.agents, func(g *actors.SimAgent) bool { return g == a.world.locals[to] })
	}
	if r, ok := m.(interface{ GetRequestId() string }); ok && a.bad[r.GetRequestId()] && to.Kind != actors.KindEdge {
		if _, err := a.world.Activation(to); err != nil {
			a.fail(err)
		}
		a.fooled, a.before = to, a.stated(to)
	}
	switch m := m.(type) {
	case *messages.Started:
		if m.GetFailure() != "" {
			a.counts[StartFailed]++
			a.excuse(m.GetPlacement())
		}
	case *messages.Ended:
		switch {
		case strings.HasPrefix(m.GetReason(), "the hold expired"):
			a.counts[HoldExpired]++
		case strings.HasPrefix(m.GetReason(), "the lease ended"):
			a.counts[LeaseExpired]++
		}
	case *messages.ClaimAnswer:
		if m.GetRefused() != nil {
			a.counts[Refused]++
			if strings.Contains(m.GetRefused().GetReason(), "quota") {
				a.counts[QuotaHit]++
			}
		}
	}
}

func key(user, request string) string { return user + "#" + request }

func (a *audit) entry(k string) *ack {
	if a.acks[k] == nil {
		a.acks[k] = &ack{}
	}
	return a.acks[k]
}

func (a *audit) excuse(k string) { a.entry(k).excused = true }

// released notes that a placement is about to be given back.
func (a *audit) released(user actors.Address, id string) { a.excuse(key(user.ID, id)) }

// renewed notes that a lease was prolonged.
func (a *audit) renewed(user actors.Address, m *messages.Placement) {
	e := a.entry(key(user.ID, m.GetPlacementId()))
	e.end = max(e.end, span.Time(m.GetEndMs()))
}

// grants notes a quota that a tenant is about to be given.
func (a *audit) grants(tenant string, quota int64) {
	if a.quotas[tenant] == nil {
		a.quotas[tenant] = make(map[int64]bool)
	}
	a.quotas[tenant][quota] = true
}

// answered notes what a caller was told of a request, and that it is the same that
// others were told.
func (a *audit) answered(user actors.Address, id string, answer proto.Message) {
	e := a.entry(key(user.ID, id))
	switch m := answer.(type) {
	case *messages.Placement:
		if e.zone != "" && e.zone != m.GetZone() {
			a.fail(fmt.Errorf("request %s of %v was answered with zone %s and with zone %s", id, user, e.zone, m.GetZone()))
		}
		e.zone, e.end = m.GetZone(), max(e.end, span.Time(m.GetEndMs()))
	case *messages.Error:
		if e.zone != "" && m.GetCode() != messages.Code_CODE_CONFLICT {
			a.fail(fmt.Errorf("request %s of %v was placed in %s, then answered %s", id, user, e.zone, brief(m)))
		}
		if e.zone != "" && !e.excused && a.world.Now() < e.end {
			a.fail(fmt.Errorf("request %s of %v was placed until %v, then answered %s", id, user, e.end, brief(m)))
		}
	}
}

// recount counts what the last step may have changed.
func (a *audit) recount() {
	for _, zone := range slices.SortedFunc(maps.Keys(a.dirty), compareAddresses) {
		if machine, ok := a.world.Living(zone).(*actors.Zone); ok {
			a.zone(zone, machine)
		}
	}
	clear(a.dirty)
	if a.fooled != (actors.Address{}) {
		if !bytes.Equal(a.before, a.stated(a.fooled)) {
			a.fail(fmt.Errorf("bad input changed %v", a.fooled))
		}
		a.fooled = actors.Address{}
	}
	if a.agent >= 0 {
		a.runs(a.agent)
		a.agent = -1
	}
}

// stated is what an actor holds of what it was told: of a zone its capacity alone,
// since any step may sweep and plan.
func (a *audit) stated(address actors.Address) []byte {
	switch machine := a.world.Living(address).(type) {
	case nil:
		return nil
	case *actors.Zone:
		state, _ := machine.Books()
		return fmt.Append(nil, state.Capacity)
	default:
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(machine.Snapshot())
		if err != nil {
			a.fail(err)
		}
		return b
	}
}

// runs checks that what an agent runs runs nowhere else.
func (a *audit) runs(i int) {
	zone := zoneAddress(i).ID
	running := a.agents[i].Running()
	for placement, where := range a.started {
		if where == zone && !slices.Contains(running, placement) {
			delete(a.started, placement)
		}
	}
	for _, placement := range running {
		if other := a.started[placement]; other != "" && other != zone {
			a.fail(fmt.Errorf("%s runs in %s and in %s", placement, other, zone))
		}
		a.started[placement] = zone
	}
}

// agreed returns an error unless what is confirmed runs, and nothing else.
func (a *audit) agreed() error {
	for i := range zoneCount {
		var want []string
		if machine, ok := a.world.Living(zoneAddress(i)).(*actors.Zone); ok {
			state, _ := machine.Books()
			for _, l := range state.Allocations {
				if !l.Held && l.Until > a.world.Now() {
					want = append(want, l.Request)
				}
			}
		}
		slices.Sort(want)
		if runs := a.agents[i].Running(); !slices.Equal(runs, want) {
			return fmt.Errorf("the agent of %v runs %v, confirmed are %v", zoneAddress(i), runs, want)
		}
	}
	return nil
}

// end looks for what is left behind once the world has been calm for long.
func (a *audit) end() {
	for i := range zoneCount {
		address := zoneAddress(i)
		if machine, ok := a.world.Living(address).(*actors.Zone); ok {
			if state, ok := machine.Books(); ok && len(state.Allocations) > 0 {
				a.fail(fmt.Errorf("%v still holds %s", address, state.Allocations[0].Request))
			}
		} else {
			a.fail(fmt.Errorf("%v does not live", address))
		}
		if running := a.agents[i].Running(); len(running) > 0 {
			a.fail(fmt.Errorf("the agent of %v still runs %v", address, running))
		}
		if idle, wanted := a.agents[i].Units(); idle != wanted {
			a.fail(fmt.Errorf("the agent of %v has %d idle units, %d are wanted", address, idle, wanted))
		}
		a.staged(i)
	}
	for _, tenant := range tenants {
		for u := range usersEach {
			a.unfinished(actors.Address{Kind: actors.KindUser, ID: fmt.Sprintf("%s/u%d", tenant, u)})
		}
	}
	if err := a.world.RunUntil(a.world.Now().Add(span.Minute)); err != nil {
		a.fail(err)
	}
}

// staged checks that the agent was told what its zone wants.
func (a *audit) staged(i int) {
	machine, ok := a.world.Living(zoneAddress(i)).(*actors.Zone)
	if !ok {
		return
	}
	if _, wanted := a.agents[i].Units(); wanted != machine.StagedUnits() {
		a.fail(fmt.Errorf("the agent of %v was told to have %d idle units, its zone wants %d",
			zoneAddress(i), wanted, machine.StagedUnits()))
	}
}

// unfinished checks that a user waits for nothing and has nothing.
func (a *audit) unfinished(user actors.Address) {
	id := a.id()
	a.ask(user, id, &messages.DescribeUser{RequestId: id}, func(answer proto.Message) {
		profile, ok := answer.(*messages.Profile)
		if !ok {
			a.fail(fmt.Errorf("%v does not answer in calm weather", user))
			return
		}
		for _, p := range profile.GetPlacements() {
			a.fail(fmt.Errorf("%v still has a placement: %s", user, brief(p)))
		}
	})
}
