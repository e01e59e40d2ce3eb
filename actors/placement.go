package actors

import (
	"github.com/zonecast/zonecast/messages"
)

// phase is how far a placement has come.
type phase int32

// Phases, in the order in which a placement goes through them; moving and
// releasing wait for a zone to acknowledge that it holds nothing.
const (
	placing   phase = iota + 1 // the zone was asked to hold
	held                       // the zone holds and was asked to confirm
	settled                    // the lease lives
	moving                     // a zone that gave no definite answer is asked to forget
	releasing                  // the zone is asked to give back
	ended                      // nothing is held any more, or no zone would do
)

var phaseNames = map[phase]string{
	placing: "placing", held: "held", settled: "placed", moving: "moving", releasing: "releasing", ended: "ended",
}

// placement is one request of the user as it stands.
type placement struct {
	placing   *messages.Placing
	index     int // of the zone that is being tried or serves
	phase     phase
	endMs     int64
	changedMs int64
	failed    *messages.Error // why no zone would do
}

func (p *placement) id() string { return p.placing.GetRequest().GetId() }

func (p *placement) zone() string { return p.choice().GetZone() }

func (p *placement) choice() *messages.Choice {
	if p.index >= len(p.placing.GetChoices()) {
		return nil
	}
	return p.placing.GetChoices()[p.index]
}

// answer is what a caller learns of a placement that lives.
func (p *placement) answer() *messages.Placement {
	return &messages.Placement{PlacementId: p.id(), Zone: p.zone(), EndMs: p.endMs, Choice: p.choice()}
}

// over reports whether the lease had ended by now, without anybody's doing.
func (p *placement) over(nowMs int64) bool {
	return p.phase == settled && p.endMs != 0 && p.endMs <= nowMs
}

// forgetChoices keeps of the choices only the one that served: the others won't
// be tried any more.
func (p *placement) forgetChoices() {
	if c := p.choice(); c != nil && len(p.placing.GetChoices()) > 1 {
		p.placing = &messages.Placing{
			Request: p.placing.GetRequest(), AtMs: p.placing.GetAtMs(), Origin: p.placing.GetOrigin(), Choices: []*messages.Choice{c},
		}
		p.index = 0
	}
}

func (p *placement) moved(r *messages.Moved) {
	p.phase, p.index, p.endMs = placing, int(r.GetIndex()), 0
	if r.GetFailed() != nil {
		p.phase, p.failed = ended, r.GetFailed()
	}
}

func (p *placement) releasing(r *messages.Releasing) {
	p.phase = releasing
	if r.GetMove() {
		p.phase = moving
	}
}

func (p *placement) message() *messages.UserPlacement {
	return &messages.UserPlacement{
		Placing:   p.placing,
		Index:     int32(p.index),
		Phase:     int32(p.phase),
		EndMs:     p.endMs,
		ChangedMs: p.changedMs,
		Failed:    p.failed,
	}
}

func placementOf(m *messages.UserPlacement) *placement {
	return &placement{
		placing:   m.GetPlacing(),
		index:     int(m.GetIndex()),
		phase:     phase(m.GetPhase()),
		endMs:     m.GetEndMs(),
		changedMs: m.GetChangedMs(),
		failed:    m.GetFailed(),
	}
}

// foldPlacing remembers a new placement.
func (u *User) foldPlacing(r *messages.Placing) {
	u.remember(&placement{placing: r, phase: placing, changedMs: r.GetAtMs()})
}

// remember keeps p and forgets the oldest of too many that have ended.
func (u *User) remember(p *placement) {
	u.placements[p.id()] = p
	u.order = append(u.order, p.id())
	if p.phase == ended {
		u.ended++
	}
	if u.ended <= endedMax {
		return
	}
	for i, id := range u.order {
		if u.placements[id].phase == ended {
			delete(u.placements, id)
			u.order = append(u.order[:i], u.order[i+1:]...)
			u.ended--
			return
		}
	}
}

// change applies f to a placement that is known.
func (u *User) change(id string, atMs int64, f func(*placement)) {
	p := u.placements[id]
	if p == nil {
		return
	}
	before := p.phase
	f(p)
	if p.phase == ended {
		p.forgetChoices()
	}
	if atMs != 0 {
		p.changedMs = atMs
	}
	if before != ended && p.phase == ended {
		u.ended++
	}
}
