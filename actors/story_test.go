package actors_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/score"
	"github.com/zonecast/zonecast/actors/sim"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
	"github.com/zonecast/zonecast/persistence"
)

// start is when every story begins: a Monday morning.
var start = span.Of(time.Date(2026, time.March, 2, 8, 0, 0, 0, time.UTC))

// Where the zones and users of stories are.
var (
	london = &messages.Position{Lat: 51.5, Lon: -0.1}
	paris  = &messages.Position{Lat: 48.9, Lon: 2.3}
	berlin = &messages.Position{Lat: 52.5, Lon: 13.4}
)

const gib = 1 << 30

var (
	ann      = actors.Address{Kind: actors.KindUser, ID: "default/ann"}
	bob      = actors.Address{Kind: actors.KindUser, ID: "default/bob"}
	standard = actors.Address{Kind: actors.KindTenant, ID: "default"}
)

func zone(id string) actors.Address  { return actors.Address{Kind: actors.KindZone, ID: id} }
func agent(id string) actors.Address { return actors.Address{Kind: actors.KindAgent, ID: id} }

// delivery is a message as it arrived.
type delivery struct {
	from, to actors.Address
	message  proto.Message
}

// story is a world without faults, told message by message.
type story struct {
	t      *testing.T
	world  *sim.World
	log    *persistence.Memory
	agents map[string]*actors.SimAgent
	heard  []delivery // since the last call of forget

	uniques int
}

// tell begins a story in which tenant default may do everything; its zones are
// made of config.
func tell(t *testing.T, config actors.ZoneConfig) *story {
	s := &story{t: t, log: persistence.NewMemory(), agents: make(map[string]*actors.SimAgent)}
	s.world = sim.New(sim.Config{
		Start: start,
		Logs:  []persistence.Log{s.log},
		Machine: func(a actors.Address) actors.Machine {
			switch a.Kind {
			case actors.KindUser:
				return actors.NewUser(a.ID, actors.UserConfig{})
			case actors.KindTenant:
				return actors.NewTenant(a.ID)
			}
			return actors.NewZone(a.ID, config)
		},
		Trace: func(_ span.Time, from, to actors.Address, m proto.Message) {
			s.heard = append(s.heard, delivery{from, to, proto.Clone(m)})
		},
	})
	s.world.AddLocal(actors.Address{Kind: actors.KindMapper, ID: "local"}, actors.NewMapper(score.Money()))
	s.done(s.ask(standard, &messages.PutTenant{RequestId: "put", Spec: &messages.TenantSpec{Mode: messages.Mode_MODE_ACT}}))
	return s
}

// units is capacity for so many requests of the usual size.
func units(n int64) *messages.Vector {
	return &messages.Vector{CpuMillicores: 500 * n, MemoryBytes: n * gib / 2, StorageBytes: 1000 * gib, BandwidthBps: 1e12, IoOps: 1e6}
}

func spec(at *messages.Position, capacity *messages.Vector) *messages.ZoneSpec {
	return &messages.ZoneSpec{
		Capacity: capacity, Position: at, Region: "eu", CacheBytes: gib, Mode: messages.Mode_MODE_ACT,
		Prices: &messages.Prices{CpuHourMicros: 40_000, GibHourMicros: 5_000, StagingPermille: 1000},
	}
}

// build makes a zone and its agent.
func (s *story) build(id string, spec *messages.ZoneSpec) {
	s.t.Helper()
	if s.agents[id] == nil {
		s.agents[id] = actors.NewSimAgent(id, actors.SimAgentConfig{
			Position: spec.GetPosition(), Starts: actors.DefaultStarts(), CacheBytes: spec.GetCacheBytes(), Seed: 1,
		}, s.world.Now())
		s.world.AddLocal(agent(id), s.agents[id])
	}
	s.done(s.ask(zone(id), &messages.PutZone{RequestId: s.unique("put"), Spec: spec}))
}

// unique returns a request id that no message of the story had.
func (s *story) unique(prefix string) string {
	s.uniques++
	return prefix + strconv.Itoa(s.uniques)
}

// request is an ordinary request made in London.
func request(id string) *messages.Request {
	return &messages.Request{
		Id: id, Need: &messages.Vector{CpuMillicores: 500, MemoryBytes: gib / 2}, DurationMs: int64(20 * span.Minute),
		Image: "shop", Dataset: "maps", DatasetBytes: 100_000_000, Position: london,
	}
}

