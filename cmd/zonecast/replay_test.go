package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// smallTrace writes a trace of a few days and its zones.
func smallTrace(t *testing.T) (rows, zones string) {
	t.Helper()
	dir := t.TempDir()
	rows, zones = dir+"/t.csv.gz", dir+"/z.csv"
	if code, _, err := command("", "trace", "generate", "-q", "--days", "6", "--users", "10", "--zones", "3", "--out", rows, "--zones-out", zones); code != exitOK {
		t.Fatal(err)
	}
	return rows, zones
}

func keys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// shape fails unless m has all of these keys, more of them perhaps.
func shape(t *testing.T, what string, m any, want ...string) map[string]any {
	t.Helper()
	object, ok := m.(map[string]any)
	if !ok {
		t.Fatalf("%s is no object: %v", what, m)
	}
	for _, key := range want {
		if _, has := object[key]; !has {
			t.Errorf("%s lacks %s; it has %v", what, key, keys(object))
		}
	}
	return object
}

// The JSON is one object of the shape that docs/EVALUATION.md promises.
func TestReplayJSON(t *testing.T) {
	rows, zones := smallTrace(t)
	code, out, err := command("", "replay", "--trace", rows, "--zones", zones, "--policy", "reactive,predictive,greedy", "--json", "--cost-ratio", "5", "-q")
	if code != exitOK || err != "" {
		t.Fatalf("%d, %s", code, err)
	}
	var decoded any
	if bad := json.Unmarshal([]byte(out), &decoded); bad != nil {
		t.Fatalf("%v\n%s", bad, out)
	}
	r := shape(t, "the report", decoded, "trace", "parameters", "policies", "measured")
	if _, has := r["gain_share"]; has {
		t.Error("there is no oracle, and yet a gain_share")
	}
	parameters := shape(t, "parameters", r["parameters"], "from", "starts", "cost_ratio", "seed")
	if parameters["cost_ratio"] != 5.0 || parameters["starts"] != "container" {
		t.Errorf("parameters %v", parameters)
	}
	policies := shape(t, "policies", r["policies"], "reactive", "predictive", "greedy")
	if len(policies) != 3 {
		t.Errorf("policies %v", keys(policies))
	}
	for name, p := range policies {
		policy := shape(t, name, p, "requests", "hit", "late", "missed", "refused", "hit_rate", "start_ms", "staged_hours", "used_hours",
			"wasted_hours", "total_cost", "cost_by_ratio", "at_waste", "facets", "reservations", "frontier")
		shape(t, "start_ms", policy["start_ms"], "mean", "p50", "p95", "p99")
		ratios := shape(t, "cost_by_ratio", policy["cost_by_ratio"], "1", "3", "5", "10", "30")
		if ratios["5"] != policy["total_cost"] {
			t.Errorf("%s: total cost %v, by ratio %v", name, policy["total_cost"], ratios)
		}
		facets := shape(t, "facets", policy["facets"], "compute", "data", "connection", "storage")
		shape(t, "data", facets["data"], "hit_rate", "cached_byte_hours")
		shape(t, "reservations", policy["reservations"], "firm", "soft", "upgraded", "revoked", "expired")
		for _, point := range policy["frontier"].([]any) {
			shape(t, "frontier", point, "wasted_hours", "hit_rate", "data_hit_rate", "cost")
		}
		n := func(key string) float64 { return policy[key].(float64) }
		if n("hit")+n("late")+n("missed")+n("refused") != n("requests") || n("requests") == 0 || n("hit_rate") != n("hit")/n("requests") {
			t.Errorf("%s doesn't add up: %v", name, policy)
		}
	}
}

// For people the same is a table.
func TestReplayText(t *testing.T) {
	rows, zones := smallTrace(t)
	code, out, err := command("", "replay", "--trace", rows, "--zones", zones, "--policy", "keep-alive,reactive", "-q")
	if code != exitOK || err != "" || !strings.Contains(out, "keep-alive") || !strings.Contains(out, "reactive") || strings.Contains(out, "{") {
		t.Errorf("%d, %s%s", code, out, err)
	}
}

