package actors

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/score"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// SimAgentConfig is what a simulated zone is like.
type SimAgentConfig struct {
	Position   *messages.Position
	Starts     *messages.StartProfile
	CacheBytes int64
	// Spread is the standard deviation of the logarithm of start times.
	Spread float64
	// FailPermille of the starts fail.
	FailPermille int
	Seed         uint64
}

// Validate returns an error that wraps ErrInvalid and names the field unless the
// agent can be simulated.
func (c *SimAgentConfig) Validate() error {
	if !(c.Spread >= 0 && c.Spread < 10) || c.CacheBytes < 0 || c.FailPermille < 0 || c.FailPermille > 1000 {
		return fmt.Errorf("%w: spread, cache size or share of failures is out of range", ErrInvalid)
	}
	return errors.Join(checkStarts(c.Starts), checkPosition(c.Position))
}

// SimAgent stands for the process beside a zone's infrastructure: it makes the
// stages that the zone desires, in virtual time, and starts placements on them.
//
// It is an independent referee of what was ready when: it knows nothing of the
// zone's books.
type SimAgent struct {
	zone   string
	config SimAgentConfig

	version  uint64
	pools    []*simPool // by tenant, then class
	running  map[string]runs
	cache    simCache
	volumes  map[string]int64 // bytes prepared, by user
	links    map[string]bool  // users with a warm connection
	foreign  resource.Vector
	reported *messages.StageReport // as last sent
	tally    Tally
	at       span.Time // up to when the tally counts
	due      span.Time // of the reminder that is set; 0 for none
}

// runs is a placement that was started, on which pool's unit and under which version
// of the desired stages.
type runs struct {
	pool    *simPool
	version uint64
}

// simPool is the units of one pool that exist.
type simPool struct {
	tenant, class string
	unit          resource.Vector
	want          int64       // idle units wanted
	ready         int64       // idle units
	making        []span.Time // when each will be ready, earliest first
	busy          int64
}

// Tally is what an agent has held so far: amounts times the milliseconds for
// which they existed.
type Tally struct {
	StagedMs     float64 // units, in use or not, from when they were begun
	UsedMs       float64 // units from claim to release
	IdleByteMs   float64 // memory of units that existed and were not used
	CachedByteMs float64 // bytes of datasets in the cache
	VolumeByteMs float64 // bytes of prepared volumes
}

// NewSimAgent returns the agent of a zone with nothing staged.
func NewSimAgent(zone string, config SimAgentConfig, start span.Time) *SimAgent {
	return &SimAgent{
		zone:    zone,
		config:  config,
		running: make(map[string]runs),
		volumes: make(map[string]int64),
		links:   make(map[string]bool),
		cache:   newSimCache(config.CacheBytes, config.Starts.GetPullBytesPerSecond()),
		at:      start,
	}
}

// Step implements Machine.
func (a *SimAgent) Step(now span.Time, from Address, msg proto.Message, out *Effects) {
	a.advance(now)
	switch m := msg.(type) {
	case *messages.Desired:
		a.desire(now, m)
		a.reported = nil // every Desired is answered
	case *messages.Start:
		if m.GetVersion() >= a.version {
			out.send(from, a.start(now, m))
		}
	case *messages.Stop:
		a.stop(now, m)
	case *messages.StageReport: // what a measurement of others' use says
		a.foreign = VectorOf(m.GetForeign())
	case *messages.Woken:
		a.due = 0
	}
	a.report(out)
	a.wake(now, out)
}

// Fold implements Machine; an agent has no records: its stages are what is real.
func (a *SimAgent) Fold(proto.Message) {}

// Snapshot implements Machine.
func (a *SimAgent) Snapshot() proto.Message { return nil }

// Tally returns what was held up to now.
func (a *SimAgent) Tally(now span.Time) Tally {
	a.advance(now)
	return a.tally
}

// Running returns the placements that run, sorted.
func (a *SimAgent) Running() []string { return slices.Sorted(maps.Keys(a.running)) }

// Units returns how many idle units exist or are being made, and how many are wanted.
func (a *SimAgent) Units() (idle, wanted int64) {
	for _, p := range a.pools {
		idle += p.ready + int64(len(p.making))
		wanted += p.want
	}
	return idle, wanted
}

// SetFailures makes this many of 1000 starts fail from now on.
func (a *SimAgent) SetFailures(permille int) { a.config.FailPermille = permille }

// advance counts what existed since the last step and finishes what is ready.
func (a *SimAgent) advance(now span.Time) {
	for a.at < now {
		next := min(now, a.nextReady())
		a.count(float64(next.Sub(a.at)))
		a.at = next
		for _, p := range a.pools {
			p.finish(next)
		}
		a.cache.advance(next)
	}
}

