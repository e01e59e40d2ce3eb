package run

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
	"github.com/zonecast/zonecast/persistence"
)

// Bounds of a shard's ingest.
const (
	// SamplesMost go into one batch, and into one Put.
	SamplesMost = persistence.MaxRows
	// BatchFor is how long samples wait for others to share a batch with.
	BatchFor = 10 * span.Millisecond
	// LateMost and EarlyMost are how far a live sample may lie behind and ahead of the
	// clock: what sources buffer while they are cut off, and how wrong their clocks are.
	LateMost  = span.Hour
	EarlyMost = 5 * span.Minute
	// metMost users are remembered as known; past it the memory starts anew, and each
	// costs one look at the log again.
	metMost = 1 << 16
)

// Errors of Ingest. Those about the form of a sample wrap actors.ErrInvalid.
var (
	// ErrLate: a live sample is older than LateMost. Import it.
	ErrLate = errors.New("sample is too old: import it as history")
	// ErrEarly: a sample lies more than EarlyMost ahead. Set the source's clock.
	ErrEarly = errors.New("sample lies in the future: check the clock of its source")
	// ErrNoTenant: there is no such tenant. Create it first.
	ErrNoTenant = errors.New("unknown tenant: create it first")
)

// IngestLog is what an ingest needs of its shard's log; persistence.Log has it.
type IngestLog interface {
	Ingest(nowMs int64, rows []persistence.Row, token uint64) error
	Load(a persistence.Actor) (persistence.State, error)
}

// Ingest takes the samples of one shard's users into their series. It activates
// nobody but a user of whom nothing is known yet: active users observe the rows as
// they are committed, passive ones catch up when they wake.
//
// Invariant: what a caller was told is stored is durable; what it was not told may be.
type Ingest struct {
	log    IngestLog
	tenant func(id string) bool

	batch    batch
	proposed []batch // whose outcome is open, oldest first
	token    uint64  // of the last batch
	met      map[string]bool
}

// batch is samples that share one proposal.
type batch struct {
	rows    []persistence.Row
	bytes   int
	since   span.Time // of the first
	token   uint64
	callers []uint64
	new     []actors.Address // users of whom nothing was known
}

// NewIngest returns the ingest of one shard for one term. tenant says whether there
// is a tenant of this name.
func NewIngest(log IngestLog, tenant func(id string) bool) *Ingest {
	return &Ingest{log: log, tenant: tenant, met: make(map[string]bool)}
}

// Put takes samples of one user, all of them or none; caller is answered Done once
// they are durable. Samples that are stored already count once. live samples keep
// LateMost; others are history of any age. Errors: actors.ErrInvalid, ErrLate,
// ErrEarly, ErrNoTenant, those of persistence.Log.
func (g *Ingest) Put(now span.Time, user string, samples []*messages.Sample, live bool, caller uint64) error {
	address := actors.Address{Kind: actors.KindUser, ID: user}
	if err := g.check(now, user, samples, live); err != nil {
		return err
	}
	rows, bytes, err := encode(address, samples)
	if err != nil {
		return err
	}
	known, err := g.known(address)
	if err != nil {
		return err
	}
	if len(g.batch.rows)+len(rows) > SamplesMost || g.batch.bytes+bytes > batchBytes {
		if err := g.Flush(now); err != nil {
			return err
		}
	}
	b := &g.batch
	if len(b.rows) == 0 {
		b.since = now
	}
	b.rows, b.bytes = append(b.rows, rows...), b.bytes+bytes
	b.callers = append(b.callers, caller)
	if !known {
		b.new = append(b.new, address)
	}
	return nil
}

func (g *Ingest) check(now span.Time, user string, samples []*messages.Sample, live bool) error {
	tenant, _, err := actors.SplitUser(user)
	switch {
	case err != nil:
		return err
	case len(samples) == 0 || len(samples) > SamplesMost:
		return fmt.Errorf("%w: %d samples, must be 1 to %d", actors.ErrInvalid, len(samples), SamplesMost)
	case !g.tenant(tenant):
		return fmt.Errorf("%w: %s", ErrNoTenant, tenant)
	}
	for i, s := range samples {
		if err := actors.CheckSample(s); err != nil {
			return fmt.Errorf("sample %d: %w", i, err)
		}
		switch at := span.Time(s.GetAtMs()); {
		case at > now.Add(EarlyMost):
			return fmt.Errorf("sample %d at %v: %w", i, at, ErrEarly)
		case live && at < now.Add(-LateMost):
			return fmt.Errorf("sample %d at %v: %w", i, at, ErrLate)
		}
	}
	return nil
}

