package resource

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func Example() {
	node := Vector{CPU: 4000, Memory: 8 << 30}.WithExtended("gpu", 1)
	job := Vector{CPU: 1500, Memory: 4 << 30}
	fmt.Println(job.Times(2).Fits(node))
	fmt.Println(node.Minus(job.Times(2)))
	fmt.Println(job.Times(3).Shortfall(node))
	fmt.Println(node.PerMille(1500))
	// Output:
	// true
	// cpu=1000 gpu=1
	// cpu=500 memory=4294967296
	// cpu=6000 memory=12884901888 gpu=1
}

// What is asked for must be there; what is not asked for may be overdrawn.
func ExampleVector_Fits() {
	room := Vector{CPU: 1000, Memory: -1}
	fmt.Println(Vector{CPU: 1000}.Fits(room), Vector{CPU: 1, Memory: 1}.Fits(room))
	// Output: true false
}

func ExampleVector_Validate() {
	fmt.Println(Vector{CPU: -1}.Validate(MaxAmount))
	fmt.Println(Vector{}.WithExtended("cpu", 1).Validate(MaxAmount))
	// Output:
	// bad amount: cpu is -1, must be from 0 to 281474976710656
	// bad amount: extended resource "cpu" has the name of a fixed one
}

// names are all resources that draw gives, fixed ones first.
var names = []string{CPU, Memory, Storage, Bandwidth, IO, "disk", "fpga", "gpu"}

func draw(t *rapid.T, label string) Vector {
	var v Vector
	for _, name := range names {
		v = v.With(name, rapid.Int64Range(-3, 3).Draw(t, label+" "+name))
	}
	return v
}

// TestArithmetic holds every operation against the same one done name by name.
func TestArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, w, n := draw(t, "v"), draw(t, "w"), rapid.Int64Range(-3, 3).Draw(t, "n")
		before := []Vector{v.Plus(Vector{}), w.Plus(Vector{})}
		results := map[string]Vector{
			"plus": v.Plus(w), "minus": v.Minus(w), "times": v.Times(n), "max": v.Max(w), "min": v.Min(w),
			"per mille": v.PerMille(n * 1000), "shortfall": v.Shortfall(w),
		}
		fits := true
		for _, name := range names {
			a, b := v.Of(name), w.Of(name)
			missing := int64(0)
			if a > 0 && a > b {
				missing, fits = a-max(b, 0), false
			}
			for op, want := range map[string]int64{
				"plus": a + b, "minus": a - b, "times": n * a, "max": max(a, b), "min": min(a, b),
				"per mille": n * a, "shortfall": missing,
			} {
				if got := results[op].Of(name); got != want {
					t.Fatalf("%s of %v and %v: %s is %d, want %d", op, v, w, name, got, want)
				}
			}
		}
		if v.Fits(w) != fits || v.Shortfall(w).IsZero() != fits {
			t.Fatalf("%v fits %v: %t, want %t", v, w, v.Fits(w), fits)
		}
		for op, r := range results {
			if !r.Equal(r.Plus(Vector{})) || !wellFormed(r) {
				t.Fatalf("%s gives %+v", op, r)
			}
		}
		if !reflect.DeepEqual([]Vector{v, w}, before) {
			t.Fatal("an operation changed its operands")
		}
	})
}

// wellFormed says whether the extended resources are sorted, unique, not zero.
func wellFormed(v Vector) bool {
	for i, a := range v.Extended {
		if a.Value == 0 || i > 0 && v.Extended[i-1].Name >= a.Name {
			return false
		}
	}
	return v.Extended == nil || len(v.Extended) > 0
}

func TestEqualIsTheSameAmounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, w := draw(t, "v"), draw(t, "w")
		same := true
		for _, name := range names {
			same = same && v.Of(name) == w.Of(name)
		}
		if v.Equal(w) != same || !v.Plus(w).Minus(w).Equal(v) || !v.Minus(v).IsZero() {
			t.Fatalf("%v and %v", v, w)
		}
	})
}

func TestEachVisitsFixedThenExtended(t *testing.T) {
	var visited []string
	Vector{IO: 1}.WithExtended("tpu", 2).WithExtended("gpu", 1).Each(func(name string, _ int64) {
		visited = append(visited, name)
	})
	if want := []string{CPU, Memory, Storage, Bandwidth, IO, "gpu", "tpu"}; !reflect.DeepEqual(visited, want) {
		t.Fatalf("visited %v, want %v", visited, want)
	}
}

func TestWithExtendedLeavesItsReceiver(t *testing.T) {
	v := Vector{}.WithExtended("gpu", 1).WithExtended("fpga", 2)
	if w := v.WithExtended("gpu", 5).WithExtended("fpga", 0); w.Of("gpu") != 5 || w.Of("fpga") != 0 {
		t.Fatalf("got %v", w)
	}
	if v.Of("gpu") != 1 || v.Of("fpga") != 2 {
		t.Fatalf("receiver became %v", v)
	}
}

func TestValidate(t *testing.T) {
	var many Vector
	for i := range MaxExtended + 1 {
		many = many.WithExtended(fmt.Sprintf("r%02d", i), 1)
	}
	for name, v := range map[string]Vector{
		"negative":        {Memory: -1},
		"too large":       {Storage: MaxAmount + 1},
		"overflowing":     {IO: math.MaxInt64},
		"extended":        {Extended: []Amount{{"gpu", -1}}},
		"extended, large": {Extended: []Amount{{"gpu", MaxAmount + 1}}},
		"zero extended":   {Extended: []Amount{{"gpu", 0}}},
		"unnamed":         {Extended: []Amount{{"", 1}}},
		"long name":       {Extended: []Amount{{strings.Repeat("g", 129), 1}}},
		"unsorted":        {Extended: []Amount{{"gpu", 1}, {"fpga", 1}}},
		"twice":           {Extended: []Amount{{"gpu", 1}, {"gpu", 1}}},
		"fixed name":      {Extended: []Amount{{"memory", 1}}},
		"too many":        many,
	} {
		if err := v.Validate(MaxAmount); !errors.Is(err, ErrAmount) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, v := range []Vector{{}, {CPU: MaxAmount, IO: 1}, Vector{}.WithExtended("gpu", MaxAmount)} {
		if err := v.Validate(MaxAmount); err != nil {
			t.Errorf("%v: %v", v, err)
		}
	}
}

func TestFromFloat(t *testing.T) {
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -0.1, float64(MaxAmount) * 2, math.MaxFloat64} {
		if got, err := FromFloat(CPU, x, MaxAmount); !errors.Is(err, ErrAmount) || got != 0 {
			t.Errorf("%v gives %d, %v", x, got, err)
		}
	}
	for x, want := range map[float64]int64{0: 0, 0.4: 0, 1.5: 2, float64(MaxAmount): MaxAmount} {
		if got, err := FromFloat(CPU, x, MaxAmount); err != nil || got != want {
			t.Errorf("%v gives %d, %v, want %d", x, got, err, want)
		}
	}
}

// The largest sums that the bounds allow stay within int64.
func TestBoundsKeepSumsWithinInt64(t *testing.T) {
	if sum := (Vector{CPU: MaxAmount}).Times(MaxHoldings); sum.CPU <= 0 || sum.CPU > 1<<62 {
		t.Fatalf("sum is %d", sum.CPU)
	}
	if v := (Vector{CPU: MaxCapacity}).PerMille(10_000); v.CPU != MaxCapacity*10 {
		t.Fatalf("ten times is %d", v.CPU)
	}
}