// nextReady returns when the next thing that is being made will be ready.
func (a *SimAgent) nextReady() span.Time {
	next := a.cache.nextReady()
	for _, p := range a.pools {
		if len(p.making) > 0 {
			next = min(next, p.making[0])
		}
	}
	return max(next, a.at+1)
}

func (a *SimAgent) count(ms float64) {
	for _, p := range a.pools {
		idle := float64(p.ready + int64(len(p.making)))
		a.tally.StagedMs += ms * (idle + float64(p.busy))
		a.tally.UsedMs += ms * float64(p.busy)
		a.tally.IdleByteMs += ms * idle * float64(p.unit.Memory)
	}
	a.tally.CachedByteMs += ms * float64(a.cache.used)
	for _, bytes := range a.volumes {
		a.tally.VolumeByteMs += ms * float64(bytes)
	}
}

func (p *simPool) finish(now span.Time) {
	for len(p.making) > 0 && p.making[0] <= now {
		p.making = p.making[1:]
		p.ready++
	}
}

// desire makes reality follow the highest version seen: level-triggered.
func (a *SimAgent) desire(now span.Time, m *messages.Desired) {
	if m.GetVersion() < a.version {
		return
	}
	a.version = m.GetVersion()
	a.stopOthers(now, m)
	for _, p := range a.pools {
		p.want = 0
	}
	for _, s := range m.GetPools() {
		a.pool(s.GetTenant(), s.GetClass(), VectorOf(s.GetUnit())).want = s.GetIdle()
	}
	for _, p := range a.pools {
		a.follow(now, p)
	}
	a.cache.pin(now, m.GetDatasets())
	clear(a.volumes)
	for _, v := range m.GetVolumes() {
		a.volumes[v.GetUser()] = v.GetBytes()
	}
	clear(a.links)
	for _, user := range m.GetConnections() {
		a.links[user] = true
	}
}

// stopOthers ends what runs and is not listed: its Stop was lost. What was started
// since the list was made need not be on it.
func (a *SimAgent) stopOthers(now span.Time, m *messages.Desired) {
	for _, placement := range a.Running() {
		_, listed := slices.BinarySearch(m.GetRunning(), placement)
		if !listed && m.GetVersion() > a.running[placement].version {
			a.stop(now, &messages.Stop{Placement: placement})
		}
	}
}

// follow begins or takes down units until as many are idle as are wanted: those
// that would be ready last go first.
func (a *SimAgent) follow(now span.Time, p *simPool) {
	have := p.ready + int64(len(p.making))
	for ; have < p.want; have++ {
		p.making = append(p.making, now.Add(ceilMs(a.config.Starts.GetComputeColdMs())))
	}
	for ; have > p.want && len(p.making) > 0; have-- {
		p.making = p.making[:len(p.making)-1]
	}
	p.ready -= max(have-p.want, 0)
}

func ceilMs(ms float64) span.Duration { return span.Duration(math.Ceil(ms)) }

func (a *SimAgent) pool(tenant, class string, unit resource.Vector) *simPool {
	i, found := slices.BinarySearchFunc(a.pools, simPool{tenant: tenant, class: class}, func(p *simPool, q simPool) int {
		return cmp.Or(cmp.Compare(p.tenant, q.tenant), cmp.Compare(p.class, q.class))
	})
	if !found {
		a.pools = slices.Insert(a.pools, i, &simPool{tenant: tenant, class: class, unit: unit})
	}
	return a.pools[i]
}

// start starts a placement on what is ready and says how it found each facet. A
// second Start of a placement that runs finds it running.
func (a *SimAgent) start(now span.Time, m *messages.Start) *messages.Started {
	answer := &messages.Started{Placement: m.GetPlacement(), Zone: a.zone}
	draw := a.draws(m.GetRequest().GetId())
	if _, runs := a.running[m.GetPlacement()]; runs {
		answer.Compute, answer.Data = messages.Outcome_OUTCOME_HIT, messages.Outcome_OUTCOME_HIT
		answer.Connection, answer.Storage = messages.Outcome_OUTCOME_HIT, messages.Outcome_OUTCOME_HIT
		return answer
	}
	if draw.IntN(1000) < a.config.FailPermille {
		answer.Failure = "the simulated infrastructure failed"
		return answer
	}
	r := m.GetRequest()
	trip := score.TripMs(position(r.GetPosition()).KmTo(position(a.config.Position)))
	slowest := 0.0
	take := func(outcome messages.Outcome, ms float64) messages.Outcome {
		slowest = max(slowest, ms)
		return outcome
	}
	// Every facet draws whether it is needed or not, so that all policies see the
	// same draws for the same request.
	noise := func() float64 { return math.Exp(a.config.Spread * draw.NormFloat64()) }
	compute, data, connection, storage := noise(), noise(), noise(), noise()
	_, unit := ClassOf(r)
	answer.Compute = take(a.startUnit(now, m, unit, compute))
	answer.Data = take(a.readData(now, r, data))
	answer.Connection = take(a.connect(m.GetUser(), trip*connection))
	answer.Storage = take(a.attach(m.GetUser(), r, storage))
	answer.StartMs = trip + slowest
	return answer
}

