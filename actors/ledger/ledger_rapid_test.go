package ledger

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// TestMain fixes the seed, so that every run tests the same; -rapid.seed on the
// command line sets another.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.seed": "1", "rapid.steps": "100"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

var (
	ann     = Holder{Tenant: "acme", ID: "ann"}
	ben     = Holder{Tenant: "acme", ID: "ben"}
	small   = Holder{Tenant: "acme", ID: "z/small", Pool: true}
	holders = []Holder{ann, ben, small} // in order
)

// books drives a ledger and the model side by side.
type books struct {
	l      *Ledger
	m      *model
	before map[span.Time]resource.Vector // overdraft by minute, before the call
	ended  map[string]bool
	ids    int
}

// TestLedgerAgainstModel holds every answer of the ledger against the model's
// after every call, and recounts the invariants of the package.
func TestLedgerAgainstModel(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		l, err := New(resource.Vector{CPU: 5, Memory: 8}, 1500)
		if err != nil {
			t.Fatal(err)
		}
		b := &books{l: l, m: &model{limit: resource.Vector{CPU: 7, Memory: 12}}, ended: map[string]bool{}}
		count := func(name string, f func(*rapid.T) string) func(*rapid.T) {
			return func(t *rapid.T) {
				b.before = b.overdrafts()
				seen[name+" "+f(t)]++
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"reserve":  count("reserve", b.reserve),
			"again":    count("again", b.reserve),
			"claim":    count("claim", b.claim),
			"confirm":  count("confirm", b.confirm),
			"confirm2": count("confirm", b.confirm),
			"renew":    count("renew", b.renew),
			"renew2":   count("renew", b.renew),
			"release":  count("release", b.release),
			"resize":   count("resize", b.resize),
			"wait":     count("wait", b.wait),
			"sweep":    count("sweep", b.sweep),
			"restore":  count("restore", b.restore),
			"":         b.check,
		})
	})
	for _, name := range []string{
		"reserve ok", "reserve full", "claim ok", "claim full", "claim again", "claim ended", "confirm ok", "confirm ended",
		"renew ok", "renew overdue", "renew hit", "renew held", "renew ended", "renew fixed", "release ok", "release ended",
		"resize overdraft", "sweep some", "restore ok",
	} {
		if seen[name] == 0 {
			t.Errorf("no run had a %q: %v", name, seen)
		}
	}
}

func (b *books) overdrafts() map[span.Time]resource.Vector {
	list := map[span.Time]resource.Vector{}
	for t := b.m.now; t < b.m.now.Add(80*span.Minute); t = t.Add(span.Minute) {
		list[t] = b.l.OverdraftOver(b.m.now, span.Starting(t, span.Minute))
	}
	return list
}

// unraised fails if an overdraft is larger than before the call.
func (b *books) unraised(t *rapid.T) {
	for at, v := range b.overdrafts() {
		if !v.Fits(b.before[at]) {
			t.Fatalf("overdraft at %v rose from %v to %v", at, b.before[at], v)
		}
	}
}

func drawVector(t *rapid.T) resource.Vector {
	v := resource.Vector{CPU: rapid.Int64Range(0, 4).Draw(t, "cpu"), Memory: rapid.Int64Range(0, 6).Draw(t, "memory")}
	return v.WithExtended("gpu", max(0, rapid.Int64Range(-4, 1).Draw(t, "gpu")))
}

// drawWindow draws windows of a few sizes that have not ended.
func (b *books) drawWindow(t *rapid.T) span.Window {
	start := b.m.now.Floor(5 * span.Minute).Add(5 * span.Minute * span.Duration(rapid.Int64Range(-1, 6).Draw(t, "start")))
	w := span.Starting(max(start, 0), 5*span.Minute*span.Duration(rapid.Int64Range(1, 4).Draw(t, "length")))
	if w.End <= b.m.now {
		w.End = b.m.now.Add(span.Minute)
	}
	return w
}

func (b *books) reserve(t *rapid.T) string {
	r := Reservation{
		Holder: rapid.SampledFrom(holders).Draw(t, "holder"), ID: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "id"),
		Window: b.drawWindow(t), Amount: drawVector(t), Tier: rapid.SampledFrom([]Tier{Soft, Firm, Firm}).Draw(t, "tier"),
	}
	return b.try(t, func() error { return b.l.Reserve(b.m.now, r) }, func() (bool, span.Time) { return b.m.reserve(r) })
}

// try makes the same call to both, and compares refusals.
func (b *books) try(t *rapid.T, real func() error, modelled func() (bool, span.Time)) string {
	before := b.l.State()
	refused, when := modelled()
	err := real()
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal) != refused || err != nil && refusal == nil:
		t.Fatalf("refused: %v, model: %v", err, refused)
	case refused && (refusal.When != when || refusal.Short.IsZero()):
		t.Fatalf("refusal %v, model says %v", err, when)
	case refused && !reflect.DeepEqual(b.l.State(), before):
		t.Fatal("a refusal changed the ledger")
	}
	b.unraised(t)
	if refused {
		return "full"
	}
	return "ok"
}

