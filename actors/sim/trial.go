package sim

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/run"
	"github.com/zonecast/zonecast/actors/score"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
	"github.com/zonecast/zonecast/persistence"
)

// What a trial's world is made of: little, so that everything meets.
const (
	shards     = 2
	zoneCount  = 3
	gateways   = 3
	usersEach  = 2 // of each tenant
	trialStart = span.Time(1_750_000_000_000)
	// stormMost is the longest storm: one with few steps goes on no longer.
	stormMost = 5 * span.Day
	// calmLasts is how long the world is left alone at the end: longer than any lease,
	// and than the round in which users look after what they have.
	calmLasts = 8 * span.Hour
	// calmSoon is when zones and agents must agree again: after a few repetitions.
	calmSoon  = 2 * span.Minute
	tendEvery = 5 * span.Second
	// idleFor is how long an activation does nothing before it is passivated.
	idleFor = 10 * span.Minute
)

// TrialConfig says which world is tried.
type TrialConfig struct {
	Seed     uint64
	Steps    int // deliveries in the storm, at least
	Run      run.Guards
	Actors   actors.Guards
	Unfenced bool      // the logs accept batches of any version
	Text     io.Writer // for the story in words; nil for none
}

// Verdict is how a trial went.
type Verdict struct {
	Counts Counts
	Steps  int    // deliveries
	Hash   uint64 // of the whole story: equal for equal configurations
	Err    error  // the first promise that was broken, nil if none
}

// trial is one world in a storm, and those who watch over it.
type trial struct {
	config  TrialConfig
	random  *rand.Rand
	counts  Counts
	weather *weather
	disk    *persistence.Scratch
	witness []*witness
	world   *World
	agents  []*actors.SimAgent // by zone
	audit   *audit
	source  *source
	tape    *tape
	steps   int
	asked   int // request ids given so far
	broken  error
}

// Try runs one world through a storm, lets it calm down, and says which promise was
// broken. It counts everything anew after every step.
func Try(c TrialConfig) Verdict {
	t := &trial{config: c, random: rand.New(rand.NewPCG(c.Seed, 0x5a6f6e65)), counts: Counts{}}
	t.tape = newTape(c.Text, trialStart)
	t.weather = newWeather(t.random, t.counts)
	err := t.live()
	if t.broken == nil {
		t.broken = err
	}
	if t.disk != nil {
		err = t.disk.Close()
	}
	return Verdict{Counts: t.counts, Steps: t.steps, Hash: t.tape.hash.Sum64(), Err: errors.Join(t.broken, err)}
}

func (t *trial) live() error {
	if err := t.begin(); err != nil {
		return err
	}
	end := t.world.Now().Add(stormMost)
	for t.broken == nil && t.steps < t.config.Steps && t.world.Now() < end {
		if err := t.world.RunUntil(t.world.Now().Add(10 * span.Second)); err != nil {
			return err
		}
	}
	if t.broken != nil {
		return nil
	}
	return t.calmDown()
}

// begin makes the world and everybody in it.
func (t *trial) begin() (err error) {
	if t.disk, err = persistence.OpenScratch(0, 1); err != nil {
		return err
	}
	t.audit = newAudit(t)
	for range shards {
		t.witness = append(t.witness, t.newWitness())
	}
	t.world = New(Config{
		Start: trialStart, Logs: t.logs(), Machine: t.machine, Guards: t.config.Run,
		Tenant:  func(id string) bool { return slices.Contains(tenants[:], id) },
		Network: t.weather, Commit: t.weather.commits, Trace: t.delivered, After: t.after,
	})
	t.world.pump() // takes note that the logs lead
	t.world.AddLocal(mapperHere, actors.NewMapper(score.Money()))
	for i := range zoneCount {
		t.addAgent(i)
	}
	t.setUp()
	t.every(tendEvery, tendEvery, t.tend)
	for i := range gateways {
		newGateway(t, i).wait()
	}
	t.often(t.weather.crashEvery, t.crash)
	t.often(t.weather.electEvery, t.elect)
	t.often(t.weather.operateEvery, t.operate)
	t.often(sampleEvery, newSource(t).send)
	return t.world.err
}

var mapperHere = actors.Address{Kind: actors.KindMapper, ID: "local"}

func zoneAddress(i int) actors.Address {
	return actors.Address{Kind: actors.KindZone, ID: fmt.Sprintf("z%d", i)}
}

func (t *trial) newWitness() *witness {
	return &witness{
		pump: func() error { return t.disk.Pump() }, counts: t.counts, report: t.fail,
		chains: make(map[persistence.Actor]*chain), wrote: t.audit.wrote,
		doubles: t.config.Run.NoDedupe,
	}
}

// logs returns the logs as they now are on the disk, each under its witness.
func (t *trial) logs() []persistence.Log {
	var logs []persistence.Log
	for i, g := range t.disk.Groups() {
		g.Lose, g.Unfenced = t.weather.loseProposal, t.config.Unfenced
		t.witness[i].Log = g
		logs = append(logs, t.witness[i])
	}
	return logs
}

func (t *trial) machine(a actors.Address) actors.Machine {
	switch a.Kind {
	case actors.KindUser:
		return actors.NewUser(a.ID, actors.UserConfig{Guards: t.config.Actors})
	case actors.KindTenant:
		return actors.NewTenant(a.ID)
	}
	return actors.NewZone(a.ID, actors.ZoneConfig{Guards: t.config.Actors})
}