func place(r *messages.Request) *messages.Place {
	return &messages.Place{RequestId: r.GetId(), Request: r}
}

// ask returns the answer that a message gets at once; nil for none.
func (s *story) ask(to actors.Address, m proto.Message) proto.Message {
	s.t.Helper()
	var answer proto.Message
	s.world.Call(to, m, func(a proto.Message) { answer = a })
	s.pass(0)
	return answer
}

// pass lets time go by.
func (s *story) pass(d span.Duration) {
	s.t.Helper()
	if err := s.world.RunUntil(s.world.Now().Add(d)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) done(answer proto.Message) {
	s.t.Helper()
	if _, ok := answer.(*messages.Done); !ok {
		s.t.Fatalf("want done, got %T %v", answer, answer)
	}
}

// placed asks for r and fails unless it is placed.
func (s *story) placed(user actors.Address, r *messages.Request) *messages.Placement {
	s.t.Helper()
	answer := s.ask(user, place(r))
	p, ok := answer.(*messages.Placement)
	if !ok {
		s.t.Fatalf("request %s: want a placement, got %T %v", r.GetId(), answer, answer)
	}
	return p
}

// refused fails unless answer is an error of this code whose text, or a zone's
// reason in it, holds word.
func (s *story) refused(answer proto.Message, code messages.Code, word string) *messages.Error {
	s.t.Helper()
	e, ok := answer.(*messages.Error)
	if !ok || e.GetCode() != code || !strings.Contains(e.String(), word) {
		s.t.Fatalf("want %v with %q, got %T %v", code, word, answer, answer)
	}
	return e
}

// profile returns what is known of a user.
func (s *story) profile(user actors.Address) *messages.Profile {
	s.t.Helper()
	p, ok := s.ask(user, &messages.DescribeUser{RequestId: s.unique("describe")}).(*messages.Profile)
	if !ok {
		s.t.Fatal("no profile")
	}
	return p
}

// digest returns what the mappers were told of a zone last.
func (s *story) digest(id string) *messages.ZoneDigest {
	s.t.Helper()
	for i := len(s.heard) - 1; i >= 0; i-- {
		if d, ok := s.heard[i].message.(*messages.ZoneDigest); ok && d.GetZone() == id {
			return d
		}
	}
	s.t.Fatalf("zone %s gave no digest", id)
	return nil
}

// free returns how many requests of the usual size zone id has room for.
func (s *story) free(id string) float64 {
	s.t.Helper()
	return float64(s.digest(id).GetFree().GetCpuMillicores()) / 500
}

// heardOf returns the messages of m's type that arrived, oldest first.
func heardOf[M proto.Message](s *story) []M {
	var list []M
	for _, d := range s.heard {
		if m, ok := d.message.(M); ok {
			list = append(list, m)
		}
	}
	return list
}

func (s *story) forget() { s.heard = nil }

// machine returns the machine of a sharded actor.
func (s *story) machine(a actors.Address) actors.Machine {
	s.t.Helper()
	activation, err := s.world.Activation(a)
	if err != nil || activation == nil {
		s.t.Fatalf("%v: %v", a, err)
	}
	return activation.Machine()
}

// state returns an actor's state as bytes, and version that of its last batch.
func (s *story) state(a actors.Address) []byte { return stateOf(s.machine(a)) }

func (s *story) version(a actors.Address) persistence.Version {
	s.t.Helper()
	kept, err := s.log.Load(persistence.Actor{Kind: a.Kind, ID: a.ID})
	if err != nil {
		s.t.Fatal(err)
	}
	return kept.Version
}

func stateOf(m actors.Machine) []byte { return messages.AppendRecord(nil, m.Snapshot()) }

// unchanged runs f and fails if it changed the state of an actor or its log.
func (s *story) unchanged(a actors.Address, f func()) {
	s.t.Helper()
	before, version := s.state(a), s.version(a)
	f()
	if after := s.state(a); !bytes.Equal(before, after) {
		s.t.Errorf("%v has changed", a)
	}
	if s.version(a) != version {
		s.t.Errorf("%v has recorded something", a)
	}
}
