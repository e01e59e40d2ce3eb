package measure

import (
	"context"
	"fmt"

	"github.com/zonecast/zonecast/bench/generate"
	"github.com/zonecast/zonecast/bench/replay"
	"github.com/zonecast/zonecast/bench/trace"
)

// replayRounds: a replay takes seconds, so that less of it is chance.
const replayRounds = 3

// Days of the trace that is replayed: a second for a row is worth replayDays.
const (
	replayDays      = 10
	leastReplayDays = 2
)

// replayed measures the main job on a generated trace. The baseline is the policy
// that stages nothing ahead: what the predictive one adds is the price of learning
// and planning.
func replayed(ctx context.Context, c Config) (Group, error) {
	config, err := replayOf(min(max(int(replayDays*c.Each.Seconds()), leastReplayDays), generate.Default().Days))
	if err != nil {
		return Group{}, err
	}
	g := Group{What: fmt.Sprintf(
		"A replay of %d requests in one thread over a log in memory. The baseline, reactive, stages nothing ahead.",
		len(config.Rows))}
	messages := map[string]float64{} // of one replay
	run := func(policy string) turn {
		return func() (Cost, error) {
			policies, err := replay.Named(policy)
			if err != nil {
				return Cost{}, err
			}
			w := begin()
			study, err := replay.Do(ctx, config, replay.Plan{Policies: policies}, trace.Info{}, nil)
			if measured, ok := study.Measured.(replay.Measured); ok {
				messages[policy] = float64(measured.Events)
			}
			return w.cost(len(config.Rows)), err
		}
	}
	err = g.row(ctx, replayRounds, "predictive, per request", run("predictive"), "reactive", run("reactive"))
	if err != nil {
		return g, err
	}
	requests := float64(len(config.Rows))
	perMessage := g.last().per("predictive, per message", requests/messages["predictive"], requests/messages["reactive"])
	g.Rows = append(g.Rows, perMessage)
	return g, nil
}

// per returns the row for another operation, of which ours and theirs times the
// costs are the share.
func (r Row) per(name string, ours, theirs float64) Row {
	r.Name = name
	r.Cost, r.Baseline = r.Cost.times(ours), r.Baseline.times(theirs)
	r.WallRatio *= theirs / ours
	r.CPURatio *= theirs / ours
	return r
}

func (c Cost) times(x float64) Cost { return Cost{c.WallNs * x, c.CPUNs * x, c.P50Ns * x} }

// replayOf returns a replay of so many days of the demo's trace.
func replayOf(days int) (*replay.Config, error) {
	g := generate.Default()
	g.Days = days
	made, err := generate.Generate(g, nil)
	if err != nil {
		return nil, err
	}
	rows := trace.Trace{Rows: made.Rows}
	from, err := rows.From(trace.Test)
	if err != nil {
		return nil, err
	}
	return &replay.Config{Rows: made.Rows, Zones: made.Zones, From: from, Starts: "container", CostRatio: 10, Seed: 1}, nil
}
