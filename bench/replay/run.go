package replay

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/score"
	"github.com/zonecast/zonecast/actors/sim"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/bench/report"
	"github.com/zonecast/zonecast/bench/trace"
	"github.com/zonecast/zonecast/messages"
	"github.com/zonecast/zonecast/persistence"
)

// Outcome is one policy's replay at one setting.
type Outcome struct {
	Run report.Run
	// TuningCost is the cost of the eight weeks before the scored part: the setting
	// behind a policy's single numbers is the one with the least.
	TuningCost float64
	Events     int // messages delivered
}

// Run replays the trace under one policy. progress, if not nil, is told of every
// hundredth part that is done. Errors: ErrConfig, the context's, or a log's.
func Run(ctx context.Context, config *Config, policy Policy, knob float64, progress func()) (Outcome, error) {
	if err := config.Validate(); err != nil {
		return Outcome{}, err
	}
	var log persistence.Log = persistence.NewMemory()
	end := func() error { return nil }
	if config.Raft {
		raft, err := newRaftLog()
		if err != nil {
			return Outcome{}, err
		}
		log, end = raft, raft.close
	}
	d := newDriver(newSetting(config), policy, knob, log)
	err := d.setUp()
	if err == nil {
		err = d.serve(ctx, progress)
	}
	if err = errors.Join(err, end()); err != nil {
		return Outcome{}, fmt.Errorf("%s at %v: %w", policy.Name, knob, err)
	}
	run := d.record.run(knob)
	run.Reservations = d.reservations()
	return Outcome{Run: run, TuningCost: d.record.tuningCost(), Events: d.events}, nil
}

// driver serves one trace under one policy in a world of its own.
type driver struct {
	*setting
	policy Policy
	knob   float64
	world  *sim.World
	record *recorder
	zones  []*actors.Zone
	future *future // what users will do, for a policy that knows it
	events int
	config actors.ZoneConfig
	silent bool  // nobody listens to users
	refuse error // the first answer that no request should get

	dayStart span.Time           // of the day under way; 0 before the first
	before   report.Reservations // counted before scoring began
}

func newDriver(s *setting, policy Policy, knob float64, log persistence.Log) *driver {
	d := &driver{setting: s, policy: policy, knob: knob, record: newRecorder(s), config: policy.zone(s, knob)}
	d.silent = d.config.IgnoreUsers || policy.oracle
	d.world = sim.New(sim.Config{
		Start:   s.Rows[0].At.Floor(span.Day),
		Logs:    []persistence.Log{log},
		Machine: d.machine,
		Trace:   func(span.Time, actors.Address, actors.Address, proto.Message) { d.events++ },
	})
	return d
}

// machine makes the machine of a sharded actor.
func (d *driver) machine(a actors.Address) actors.Machine {
	switch a.Kind {
	case actors.KindUser:
		return actors.NewUser(a.ID, actors.UserConfig{Silent: d.silent})
	case actors.KindTenant:
		return actors.NewTenant(a.ID)
	}
	config := d.config
	if d.future != nil {
		config.Planner = d.future.planner
	}
	zone := actors.NewZone(a.ID, config)
	d.zones = append(d.zones, zone)
	return zone
}

// setUp creates the tenants and zones, with their agents and a mapper.
func (d *driver) setUp() error {
	if d.policy.oracle {
		d.future = newFuture(d.setting)
	}
	d.world.AddLocal(actors.Address{Kind: actors.KindMapper, ID: "local"}, actors.NewMapper(score.Money()))
	done := 0
	expect := func(m proto.Message) {
		if _, ok := m.(*messages.Done); ok {
			done++
		} else if d.refuse == nil {
			d.refuse = fmt.Errorf("%w: %v", ErrConfig, m)
		}
	}
	for _, tenant := range d.tenants {
		d.world.Call(actors.Address{Kind: actors.KindTenant, ID: tenant}, &messages.PutTenant{RequestId: "put", Spec: &messages.TenantSpec{
			Weights: &messages.CostWeights{SecondMicros: int64(d.second)}, Mode: messages.Mode_MODE_ACT,
		}}, expect)
	}
	for i := range d.Zones {
		d.addZone(i, expect)
	}
	if err := d.world.RunUntil(d.world.Now()); err != nil {
		return err
	}
	return d.refuse
}