// rowBytes is at least what a row costs beside its data and names, and batchBytes what
// a batch may hold: the rest is for its head.
const (
	rowBytes   = 96
	batchBytes = persistence.MaxIngestBytes - 1024
)

func encode(user actors.Address, samples []*messages.Sample) (rows []persistence.Row, bytes int, err error) {
	key := persistence.Actor{Kind: user.Kind, ID: user.ID}
	for _, s := range samples {
		data, err := proto.Marshal(s)
		if err != nil {
			return nil, 0, fmt.Errorf("%w: sample: %w", actors.ErrInvalid, err)
		}
		row := persistence.Row{Actor: key, Identity: SampleIdentity(s), AtMs: s.GetAtMs(), Data: data}
		rows, bytes = append(rows, row), bytes+len(data)+len(row.Identity)+len(key.Kind)+len(key.ID)+rowBytes
	}
	if bytes > batchBytes {
		return nil, 0, fmt.Errorf("%w: samples take %d bytes: send fewer at a time", persistence.ErrTooLarge, bytes)
	}
	return rows, bytes, nil
}

// known reports whether the user has ever written anything.
func (g *Ingest) known(user actors.Address) (bool, error) {
	if g.met[user.ID] {
		return true, nil
	}
	state, err := g.log.Load(persistence.Actor{Kind: user.Kind, ID: user.ID})
	if err != nil || state.Version == (persistence.Version{}) {
		return false, err
	}
	if len(g.met) >= metMost {
		clear(g.met)
	}
	g.met[user.ID] = true
	return true, nil
}

// Due returns when Flush is to be called; span.Never while nothing waits.
func (g *Ingest) Due() span.Time {
	if len(g.batch.rows) == 0 {
		return span.Never
	}
	return g.batch.since.Add(BatchFor)
}

// Flush proposes what waits. On error it waits on, and Put refuses what it has no
// room for. Errors: those of persistence.Log.
func (g *Ingest) Flush(now span.Time) error {
	if len(g.batch.rows) == 0 {
		return nil
	}
	if err := g.log.Ingest(int64(now), g.batch.rows, g.token+1); err != nil {
		return err
	}
	g.token++
	g.batch.token, g.batch.since, g.batch.rows = g.token, now, nil
	g.proposed = append(g.proposed, g.batch)
	g.batch = batch{}
	return nil
}

// Ingested takes the outcome of a batch. It answers those who wait and returns the
// users to be activated, so that they enrol with their tenants and set reminders.
func (g *Ingest) Ingested(token uint64, out *Output) []actors.Address {
	for i := range g.proposed {
		b := g.proposed[i]
		if b.token != token {
			continue
		}
		g.proposed = append(g.proposed[:i], g.proposed[i+1:]...)
		for _, caller := range b.callers {
			out.answer(caller, &messages.Done{})
		}
		return b.new
	}
	return nil
}

// Expire tells those whose batch has had no outcome for OutcomeTimeout that it is
// unknown. Sent again, the samples count once.
func (g *Ingest) Expire(now span.Time, out *Output) {
	for len(g.proposed) > 0 && g.proposed[0].since.Add(OutcomeTimeout) <= now {
		g.proposed[0].giveUp(ErrNoOutcome, out)
		g.proposed = g.proposed[1:]
	}
}

// Drop ends the ingest with its term.
func (g *Ingest) Drop(reason error, out *Output) {
	for i := range g.proposed {
		g.proposed[i].giveUp(reason, out)
	}
	g.batch.giveUp(reason, out)
	g.proposed, g.batch = nil, batch{}
}

func (b *batch) giveUp(reason error, out *Output) {
	for _, caller := range b.callers {
		out.answer(caller, &messages.Error{
			Code: messages.Code_CODE_UNKNOWN, Text: "send the samples again, they count once: " + reason.Error(),
		})
	}
}
