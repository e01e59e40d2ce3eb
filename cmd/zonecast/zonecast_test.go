package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zonecast/zonecast/bench/trace"
)

// command runs one command line in this process.
func command(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, strings.NewReader(stdin), &out, &err)
	return code, out.String(), err.String()
}

// golden compares got with a file in testdata. With UPDATE=1 it writes the file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%s: %v; got\n%s", path, err, got)
	}
}

func TestHelp(t *testing.T) {
	for name, args := range map[string][]string{
		"help.txt":                {},
		"help_bench.txt":          {"bench", "--help"},
		"help_trace.txt":          {"trace", "--help"},
		"help_trace_generate.txt": {"help", "trace", "generate"},
		"help_trace_check.txt":    {"trace", "check", "-h"},
		"help_trace_info.txt":     {"trace", "info", "--help"},
	} {
		code, out, err := command("", args...)
		if code != exitOK || err != "" {
			t.Errorf("%v: %d, %s", args, code, err)
		}
		golden(t, name, out)
	}
}

const goodTrace = `time,user,lat,lon,dataset,mood
2026-03-02T08:00:00Z,ann,51.5,-0.1,photos,fine
2026-03-02T09:00:00Z,bob,51.5,-0.1,,fine
2026-03-02T10:00:00Z,ann,51.5,-0.1,photos,fine
`

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTraceInfo(t *testing.T) {
	code, out, err := command(goodTrace, "trace", "info", "-", "--log-level", "error")
	if code != exitOK || err != "" {
		t.Errorf("%d, %s", code, err)
	}
	golden(t, "info.txt", out)
	code, out, err = command("", "trace", "info", write(t, "t.csv", goodTrace), "--json")
	var info trace.Info
	if bad := json.Unmarshal([]byte(out), &info); bad != nil || code != exitOK || info.Rows != 3 || info.ReturningShare != .5 {
		t.Errorf("%d, %v, %s", code, bad, out)
	}
	if !strings.Contains(err, `level=WARN msg="column \"mood\" is not known: ignored"`) {
		t.Errorf("no warning: %s", err)
	}
}

const zonesText = "zone,lat,lon,cpu_millicores,memory_bytes,price_cpu_hour,price_gib_hour\nz1,51,0,400,1073741824,1,1\n"

func TestTraceCheck(t *testing.T) {
	bad := goodTrace + strings.Repeat("2026-03-02T11:00:00Z,eve,51.5,-0.1,,fine\n", 9) + "2026-03-02T12:00:00Z,eve,951.5,-0.1,,fine\n"
	zones := write(t, "zones.csv", zonesText)
	code, out, err := command(bad, "trace", "check", "-", "--zones", zones)
	if code != exitOK || err != "" {
		t.Errorf("%d, %s", code, err)
	}
	golden(t, "check.txt", strings.ReplaceAll(out, zones, "zones.csv"))
	code, out, err = command(bad, "trace", "check", "-", "--json", "--strict")
	var found check
	if bad := json.Unmarshal([]byte(out), &found); bad != nil || code != exitInput || found.BadRows != 1 || found.Problems[0].Line != 14 {
		t.Errorf("%d, %v, %s, %s", code, bad, out, err)
	}
	clean := "time,tenant,user,lat,lon,duration_s,cpu_millicores,memory_bytes,storage_bytes,bandwidth_bps,dataset,dataset_bytes,part\n" +
		"2026-03-02T08:00:00Z,t,u,51,0,60,100,1,1,1,,,\n"
	if code, out, err := command(clean, "trace", "check", "-", "--strict"); code != exitOK || out != "stdin: 1 requests\nno problems\n" {
		t.Errorf("%d, %s, %s", code, out, err)
	}
}

