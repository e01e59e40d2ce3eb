package measure

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zonecast/zonecast/actors/ledger"
	"github.com/zonecast/zonecast/actors/plan"
	"github.com/zonecast/zonecast/actors/span"
)

// quick measures for as short as can be.
func quick(t *testing.T, only ...string) Config {
	return Config{Only: only, Each: time.Microsecond, Dir: t.TempDir()}
}

func TestEveryGroupMeasures(t *testing.T) {
	done := 0
	measured, err := Run(context.Background(), quick(t), func() { done++ })
	if err != nil || done != len(Names()) || len(measured) != done {
		t.Fatalf("%d groups of %v: %v", done, Names(), err)
	}
	for i, g := range measured {
		if g.Name != Names()[i] || g.What == "" || len(g.Rows) == 0 {
			t.Errorf("%+v", g)
		}
		for _, r := range g.Rows {
			// CPU time is counted in steps that may be longer than such a round.
			if r.Name == "" || r.Against == "" || r.Cost.WallNs <= 0 || r.Baseline.WallNs <= 0 || r.WallRatio <= 0 {
				t.Errorf("%s: %+v", g.Name, r)
			}
		}
		if page := g.Markdown("Made so."); !strings.HasPrefix(page, "# "+g.Name+"\n") || strings.Contains(page, "NaN") {
			t.Error(page)
		}
	}
}

func TestChoicesAreTheExhaustiveOnes(t *testing.T) {
	w := newWorld(300)
	if same, err := w.agreement(); err != nil || same != 2*users {
		t.Errorf("%d of %d, %v", same, 2*users, err)
	}
}

// The ledger and the list do the same: what each operation leaves free is equal.
func TestListKeepsTheSameBooks(t *testing.T) {
	books, obvious, err := newBooks()
	if err != nil {
		t.Fatal(err)
	}
	var requests []string
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 300 {
		reservation := books.reservation(r.IntN(2*pools), ledger.Firm, r.IntN(200))
		claim := books.request(underWay + i)
		claim.Amount = units(r.IntN(100))
		for _, d := range []*day{books, obvious} {
			if err := d.reserve(reservation); err != nil {
				t.Fatal(err)
			}
			if err := d.place(claim); err != nil {
				t.Fatal(err)
			}
			if i%3 == 0 && i > 0 {
				if err := d.release(requests[len(requests)-1]); err != nil {
					t.Fatal(err)
				}
			}
		}
		if i%3 == 0 && i > 0 {
			requests = requests[:len(requests)-1]
		}
		requests = append(requests, claim.Request)
		for at := span.Time(0); at < span.Time(span.Hour); at = at.Add(span.Minute) {
			if ours, theirs := books.free(at), obvious.free(at); !ours.Equal(theirs) {
				t.Fatalf("after %d operations %v is free at %v, by the list %v", i, ours, at, theirs)
			}
		}
	}
}

func TestListRefusesWhatTheLedgerRefuses(t *testing.T) {
	books, obvious, err := newBooks()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []*day{books, obvious} {
		before := d.free(0)
		huge, claim := d.reservation(0, ledger.Firm, 1<<18), d.request(underWay)
		claim.Amount, claim.Window = units(1<<18), huge.Window
		if err := d.reserve(huge); !errors.Is(err, ledger.ErrFull) {
			t.Error(err)
		}
		if err := d.claim(claim); !errors.Is(err, ledger.ErrFull) || !d.free(0).Equal(before) {
			t.Errorf("%v; %v is free, was %v", err, d.free(0), before)
		}
		for _, err := range []error{d.confirm("never"), d.release("never either")} {
			if !errors.Is(err, ledger.ErrUnknown) {
				t.Error(err)
			}
		}
	}
}

func TestObviousPlansAreThePlans(t *testing.T) {
	for i := range demands {
		d := drawnDemand(i)
		for _, up := range []int{0, 2, 9} {
			quick := plan.Units(d, quarter, up, unitCosts(), revoked, mostUp)
			if slow := cheapestLevel(d, quarter, up, unitCosts(), revoked, mostUp); quick != slow {
				t.Errorf("%+v with %d up: %+v, by trying all %+v", d, up, quick, slow)
			}
		}
	}
	items, capacity := drawDatasets()
	quick := plan.Datasets(nil, items, capacity, holdGiB)
	if slow := searchDatasets(nil, items, capacity, holdGiB); len(quick) == 0 || !slices.Equal(quick, slow) {
		t.Errorf("%v, by searching %v", quick, slow)
	}
}

func TestBadConfig(t *testing.T) {
	for want, c := range map[string]Config{
		"a row of 0s":               {},
		"a row of 1m0.000000001s":   {Each: MaxEach + 1},
		`there is no group "chess"`: {Each: 1, Only: []string{"plan", "chess"}},
	} {
		if _, err := Run(context.Background(), c, nil); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, name := range Names() {
		if _, err := Run(ctx, quick(t, name), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What fails is not measured.
func TestFailingOperation(t *testing.T) {
	broken := errors.New("broken")
	fails := func() error { return broken }
	var g Group
	err := g.compare(context.Background(), quick(t), "this", fails, "that", fails)
	if !errors.Is(err, broken) || len(g.Rows) > 0 {
		t.Errorf("%v, %v", err, g.Rows)
	}
}

func TestMediansForgetTheDisturbed(t *testing.T) {
	got := medians([]Cost{{1, 9, 0}, {1000, 2, 0}, {3, 1, 0}, {2, 3, 0}, {900, 800, 0}})
	if want := (Cost{3, 3, 0}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestNumbersInThreeDigits(t *testing.T) {
	for want, got := range map[string]string{
		"0.0123": number(0.01234), "12.3": number(12.34), "12,345,679": number(12_345_678.9), "1,000": number(1000),
		"": duration(0), "85.3 ns": duration(85.31), "1.02 us": duration(1_020), "20.1 ms": duration(2.01e7),
		"1.5 s": duration(1.5e9),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
