package plan

import (
	"fmt"
	"slices"
	"testing"

	"github.com/zonecast/zonecast/actors/span"
	"pgregory.net/rapid"
)

func ExampleDatasets() {
	items := []Dataset{
		{Bytes: 4 << 30, Value: 40}, // 10 per GiB
		{Bytes: 1 << 30, Value: 50}, // 50 per GiB
		{Bytes: 2 << 30, Value: 1},  // less than it costs to hold
		{Bytes: 3 << 30, Value: 60}, // 20 per GiB
	}
	fmt.Println(Datasets(nil, items, 5<<30, 0.8))
	fmt.Println(Datasets(nil, items, 8<<30, 0.8))
	// Output:
	// [1 3]
	// [1 3 0]
}

func ExamplePrivate() {
	// A connection held for 15 minutes at 100 per hour, for a user who comes with
	// probability 0.2 and then saves 150.
	fmt.Println(Private(0.2, 150, 100, 15*span.Minute), Private(0.1, 150, 100, 15*span.Minute))
	// Output: true false
}

func TestTheBestSingleItemBeatsCrumbs(t *testing.T) {
	items := []Dataset{{Bytes: 1, Value: 2}, {Bytes: 100, Value: 150}}
	if got := Datasets(nil, items, 100, 0); !slices.Equal(got, []int{1}) {
		t.Errorf("took %v, want the large one", got)
	}
}

func TestDatasetsAgainstAllSubsets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := make([]Dataset, rapid.IntRange(0, 9).Draw(t, "items"))
		for i := range items {
			items[i] = Dataset{
				Bytes: gib * int64(rapid.IntRange(0, 8).Draw(t, "bytes")),
				Value: float64(rapid.IntRange(0, 20).Draw(t, "value")),
			}
		}
		capacity := gib * int64(rapid.IntRange(0, 25).Draw(t, "capacity"))
		hold := float64(rapid.IntRange(0, 3).Draw(t, "hold"))
		taken := Datasets([]int{-7}, items, capacity, hold)
		if taken[0] != -7 {
			t.Fatalf("overwrote the caller's: %v", taken)
		}
		var bytes int64
		var value float64
		for _, i := range taken[1:] {
			bytes += items[i].Bytes
			value += items[i].net(hold)
			if items[i].net(hold) <= 0 {
				t.Fatalf("item %d is not worth its bytes", i)
			}
		}
		if sorted := slices.Sorted(slices.Values(taken)); bytes > capacity || len(slices.Compact(sorted)) != len(taken) {
			t.Fatalf("%v take %d of %d bytes", taken, bytes, capacity)
		}
		if best := bestSubset(items, capacity, hold); 2*value < best-1e-9 {
			t.Fatalf("%v is worth %v, the best %v", taken, value, best)
		}
	})
}

// bestSubset tries them all.
func bestSubset(items []Dataset, capacity int64, hold float64) float64 {
	if len(items) == 0 {
		return 0
	}
	best := bestSubset(items[1:], capacity, hold)
	if first := items[0]; first.Bytes <= capacity {
		best = max(best, first.net(hold)+bestSubset(items[1:], capacity-first.Bytes, hold))
	}
	return best
}

func BenchmarkDatasets(b *testing.B) {
	items := make([]Dataset, 1_000)
	for i := range items {
		items[i] = Dataset{Bytes: int64(1+i*7919%1000) << 20, Value: float64(1 + i*104729%1000)}
	}
	var dst []int
	b.ReportAllocs()
	for b.Loop() {
		dst = Datasets(dst[:0], items, 10<<30, 0.1)
	}
}
