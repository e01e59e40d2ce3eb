package trace

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zonecast/zonecast/actors/span"
)

func TestPeakAgainstEveryInstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := make([]Row, rapid.IntRange(0, 30).Draw(t, "rows"))
		for i := range rows {
			rows[i].At = span.Time(rapid.Int64Range(0, 40).Draw(t, "at"))
			rows[i].Duration = span.Duration(rapid.Int64Range(1, 10).Draw(t, "lasts"))
		}
		want := 0
		for at := span.Time(0); at < 60; at++ {
			n := 0
			for _, r := range rows {
				if r.At <= at && at < r.End() {
					n++
				}
			}
			want = max(want, n)
		}
		if got := Peak(rows); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
	})
}

func TestDescribe(t *testing.T) {
	got, err := decodeText(`time,user,lat,lon,dataset,dataset_bytes,part
2026-03-02T08:00:00Z,ann,1,1,a,10,train
2026-03-02T08:00:00Z,bob,1,1,b,20,train
2026-03-02T08:10:00Z,ann,1,1,a,10,train
2026-03-03T08:00:00Z,ann,1,1,b,30,test
2026-03-04T08:00:00Z,ann,1,1,,,test
`)
	if err != nil {
		t.Fatal(err)
	}
	i := Describe(got)
	if i.Rows != 5 || i.Users != 2 || i.Tenants != 1 || i.Datasets != 2 || i.DatasetBytes != 40 || i.PeakConcurrent != 3 ||
		i.Days != 2 || i.RequestsPerDay != 2.5 || i.MeanDurationS != 1200 || i.TestFrom != "2026-03-03T08:00:00Z" {
		t.Errorf("%+v", i)
	}
	if i.ReturningShare != .25 || i.PrivateShare != .5 || i.TopDatasetShare != .75 || i.HourEntropyBits != 0 {
		t.Errorf("%+v", i)
	}
	if len(i.Parts) != 2 || i.Parts[0] != (Part{"train", 3}) || i.Parts[1] != (Part{"test", 2}) {
		t.Errorf("%+v", i.Parts)
	}
	if text := i.String(); !strings.Contains(text, "2 users of 1 tenants") {
		t.Error(text)
	}
}

func TestEntropy(t *testing.T) {
	for _, c := range []struct {
		counts []int
		want   float64
	}{{[]int{7, 0}, 0}, {[]int{1000, 1000}, 1}, {[]int{1, 1, 1, 1}, 2}, {[]int{900000, 100000}, 0.468996}} {
		if got := entropy(c.counts); math.Abs(got-c.want) > 1e-5 {
			t.Errorf("%v: %v, want %v", c.counts, got, c.want)
		}
	}
}
