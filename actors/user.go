package actors

import (
	"hash/fnv"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors/forecast"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// Bounds of one user.
const (
	// PlacementsMax requests of a user may live at a time.
	PlacementsMax = 1_024
	// endedMax ended ones are remembered, so that a late copy of a request is
	// answered from state even after its answer has been forgotten.
	endedMax = 64
	// pendingMax questions to tenant and mapper may be open: they are volatile.
	pendingMax = 256
	// choicesMax zones are tried for one request.
	choicesMax = 16
)

// Times of a user's own doing.
const (
	// holdFor is how long a claim holds capacity until it is confirmed.
	holdFor = 30 * span.Second
	// resendAfter is how long an answer is waited for before the question is put
	// again; claimTries times, then the claim is cancelled.
	resendAfter = span.Second
	claimTries  = 5
	// intentsEvery is how often a user tells zones what it expects to need, beside
	// when that has changed: half of the horizon, so that zones always know half a day.
	intentsEvery = 12 * span.Hour
	// roundEvery is how often it looks after what nobody told it: leases that have
	// ended, terms that have changed.
	roundEvery = intentsEvery / 2
)

// Keys of a user's reminders.
const (
	wakeResend  = "resend"
	wakeIntents = "intents"
)

// User is one user of a tenant: it owns the user's request ids and places them,
// learns the user's habits from the samples, and tells zones what it expects.
type User struct {
	id, tenant, user string
	malformed        error // of an id that no user can have
	config           UserConfig

	// Folded.
	terms      *messages.Terms // nil until the tenant has granted any
	settings   *messages.UserSettings
	placements map[string]*placement
	order      []string // of placements, oldest first
	ended      int      // placements among them that have ended

	// Derived from the series up to position.
	position uint64
	learned  learned

	// Volatile.
	places   map[string]*question // by request id: Place and Select that wait for terms or a ranking
	asked    []string             // keys of places, oldest first
	releases map[string][]string  // by placement: request ids of Release that wait
	renewals map[string][]string  // by placement: request ids of Renew that wait
	tries    map[string]int       // by placement: times the claim was sent
	told     map[string]told      // by zone: what was last said of the future there
	expected forecast.Expectation
	next     forecast.Next
}

// UserConfig is what users are made with.
type UserConfig struct {
	// Silent users tell no zone what they expect to need.
	Silent bool
	// Guards switches rules off, for tests of the simulator.
	Guards Guards
}

// question is a request that waits for the tenant's terms or the mapper's ranking.
type question struct {
	request *messages.Request
	dry     bool // a mere Select
}

// NewUser returns the user actor id (tenant/user) as it is before its first
// record.
func NewUser(id string, config UserConfig) *User {
	u := &User{
		id:         id,
		config:     config,
		placements: make(map[string]*placement),
		places:     make(map[string]*question),
		releases:   make(map[string][]string),
		renewals:   make(map[string][]string),
		tries:      make(map[string]int),
		told:       make(map[string]told),
	}
	u.tenant, u.user, u.malformed = SplitUser(id)
	return u
}

// Step implements Machine.
func (u *User) Step(now span.Time, from Address, msg proto.Message, out *Effects) {
	if u.malformed != nil {
		if m, ok := msg.(interface{ GetRequestId() string }); ok {
			out.reply(m.GetRequestId(), invalid(u.malformed))
		}
		return
	}
	switch m := msg.(type) {
	case *messages.Place:
		u.place(now, m, out)
	case *messages.Select:
		u.selectZone(now, m, out)
	case *messages.Release:
		u.release(now, m, out)
	case *messages.Renew:
		u.renew(now, m, out)
	case *messages.Terms:
		u.enrolled(now, m, out)
	case *messages.Ranked:
		u.ranked(now, m, out)
	case *messages.ClaimAnswer:
		u.claimAnswered(now, m, out)
	case *messages.Confirmed:
		u.confirmed(now, m, out)
	case *messages.Freed:
		u.freed(now, m, out)
	case *messages.Extended:
		u.extended(now, m, out)
	case *messages.Ended:
		u.leaseEnded(now, m, out)
	case *messages.PutProfile:
		u.putProfile(m, out)
	case *messages.DescribeUser:
		out.reply(m.GetRequestId(), u.profile())
	case *messages.AskForecast:
		u.forecast(now, m, out)
	case *messages.Activated:
		u.resend(now, out)
		if u.terms == nil && u.position > 0 { // known by its samples alone
			out.send(Address{KindTenant, u.tenant}, &messages.Enroll{User: u.id})
		}
	case *messages.Woken:
		u.woken(now, m, out)
	}
}

// Fold implements Machine.
func (u *User) Fold(record proto.Message) {
	switch r := record.(type) {
	case *messages.Enrolled:
		u.terms = r.GetTerms()
	case *messages.ProfilePut:
		u.settings = r.GetSettings()
	case *messages.Placing:
		u.foldPlacing(r)
	case *messages.Moved:
		u.change(r.GetPlacementId(), r.GetAtMs(), func(p *placement) { p.moved(r) })
	case *messages.Held:
		u.change(r.GetPlacementId(), 0, func(p *placement) { p.phase = held })
	case *messages.PlacementSettled:
		u.change(r.GetPlacementId(), r.GetAtMs(), func(p *placement) { p.phase, p.endMs = settled, r.GetEndMs() })
	case *messages.Releasing:
		u.change(r.GetPlacementId(), r.GetAtMs(), func(p *placement) { p.releasing(r) })
	case *messages.LeaseMoved:
		u.change(r.GetPlacementId(), 0, func(p *placement) { p.endMs = r.GetEndMs() })
	case *messages.PlacementEnded:
		u.change(r.GetPlacementId(), r.GetAtMs(), func(p *placement) { p.phase = ended })
	case *messages.UserState:
		u.restore(r)
	}
}

// Snapshot implements Machine.
func (u *User) Snapshot() proto.Message {
	s := &messages.UserState{Terms: u.terms, Settings: u.settings, Position: u.position, Learned: u.learned.message()}
	for _, id := range u.order {
		s.Placements = append(s.Placements, u.placements[id].message())
	}
	return s
}

func (u *User) restore(s *messages.UserState) {
	u.terms, u.settings, u.position = s.GetTerms(), s.GetSettings(), s.GetPosition()
	u.learned.load(s.GetLearned())
	for _, p := range s.GetPlacements() {
		u.remember(placementOf(p))
	}
}

func (u *User) commit(out *Effects, record proto.Message) {
	out.record(record)
	u.Fold(record)
}

func (u *User) woken(now span.Time, m *messages.Woken, out *Effects) {
	switch m.GetKey() {
	case wakeResend:
		u.resend(now, out)
	case wakeIntents:
		u.sweep(now, out)
		if u.tells(now) {
			u.tellIntents(now, out)
		}
		// The tenant's terms may have changed: it doesn't know its users.
		out.send(Address{KindTenant, u.tenant}, &messages.Enroll{User: u.id})
		out.wake(wakeIntents, u.nextRound(now))
	}
}

// phase spreads the users' rounds over the period, each at its own.
func (u *User) phase() span.Duration {
	h := fnv.New64a()
	h.Write([]byte(u.id))
	return span.Duration(h.Sum64() % uint64(intentsEvery))
}

// nextRound returns when the user's next round is.
func (u *User) nextRound(now span.Time) span.Time {
	return now.Add(-u.phase()).Floor(roundEvery).Add(u.phase() + roundEvery)
}

// tells reports whether the round at now is one of those that tell intents: every
// second one.
func (u *User) tells(now span.Time) bool {
	return now.Add(-u.phase()).Floor(roundEvery) == now.Add(-u.phase()).Floor(intentsEvery)
}

// enrolled takes the tenant's terms and goes on with what waited for them.
func (u *User) enrolled(now span.Time, m *messages.Terms, out *Effects) {
	if m.GetUnknown() {
		for _, id := range u.asked {
			out.reply(id, refusal(messages.Code_CODE_NOT_FOUND, "there is no tenant "+u.tenant+": create it first"))
		}
		clear(u.places)
		u.asked = nil
		return
	}
	if u.terms.GetVersion() >= m.GetVersion() {
		return
	}
	if u.terms == nil && !u.config.Silent {
		out.wake(wakeIntents, u.nextRound(now))
	}
	u.commit(out, &messages.Enrolled{Terms: m})
	for _, id := range u.asked {
		u.rank(now, u.places[id], out)
	}
}

func (u *User) putProfile(m *messages.PutProfile, out *Effects) {
	s := m.GetSettings()
	if err := checkSettings(s); err != nil {
		out.reply(m.GetRequestId(), invalid(err))
		return
	}
	next := new(messages.UserSettings)
	if u.settings != nil {
		proto.Merge(next, u.settings)
	}
	if len(s.GetPreferredRegions()) > 0 {
		next.PreferredRegions = nil
	}
	if len(s.GetResidency()) > 0 {
		next.Residency = nil
	}
	proto.Merge(next, s)
	u.commit(out, &messages.ProfilePut{Settings: next})
	out.reply(m.GetRequestId(), &messages.Done{})
}