func TestTraceGenerate(t *testing.T) {
	t.Chdir(t.TempDir())
	small := []string{"trace", "generate", "--days", "3", "--users", "9", "--out", "t.csv", "--zones-out", "z.csv", "--quiet"}
	code, out, err := command("", small...)
	if code != exitOK || err != "" || !strings.Contains(out, "Next: zonecast trace check t.csv --zones z.csv") {
		t.Fatalf("%d, %s, %s", code, out, err)
	}
	first, _ := os.ReadFile("t.csv")
	if code, _, err := command("", small...); code != exitUsage || !strings.Contains(err, "t.csv exists") {
		t.Errorf("written over: %d, %s", code, err)
	}
	code, out, err = command("", append(small, "--force", "--json")...)
	var made generated
	if bad := json.Unmarshal([]byte(out), &made); bad != nil || code != exitOK || made.Zones != 8 || made.Trace.Rows == 0 {
		t.Errorf("%d, %v, %s, %s", code, bad, out, err)
	}
	if again, _ := os.ReadFile("t.csv"); !bytes.Equal(first, again) {
		t.Error("the same flags gave other bytes")
	}
	if code, out, err := command("", "trace", "check", "t.csv", "--zones", "z.csv", "--strict"); code != exitOK {
		t.Errorf("its own check refuses it: %s%s", out, err)
	}
}

func TestBench(t *testing.T) {
	t.Chdir(t.TempDir())
	line := []string{"bench", "--only", "plan", "--seconds", "0.001", "--out", "results", "-q"}
	code, out, err := command("", append(line, "--cpuprofile", "cpu.prof")...)
	if code != exitOK || err != "" || !strings.HasPrefix(out, "plan\n") || !strings.Contains(out, "\n units of a window ") {
		t.Errorf("%d, %s%s", code, out, err)
	}
	page, _ := os.ReadFile("results/plan.md")
	if !strings.Contains(string(page), "Made by `zonecast bench --seconds 0.001 --only plan --out results` with go1.") {
		t.Errorf("%s", page)
	}
	if profile, err := os.Stat("cpu.prof"); err != nil || profile.Size() == 0 {
		t.Errorf("no profile: %v", err)
	}
	code, out, err = command("", append(line, "--json")...)
	written, _ := os.ReadFile("results/plan.json")
	for _, text := range []string{out, string(written)} {
		var made benched
		if bad := json.Unmarshal([]byte(text), &made); bad != nil || code != exitOK || made.CPUs < 1 ||
			len(made.Groups) != 1 || made.Groups[0].Name != "plan" || made.Groups[0].Rows[0].WallRatio <= 0 {
			t.Errorf("%d, %v, %s%s", code, bad, text, err)
		}
	}
	if code, _, err := command("", "bench", "--only", "plan", "-q", "--out", "results/plan.md"); code != exitFailure ||
		!strings.Contains(err, "not a directory") {
		t.Errorf("%d, %s", code, err)
	}
}

func TestWrongUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	for line, want := range map[string]string{
		"foo":                                  `unknown command "foo" for "zonecast"`,
		"trace foo":                            `unknown command "foo" for "zonecast trace"`,
		"--foo":                                "unknown flag: --foo",
		"trace info":                           "accepts 1 arg(s), received 0",
		"trace info a b":                       "accepts 1 arg(s), received 2",
		"version --log-level loud":             "slog: level string \"loud\"",
		"bench faster":                         `unknown command "faster" for "zonecast bench"`,
		"bench --only plan,chess":              `there is no group "chess"; there are replay, choice`,
		"bench --seconds 0 --out a":            "a row of 0s, must take more than 0",
		"bench --seconds NaN":                  "must take more than 0",
		"bench --seconds 61":                   "at most 1m0s",
		"trace generate --days 0":              "Days is 0, must be from 1",
		"trace generate --days x":              "invalid argument \"x\"",
		"trace generate --rhythm NaN":          "Rhythm is NaN, must be from 0 to 1",
		"trace generate --duration 3":          "missing unit",
		"trace generate --duration 25h":        "Duration is 25h0m0s",
		"trace generate --start today":         "give a day as 2026-03-02",
		"trace generate --start 1960-01-01":    "Start is 1960-01-01",
		"trace generate --out a --zones-out a": "both name a",
		"trace generate --memory-bytes -1":     "memory is -1",
	} {
		code, out, err := command("", strings.Fields(line)...)
		if code != exitUsage || out != "" || !strings.Contains(err, want) || strings.Count(err, "zonecast: ") != 1 ||
			!strings.Contains(err, "--help'.") {
			t.Errorf("%s: %d, %s%s", line, code, out, err)
		}
	}
	if left, _ := os.ReadDir("."); len(left) > 0 {
		t.Errorf("wrong usage wrote %v", left)
	}
}