func (d *driver) addZone(i int, expect func(proto.Message)) {
	z := &d.Zones[i]
	spec := d.zoneSpec(z)
	agent := &tappedAgent{zone: i, recorder: d.record, SimAgent: actors.NewSimAgent(z.ID, actors.SimAgentConfig{
		Position: spec.GetPosition(), Starts: d.starts, CacheBytes: spec.GetCacheBytes(), Spread: DefaultSpread, Seed: d.Seed,
	}, d.world.Now())}
	d.record.agents = append(d.record.agents, agent)
	d.world.AddLocal(actors.Address{Kind: actors.KindAgent, ID: z.ID}, agent)
	d.world.Call(actors.Address{Kind: actors.KindZone, ID: z.ID}, &messages.PutZone{RequestId: "put", Spec: spec}, expect)
}

// serve plays the trace row by row.
func (d *driver) serve(ctx context.Context, progress func()) error {
	for i := range d.Rows {
		if i%(len(d.Rows)/100+1) == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if progress != nil && i > 0 {
				progress()
			}
		}
		if err := d.serveRow(&d.Rows[i]); err != nil {
			return err
		}
	}
	last := d.lastAt() + 1
	if err := d.crossDays(last); err != nil {
		return err
	}
	d.record.boundary(last, d.dayStart)
	return d.refuse
}

// serveRow lets everything happen that is due before the row, then asks for it:
// whatever decides on it has seen the rows before it and nothing else.
func (d *driver) serveRow(row *trace.Row) error {
	if err := d.crossDays(row.At); err != nil {
		return err
	}
	if d.future != nil {
		d.future.tell(d.world, row.At)
	}
	if err := d.world.RunUntil(row.At); err != nil {
		return err
	}
	d.place(row)
	if err := d.world.RunUntil(row.At); err != nil {
		return err
	}
	d.record.settle(strconv.Itoa(row.Number))
	return nil
}

// crossDays counts what stood ready on every day that ends by t. Days begin at
// the time of day at which scoring begins.
func (d *driver) crossDays(t span.Time) error {
	if d.dayStart == 0 {
		// The first day begins no later than the world, so that what stood ready before
		// From is not counted after it.
		days := (d.From.Sub(d.world.Now()) + span.Day - 1) / span.Day
		d.dayStart = d.From.Add(-days * span.Day)
	}
	for end := d.dayStart.Add(span.Day); end <= t; end = end.Add(span.Day) {
		if err := d.world.RunUntil(end - 1); err != nil {
			return err
		}
		d.record.boundary(end, d.dayStart)
		d.dayStart = end
		if end == d.From {
			d.before = d.reservations()
		}
	}
	return nil
}

// reservations adds up what the zones counted since scoring began.
func (d *driver) reservations() report.Reservations {
	var sum report.Reservations
	sum.Firm, sum.Soft = -d.before.Firm, -d.before.Soft
	sum.Upgraded, sum.Revoked, sum.Expired = -d.before.Upgraded, -d.before.Revoked, -d.before.Expired
	for _, z := range d.zones {
		c := z.Counts()
		sum.Firm += c.Firm
		sum.Soft += c.Soft
		sum.Upgraded += c.Upgraded
		sum.Revoked += c.Revoked
		sum.Expired += c.Expired
	}
	return sum
}

func (d *driver) place(row *trace.Row) {
	id := strconv.Itoa(row.Number)
	q := &request{at: row.At, data: row.Dataset != "", storage: row.Need.Storage > 0}
	d.record.pending[id] = q
	user := actors.Address{Kind: actors.KindUser, ID: row.Tenant + "/" + row.User}
	request := &messages.Request{
		Id: id, Need: actors.VectorMessage(row.Need), DurationMs: int64(row.Duration), Image: row.Image,
		Dataset: row.Dataset, DatasetBytes: row.DatasetBytes, Position: &messages.Position{Lat: row.Lat, Lon: row.Lon},
	}
	d.world.Call(user, &messages.Place{RequestId: id, Request: request}, func(m proto.Message) {
		if e, failed := m.(*messages.Error); failed && e.GetCode() != messages.Code_CODE_EXHAUSTED && d.refuse == nil {
			d.refuse = fmt.Errorf("row %s: %s", id, e.GetText())
		}
	})
}