func (b *books) claim(t *rapid.T) string {
	if id := b.drawRequest(t); rapid.IntRange(0, 9).Draw(t, "known") == 0 && id != "" {
		return b.claimAgain(t, id)
	}
	b.ids++
	q := Claim{
		Request: fmt.Sprint("r", b.ids), Holder: rapid.SampledFrom([]Holder{ann, ben}).Draw(t, "holder"),
		Pool:   rapid.SampledFrom([]Holder{{}, small, small}).Draw(t, "pool"),
		Window: b.drawWindow(t), Amount: drawVector(t),
		Renewal: 5 * span.Minute * span.Duration(rapid.Int64Range(0, 3).Draw(t, "renewal")),
	}
	hold := span.Minute * span.Duration(rapid.Int64Range(1, 10).Draw(t, "hold"))
	return b.try(t, func() error {
		a, err := b.l.Claim(b.m.now, q, hold)
		if err == nil && (!a.Held || !reflect.DeepEqual(a.Claim, q)) {
			t.Fatalf("claimed %+v, got %+v", q, a)
		}
		return err
	}, func() (bool, span.Time) { return b.m.claim(q, hold) })
}

func (b *books) claimAgain(t *rapid.T, id string) string {
	before := b.l.State()
	a, err := b.l.Claim(b.m.now, Claim{Request: id}, span.Minute)
	if b.over(id) {
		if !errors.Is(err, ErrEnded) {
			t.Fatalf("claim of ended %s: %v", id, err)
		}
		return "ended"
	}
	if err != nil || a.Until != b.m.find(id).until || !reflect.DeepEqual(b.l.State(), before) {
		t.Fatalf("claim again of %s: %+v, %v", id, a, err)
	}
	return "again"
}

// drawRequest draws a request that the ledger knows: mostly a live one, else one
// of the latest; "" where the model has none.
func (b *books) drawRequest(t *rapid.T) string {
	var live []string
	for _, a := range b.m.allocations {
		if a.until > b.m.now {
			live = append(live, a.Request)
		}
	}
	if len(live) > 0 && rapid.IntRange(0, 3).Draw(t, "live") > 0 {
		return rapid.SampledFrom(live).Draw(t, "request")
	}
	id := fmt.Sprint("r", b.ids-rapid.IntRange(0, 5).Draw(t, "request"))
	if b.m.find(id) == nil && !b.ended[id] {
		return ""
	}
	return id
}

// over says whether the request's allocation has ended.
func (b *books) over(id string) bool {
	return b.ended[id] || b.m.find(id).until <= b.m.now
}

func (b *books) confirm(t *rapid.T) string {
	id := b.drawRequest(t)
	_, err := b.l.Confirm(b.m.now, id)
	defer b.unraised(t)
	switch {
	case id == "":
		return expect(t, err, ErrUnknown, "unknown")
	case b.over(id):
		return expect(t, err, ErrEnded, "ended")
	}
	b.m.confirm(b.m.find(id))
	return expect(t, err, nil, "ok")
}

func expect(t *rapid.T, err, want error, name string) string {
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	return name
}

func (b *books) renew(t *rapid.T) string {
	id := b.drawRequest(t)
	_, err := b.l.Renew(b.m.now, id)
	if id == "" {
		return expect(t, err, ErrUnknown, "unknown")
	}
	a := b.m.find(id)
	switch {
	case b.over(id):
		return expect(t, err, ErrEnded, "ended")
	case a.held:
		return expect(t, err, ErrHeld, "held")
	case a.Renewal == 0:
		return expect(t, err, ErrFixed, "fixed")
	}
	b.m.renew(a)
	name := expect(t, err, nil, "ok")
	switch { // what is overdue may raise an overdraft
	case len(b.l.Overdue(b.m.now)) > 0:
		return "hit"
	case a.until > a.Window.End:
		return "overdue"
	}
	b.unraised(t)
	return name
}

func (b *books) release(t *rapid.T) string {
	id := b.drawRequest(t)
	if id == "" {
		return "none"
	}
	_, err := b.l.Release(b.m.now, id)
	defer b.unraised(t)
	if b.over(id) {
		return expect(t, err, ErrEnded, "ended")
	}
	b.drop(id)
	return expect(t, err, nil, "ok")
}

// drop makes the model forget a request that has ended.
func (b *books) drop(id string) {
	b.ended[id] = true
	for i, a := range b.m.allocations {
		if a.Request == id {
			b.m.allocations = append(b.m.allocations[:i:i], b.m.allocations[i+1:]...)
			return
		}
	}
}

func (b *books) resize(t *rapid.T) string {
	capacity := resource.Vector{CPU: rapid.Int64Range(2, 6).Draw(t, "cpu"), Memory: 8}.
		WithExtended("gpu", rapid.Int64Range(0, 2).Draw(t, "gpu"))
	foreign := resource.Vector{CPU: rapid.Int64Range(0, 2).Draw(t, "foreign")}
	if b.l.SetCapacity(capacity) != nil || b.l.SetForeign(foreign) != nil {
		t.Fatal("refused")
	}
	b.m.limit = resource.Vector{CPU: capacity.CPU * 3 / 2, Memory: 12}.
		WithExtended("gpu", capacity.Of("gpu")*3/2).Minus(foreign)
	if !b.l.Overdraft(b.m.now).IsZero() {
		return "overdraft"
	}
	return "ok"
}