func (t *trial) addAgent(i int) {
	agent := actors.NewSimAgent(zoneAddress(i).ID, actors.SimAgentConfig{
		Position: zoneSpec(i, 1000).GetPosition(), Starts: actors.DefaultStarts(), CacheBytes: 4 << 30, Spread: 0.3,
		FailPermille: t.weather.failStarts, Seed: t.config.Seed,
	}, trialStart)
	t.agents = append(t.agents, agent)
	t.world.AddLocal(actors.Address{Kind: actors.KindAgent, ID: zoneAddress(i).ID}, agent)
}

// delivered is told of every message that arrives.
func (t *trial) delivered(now span.Time, from, to actors.Address, m proto.Message) {
	t.steps++
	t.tape.message(now, from, to, m)
	t.audit.saw(to, m)
}

func (t *trial) after() { t.audit.recount() }

// fail notes the first promise that was broken.
func (t *trial) fail(err error) {
	if t.broken == nil {
		t.tape.note(t.world.Now(), "BROKEN: %v", err)
		t.broken = fmt.Errorf("seed %d, step %d, at %s: %w", t.config.Seed, t.steps, t.tape.at(t.world.Now()), err)
		t.world.fail(t.broken)
	}
}

// every calls do now and then with a period, until the end of the trial.
func (t *trial) every(first, period span.Duration, do func()) {
	t.world.At(t.world.Now().Add(first), func() {
		do()
		t.every(period, period, do)
	})
}

// often calls do at random, on average once in a period, while the storm lasts.
func (t *trial) often(period span.Duration, do func()) {
	t.world.At(t.world.Now().Add(t.weather.around(period)), func() {
		if !t.weather.calm {
			do()
			t.often(period, do)
		}
	})
}

// tend is what a node does every few seconds: it gives up what hangs, passivates what
// is idle, and keeps the zones of its shards alive.
func (t *trial) tend() {
	if t.world.down {
		return
	}
	expired, passivated := t.world.Tend(idleFor)
	t.counts[OutcomeMissed] += expired
	t.counts[Passivated] += passivated
	for i := range zoneCount {
		if _, err := t.world.Activation(zoneAddress(i)); err != nil {
			t.fail(err)
		}
	}
}

// crash ends the node and starts it again some time later, from what the disk kept.
func (t *trial) crash() {
	if t.world.down {
		return
	}
	t.counts[NodeCrashed]++
	t.tape.note(t.world.Now(), "the node crashes")
	t.world.Crash(mapperHere)
	t.world.At(t.world.Now().Add(t.weather.around(20*span.Second)), t.restart)
}

func (t *trial) restart() {
	percent := []int{0, 50, 100}[t.random.IntN(3)]
	if percent < 100 {
		t.counts[WritesLost]++
	}
	t.tape.note(t.world.Now(), "the node starts again; %d %% of what was not synced is left", percent)
	if err := t.disk.Crash(percent, t.random.Uint64()); err != nil {
		t.fail(err)
		return
	}
	t.world.AddLocal(mapperHere, actors.NewMapper(score.Money()))
	t.world.Restart(t.logs())
}

// elect takes the leadership of a shard away and gives it back in a later term.
func (t *trial) elect() {
	if t.world.down {
		return
	}
	shard := t.random.IntN(shards)
	t.counts[LeaderLost]++
	t.tape.note(t.world.Now(), "shard %d loses its leader and elects it again", shard)
	if err := t.disk.Reelect(uint32(shard)); err != nil {
		t.fail(err)
		return
	}
	t.world.pump()
}

// calmDown ends all faults, waits, and looks for what was left behind.
func (t *trial) calmDown() error {
	t.tape.note(t.world.Now(), "the storm is over")
	t.weather.calm = true
	for i, a := range t.agents {
		a.SetFailures(0)
		t.setForeign(i, 0)
	}
	if err := t.agree(); err != nil {
		return err
	}
	err := t.world.RunUntil(t.world.Now().Add(calmLasts))
	if err != nil || t.broken != nil {
		return err
	}
	t.audit.end()
	t.source.end()
	return nil
}

// agree waits until zones and agents agree on what runs. A lease that has just ended
// may still be on its way: a moment later it must have arrived.
func (t *trial) agree() error {
	if err := t.world.RunUntil(t.world.Now().Add(calmSoon)); err != nil || t.audit.agreed() == nil {
		return err
	}
	if err := t.world.RunUntil(t.world.Now().Add(tendEvery)); err != nil {
		return err
	}
	if err := t.audit.agreed(); err != nil {
		t.fail(err)
	}
	return nil
}

// id returns a request id that was not given before.
func (t *trial) id() string {
	t.asked++
	return fmt.Sprintf("r%d", t.asked)
}

// expect reports an answer that is an error without a code or a text.
func (t *trial) expect(m proto.Message) {
	if e, failed := m.(*messages.Error); failed && (e.GetCode() == messages.Code_CODE_UNSPECIFIED || e.GetText() == "") {
		t.fail(fmt.Errorf("an error without a code or a text: %s", brief(m)))
	}
}
