package actors

import (
	"cmp"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/score"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// inFlightMax rankings of one zone are deducted until its next digest; past it
// the oldest is taken as settled.
const inFlightMax = 1_024

// Mapper ranks the zones for requests of the users on its node. It keeps no
// records: what it knows are the zones' digests.
type Mapper struct {
	weights score.Weights
	zones   []*zoneView // by id
	from    []score.Candidate
	ranked  []score.Choice
}

// zoneView is a zone as its last digest says, less what this node has sent there
// since.
type zoneView struct {
	digest   *messages.ZoneDigest
	free     resource.Vector
	capacity resource.Vector
	inFlight []inFlight
}

// inFlight is a request that was ranked and may be claimed in the zone.
type inFlight struct {
	need   resource.Vector
	tenant string
	class  string
}

// NewMapper returns a mapper that knows no zone yet.
func NewMapper(weights score.Weights) *Mapper { return &Mapper{weights: weights} }

// Step implements Machine.
func (p *Mapper) Step(_ span.Time, from Address, msg proto.Message, out *Effects) {
	switch m := msg.(type) {
	case *messages.ZoneDigest:
		p.learn(m)
	case *messages.Rank:
		out.send(from, p.rank(m))
	}
}

// Fold implements Machine; a mapper has no records.
func (p *Mapper) Fold(proto.Message) {}

// Snapshot implements Machine.
func (p *Mapper) Snapshot() proto.Message { return nil }

// learn takes a digest unless it knows a later one.
func (p *Mapper) learn(m *messages.ZoneDigest) {
	i, found := slices.BinarySearchFunc(p.zones, m.GetZone(), func(v *zoneView, id string) int {
		return cmp.Compare(v.digest.GetZone(), id)
	})
	if found && p.zones[i].digest.GetSequence() >= m.GetSequence() {
		return
	}
	view := &zoneView{digest: m, free: VectorOf(m.GetFree()), capacity: VectorOf(m.GetSpec().GetCapacity())}
	switch {
	case m.GetDeleted() && found:
		p.zones = slices.Delete(p.zones, i, i+1)
	case m.GetDeleted():
	case found:
		p.zones[i] = view
	default:
		p.zones = slices.Insert(p.zones, i, view)
	}
}

// rank answers a request with the zones that will do, best first.
func (p *Mapper) rank(m *messages.Rank) *messages.Ranked {
	answer := &messages.Ranked{RequestId: m.GetRequest().GetId()}
	need := needOf(m)
	class, _ := ClassOf(m.GetRequest())
	origin := p.origin(&need)
	if origin != nil {
		answer.Origin = origin.digest.GetZone()
	}
	p.from = p.from[:0]
	for _, v := range p.zones {
		p.from = append(p.from, v.candidate(m, &need, class))
	}
	p.ranked = score.Top(p.ranked[:0], choicesMax, need, p.from, p.weights)
	if len(p.ranked) == 0 {
		answer.Reasons = reasons(need, p.from)
		return answer
	}
	for _, c := range p.ranked {
		answer.Choices = append(answer.Choices, choiceMessage(c, &p.from[c.Index]))
	}
	if !m.GetDry() {
		p.zones[p.ranked[0].Index].expect(inFlight{need.Vector, m.GetTenant(), class})
	}
	return answer
}

// origin returns the nearest zone that the request's constraints permit, nil if
// there is none.
func (p *Mapper) origin(need *score.Need) *zoneView {
	var nearest *zoneView
	least := math.Inf(1)
	for _, v := range p.zones {
		c := score.Candidate{ID: v.digest.GetZone(), Region: v.digest.GetSpec().GetRegion(), Labels: v.digest.GetSpec().GetLabels(), Room: need.Vector}
		if km := need.At.KmTo(v.position()); km < least && need.Suitable(&c) == score.Suits {
			nearest, least = v, km
		}
	}
	return nearest
}

func (v *zoneView) position() score.Position {
	at := v.digest.GetSpec().GetPosition()
	return score.Position{Lat: at.GetLat(), Lon: at.GetLon()}
}

// expect deducts a request until the next digest.
func (v *zoneView) expect(f inFlight) {
	v.inFlight = append(v.inFlight, f)
	if len(v.inFlight) > inFlightMax {
		v.inFlight = v.inFlight[1:]
	}
}

// needOf states a request to the score.
func needOf(m *messages.Rank) score.Need {
	r := m.GetRequest()
	w := withDefaults(m.GetWeights())
	duration := span.Duration(r.GetDurationMs())
	if duration == 0 {
		duration = openBooked
	}
	starts := defaultStarts
	need := score.Need{
		Vector:         VectorOf(r.GetNeed()),
		Duration:       duration,
		At:             score.Position{Lat: r.GetPosition().GetLat(), Lon: r.GetPosition().GetLon()},
		Egress:         int64(min(float64(r.GetNeed().GetBandwidthBps())/8*duration.Seconds(), float64(resource.MaxCapacity))),
		Regions:        permitted(r.GetRegions(), m.GetRegions()),
		Labels:         r.GetLabels(),
		Denied:         r.GetDenyZones(),
		CeilingHour:    float64(r.GetPriceCeilingMicros()),
		SecondPrice:    float64(w.GetSecondMicros()),
		TripsPerSecond: float64(w.GetRoundTripsPermille()) / 1000,
		Sensitivity:    float64(w.GetCostSensitivityPermille()) / 1000,
		Cold: score.Facets{
			Compute: starts.GetComputeColdMs(),
			Data:    float64(r.GetDatasetBytes()) / starts.GetPullBytesPerSecond() * 1000,
		},
	}
	if need.Vector.Storage > 0 {
		need.Cold.Storage = starts.GetStorageColdMs()
	}
	return need
}

// nowhere is a region that no zone can have: its name is not a valid one.
const nowhere = " "

// permitted returns the regions that both lists allow; an empty list allows all.
func permitted(asked, allowed []string) []string {
	if len(asked) == 0 || len(allowed) == 0 {
		return append(asked, allowed...)
	}
	var both []string
	for _, r := range asked {
		if slices.Contains(allowed, r) {
			both = append(both, r)
		}
	}
	if len(both) == 0 {
		return []string{nowhere}
	}
	return both
}

// withDefaults fills in what a user and its tenant leave open.
func withDefaults(w *messages.CostWeights) *messages.CostWeights {
	full := &messages.CostWeights{SecondMicros: DefaultSecondMicros, CostSensitivityPermille: 1000, RoundTripsPermille: 1000 * score.DefaultTripsPerSecond}
	if w != nil {
		proto.Merge(full, w)
	}
	return full
}

// candidate is the zone as it looks to one request.
func (v *zoneView) candidate(m *messages.Rank, need *score.Need, class string) score.Candidate {
	d, spec := v.digest, v.digest.GetSpec()
	pool := v.pool(m.GetTenant(), class)
	c := score.Candidate{
		ID:     d.GetZone(),
		At:     v.position(),
		Region: spec.GetRegion(),
		Labels: spec.GetLabels(),
		Prices: score.Prices{
			CPUHour: float64(spec.GetPrices().GetCpuHourMicros()), GiBHour: float64(spec.GetPrices().GetGibHourMicros()),
			EgressGiB: float64(spec.GetPrices().GetEgressGibMicros()), StagingFactor: float64(spec.GetPrices().GetStagingPermille()) / 1000,
		},
		Room:     v.room(m.GetUser(), pool),
		Load:     v.load(),
		Draining: d.GetDraining(),
		Start:    v.start(m, need, pool),
	}
	if pool.GetReady() > v.taken(m.GetTenant(), class) {
		c.Readiness = 1
	}
	c.Access = weightOf(m.GetAccess(), c.ID)
	return c
}

func (v *zoneView) pool(tenant, class string) *messages.PoolDigest {
	for _, p := range v.digest.GetPools() {
		if p.GetTenant() == tenant && p.GetClass() == class {
			return p
		}
	}
	return nil
}

// taken counts the pool's units that requests in flight will take.
func (v *zoneView) taken(tenant, class string) int64 {
	n := int64(0)
	for _, f := range v.inFlight {
		if f.tenant == tenant && f.class == class {
			n++
		}
	}
	return n
}

// room is what the request could have: what is free, what its user and its pool
// have reserved, less what is in flight.
func (v *zoneView) room(user string, pool *messages.PoolDigest) resource.Vector {
	room := v.free
	if firm := pool.GetFirm(); firm != nil {
		room = room.Plus(VectorOf(firm))
	}
	for _, f := range v.digest.GetFirm() {
		if f.GetUser() == user {
			room = room.Plus(VectorOf(f.GetAmount()))
		}
	}
	for _, f := range v.inFlight {
		room = room.Minus(f.need)
	}
	return room
}

// load is the share of the CPU that is not free, 0 to 1.
func (v *zoneView) load() float64 {
	if v.capacity.CPU == 0 {
		return 0
	}
	return min(max(1-float64(v.free.CPU)/float64(v.capacity.CPU), 0), 1)
}

// start is how long each facet is expected to take here.
func (v *zoneView) start(m *messages.Rank, need *score.Need, pool *messages.PoolDigest) score.Facets {
	s, r := v.digest.GetStarts(), m.GetRequest()
	trip := score.TripMs(need.At.KmTo(v.position()))
	f := score.Facets{Compute: s.GetComputeColdMs(), Connection: ColdTrips * trip}
	switch {
	case pool.GetReady() > 0:
		f.Compute = s.GetComputePausedMs()
	case pool.GetMaking() > 0:
		f.Compute = s.GetComputeColdMs() / 2 // on average half of it is done
	}
	if r.GetDataset() != "" && !slices.Contains(v.digest.GetDatasets(), r.GetDataset()) {
		f.Data = float64(r.GetDatasetBytes()) / s.GetPullBytesPerSecond() * 1000
	}
	if slices.Contains(v.digest.GetConnections(), m.GetUser()) {
		f.Connection = WarmTrips * trip
	}
	if need.Vector.Storage > 0 {
		f.Storage = s.GetStorageColdMs()
		if slices.Contains(v.digest.GetVolumes(), m.GetUser()) {
			f.Storage = s.GetStorageReadyMs()
		}
	}
	return f
}

// Round trips to set up a connection, and to use one that is warm.
const (
	ColdTrips = 3
	WarmTrips = 1
)

func choiceMessage(c score.Choice, from *score.Candidate) *messages.Choice {
	return &messages.Choice{
		Zone: c.Zone, Score: c.Score, Stage: c.Parts.Stage, Distance: c.Parts.Distance,
		Cost: c.Parts.Cost, Load: c.Parts.Load, DistanceKm: c.Km, StartMs: from.Start.Slowest() + score.TripMs(c.Km),
		Region: from.Region,
	}
}

// reasons says of each zone why it will not do, nearest misses first.
func reasons(need score.Need, from []score.Candidate) []*messages.ZoneReason {
	var list []*messages.ZoneReason
	for _, r := range score.Refuse(need, from).Refusals {
		reason := &messages.ZoneReason{Zone: r.Zone, Reason: r.Why.String()}
		if !r.Short.IsZero() {
			reason.Shortfall = VectorMessage(r.Short)
		}
		list = append(list, reason)
	}
	return list
}