func (b *books) wait(t *rapid.T) string {
	b.m.now = b.m.now.Add(span.Minute * span.Duration(rapid.Int64Range(1, 6).Draw(t, "minutes")))
	b.m.now = min(b.m.now, modelEnd.Add(-200*span.Minute))
	return "ok"
}

func (b *books) sweep(t *rapid.T) string {
	swept := b.l.Sweep(b.m.now)
	for _, a := range swept.Allocations {
		if m := b.m.find(a.Request); m == nil || m.until > b.m.now || m.held != a.Held {
			t.Fatalf("swept %+v", a)
		}
		b.drop(a.Request)
	}
	for _, a := range b.m.allocations {
		if a.until <= b.m.now {
			t.Fatalf("not swept: %+v", a)
		}
	}
	kept := b.m.reservations[:0:0]
	for _, r := range b.m.reservations {
		if r.Window.End > b.m.now {
			kept = append(kept, r)
		}
	}
	if len(b.m.reservations)-len(kept) != len(swept.Reservations) {
		t.Fatalf("swept %d reservations, model %d", len(swept.Reservations), len(b.m.reservations)-len(kept))
	}
	b.m.reservations = kept
	for id := range b.ended {
		if !b.l.ended[id] {
			delete(b.ended, id) // forgotten
		}
	}
	if len(swept.Allocations)+len(swept.Reservations) > 0 {
		return "some"
	}
	return "none"
}

func (b *books) restore(t *rapid.T) string {
	state := b.l.State()
	l, err := Restore(state)
	if err != nil {
		t.Fatal(err)
	}
	if again := l.State(); !reflect.DeepEqual(again, state) {
		t.Fatalf("restored %+v\nfrom %+v", again, state)
	}
	b.l = l
	return "ok"
}

// check compares every answer with the model's and recounts the books.
func (b *books) check(t *rapid.T) {
	now := b.m.now
	least, most := b.m.free(now), resource.Vector{}
	for at := now; at < now.Add(80*span.Minute); at = at.Add(span.Minute) {
		free, allocated := b.m.free(at), b.m.allocated(nil, at)
		if got := b.l.FreeOver(now, span.Starting(at, span.Minute)); !got.Equal(free) {
			t.Fatalf("free at %v: %v, model %v", at, got, free)
		}
		least, most = least.Min(free), most.Max(allocated)
	}
	all := span.Window{Start: 0, End: modelEnd}
	if got := b.l.FreeOver(now, all); !got.Equal(least) || !b.l.Free(now).Equal(b.m.free(now)) {
		t.Fatalf("least free %v, model %v", got, least)
	}
	if got := b.l.Peak(now, all); !got.Equal(most) {
		t.Fatalf("peak %v, model %v", got, most)
	}
	want := b.m.idle()
	if got := b.l.IdleAll(nil, now); !reflect.DeepEqual(got, want) {
		t.Fatalf("idle %v, model %v", got, want)
	}
	for _, idle := range want {
		if got := b.l.Idle(now, idle.Holder); !reflect.DeepEqual(got, idle) {
			t.Fatalf("idle %v, model %v", got, idle)
		}
	}
	hits := b.m.overdue()
	for _, hit := range b.l.Overdue(now) {
		if !hits[hit.Reservation.key()].Equal(hit.Missing) {
			t.Fatalf("hit %v, model %v", hit, hits[hit.Reservation.key()])
		}
		delete(hits, hit.Reservation.key())
	}
	if len(hits) > 0 {
		t.Fatalf("hits not listed: %v", hits)
	}
	b.tidy(t)
}

// tidy holds that the ledger keeps nothing that it does not need.
func (b *books) tidy(t *rapid.T) {
	refs := map[*account]int{}
	for _, r := range b.l.byEnd {
		refs[r.account]++
	}
	for _, a := range b.l.leases[b.l.lapsed:] {
		for _, d := range a.Draws {
			refs[b.l.holders[d.Holder]]++
		}
	}
	if len(refs) != len(b.l.accounts) || len(refs) != len(b.l.holders) {
		t.Fatalf("%d accounts have holdings, %d are kept", len(refs), len(b.l.accounts))
	}
	for _, a := range b.l.accounts {
		if a.holdings != refs[a] {
			t.Fatalf("%v has %d holdings, counts %d", a.holder, refs[a], a.holdings)
		}
	}
	if n := 2*b.l.holdings() + 2*len(b.l.leases) + 1; len(b.l.total) > n*4 {
		t.Fatalf("%d steps for %d holdings", len(b.l.total), b.l.holdings())
	}
	for i := 1; i < len(b.l.total); i++ {
		if b.l.total[i].at <= b.l.total[i-1].at || b.l.total[i].same(&b.l.total[i-1]) {
			t.Fatalf("steps %d and %d out of order or alike", i-1, i)
		}
	}
}
