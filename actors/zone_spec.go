package actors

import (
	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors/ledger"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// stepUnmade does what a zone can that does not exist, or not any more.
func (z *Zone) stepUnmade(now span.Time, from Address, msg proto.Message, out *Effects) {
	none := refusal(messages.Code_CODE_NOT_FOUND, "there is no zone "+z.id)
	switch m := msg.(type) {
	case *messages.PutZone:
		z.put(now, m, out)
	case *messages.DrainZone:
		out.reply(m.GetRequestId(), none)
	case *messages.DeleteZone:
		out.reply(m.GetRequestId(), none)
	case *messages.Reserve:
		out.reply(m.GetRequestId(), none)
	case *messages.Claim:
		out.send(from, z.refuse(m, &messages.ZoneReason{Reason: none.GetText()}))
	case *messages.Confirm:
		out.send(from, &messages.Confirmed{RequestId: m.GetRequestId(), Zone: z.id, Refused: true})
	case *messages.Free:
		out.send(from, &messages.Freed{RequestId: m.GetRequestId(), Zone: z.id})
	case *messages.Extend:
		out.send(from, &messages.Extended{RequestId: m.GetRequestId(), Zone: z.id, Refused: true})
	case *messages.StageReport:
		z.report = m
	case *messages.Activated:
		if z.drain { // it was deleted: its agent may not know
			z.desire(now, &messages.Desired{}, out)
		}
	case *messages.Woken:
		z.woken(now, m, out)
	}
}

func (z *Zone) put(now span.Time, m *messages.PutZone, out *Effects) {
	if err := checkSpec(m.GetSpec()); err != nil {
		out.reply(m.GetRequestId(), invalid(err))
		return
	}
	if err := CheckID("zone", z.id); err != nil {
		out.reply(m.GetRequestId(), invalid(err))
		return
	}
	z.commit(out, &messages.ZonePut{Spec: m.GetSpec(), AtMs: int64(now)})
	out.reply(m.GetRequestId(), &messages.Done{})
}

func (z *Zone) foldPut(r *messages.ZonePut) {
	before := z.spec
	z.spec = r.GetSpec()
	capacity, overcommit := VectorOf(z.spec.GetCapacity()), z.overcommit()
	if before == nil {
		z.books, _ = ledger.New(capacity, overcommit) // the spec was checked
		z.drain, z.deleting = false, false
		return
	}
	z.books.SetCapacity(capacity)
	z.books.SetOvercommit(overcommit)
}

func (z *Zone) overcommit() int64 {
	if o := z.spec.GetOvercommitPermille(); o != 0 {
		return o
	}
	return ledger.NoOvercommit
}

func (z *Zone) setDrain(m *messages.DrainZone, out *Effects) {
	z.commit(out, &messages.ZoneDrained{Drain: m.GetDrain()})
	out.reply(m.GetRequestId(), &messages.Done{})
}

// remove deletes a zone that holds nothing, or drains it until it does.
func (z *Zone) remove(now span.Time, m *messages.DeleteZone, out *Effects) {
	switch {
	case len(z.claims) == 0:
		z.delete(now, out)
	case m.GetDrain():
		z.commit(out, &messages.ZoneDrained{Drain: true, Deleting: true})
	default:
		out.reply(m.GetRequestId(), refusal(messages.Code_CODE_CONFLICT,
			"the zone is in use: drain it first, or delete it with drain to have it go when its last allocation ends"))
		return
	}
	out.reply(m.GetRequestId(), &messages.Done{})
}

// delete removes the zone and tells agent and mappers that nothing is left of it.
func (z *Zone) delete(now span.Time, out *Effects) {
	z.commit(out, &messages.ZoneDrained{Drain: true, Deleted: true})
	z.sequence = max(z.sequence+1, uint64(now)<<10)
	out.send(Address{KindMapper, EveryMapper}, &messages.ZoneDigest{Zone: z.id, Sequence: z.sequence, Deleted: true})
	z.desire(now, &messages.Desired{}, out)
	out.wake(wakePlan, 0)
	out.wake(wakeSweep, 0)
	z.planAt, z.sweepAt = 0, 0
}

func (z *Zone) foldDrained(r *messages.ZoneDrained) {
	z.drain, z.deleting = r.GetDrain(), r.GetDeleting()
	if r.GetDeleted() {
		z.spec, z.books, z.pools, z.volumes, z.data = nil, nil, nil, nil, datasets{}
	}
}

// setTenant takes a tenant's terms and goes on with the claims that waited for
// them. That there is no such tenant is not kept: there may be one later.
func (z *Zone) setTenant(now span.Time, m *messages.SetTenant, from Address, out *Effects) {
	t := z.tenants[m.GetTenant()]
	if !m.GetUnknown() && (t == nil || t.GetVersion() < m.GetVersion()) {
		z.commit(out, &messages.TenantSetPut{Terms: m})
	}
	out.send(from, &messages.TenantSet{Zone: z.id, Version: m.GetVersion()})
	parked := z.parked
	z.parked = nil
	for _, p := range parked {
		if m.GetUnknown() && p.claim.GetTenant() == m.GetTenant() {
			out.send(p.from, z.refuse(p.claim, &messages.ZoneReason{Reason: "there is no tenant " + m.GetTenant()}))
			continue
		}
		z.claim(now, p.claim, p.from, out)
	}
}