func TestDemo(t *testing.T) {
	small := []string{"demo", "--days", "5", "--users", "8", "--zones", "2", "-q"}
	code, out, err := command("", append(small, "--policy", "reactive,predictive")...)
	if code != exitOK || err != "" || !strings.Contains(out, "How to go on:") || !strings.Contains(out, "in 2 zones over 5 days, from seed 1.") {
		t.Errorf("%d, %s%s", code, out, err)
	}
	code, out, err = command("", append(small, "--policy", "reactive", "--json", "--seed", "7")...)
	var r map[string]any
	if bad := json.Unmarshal([]byte(out), &r); bad != nil || code != exitOK {
		t.Fatalf("%d, %v, %s", code, bad, err)
	}
	if parameters := shape(t, "parameters", r["parameters"], "seed"); parameters["seed"] != 7.0 {
		t.Errorf("parameters %v", parameters)
	}
}

// Wrong usage and bad input end with their codes, one line that says what is wrong,
// and nothing on stdout.
func TestReplayRefuses(t *testing.T) {
	rows, zones := smallTrace(t)
	good := "replay --trace " + rows + " --zones " + zones + " -q "
	for _, c := range []struct {
		line string
		code int
		want string
	}{
		{"replay", exitUsage, `required flag(s) "trace", "zones" not set`},
		{"replay --trace x", exitUsage, `required flag(s) "zones" not set`},
		{good + "extra", exitUsage, `unknown command "extra"`},
		{good + "--policy magic", exitUsage, `there is no policy "magic"; there are reactive, keep-alive`},
		{good + "--policy reactive,magic", exitUsage, `there is no policy "magic"`},
		{good + "--policy reactive --starts rocket", exitUsage, `start profile "rocket" is none of container, model, vm`},
		{good + "--policy reactive --cost-ratio 0", exitUsage, "cost ratio 0 must be above 0"},
		{good + "--policy reactive --cost-ratio NaN", exitUsage, "cost ratio NaN must be above 0"},
		{good + "--policy reactive --cost-ratio x", exitUsage, "invalid argument"},
		{good + "--policy reactive --seed -1", exitUsage, "invalid argument"},
		{good + "--policy reactive --log paper", exitUsage, `--log is "paper", must be memory or raft`},
		{good + "--policy reactive --days -1", exitUsage, "--days is -1"},
		{good + "--policy reactive --from yesterday", exitUsage, "yesterday"},
		{good + "--policy reactive --from 100%", exitUsage, "not a percentage"},
		{good + "--policy reactive --from NaN%", exitUsage, "not a percentage"},
		{good + "--policy reactive --from 2999-01-01T00:00:00Z", exitUsage, "no row is at or after"},
		{"replay --trace nowhere.csv --zones " + zones, exitInput, "nowhere.csv"},
		{"replay --trace " + rows + " --zones nowhere.csv", exitInput, "nowhere.csv"},
		{"replay --trace " + zones + " --zones " + zones, exitInput, "the header lacks time, user"},
		{"replay --trace " + rows + " --zones " + rows, exitInput, "the header lacks zone"},
		{"demo --policy magic --days 3 --users 3", exitUsage, `there is no policy "magic"`},
		{"demo --users 0", exitUsage, "Users is 0"},
		{"demo --rhythm 2", exitUsage, "Rhythm is 2"},
		{"demo --starts rocket --days 3 --users 3", exitUsage, "rocket"},
	} {
		code, out, err := command("", strings.Fields(c.line)...)
		if code != c.code || !strings.Contains(err, c.want) || strings.Count(err, "zonecast: ") != 1 {
			t.Errorf("%s: %d, %s", c.line, code, err)
		}
		if out != "" && !strings.HasPrefix(c.line, "demo") {
			t.Errorf("%s: printed %s", c.line, out)
		}
	}
}