func position(p *messages.Position) score.Position {
	return score.Position{Lat: p.GetLat(), Lon: p.GetLon()}
}

// draws returns the random numbers of one request: the same in every zone and
// under every policy.
func (a *SimAgent) draws(request string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(request))
	return rand.New(rand.NewPCG(a.config.Seed, h.Sum64()))
}

func (a *SimAgent) startUnit(now span.Time, m *messages.Start, unit resource.Vector, noise float64) (messages.Outcome, float64) {
	p := a.pool(m.GetTenant(), m.GetClass(), unit)
	s := a.config.Starts
	a.running[m.GetPlacement()] = runs{p, m.GetVersion()}
	p.busy++
	switch {
	case p.ready > 0:
		p.ready--
		return messages.Outcome_OUTCOME_HIT, s.GetComputePausedMs() * noise
	case len(p.making) > 0:
		rest := float64(p.making[0].Sub(now))
		p.making = p.making[1:]
		return messages.Outcome_OUTCOME_LATE, rest + s.GetComputePausedMs()*noise
	}
	return messages.Outcome_OUTCOME_MISSED, s.GetComputeColdMs() * noise
}

func (a *SimAgent) readData(now span.Time, r *messages.Request, noise float64) (messages.Outcome, float64) {
	if r.GetDataset() == "" {
		return messages.Outcome_OUTCOME_UNSPECIFIED, 0
	}
	outcome, ms := a.cache.read(now, r.GetDataset(), r.GetDatasetBytes())
	return outcome, ms * noise
}

func (a *SimAgent) connect(user string, tripMs float64) (messages.Outcome, float64) {
	if a.links[user] {
		return messages.Outcome_OUTCOME_HIT, WarmTrips * tripMs
	}
	return messages.Outcome_OUTCOME_MISSED, ColdTrips * tripMs
}

func (a *SimAgent) attach(user string, r *messages.Request, noise float64) (messages.Outcome, float64) {
	if r.GetNeed().GetStorageBytes() == 0 {
		return messages.Outcome_OUTCOME_UNSPECIFIED, 0
	}
	if a.volumes[user] > 0 {
		return messages.Outcome_OUTCOME_HIT, a.config.Starts.GetStorageReadyMs() * noise
	}
	return messages.Outcome_OUTCOME_MISSED, a.config.Starts.GetStorageColdMs() * noise
}

// stop ends a placement; its unit is paused again, and stays if the next Desired
// wants it.
func (a *SimAgent) stop(now span.Time, m *messages.Stop) {
	p := a.running[m.GetPlacement()].pool
	if p == nil {
		return
	}
	delete(a.running, m.GetPlacement())
	p.busy--
	p.ready++
}

// report tells the zone what there is, if that has changed.
func (a *SimAgent) report(out *Effects) {
	r := &messages.StageReport{
		Zone: a.zone, Version: a.version, Starts: a.config.Starts, Foreign: VectorMessage(a.foreign),
		Datasets:    a.cache.names(),
		Connections: slices.Sorted(maps.Keys(a.links)),
		Volumes:     slices.Sorted(maps.Keys(a.volumes)),
	}
	for _, p := range a.pools {
		r.Pools = append(r.Pools, &messages.PoolReport{Tenant: p.tenant, Class: p.class, Ready: p.ready, Making: int64(len(p.making))})
	}
	if a.reported == nil || !sameReport(r, a.reported) {
		a.reported = r
		out.send(Address{KindZone, a.zone}, r)
	}
}

// sameReport reports whether two reports of one agent say the same.
func sameReport(a, b *messages.StageReport) bool {
	return a.GetVersion() == b.GetVersion() && VectorOf(a.GetForeign()).Equal(VectorOf(b.GetForeign())) &&
		slices.Equal(a.GetDatasets(), b.GetDatasets()) && slices.Equal(a.GetConnections(), b.GetConnections()) &&
		slices.Equal(a.GetVolumes(), b.GetVolumes()) &&
		slices.EqualFunc(a.GetPools(), b.GetPools(), func(p, q *messages.PoolReport) bool {
			return p.GetReady() == q.GetReady() && p.GetMaking() == q.GetMaking() && p.GetTenant() == q.GetTenant() && p.GetClass() == q.GetClass()
		})
}

// wake sets the reminder for the next thing that will be ready.
func (a *SimAgent) wake(now span.Time, out *Effects) {
	next := a.cache.nextReady()
	for _, p := range a.pools {
		if len(p.making) > 0 {
			next = min(next, p.making[0])
		}
	}
	if next != span.Never && (a.due == 0 || next < a.due) {
		a.due = max(next, now+1)
		out.wake("ready", a.due)
	}
}
