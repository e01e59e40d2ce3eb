package span

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func Example() {
	now := Of(time.Date(2024, 3, 1, 9, 7, 0, 0, time.UTC))
	w := Starting(now.Floor(15*Minute), 15*Minute)
	fmt.Println(w, w.Length(), w.Contains(now), w.Contains(w.End))
	fmt.Println(now.Ceil(Hour), Never)
	fmt.Println(w.Intersect(Window{Start: now, End: Never}))
	// Output:
	// 2024-03-01T09:00:00Z/2024-03-01T09:15:00Z 15m0s true false
	// 2024-03-01T10:00:00Z never
	// 2024-03-01T09:07:00Z/2024-03-01T09:15:00Z
}

func ExampleWindow_Validate() {
	fmt.Println(Window{Start: 60_000, End: 0}.Validate())
	fmt.Println(Window{Start: -1, End: 0}.Validate())
	// Output:
	// bad window: it ends (1970-01-01T00:00:00Z) before it starts (1970-01-01T00:01:00Z)
	// bad window: -1..0 lies outside of the years 1970 to 2999
}

func anyTime(t *rapid.T, label string) Time {
	return Time(rapid.Int64Range(-int64(MaxTime), int64(MaxTime)).Draw(t, label))
}

// Windows are drawn small, so that they meet, touch and are empty.
func anyWindow(t *rapid.T, label string) Window {
	d := rapid.Int64Range(0, 6)
	return Window{Time(d.Draw(t, label+" start")), Time(d.Draw(t, label+" end"))}
}

func TestFloorAndCeil(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at, d := anyTime(t, "t"), Duration(rapid.Int64Range(1, int64(Week)).Draw(t, "d"))
		floor, ceil := at.Floor(d), at.Ceil(d)
		if floor%Time(d) != 0 || floor > at || at.Sub(floor) >= d {
			t.Fatalf("floor of %d by %d is %d", at, d, floor)
		}
		if ceil%Time(d) != 0 || ceil < at || ceil.Sub(at) >= d {
			t.Fatalf("ceil of %d by %d is %d", at, d, ceil)
		}
	})
}

func TestStandardLibraryAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := anyTime(t, "t")
		if Of(at.Std()) != at || at.Std().Location() != time.UTC {
			t.Fatalf("%d is %v", at, at.Std())
		}
		d := Duration(rapid.Int64Range(-int64(MaxTime), int64(MaxTime)).Draw(t, "d"))
		if saturated := d.Std(); saturated.Milliseconds() != int64(d) && d < 290*365*Day && d > -290*365*Day {
			t.Fatalf("%d ms is %v", int64(d), saturated)
		}
		if at.Add(d).Sub(at) != d {
			t.Fatalf("%d + %d - %d", at, d, at)
		}
	})
}

func TestDurationSaturates(t *testing.T) {
	if most := Duration(math.MaxInt64).Std(); most <= 0 || most < 292*365*24*time.Hour {
		t.Errorf("longest is %v", most)
	}
	if least := Duration(math.MinInt64).Std(); least >= 0 {
		t.Errorf("shortest is %v", least)
	}
	if Hour.Hours() != 1 || Minute.Seconds() != 60 || Week != 7*24*3600*1000 {
		t.Error("units")
	}
}

// TestWindowsAreSetsOfInstants holds the operations against sets.
func TestWindowsAreSetsOfInstants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, w := anyWindow(t, "v"), anyWindow(t, "w")
		both := v.Intersect(w)
		shared := 0
		for at := Time(-1); at < 8; at++ {
			in := v.Contains(at) && w.Contains(at)
			if both.Contains(at) != in {
				t.Fatalf("%v and %v share %v", v, w, both)
			}
			if in {
				shared++
			}
		}
		if max(both.Length(), 0) != Duration(shared) {
			t.Fatalf("%v and %v share %v", v, w, both)
		}
		if v.Length() > 0 && w.Length() > 0 && (v.Overlaps(w) != (shared > 0) || v.Overlaps(w) != w.Overlaps(v)) {
			t.Fatalf("%v overlaps %v: %t", v, w, v.Overlaps(w))
		}
		if (v.Validate() == nil) != (v.Length() > 0) {
			t.Fatalf("%v: %v", v, v.Validate())
		}
	})
}

func TestValidate(t *testing.T) {
	for _, w := range []Window{{0, 0}, {5, 4}, {-1, 5}, {0, MaxTime + 1}, {0, Never}, {math.MinInt64, math.MaxInt64}} {
		if err := w.Validate(); !errors.Is(err, ErrWindow) {
			t.Errorf("%d..%d: %v", w.Start, w.End, err)
		}
	}
	if err := (Window{MinTime, MaxTime}).Validate(); err != nil {
		t.Error(err)
	}
}
