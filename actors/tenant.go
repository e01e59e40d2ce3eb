package actors

import (
	"errors"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// wakeTell is the reminder under which a tenant repeats its terms to zones that
// have not acknowledged them; retellAfter is its period.
const (
	wakeTell    = "tell"
	retellAfter = 5 * span.Second
)

// Tenant keeps what one tenant grants its users and pays, and tells the zones
// that have asked.
type Tenant struct {
	id      string
	spec    *messages.TenantSpec // nil: there is no such tenant
	version int64
	zones   []*messages.ZoneAsked // in the order in which they first asked
}

// NewTenant returns the tenant id as it is before its first record.
func NewTenant(id string) *Tenant { return &Tenant{id: id} }

// Step implements Machine.
func (t *Tenant) Step(now span.Time, from Address, msg proto.Message, out *Effects) {
	switch m := msg.(type) {
	case *messages.PutTenant:
		t.put(now, m, out)
	case *messages.Enroll:
		out.send(from, t.terms())
	case *messages.AskTenant:
		t.asked(m, from, out)
	case *messages.TenantSet:
		t.acknowledged(m, out)
	case *messages.Activated, *messages.Woken:
		t.tell(now, out)
	}
}

// Fold implements Machine.
func (t *Tenant) Fold(record proto.Message) {
	switch r := record.(type) {
	case *messages.TenantPut:
		t.spec, t.version = r.GetSpec(), r.GetVersion()
	case *messages.ZoneAsked:
		t.foldZone(r)
	case *messages.TenantState:
		t.spec, t.version, t.zones = r.GetSpec(), r.GetVersion(), r.GetZones()
	}
}

// Snapshot implements Machine.
func (t *Tenant) Snapshot() proto.Message {
	return &messages.TenantState{Spec: t.spec, Version: t.version, Zones: t.zones}
}

func (t *Tenant) commit(out *Effects, record proto.Message) {
	out.record(record)
	t.Fold(record)
}

func (t *Tenant) put(now span.Time, m *messages.PutTenant, out *Effects) {
	if err := errors.Join(CheckID("tenant", t.id), checkTenant(m.GetSpec())); err != nil {
		out.reply(m.GetRequestId(), invalid(err))
		return
	}
	t.commit(out, &messages.TenantPut{Spec: m.GetSpec(), Version: t.version + 1})
	t.tell(now, out)
	out.reply(m.GetRequestId(), &messages.Done{})
}

func (t *Tenant) terms() *messages.Terms {
	return &messages.Terms{
		Tenant:  t.id,
		Version: t.version,
		Unknown: t.spec == nil,
		Weights: t.spec.GetWeights(),
		Regions: t.spec.GetRegions(),
		Mode:    t.spec.GetMode(),
	}
}

func (t *Tenant) asked(m *messages.AskTenant, from Address, out *Effects) {
	known := false
	for _, z := range t.zones {
		known = known || z.GetZone() == m.GetZone()
	}
	if !known && t.spec != nil && CheckID("zone", m.GetZone()) == nil {
		t.commit(out, &messages.ZoneAsked{Zone: m.GetZone()})
	}
	out.send(from, t.termsIn(m.GetZone()))
}

func (t *Tenant) acknowledged(m *messages.TenantSet, out *Effects) {
	for _, z := range t.zones {
		if z.GetZone() == m.GetZone() && z.GetVersion() < m.GetVersion() {
			t.commit(out, &messages.ZoneAsked{Zone: m.GetZone(), Version: m.GetVersion()})
		}
	}
}

// tell repeats the terms to every zone that has not acknowledged them.
func (t *Tenant) tell(now span.Time, out *Effects) {
	waiting := false
	for _, z := range t.zones {
		if z.GetVersion() < t.version {
			out.send(Address{KindZone, z.GetZone()}, t.termsIn(z.GetZone()))
			waiting = true
		}
	}
	if waiting {
		out.wake(wakeTell, now.Add(retellAfter))
	}
}

func (t *Tenant) termsIn(zone string) *messages.SetTenant {
	m := &messages.SetTenant{
		Tenant:  t.id,
		Version: t.version,
		Unknown: t.spec == nil,
		Weights: t.spec.GetWeights(),
		Mode:    t.spec.GetMode(),
	}
	for _, q := range t.spec.GetQuotas() {
		if q.GetZone() == zone {
			m.Quota = q.GetQuota()
		}
	}
	return m
}

func (t *Tenant) foldZone(r *messages.ZoneAsked) {
	for i, z := range t.zones {
		if z.GetZone() == r.GetZone() {
			t.zones[i] = r
			return
		}
	}
	t.zones = append(t.zones, r)
}
