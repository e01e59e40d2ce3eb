package sim

import (
	"testing"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/run"
)

// caughtWithin is in how many worlds a missing guard must be noticed.
const caughtWithin = 60

// TestGuards takes one guard away at a time: the promise that it keeps is broken in
// one of the first worlds.
func TestGuards(t *testing.T) {
	for _, c := range []struct {
		name    string
		without TrialConfig
	}{
		{"fence by version", TrialConfig{Unfenced: true}},
		{"next zone only after a refusal", TrialConfig{Actors: actors.Guards{NextUnasked: true}}},
		{"record before send", TrialConfig{Run: run.Guards{SendBeforeRecorded: true}}},
		{"dedupe", TrialConfig{Run: run.Guards{NoDedupe: true}, Actors: actors.Guards{NoKnownIDs: true}}},
		{"lease expiry", TrialConfig{Actors: actors.Guards{NoExpiry: true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(caughtWithin) {
				trial := c.without
				trial.Seed, trial.Steps = seed+1, stepsEach
				if v := Try(trial); v.Err != nil {
					t.Log(v.Err)
					return
				}
			}
			t.Errorf("%d worlds without it, and no promise was broken", caughtWithin)
		})
	}
}

// TestSameSeedSameStory tries a few worlds twice.
func TestSameSeedSameStory(t *testing.T) {
	for seed := range uint64(5) {
		first := Try(TrialConfig{Seed: seed, Steps: 500})
		second := Try(TrialConfig{Seed: seed, Steps: 500})
		if first.Hash != second.Hash || first.Steps != second.Steps {
			t.Errorf("seed %d: %d steps, story %x; then %d, %x", seed, first.Steps, first.Hash, second.Steps, second.Hash)
		}
	}
}
