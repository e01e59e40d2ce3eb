package actors

import (
	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// mapper is the mapper of the node that the user lives on.
var mapper = Address{KindMapper, "local"}

// place starts a request, or answers a known one from its state.
func (u *User) place(now span.Time, m *messages.Place, out *Effects) {
	r := m.GetRequest()
	if err := CheckRequest(r); err != nil {
		out.reply(m.GetRequestId(), invalid(err))
		return
	}
	if m.GetRequestId() != r.GetId() {
		out.reply(m.GetRequestId(), refusal(messages.Code_CODE_INVALID, "request_id and request.id differ"))
		return
	}
	if p := u.placements[r.GetId()]; p != nil && !u.config.Guards.NoKnownIDs {
		u.answerKnown(now, p, r, out)
		return
	}
	if len(u.order)-u.ended >= PlacementsMax {
		out.reply(r.GetId(), refusal(messages.Code_CODE_EXHAUSTED, "the user has too many placements: release some"))
		return
	}
	u.ask(now, r, false, out)
}

// selectZone asks for the ranking alone.
func (u *User) selectZone(now span.Time, m *messages.Select, out *Effects) {
	r := proto.CloneOf(m.GetRequest())
	if r != nil {
		r.Id = m.GetRequestId() // the ranking is answered to the question
	}
	if err := CheckRequest(r); err != nil {
		out.reply(m.GetRequestId(), invalid(err))
		return
	}
	u.ask(now, r, true, out)
}

// answerKnown answers a copy of a request from its state; one that is under way
// is answered when it settles.
func (u *User) answerKnown(now span.Time, p *placement, r *messages.Request, out *Effects) {
	switch {
	case !proto.Equal(r, p.placing.GetRequest()):
		out.reply(p.id(), refusal(messages.Code_CODE_CONFLICT, "another request with this id was made before"))
	case p.failed != nil:
		out.reply(p.id(), p.failed)
	case p.phase == ended || p.phase == releasing || p.over(int64(now)):
		out.reply(p.id(), refusal(messages.Code_CODE_CONFLICT, "the request was placed before and has ended"))
	case p.phase == settled:
		out.reply(p.id(), p.answer())
	}
}

// ask gets a ranking for r, and the tenant's terms first where they are unknown.
func (u *User) ask(now span.Time, r *messages.Request, dry bool, out *Effects) {
	if u.places[r.GetId()] == nil {
		if len(u.places) >= pendingMax {
			out.reply(r.GetId(), refusal(messages.Code_CODE_OVERLOADED, "too many requests of this user are being placed: send it again later"))
			return
		}
		u.asked = append(u.asked, r.GetId())
	}
	q := &question{request: r, dry: dry}
	u.places[r.GetId()] = q
	if u.terms == nil {
		out.send(Address{KindTenant, u.tenant}, &messages.Enroll{User: u.id})
		return
	}
	u.rank(now, q, out)
}

func (u *User) rank(now span.Time, q *question, out *Effects) {
	regions := u.settings.GetResidency()
	if len(regions) == 0 {
		regions = u.terms.GetRegions()
	}
	out.send(mapper, &messages.Rank{
		User:    u.id,
		Tenant:  u.tenant,
		Request: q.request,
		Weights: u.weights(),
		Regions: regions,
		Dry:     q.dry,
		Access:  u.access(now),
	})
}

// weights are the user's own where it states them, else its tenant's.
func (u *User) weights() *messages.CostWeights {
	own := u.settings.GetWeights()
	if own == nil {
		return u.terms.GetWeights()
	}
	w := new(messages.CostWeights)
	if u.terms.GetWeights() != nil {
		proto.Merge(w, u.terms.GetWeights())
	}
	proto.Merge(w, own)
	return w
}

// forgetQuestion takes a question off and returns it; nil if there is none.
func (u *User) forgetQuestion(id string) *question {
	q := u.places[id]
	if q == nil {
		return nil
	}
	delete(u.places, id)
	for i, asked := range u.asked {
		if asked == id {
			u.asked = append(u.asked[:i], u.asked[i+1:]...)
			break
		}
	}
	return q
}

// ranked goes on with a request once the mapper has ranked the zones.
func (u *User) ranked(now span.Time, m *messages.Ranked, out *Effects) {
	q := u.forgetQuestion(m.GetRequestId())
	switch {
	case q == nil:
		return // answered before, or forgotten in a crash: the caller asks again
	case q.dry && len(m.GetChoices()) > 0:
		out.reply(m.GetRequestId(), &messages.Ranking{Choices: m.GetChoices()})
		return
	case q.dry:
		out.reply(m.GetRequestId(), noSuitableZone(m.GetReasons()))
		return
	}
	u.demand(now, q.request, m, out)
	if len(m.GetChoices()) == 0 {
		out.reply(m.GetRequestId(), noSuitableZone(m.GetReasons()))
		return
	}
	choices := m.GetChoices()
	choices = choices[:min(len(choices), choicesMax)]
	u.commit(out, &messages.Placing{Request: q.request, AtMs: int64(now), Choices: choices, Origin: m.GetOrigin()})
	u.claim(now, u.placements[q.request.GetId()], out)
}

func noSuitableZone(reasons []*messages.ZoneReason) *messages.Error {
	return &messages.Error{
		Code:  messages.Code_CODE_EXHAUSTED,
		Text:  "no suitable zone: none that is permitted has room; see the reason of each, ask for less, or ask again later",
		Zones: reasons,
	}
}

// demand records that the request was asked for, and tells the zone nearest to it,
// wherever it will be served.
func (u *User) demand(now span.Time, r *messages.Request, m *messages.Ranked, out *Effects) {
	class, unit := ClassOf(r)
	origin, region := m.GetOrigin(), ""
	if len(m.GetChoices()) > 0 {
		region = m.GetChoices()[0].GetRegion()
	}
	out.Samples = append(out.Samples, &messages.Sample{
		AtMs:         int64(now),
		Zone:         origin,
		Used:         r.GetNeed(),
		Requests:     1,
		Bytes:        r.GetDatasetBytes(),
		Dataset:      r.GetDataset(),
		DatasetBytes: r.GetDatasetBytes(),
		DurationMs:   r.GetDurationMs(),
		Position:     r.GetPosition(),
		Class:        class,
		Region:       region,
	})
	if origin == "" {
		return
	}
	out.send(Address{KindZone, origin}, &messages.Demand{
		Tenant:       u.tenant,
		User:         u.id,
		Class:        class,
		Unit:         VectorMessage(unit),
		AtMs:         int64(now),
		DurationMs:   r.GetDurationMs(),
		Dataset:      r.GetDataset(),
		DatasetBytes: r.GetDatasetBytes(),
	})
}

func (u *User) claim(now span.Time, p *placement, out *Effects) {
	out.send(Address{KindZone, p.zone()}, &messages.Claim{
		Tenant:  u.tenant,
		User:    u.id,
		Request: p.placing.GetRequest(),
		HoldMs:  int64(holdFor),
	})
	out.wake(wakeResend, now.Add(resendAfter))
}

// claimAnswered takes a zone's answer to a claim. A grant that is not (or no more)
// wanted is given back.
func (u *User) claimAnswered(now span.Time, m *messages.ClaimAnswer, out *Effects) {
	p := u.placements[m.GetRequestId()]
	current := p != nil && p.phase != ended && p.zone() == m.GetZone()
	switch {
	case !current && m.GetRefused() == nil:
		u.free(m.GetZone(), m.GetRequestId(), out)
	case !current || p.phase != placing:
		return // a copy of an answer that was taken before, or a cancel is under way
	case m.GetRefused() != nil:
		u.advance(now, p, m.GetRefused(), out)
	default:
		u.commit(out, &messages.Held{PlacementId: p.id()})
		u.confirm(p, out)
	}
}

// advance tries the next zone after a definite refusal, or gives up.
func (u *User) advance(now span.Time, p *placement, why *messages.ZoneReason, out *Effects) {
	delete(u.tries, p.id())
	next := p.index + 1
	if next < len(p.placing.GetChoices()) {
		u.commit(out, &messages.Moved{PlacementId: p.id(), Index: int32(next), AtMs: int64(now)})
		u.claim(now, p, out)
		return
	}
	failed := noSuitableZone([]*messages.ZoneReason{why})
	u.commit(out, &messages.Moved{PlacementId: p.id(), Index: int32(p.index), AtMs: int64(now), Failed: failed})
	out.reply(p.id(), failed)
}

func (u *User) confirm(p *placement, out *Effects) {
	out.send(Address{KindZone, p.zone()}, &messages.Confirm{Tenant: u.tenant, User: u.id, RequestId: p.id()})
}

// confirmed settles a placement: only now is the caller answered.
func (u *User) confirmed(now span.Time, m *messages.Confirmed, out *Effects) {
	p := u.placements[m.GetRequestId()]
	gone := p == nil || p.phase == ended || p.zone() != m.GetZone()
	switch {
	case gone && !m.GetRefused():
		u.free(m.GetZone(), m.GetRequestId(), out) // a zone that was made anew may not know that it ended
		return
	case gone || p.phase != held:
		return
	case m.GetRefused():
		u.advance(now, p, &messages.ZoneReason{Zone: m.GetZone(), Reason: "the hold expired before it was confirmed"}, out)
		return
	}
	u.commit(out, &messages.PlacementSettled{PlacementId: p.id(), AtMs: int64(now), EndMs: m.GetEndMs()})
	delete(u.tries, p.id())
	out.reply(p.id(), p.answer())
	u.settleWake(out)
	u.tellChanged(now, out)
}

// settleWake takes the reminder off when nothing waits for a zone any more.
func (u *User) settleWake(out *Effects) {
	for _, p := range u.placements {
		if p.unfinished() {
			return
		}
	}
	out.wake(wakeResend, 0)
}

// unfinished reports whether p waits for a zone.
func (p *placement) unfinished() bool { return p.phase != settled && p.phase != ended }

// resend puts every question to a zone again that has no answer yet.
func (u *User) resend(now span.Time, out *Effects) {
	waiting := false
	for _, id := range u.order {
		p := u.placements[id]
		if !p.unfinished() {
			continue
		}
		waiting = true
		u.repeat(now, p, out)
	}
	if waiting {
		out.wake(wakeResend, now.Add(resendAfter))
	}
}

func (u *User) repeat(now span.Time, p *placement, out *Effects) {
	if u.config.Guards.NextUnasked {
		u.advance(now, p, &messages.ZoneReason{Zone: p.zone(), Reason: "it gave no answer in time"}, out)
		return
	}
	switch p.phase {
	case placing:
		u.tries[p.id()]++
		if u.tries[p.id()] >= claimTries {
			// The outcome is unknown: the next zone only once this one has forgotten it.
			u.commit(out, &messages.Releasing{PlacementId: p.id(), AtMs: int64(now), Move: true})
			u.free(p.zone(), p.id(), out)
			return
		}
		u.claim(now, p, out)
	case held:
		u.confirm(p, out)
	case moving, releasing:
		u.free(p.zone(), p.id(), out)
	}
}
