package actors

import (
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// leaseGrace is how long after its end a lease that nobody ended is still waited
// for: the zone's clock and the user's may differ by a few seconds.
const leaseGrace = span.Minute

func (u *User) free(zone, id string, out *Effects) {
	out.send(Address{KindZone, zone}, &messages.Free{Tenant: u.tenant, User: u.id, RequestId: id})
}

// release gives a placement back, or gives up one that is under way.
func (u *User) release(now span.Time, m *messages.Release, out *Effects) {
	id := m.GetPlacementId()
	p := u.placements[id]
	switch {
	case p == nil && u.forgetQuestion(id) != nil:
		out.reply(id, refusal(messages.Code_CODE_CONFLICT, "the request was released before it was placed"))
		out.reply(m.GetRequestId(), &messages.Done{})
	case p == nil:
		out.reply(m.GetRequestId(), refusal(messages.Code_CODE_NOT_FOUND, "the user has no placement "+id))
	case p.phase == ended:
		out.reply(m.GetRequestId(), &messages.Done{})
	default:
		u.releases[id] = append(u.releases[id], m.GetRequestId())
		if p.phase != releasing {
			u.commit(out, &messages.Releasing{PlacementId: id, AtMs: int64(now)})
		}
		u.free(p.zone(), id, out)
		out.wake(wakeResend, now.Add(resendAfter))
	}
}

// freed takes a zone's word that it holds nothing for the placement.
func (u *User) freed(now span.Time, m *messages.Freed, out *Effects) {
	p := u.placements[m.GetRequestId()]
	if p == nil || p.zone() != m.GetZone() {
		return
	}
	switch p.phase {
	case moving:
		u.advance(now, p, &messages.ZoneReason{Zone: m.GetZone(), Reason: "it gave no answer in time"}, out)
	case releasing:
		u.end(now, p, "released", out)
	}
}

// end records that nothing is held any more and tells everybody who waits.
func (u *User) end(now span.Time, p *placement, reason string, out *Effects) {
	u.commit(out, &messages.PlacementEnded{PlacementId: p.id(), AtMs: int64(now), Reason: reason})
	delete(u.tries, p.id())
	for _, request := range u.releases[p.id()] {
		out.reply(request, &messages.Done{})
	}
	for _, request := range u.renewals[p.id()] {
		out.reply(request, refusal(messages.Code_CODE_NOT_FOUND, "the placement has ended: "+reason))
	}
	delete(u.releases, p.id())
	delete(u.renewals, p.id())
	if p.endMs == 0 { // it was never settled: whoever waits for it learns that it is gone
		out.reply(p.id(), refusal(messages.Code_CODE_CONFLICT, "the placement has ended: "+reason))
	}
	u.settleWake(out)
}

// leaseEnded takes a zone's word that what it held ended without the user's doing.
// While nobody has been told of the placement, that is a refusal: the next zone is
// tried.
func (u *User) leaseEnded(now span.Time, m *messages.Ended, out *Effects) {
	p := u.placements[m.GetRequestId()]
	if p == nil || p.zone() != m.GetZone() {
		return
	}
	switch p.phase {
	case held, moving:
		u.advance(now, p, &messages.ZoneReason{Zone: m.GetZone(), Reason: m.GetReason()}, out)
	case settled, releasing:
		u.end(now, p, m.GetReason(), out)
	}
}

// sweep records the end of leases that ended long enough ago without word.
func (u *User) sweep(now span.Time, out *Effects) {
	if len(u.order) == u.ended {
		return
	}
	for _, id := range append([]string(nil), u.order...) {
		p := u.placements[id]
		if p != nil && p.over(int64(now.Add(-leaseGrace))) {
			u.end(now, p, "the lease ended", out)
		}
	}
}

// renew asks the zone to move the end of a lease.
func (u *User) renew(now span.Time, m *messages.Renew, out *Effects) {
	p := u.placements[m.GetPlacementId()]
	switch {
	case p == nil || p.phase != settled || p.over(int64(now)):
		out.reply(m.GetRequestId(), refusal(messages.Code_CODE_NOT_FOUND, "the user has no living placement "+m.GetPlacementId()))
	case p.placing.GetRequest().GetDurationMs() != 0:
		out.reply(m.GetRequestId(), refusal(messages.Code_CODE_INVALID, "the placement has a fixed end: place the time after it anew"))
	default:
		u.renewals[p.id()] = append(u.renewals[p.id()], m.GetRequestId())
		out.send(Address{KindZone, p.zone()}, &messages.Extend{
			Tenant: u.tenant, User: u.id, RequestId: p.id(),
		})
	}
}

// extended takes a zone's answer to a renewal.
func (u *User) extended(now span.Time, m *messages.Extended, out *Effects) {
	p := u.placements[m.GetRequestId()]
	if p == nil || p.zone() != m.GetZone() || p.phase != settled {
		return
	}
	if m.GetRefused() {
		u.end(now, p, "the lease had ended before it was renewed", out)
		return
	}
	u.commit(out, &messages.LeaseMoved{PlacementId: p.id(), EndMs: m.GetEndMs()})
	for _, request := range u.renewals[p.id()] {
		out.reply(request, p.answer())
	}
	delete(u.renewals, p.id())
}
