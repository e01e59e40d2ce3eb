package sim

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// stepsEach is how many deliveries a world's storm has at least.
const stepsEach = 2_000

// enough worlds see every kind of thing at least once.
const enough = 500

// TestWorlds tries many worlds; ZONECAST_SIM_SEEDS says how many, ZONECAST_SIM_SEED
// tries that one and prints its story.
func TestWorlds(t *testing.T) {
	if seed := os.Getenv("ZONECAST_SIM_SEED"); seed != "" {
		one(t, seed)
		return
	}
	seeds := 1_000
	if testing.Short() {
		seeds = 50
	}
	if text := os.Getenv("ZONECAST_SIM_SEEDS"); text != "" {
		var err error
		if seeds, err = strconv.Atoi(text); err != nil {
			t.Fatalf("ZONECAST_SIM_SEEDS: %v", err)
		}
	}
	counts, steps := tryAll(t, seeds)
	var table strings.Builder
	for _, kind := range Kinds() {
		fmt.Fprintf(&table, "%10d  %s\n", counts[kind], kind)
		if counts[kind] == 0 && seeds >= enough {
			t.Errorf("in %d worlds there was never a %s", seeds, kind)
		}
	}
	t.Logf("%d worlds, %d steps\n%s", seeds, steps, table.String())
}

func one(t *testing.T, text string) {
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("ZONECAST_SIM_SEED: %v", err)
	}
	v := Try(TrialConfig{Seed: seed, Steps: stepsEach, Text: os.Stdout})
	if v.Err != nil {
		t.Error(v.Err)
	}
	t.Logf("seed %d: %d steps, story %016x", seed, v.Steps, v.Hash)
}

// tryAll tries the seeds from 1 on, on all processors.
func tryAll(t *testing.T, seeds int) (Counts, int) {
	counts, steps := Counts{}, 0
	var mu sync.Mutex
	var workers sync.WaitGroup
	next := make(chan uint64)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for seed := range next {
				v := Try(TrialConfig{Seed: seed, Steps: stepsEach})
				mu.Lock()
				for kind, n := range v.Counts {
					counts[kind] += n
				}
				steps += v.Steps
				if v.Err != nil {
					t.Error(v.Err)
				}
				mu.Unlock()
			}
		})
	}
	for seed := range seeds {
		next <- uint64(seed + 1)
	}
	close(next)
	workers.Wait()
	return counts, steps
}
