package actors

import (
	"errors"

	"github.com/zonecast/zonecast/actors/ledger"
	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

const (
	// sweepAt reservations that are over are taken off the books together.
	sweepAt = 256
	// parkedMax claims wait for the terms of a tenant that is new here; users repeat
	// those that are dropped.
	parkedMax = 256
	// openBooked is how long ahead a request with an open end is sure of its place;
	// openRenewal is the period in which it must be renewed.
	openBooked  = span.Hour
	openRenewal = 10 * span.Minute
)

// parkedClaim is a claim that waits for its tenant's terms.
type parkedClaim struct {
	from  Address
	claim *messages.Claim
}

// claim holds capacity for a request, or says why not.
func (z *Zone) claim(now span.Time, m *messages.Claim, from Address, out *Effects) {
	if err := errors.Join(checkOwner(m.GetTenant(), m.GetUser()), CheckRequest(m.GetRequest())); err != nil {
		out.send(from, z.refuse(m, &messages.ZoneReason{Reason: err.Error()}))
		return
	}
	terms := z.tenants[m.GetTenant()]
	if terms == nil {
		if len(z.parked) < parkedMax {
			z.parked = append(z.parked, parkedClaim{from, m})
		}
		out.send(Address{KindTenant, m.GetTenant()}, &messages.AskTenant{Zone: z.id})
		return
	}
	if reason := z.admit(now, m, terms); reason != nil {
		out.send(from, z.refuse(m, reason))
		return
	}
	key := requestKey(m.GetUser(), m.GetRequest().GetId())
	if z.claims[key] == nil {
		z.commit(out, &messages.Claimed{Claim: m, AtMs: int64(now)})
	}
	out.send(from, &messages.ClaimAnswer{RequestId: m.GetRequest().GetId(), Zone: z.id})
}

// admit returns why a claim cannot be granted, nil if it can.
func (z *Zone) admit(now span.Time, m *messages.Claim, terms *messages.SetTenant) *messages.ZoneReason {
	if z.claims[requestKey(m.GetUser(), m.GetRequest().GetId())] == nil {
		if z.drain {
			return &messages.ZoneReason{Reason: "the zone is draining"}
		}
		if over := z.overQuota(m, terms); over != nil {
			return over
		}
	}
	// Claiming is idempotent: folding the record claims the same again.
	hold := min(max(span.Duration(m.GetHoldMs()), span.Second), ledger.MaxHold)
	_, err := z.books.Claim(now, z.claimOf(now, m), hold)
	return reasonOf(err)
}

func reasonOf(err error) *messages.ZoneReason {
	if err == nil {
		return nil
	}
	reason := &messages.ZoneReason{Reason: err.Error()}
	var full *ledger.Refusal
	if errors.As(err, &full) {
		reason.Shortfall = VectorMessage(full.Short)
		if full.When != span.Never {
			reason.FitsAtMs = int64(full.When)
		}
	}
	return reason
}

// overQuota returns a reason if the tenant would hold more here than it grants.
func (z *Zone) overQuota(m *messages.Claim, terms *messages.SetTenant) *messages.ZoneReason {
	quota := VectorOf(terms.GetQuota())
	if quota.IsZero() {
		return nil
	}
	held := VectorOf(m.GetRequest().GetNeed())
	for _, c := range z.claims {
		if c.GetClaim().GetTenant() == m.GetTenant() {
			held = held.Plus(VectorOf(c.GetClaim().GetRequest().GetNeed()))
		}
	}
	return beyondQuota(m.GetTenant(), held, quota)
}

// reservedOverQuota returns a reason if the tenant's users would have more reserved
// firmly in a window than it grants. What they claim draws on that, so it is held to
// the quota by itself.
func (z *Zone) reservedOverQuota(r ledger.Reservation) *messages.ZoneReason {
	quota := VectorOf(z.tenants[r.Holder.Tenant].GetQuota())
	if quota.IsZero() || r.Tier != ledger.Firm {
		return nil
	}
	held := r.Amount
	for _, other := range z.books.State().Reservations {
		replaced := other.Holder == r.Holder && other.ID == r.ID && other.Window == r.Window
		if other.Holder.Tenant == r.Holder.Tenant && other.Tier == ledger.Firm && !other.Holder.Pool &&
			other.Window.Overlaps(r.Window) && !replaced {
			held = held.Plus(other.Amount)
		}
	}
	return beyondQuota(r.Holder.Tenant, held, quota)
}

// beyondQuota returns a reason if held is more than quota in a resource that has one.
func beyondQuota(tenant string, held, quota resource.Vector) *messages.ZoneReason {
	var short resource.Vector
	quota.Each(func(name string, limit int64) {
		if over := held.Of(name) - limit; limit > 0 && over > 0 {
			short = short.With(name, over)
		}
	})
	if short.IsZero() {
		return nil
	}
	return &messages.ZoneReason{
		Reason:    "the quota of tenant " + tenant + " is used up: release something or raise the quota",
		Shortfall: VectorMessage(short),
	}
}

// claimOf states a claim to the books.
func (z *Zone) claimOf(now span.Time, m *messages.Claim) ledger.Claim {
	r := m.GetRequest()
	class, _ := ClassOf(r)
	c := ledger.Claim{
		Request: requestKey(m.GetUser(), r.GetId()),
		Holder:  ledger.Holder{Tenant: m.GetTenant(), ID: m.GetUser()},
		Pool:    ledger.Holder{Tenant: m.GetTenant(), ID: class, Pool: true},
		Window:  span.Starting(now, span.Duration(r.GetDurationMs())),
		Amount:  VectorOf(r.GetNeed()),
	}
	if r.GetDurationMs() == 0 {
		c.Window, c.Renewal = span.Starting(now, openBooked), openRenewal
	}
	return c
}

func (z *Zone) refuse(m *messages.Claim, reason *messages.ZoneReason) *messages.ClaimAnswer {
	reason.Zone = z.id
	return &messages.ClaimAnswer{RequestId: m.GetRequest().GetId(), Zone: z.id, Refused: reason}
}

func (z *Zone) foldClaimed(r *messages.Claimed) {
	now, m := span.Time(r.GetAtMs()), r.GetClaim()
	hold := min(max(span.Duration(m.GetHoldMs()), span.Second), ledger.MaxHold)
	z.books.Claim(now, z.claimOf(now, m), hold)
	z.claims[requestKey(m.GetUser(), m.GetRequest().GetId())] = r
	z.poolOf(now, m).held++
}

// confirm turns a hold into an allocation and has the agent start it.
func (z *Zone) confirm(now span.Time, m *messages.Confirm, from Address, out *Effects) {
	key := requestKey(m.GetUser(), m.GetRequestId())
	claimed := z.claims[key]
	answer := &messages.Confirmed{RequestId: m.GetRequestId(), Zone: z.id}
	before, known := z.books.Allocation(now, key)
	if !known || claimed == nil {
		answer.Refused = true
		out.send(from, answer)
		return
	}
	if before.Held {
		z.commit(out, &messages.ClaimConfirmed{User: m.GetUser(), RequestId: m.GetRequestId(), AtMs: int64(now)})
		z.start(claimed, out)
	}
	after, _ := z.books.Allocation(now, key)
	answer.EndMs = int64(after.Until)
	out.send(from, answer)
}

func (z *Zone) foldConfirmed(r *messages.ClaimConfirmed) {
	key, now := requestKey(r.GetUser(), r.GetRequestId()), span.Time(r.GetAtMs())
	z.books.Confirm(now, key)
	if claimed := z.claims[key]; claimed != nil {
		p := z.poolOf(now, claimed.GetClaim())
		p.held--
		p.busy++
		p.planner.Started(now)
	}
}

// free gives back what a request holds, or forbids what it might claim yet.
func (z *Zone) free(now span.Time, m *messages.Free, from Address, out *Effects) {
	key := requestKey(m.GetUser(), m.GetRequestId())
	if z.claims[key] != nil || !z.books.Forbidden(now, key) {
		z.commit(out, &messages.AllocationFreed{User: m.GetUser(), RequestId: m.GetRequestId(), AtMs: int64(now)})
		z.stop(key, out)
	}
	out.send(from, &messages.Freed{RequestId: m.GetRequestId(), Zone: z.id})
}

func (z *Zone) foldFreed(r *messages.AllocationFreed) {
	key, now := requestKey(r.GetUser(), r.GetRequestId()), span.Time(r.GetAtMs())
	allocation, _ := z.books.Release(now, key)
	z.forgetClaim(now, key, allocation.Held)
}

// forgetClaim takes a claim that has ended off its pool.
func (z *Zone) forgetClaim(now span.Time, key string, held bool) {
	claimed := z.claims[key]
	if claimed == nil {
		return
	}
	delete(z.claims, key)
	p := z.poolOf(now, claimed.GetClaim())
	if held {
		p.held--
		return
	}
	p.busy--
	p.planner.Ended(now)
}

// extend renews a lease.
func (z *Zone) extend(now span.Time, m *messages.Extend, from Address, out *Effects) {
	key := requestKey(m.GetUser(), m.GetRequestId())
	answer := &messages.Extended{RequestId: m.GetRequestId(), Zone: z.id}
	if allocation, err := z.books.Renew(now, key); err != nil {
		answer.Refused = true
	} else {
		answer.EndMs = int64(allocation.Until)
		z.commit(out, &messages.AllocationExtended{User: m.GetUser(), RequestId: m.GetRequestId(), AtMs: int64(now)})
	}
	out.send(from, answer)
}

// sweep takes leases and holds that have ended off the books and tells their users.
func (z *Zone) sweep(now span.Time, out *Effects) {
	if z.spec == nil || z.config.Guards.NoExpiry || z.books.NextEnd() > now && z.books.Lapsed(now) < sweepAt {
		return
	}
	for _, a := range z.books.Ended(now) {
		claimed := z.claims[a.Request]
		if claimed == nil {
			continue
		}
		c := claimed.GetClaim()
		reason := "the lease ended"
		if a.Held {
			reason = "the hold expired before it was confirmed"
		}
		out.send(Address{KindUser, c.GetUser()}, &messages.Ended{RequestId: c.GetRequest().GetId(), Zone: z.id, Reason: reason})
		z.stop(a.Request, out)
	}
	z.commit(out, &messages.Swept{AtMs: int64(now)})
}

func (z *Zone) foldSwept(r *messages.Swept) {
	now := span.Time(r.GetAtMs())
	swept := z.books.Sweep(now)
	z.counts.Expired += len(swept.Reservations)
	for _, a := range swept.Allocations {
		z.forgetClaim(now, a.Request, a.Held)
	}
}

// reserve sets, replaces or cancels a user's own reservation.
func (z *Zone) reserve(now span.Time, m *messages.Reserve, from Address, out *Effects) {
	if err := errors.Join(checkOwner(m.GetTenant(), m.GetUser()), CheckID("reservation", m.GetReservation())); err != nil {
		out.reply(m.GetRequestId(), invalid(err))
		return
	}
	if z.drain && !VectorOf(m.GetAmount()).IsZero() {
		out.reply(m.GetRequestId(), refusal(messages.Code_CODE_CONFLICT, "the zone is draining"))
		return
	}
	if m.GetTier() != messages.Tier_TIER_FIRM && m.GetTier() != messages.Tier_TIER_SOFT {
		out.reply(m.GetRequestId(), refusal(messages.Code_CODE_INVALID, "the tier must be soft or firm"))
		return
	}
	if over := z.reservedOverQuota(reservationOf(m)); over != nil {
		z.refuseReserve(m, messages.Code_CODE_EXHAUSTED, over, out)
		return
	}
	// Reserving is idempotent: folding the record reserves the same again.
	if err := z.books.Reserve(now, reservationOf(m)); err != nil {
		code := messages.Code_CODE_INVALID
		if errors.Is(err, ledger.ErrFull) || errors.Is(err, ledger.ErrTooMany) {
			code = messages.Code_CODE_EXHAUSTED
		}
		z.refuseReserve(m, code, reasonOf(err), out)
		return
	}
	z.commit(out, &messages.ReservationPut{Reserve: m, AtMs: int64(now)})
	out.reply(m.GetRequestId(), &messages.Reserved{Reservation: m.GetReservation(), Tier: m.GetTier()})
}

func (z *Zone) refuseReserve(m *messages.Reserve, code messages.Code, reason *messages.ZoneReason, out *Effects) {
	reason.Zone = z.id
	out.reply(m.GetRequestId(), &messages.Error{Code: code, Text: reason.GetReason(), Zones: []*messages.ZoneReason{reason}})
}

func reservationOf(m *messages.Reserve) ledger.Reservation {
	tier := ledger.Soft
	if m.GetTier() == messages.Tier_TIER_FIRM {
		tier = ledger.Firm
	}
	return ledger.Reservation{
		Holder: ledger.Holder{Tenant: m.GetTenant(), ID: m.GetUser()},
		ID:     m.GetReservation(),
		Window: windowOf(m.GetWindow()),
		Amount: VectorOf(m.GetAmount()),
		Tier:   tier,
	}
}
