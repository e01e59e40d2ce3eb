package actors

import (
	"strconv"
	"testing"

	"github.com/zonecast/zonecast/messages"
)

// What is pinned holds while it serves requests that the plain cache would not, and
// gives way where the plain cache is better.
func TestCacheTrial(t *testing.T) {
	pinned := []*messages.DatasetStage{{Dataset: "habit", Bytes: 10}}
	ask := func(trial *cacheTrial, names ...string) {
		for _, name := range names {
			trial.observe(name, 10)
		}
	}
	var trial cacheTrial
	trial.choose(20, pinned)
	if !trial.holds() {
		t.Error("a trial begins in favour of the plan")
	}
	for i := range 20 { // too many others in between for the plain cache to keep it
		ask(&trial, "habit", strconv.Itoa(3*i), strconv.Itoa(3*i+1), strconv.Itoa(3*i+2))
	}
	if !trial.holds() {
		t.Errorf("pinned served %.0f bytes, the plain cache %.0f", trial.byPlan, trial.byUse)
	}
	for range 100 { // two that take turns, of which the rest of the cache holds one
		ask(&trial, "a", "b")
	}
	if trial.holds() {
		t.Errorf("pinned served %.0f bytes, the plain cache %.0f", trial.byPlan, trial.byUse)
	}
}
