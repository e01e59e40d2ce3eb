package sim

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// What callers do.
const (
	gatewayEvery = 60 * span.Second // on average
	deadline     = 4 * span.Second  // of one call
	retries      = 4
)

// gateway is a caller that places requests for users, looks after them, or forgets
// them all and never comes back to them.
type gateway struct {
	*trial
	number int
	placed []placed
}

// placed is a placement that the gateway knows of.
type placed struct {
	user actors.Address
	id   string
	open bool // it lives as long as it is renewed
}

func newGateway(t *trial, number int) *gateway { return &gateway{trial: t, number: number} }

// wait has the gateway act after a while, again and again, while the storm lasts.
// Now and then hours go by.
func (g *gateway) wait() {
	pause := g.weather.around(gatewayEvery)
	if g.weather.chance(4) {
		g.counts[ClockRan]++
		pause += 3 * span.Hour
	}
	g.world.At(g.world.Now().Add(pause), func() {
		if !g.weather.calm {
			g.act()
			g.wait()
		}
	})
}

func (g *gateway) act() {
	switch n := g.random.IntN(20); {
	case n < 9:
		g.place(g.user(), g.request(), retries)
	case n == 9: // the same request twice
		g.counts[RequestDuplicated]++
		user, r := g.user(), g.request()
		g.place(user, r, retries)
		g.place(user, r, retries)
	case n == 10: // two requests that differ in nothing but their ids
		g.counts[RowsIdentical]++
		user, r := g.user(), g.request()
		twin := proto.CloneOf(r)
		twin.Id = g.id()
		g.place(user, r, retries)
		g.place(user, twin, retries)
	case n < 13:
		g.release()
	case n < 16:
		g.renewAll()
	case n == 16:
		g.vanish()
	case n == 17:
		g.bad()
	default:
		g.read()
	}
}

func (g *gateway) user() actors.Address {
	id := fmt.Sprintf("%s/u%d", tenants[g.random.IntN(len(tenants))], g.random.IntN(usersEach))
	return actors.Address{Kind: actors.KindUser, ID: id}
}

// request draws one that a zone has room for a few times over.
func (g *gateway) request() *messages.Request {
	r := &messages.Request{
		Id:         g.id(),
		Need:       &messages.Vector{CpuMillicores: int64(500 * (1 + g.random.IntN(4))), MemoryBytes: 1 << 30},
		DurationMs: int64(span.Duration(1+g.random.IntN(20)) * span.Minute),
		Image:      "app",
		Position:   &messages.Position{Lat: float64(g.random.IntN(3)), Lon: float64(g.random.IntN(3))},
	}
	if g.random.IntN(3) == 0 {
		r.DurationMs = 0
	}
	if g.random.IntN(3) == 0 {
		r.Dataset, r.DatasetBytes = fmt.Sprintf("d%d", g.random.IntN(3)), 1<<28
	}
	if g.random.IntN(4) == 0 {
		r.Need.StorageBytes = 1 << 30
	}
	return r
}

// ask calls an actor; then is told the answer, or nil once the deadline has passed.
func (t *trial) ask(to actors.Address, request string, m proto.Message, then func(proto.Message)) {
	open := true
	caller := t.world.Call(to, m, func(answer proto.Message) {
		if open {
			open = false
			t.tape.message(t.world.Now(), to, actors.Address{Kind: actors.KindEdge, ID: request}, answer)
			t.expect(answer)
			then(answer)
		}
	})
	t.world.At(t.world.Now().Add(deadline), func() {
		if open {
			open = false
			t.counts[DeadlinePassed]++
			t.world.Forget(to, request, caller)
			then(nil)
		}
	})
}

// again reports whether an answer leaves it open what became of a request.
func again(answer proto.Message) bool {
	e, failed := answer.(*messages.Error)
	if !failed {
		return answer == nil
	}
	switch e.GetCode() {
	case messages.Code_CODE_UNKNOWN, messages.Code_CODE_UNAVAILABLE, messages.Code_CODE_OVERLOADED:
		return true
	}
	return false
}

// retry asks until there is an answer or the gateway has lost its patience.
func (t *trial) retry(to actors.Address, request string, m proto.Message, times int, then func(proto.Message)) {
	t.ask(to, request, m, func(answer proto.Message) {
		switch {
		case !again(answer):
			then(answer)
		case times > 0 && !t.weather.calm:
			t.counts[AskedAgain]++
			t.world.At(t.world.Now().Add(t.weather.around(span.Second)), func() { t.retry(to, request, m, times-1, then) })
		}
	})
}

func (g *gateway) place(user actors.Address, r *messages.Request, times int) {
	g.retry(user, r.GetId(), &messages.Place{RequestId: r.GetId(), Request: r}, times, func(answer proto.Message) {
		g.audit.answered(user, r.GetId(), answer)
		if _, ok := answer.(*messages.Placement); ok {
			g.counts[Placed]++
			g.placed = append(g.placed, placed{user, r.GetId(), r.GetDurationMs() == 0})
		} else {
			g.counts[Exhausted]++
		}
	})
}

// release gives one placement back, or gives up one that may not be placed yet.
func (g *gateway) release() {
	if len(g.placed) == 0 {
		return
	}
	p := g.placed[0]
	g.placed = g.placed[1:]
	g.audit.released(p.user, p.id)
	id := g.id()
	g.retry(p.user, id, &messages.Release{RequestId: id, PlacementId: p.id}, retries, func(answer proto.Message) {
		if _, done := answer.(*messages.Done); !done {
			g.fail(fmt.Errorf("release of %s of %v: %s", p.id, p.user, brief(answer)))
		}
		g.counts[Released]++
	})
}

// renewAll prolongs what has an open end.
func (g *gateway) renewAll() {
	for _, p := range g.placed {
		if !p.open {
			continue
		}
		id := g.id()
		g.ask(p.user, id, &messages.Renew{RequestId: id, PlacementId: p.id}, func(answer proto.Message) {
			if m, ok := answer.(*messages.Placement); ok {
				g.counts[Renewed]++
				g.audit.renewed(p.user, m)
			}
		})
	}
}

// vanish forgets everything: nothing of it is released or renewed.
func (g *gateway) vanish() {
	if len(g.placed) > 0 {
		g.counts[GatewayVanished]++
		g.placed = nil
	}
}

func (g *gateway) read() {
	user, id := g.user(), g.id()
	var m proto.Message = &messages.DescribeUser{RequestId: id}
	switch g.random.IntN(3) {
	case 0:
		m = &messages.AskForecast{RequestId: id}
	case 1:
		m = &messages.Select{RequestId: id, Request: g.request()}
	}
	g.ask(user, id, m, func(proto.Message) {})
}
