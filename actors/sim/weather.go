package sim

import (
	"math/rand/v2"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
)

// Kinds of things that must happen somewhere in the seeds of a run, or the run proved
// nothing. Counts has one entry a kind.
const (
	MessageLost       = "message lost"
	MessageDuplicated = "message duplicated"
	MessageDelayed    = "message delayed by seconds"
	MessageReordered  = "message reordered"
	ProposalLost      = "proposal lost"
	OutcomeMissed     = "outcome that never came"
	BatchFenced       = "batch fenced"
	NodeCrashed       = "node crashed"
	WritesLost        = "unsynced writes lost"
	LeaderLost        = "leader lost and re-elected"
	Passivated        = "activation passivated"
	DeadlinePassed    = "caller's deadline passed"
	AskedAgain        = "request asked again with its id"
	RequestDuplicated = "request duplicated"
	RowsIdentical     = "two identical rows"
	GatewayVanished   = "gateway vanished"
	ForeignJumped     = "foreign use jumped to 100 %"
	ForeignReturned   = "foreign use went back"
	StartFailed       = "start failed"
	ZoneReduced       = "zone reduced below what is promised"
	ZoneDrained       = "zone drained"
	ZoneDeleted       = "zone deleted with drain"
	ClockRan          = "hours went by"
	BadInput          = "bad input refused"
	Placed            = "request placed"
	Refused           = "claim refused"
	Exhausted         = "request without a zone"
	Renewed           = "lease renewed"
	Released          = "placement released"
	LeaseExpired      = "lease expired"
	HoldExpired       = "hold expired"
	Overdraft         = "overdraft"
	QuotaHit          = "quota used up"
	SampleStored      = "sample stored"
	SampleRepeated    = "sample sent again"
	SampleLate        = "sample too late or too early"
	SampleBad         = "bad sample refused"
	SampleUnknown     = "samples whose fate is unknown"
	UserBySample      = "user known by its samples alone"
)

// Kinds lists all kinds in the order in which they are printed.
func Kinds() []string {
	return []string{
		MessageLost, MessageDuplicated, MessageDelayed, MessageReordered, ProposalLost, OutcomeMissed, BatchFenced,
		NodeCrashed, WritesLost, LeaderLost, Passivated, DeadlinePassed, AskedAgain, RequestDuplicated, RowsIdentical,
		GatewayVanished, ForeignJumped, ForeignReturned, StartFailed, ZoneReduced, ZoneDrained, ZoneDeleted, ClockRan,
		BadInput, Placed, Refused, Exhausted, Renewed, Released, LeaseExpired, HoldExpired, Overdraft, QuotaHit,
		SampleStored, SampleRepeated, SampleLate, SampleBad, SampleUnknown, UserBySample,
	}
}

// Counts is how often each kind happened.
type Counts map[string]int

// weather is how badly things go in one world. Each seed draws its own, so that some
// worlds have many faults of one kind and none of another.
type weather struct {
	random *rand.Rand
	counts Counts
	calm   bool

	lose, duplicate, delay int // per mille of messages
	slow                   span.Duration
	loseProposals          int // per mille
	commit                 span.Duration
	crashEvery, electEvery span.Duration
	operateEvery           span.Duration
	failStarts             int       // per mille
	latest                 span.Time // when the message that is last on its way arrives
}

func newWeather(random *rand.Rand, counts Counts) *weather {
	among := func(options ...int) int { return options[random.IntN(len(options))] }
	return &weather{
		random: random, counts: counts,
		lose:          among(0, 5, 30, 150),
		duplicate:     among(0, 10, 100),
		delay:         among(0, 20, 100),
		slow:          span.Duration(among(500, 5_000, 40_000)),
		loseProposals: among(0, 5, 40),
		commit:        span.Duration(among(1, 20, 300)),
		crashEvery:    span.Duration(among(3, 10, 60)) * span.Minute,
		electEvery:    span.Duration(among(2, 10, 60)) * span.Minute,
		operateEvery:  span.Duration(among(1, 5, 20)) * span.Minute,
		failStarts:    among(0, 30, 200),
	}
}

// Delays implements Network.
func (w *weather) Delays(now span.Time, from, to actors.Address) []span.Duration {
	if w.calm {
		return []span.Duration{1}
	}
	if w.chance(w.lose) {
		w.counts[MessageLost]++
		return nil
	}
	delays := []span.Duration{w.delayOne(now)}
	if w.chance(w.duplicate) {
		w.counts[MessageDuplicated]++
		delays = append(delays, w.delayOne(now))
	}
	return delays
}

func (w *weather) delayOne(now span.Time) span.Duration {
	d := span.Duration(1 + w.random.IntN(4))
	if w.chance(w.delay) {
		d += span.Duration(w.random.Int64N(int64(w.slow)))
	}
	if d >= span.Second {
		w.counts[MessageDelayed]++
	}
	if now.Add(d) < w.latest {
		w.counts[MessageReordered]++
	}
	w.latest = max(w.latest, now.Add(d))
	return d
}

func (w *weather) chance(permille int) bool { return permille > 0 && w.random.IntN(1000) < permille }

// loseProposal is asked of every proposal before Raft has it.
func (w *weather) loseProposal() bool {
	if w.calm || !w.chance(w.loseProposals) {
		return false
	}
	w.counts[ProposalLost]++
	return true
}

// commits is how long the logs take.
func (w *weather) commits() span.Duration { return span.Duration(1 + w.random.Int64N(int64(w.commit))) }

// around draws a duration whose mean is d.
func (w *weather) around(d span.Duration) span.Duration {
	return 1 + span.Duration(w.random.Int64N(2*int64(d)))
}