func TestBadInput(t *testing.T) {
	for name, c := range map[string]struct{ stdin, args, want string }{
		"missing":       {"", "trace info nowhere.csv", "nowhere.csv"},
		"empty":         {"", "trace info -", "the file has no rows"},
		"no trace":      {"a,b\n1,2\n", "trace check -", "the header lacks time, user, lat, lon"},
		"unsorted":      {goodTrace + strings.Split(goodTrace, "\n")[1] + "\n", "trace check -", "line 5: rows are not in order of time"},
		"all rows bad":  {"time,user,lat,lon\nx,y,1,2\n", "trace info -", "too many bad rows: 1 of 1\n  line 2, time: "},
		"missing zones": {goodTrace, "trace check - --zones nowhere.csv", "nowhere.csv"},
	} {
		code, out, err := command(c.stdin, strings.Fields(c.args)...)
		if code != exitInput || out != "" || !strings.Contains(err, c.want) || strings.Count(err, "zonecast: ") != 1 {
			t.Errorf("%s: %d, %s%s", name, code, out, err)
		}
	}
	if code, _, err := command(goodTrace+strings.Split(goodTrace, "\n")[1]+"\n", "trace", "info", "-", "--sort"); code != exitOK {
		t.Errorf("--sort: %d, %s", code, err)
	}
}

func TestFailure(t *testing.T) {
	code, _, err := command("", "trace", "generate", "--out", "no/such/dir/t.csv", "--zones-out", "z.csv", "-q", "--days", "1")
	if code != exitFailure || !strings.Contains(err, "no such file or directory") {
		t.Errorf("%d, %s", code, err)
	}
}

// A signal during a command ends it with nothing written.
func TestInterrupt(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		own := make(chan os.Signal, 1) // so that no signal ends the test's process
		signal.Notify(own, sig)
		ended := make(chan struct{})
		go func() {
			for again := time.NewTicker(time.Millisecond); ; {
				select {
				case <-again.C:
					syscall.Kill(os.Getpid(), sig)
				case <-ended:
					again.Stop()
					return
				}
			}
		}()
		code, _, err := command("", "trace", "generate", "--users", "300000", "--days", "10")
		close(ended)
		if code != exitInterrupted || err != "zonecast: interrupted\n" {
			t.Errorf("%v: %d, %s", sig, code, err)
		}
		signal.Stop(own)
	}
	if left, _ := os.ReadDir("."); len(left) > 0 {
		t.Errorf("written nevertheless: %v", left)
	}
}

func TestVersion(t *testing.T) {
	code, out, _ := command("", "version", "--json")
	var v version
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != exitOK || v.Version == "" || v.Go == "" {
		t.Errorf("%d, %v, %s", code, err, out)
	}
	if code, out, _ := command("", "version"); code != exitOK || !strings.HasPrefix(out, "zonecast ") {
		t.Errorf("%d, %s", code, out)
	}
}

func TestProgressWithoutATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		a := &app{stderr: &out}
		p := a.progress("replaying", 5)
		for range 5 {
			time.Sleep(6 * time.Second)
			p.Add(1)
		}
		p.Close()
		if want := "replaying: 2 of 5\nreplaying: 4 of 5\n"; out.String() != want {
			t.Errorf("got %s", out.String())
		}
		a.quiet = true
		out.Reset()
		p = a.progress("replaying", 1)
		time.Sleep(time.Hour)
		p.Add(1)
		if p.Close(); out.Len() > 0 {
			t.Errorf("quiet, and yet: %s", out.String())
		}
	})
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestOutputThatFailsIsAFailure(t *testing.T) {
	var err bytes.Buffer
	if code := run([]string{"version"}, strings.NewReader(""), fullDisk{}, &err); code != exitFailure || !strings.Contains(err.String(), "no space") {
		t.Errorf("%d, %s", code, err.String())
	}
}
