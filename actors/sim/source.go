package sim

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/run"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
	"github.com/zonecast/zonecast/persistence"
)

// sampleEvery is how often samples are sent, on average.
const sampleEvery = 30 * span.Second

// source measures what users use: those who place requests, and one of each tenant
// who never does. It checks that every sample it was told is stored is there, once.
type source struct {
	*trial
	sequence int64
	last     map[string]*messages.Sample // the last that was sent of each user
	stored   map[string]map[int64]bool   // sequences that were acknowledged, by user
}

func newSource(t *trial) *source {
	s := &source{trial: t, last: make(map[string]*messages.Sample), stored: make(map[string]map[int64]bool)}
	t.source = s
	return s
}

// send sends a few samples of one user, sometimes old ones again, sometimes bad ones.
func (s *source) send() {
	user := fmt.Sprintf("%s/u%d", tenants[s.random.IntN(len(tenants))], s.random.IntN(usersEach+1))
	var samples []*messages.Sample
	for range 1 + s.random.IntN(3) {
		s.sequence++
		samples = append(samples, &messages.Sample{
			AtMs: int64(s.world.Now().Add(-s.weather.around(10 * span.Minute))), Zone: zoneAddress(s.random.IntN(zoneCount)).ID,
			Source: "meter", Sequence: s.sequence, Used: &messages.Vector{CpuMillicores: int64(s.random.IntN(2_000))},
		})
	}
	if last := s.last[user]; last != nil && s.random.IntN(4) == 0 {
		s.counts[SampleRepeated]++
		samples = append(samples, last)
	}
	want := s.spoil(samples)
	err := s.world.Put(user, samples, true, func(answer proto.Message) { s.answered(user, samples, answer) })
	switch {
	case want != nil && !errors.Is(err, want) && !errors.Is(err, persistence.ErrNotLeader):
		s.fail(fmt.Errorf("samples of %s were answered %v, want %v", user, err, want))
	case err != nil && want == nil && !errors.Is(err, persistence.ErrNotLeader) && !errors.Is(err, run.ErrLate):
		s.fail(fmt.Errorf("good samples of %s were refused: %w", user, err))
	case err == nil:
		s.last[user] = samples[0]
	}
}

// spoil makes one in five lots bad and returns the error that it must have.
func (s *source) spoil(samples []*messages.Sample) error {
	bad := proto.CloneOf(samples[0])
	samples[0] = bad
	switch s.random.IntN(15) {
	case 0:
		s.counts[SampleLate]++
		bad.AtMs -= 2 * int64(span.Hour)
		return run.ErrLate
	case 1:
		s.counts[SampleLate]++
		bad.AtMs += int64(span.Hour)
		return run.ErrEarly
	case 2:
		s.counts[SampleBad]++
		bad.Used.CpuMillicores = -1
		return actors.ErrInvalid
	}
	return nil
}

func (s *source) answered(user string, samples []*messages.Sample, answer proto.Message) {
	s.expect(answer)
	if _, done := answer.(*messages.Done); !done {
		s.counts[SampleUnknown]++
		return
	}
	if s.stored[user] == nil {
		s.stored[user] = make(map[int64]bool)
	}
	for _, sample := range samples {
		s.counts[SampleStored]++
		s.stored[user][sample.GetSequence()] = true
	}
}

// end checks every series, and that who is known by samples alone has enrolled.
func (s *source) end() {
	for _, tenant := range tenants {
		for u := range usersEach + 1 {
			s.series(actors.Address{Kind: actors.KindUser, ID: fmt.Sprintf("%s/u%d", tenant, u)})
		}
	}
}

func (s *source) series(user actors.Address) {
	log := s.world.shard(user).log
	rows, err := log.Series(persistence.Actor{Kind: user.Kind, ID: user.ID}, 0, 1<<20)
	if err != nil {
		s.fail(err)
	}
	seen := make(map[int64]bool)
	for _, row := range rows {
		sample := new(messages.Sample)
		if err := proto.Unmarshal(row.Data, sample); err != nil {
			s.fail(err)
		}
		if n := sample.GetSequence(); n != 0 && seen[n] {
			s.fail(fmt.Errorf("sample %d of %v is stored twice", n, user))
		}
		seen[sample.GetSequence()] = true
	}
	for n := range s.stored[user.ID] {
		if !seen[n] {
			s.fail(fmt.Errorf("sample %d of %v was acknowledged and is lost", n, user))
		}
	}
	state, err := log.Load(persistence.Actor{Kind: user.Kind, ID: user.ID})
	if err != nil {
		s.fail(err)
	}
	if len(s.stored[user.ID]) > 0 && state.Version != (persistence.Version{}) && !seen[0] {
		s.counts[UserBySample]++
	}
}
