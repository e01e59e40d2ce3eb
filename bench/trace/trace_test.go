package trace

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

const header = "time,tenant,user,lat,lon,duration_s,cpu_millicores,memory_bytes,storage_bytes,bandwidth_bps,dataset,dataset_bytes,part\n"

const visit = "2012-04-03T09:08:00Z,t1,u17,40.70347,-73.98485,1200,500,536870912,1073741824,5000000,place-3035,698879407,train\n"

func ExampleDecode() {
	t, err := Decode(strings.NewReader(header+visit+visit), Options{})
	if err != nil {
		panic(err)
	}
	for _, row := range t.Rows {
		fmt.Println(row.Number, row.At, row.Tenant+"/"+row.User, row.Duration, row.Need, row.Dataset, row.Part)
	}
	// Output:
	// 1 2012-04-03T09:08:00Z t1/u17 20m0s cpu=500 memory=536870912 storage=1073741824 bandwidth=5000000 place-3035 train
	// 2 2012-04-03T09:08:00Z t1/u17 20m0s cpu=500 memory=536870912 storage=1073741824 bandwidth=5000000 place-3035 train
}

// The least that a trace says: when, who and where.
func ExampleDecode_defaults() {
	t, err := Decode(strings.NewReader("user,time,lat,lon,mood\nann,1333444080.5,40.7,-74,fine\n"), Options{})
	if err != nil {
		panic(err)
	}
	row := t.Rows[0]
	fmt.Println(row.At, row.Tenant, row.Duration, row.Need, row.Image)
	for _, warning := range t.Warnings[:3] {
		fmt.Println(warning)
	}
	// Output:
	// 2012-04-03T09:08:00.5Z default 20m0s cpu=500 memory=536870912 default
	// column "mood" is not known: ignored
	// column tenant is missing: every row gets default
	// column duration_s is missing: every row gets 1200
}

func decodeText(text string) (*Trace, error) { return Decode(strings.NewReader(text), Options{}) }

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.Bytes()
}

// edit returns header and n good rows, the third of which has old replaced.
func edit(n int, old, with string) string {
	rows := strings.SplitAfter(strings.Repeat(visit, n), "\n")
	if !strings.Contains(rows[2], old) {
		panic("no " + old)
	}
	rows[2] = strings.Replace(rows[2], old, with, 1)
	return header + strings.Join(rows, "")
}

func TestBadRowsAreLeftOutAndReported(t *testing.T) {
	for _, c := range []struct {
		old, with, column string
		err               error
	}{
		{"2012-04-03T09:08:00Z", "", "time", ErrValue},
		{"2012-04-03T09:08:00Z", "yesterday", "time", ErrValue},
		{"2012-04-03T09:08:00Z", "1969-12-31T23:59:59Z", "time", ErrValue},
		{"2012-04-03T09:08:00Z", "1333444080000", "time", ErrValue}, // milliseconds
		{"2012-04-03T09:08:00Z", "NaN", "time", ErrValue},
		{"u17", "", "user", ErrValue},
		{"u17", "a/b", "user", ErrValue},
		{"u17", "üser", "user", ErrValue},
		{"u17", strings.Repeat("u", 129), "user", ErrValue},
		{"40.70347", "90.1", "lat", ErrValue},
		{"40.70347", "NaN", "lat", ErrValue},
		{"-73.98485", "-180.5", "lon", ErrValue},
		{"1200", "0", "duration_s", ErrValue},
		{"1200", "-1", "duration_s", ErrValue},
		{"1200", "1e300", "duration_s", ErrValue},
		{",500,", ",-500,", "cpu_millicores", resource.ErrAmount},
		{",500,", ",NaN,", "cpu_millicores", resource.ErrAmount},
		{",500,", ",Inf,", "cpu_millicores", resource.ErrAmount},
		{",500,", ",1e400,", "cpu_millicores", resource.ErrAmount},
		{",500,", ",many,", "cpu_millicores", resource.ErrAmount},
		{"536870912", "99999999999999999999", "memory_bytes", resource.ErrAmount},
		{"698879407", "-1", "dataset_bytes", resource.ErrAmount},
		{"place-3035", "", "", ErrValue},
		{"500,536870912,1073741824,5000000", "0,0,0,0", "", resource.ErrAmount},
		{",train", "", "", ErrValue},
		{"train", "train,more", "", ErrValue},
		{"u17", `"u17`, "", ErrValue},
		{"u17", `u"17`, "", ErrValue},
		{"u17", `"u17"x`, "", ErrValue},
	} {
		got, err := decodeText(edit(20, c.old, c.with))
		if err != nil {
			t.Errorf("%q for %q: %v", c.with, c.old, err)
			continue
		}
		if len(got.Rows) != 19 || got.Rows[2].Number != 4 || got.Bad.Total != 1 {
			t.Errorf("%q for %q: %d rows, %d bad", c.with, c.old, len(got.Rows), got.Bad.Total)
			continue
		}
		bad := got.Bad.First[0]
		if bad.Line != 4 || bad.Row != 3 || bad.Column != c.column || !errors.Is(bad, c.err) {
			t.Errorf("%q for %q: %v (row %d)", c.with, c.old, bad, bad.Row)
		}
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	full := header + strings.Repeat(visit, 500)
	packed := zipped(full)
	flipped := bytes.Clone(packed)
	flipped[len(flipped)-8] ^= 0x55 // in the checksum
	earlier := strings.Replace(visit, "09:08", "09:07", 1)
	for name, c := range map[string]struct {
		text string
		err  error
	}{
		"nothing":           {"", ErrEmpty},
		"header alone":      {header, ErrEmpty},
		"blank lines":       {"\n\r\n\n", ErrEmpty},
		"packed nothing":    {string(zipped("")), ErrEmpty},
		"cut line":          {header + visit + visit[:50], ErrTruncated},
		"cut in quotes":     {header + visit + `2012-04-03T09:08:00Z,"t1`, ErrTruncated},
		"packed, cut":       {string(packed[:len(packed)-20]), ErrTruncated},
		"packed, cut early": {string(packed[:5]), ErrTruncated},
		"packed, damaged":   {string(flipped), ErrMalformed},
		"long line":         {header + strings.Repeat("x", MaxLineBytes+1), ErrMalformed},
		"not a trace":       {"a,b\n1,2\n", ErrColumns},
		"column twice":      {"time,user,lat,lon,lat\n", ErrColumns},
		"quotes in header":  {"time,\"user\n", ErrMalformed},
		"unsorted":          {header + visit + earlier, ErrUnsorted},
		"all bad":           {header + strings.Repeat("x\n", 3), ErrBadRows},
		"a third bad":       {edit(3, "u17", "?"), ErrBadRows},
	} {
		got, err := decodeText(c.text)
		if !errors.Is(err, c.err) || got != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for cut := 1; cut < len(packed); cut += 7 {
		if _, err := decodeText(string(packed[:cut])); err == nil {
			t.Fatalf("cut at %d of %d was taken", cut, len(packed))
		}
	}
}

func TestErrorsNameTheLineAndWhatToDo(t *testing.T) {
	earlier := strings.Replace(visit, "09:08", "09:07", 1)
	_, err := decodeText(header + visit + "\n" + earlier)
	want := "line 4: rows are not in order of time: 2012-04-03T09:07:00Z comes after 2012-04-03T09:08:00Z; sort the file by time, or ask for sorting"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	_, err = decodeText(header + strings.Repeat("x\n", 30))
	var bad *BadRowsError
	if !errors.As(err, &bad) || bad.Rows != 30 || bad.Problems.Total != 30 || len(bad.Problems.First) != MaxProblems {
		t.Fatalf("got %+v", bad)
	}
	if text := err.Error(); !strings.Contains(text, "line 2: bad value: 1 fields where the header has 13") || !strings.HasSuffix(text, "and 25 more") {
		t.Errorf("got %s", text)
	}
}

func TestSortKeepsTheFilesNumbers(t *testing.T) {
	earlier := strings.Replace(visit, "09:08", "09:07", 1)
	got, err := Decode(strings.NewReader(header+visit+earlier+visit+earlier), Options{Sort: true})
	if err != nil {
		t.Fatal(err)
	}
	var numbers []int
	for _, row := range got.Rows {
		numbers = append(numbers, row.Number)
	}
	if !reflect.DeepEqual(numbers, []int{2, 4, 1, 3}) || len(got.Warnings) != 1 {
		t.Errorf("got %v, %q", numbers, got.Warnings)
	}
}

func TestReadTakesWhatSpreadsheetsWrite(t *testing.T) {
	quoted := "\xef\xbb\xbf" + strings.ReplaceAll(header, "\n", "\r\n") +
		`"2012-04-03T11:08:00+02:00","t1","u17","40.70347","-73.98485","1200","5e2","536870912","1073741824","5000000","place-3035","698879407","train"` + "\r\n\r\n"
	want, err := decodeText(header + visit)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{quoted, header + strings.TrimSpace(visit), string(zipped(header + visit))} {
		got, err := decodeText(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestFrom(t *testing.T) {
	trace := &Trace{}
	for i, part := range []string{"train", "test", "train", "test", "test", "test"} {
		trace.Rows = append(trace.Rows, Row{Number: i + 1, At: span.Time(i / 2 * 1000), Part: part})
	}
	for spec, want := range map[string]span.Time{
		"test": 2000, "0%": 0, "34%": 1000, "99.9%": 2000, "1970-01-01T00:00:01Z": 1000, "1.5": 1500,
	} {
		if got, err := trace.From(spec); got != want || err != nil {
			t.Errorf("%s: %d, %v", spec, got, err)
		}
	}
	for _, spec := range []string{"", "100%", "-1%", "NaN%", "soon", "2012-01-01T00:00:00Z"} {
		if got, err := trace.From(spec); !errors.Is(err, ErrValue) {
			t.Errorf("%s: %d, %v", spec, got, err)
		}
	}
	if _, err := (&Trace{Rows: trace.Rows[:4]}).From("test"); !errors.Is(err, ErrValue) {
		t.Errorf("rows of the last train row's instant count as test: %v", err)
	}
}

func drawRow(t *rapid.T, at span.Time) Row {
	amount := rapid.Int64Range(0, resource.MaxAmount)
	id := rapid.StringMatching(`[A-Za-z0-9._@:-]{1,10}`)
	row := Row{
		At: at, Tenant: id.Draw(t, "tenant"), User: id.Draw(t, "user"), Image: id.Draw(t, "image"),
		Lat: rapid.Float64Range(-90, 90).Draw(t, "lat"), Lon: rapid.Float64Range(-180, 180).Draw(t, "lon"),
		Duration: span.Duration(rapid.Int64Range(1, int64(MaxDuration)).Draw(t, "duration")),
		Need: resource.Vector{CPU: 1 + amount.Draw(t, "cpu")/2, Memory: amount.Draw(t, "memory"), Storage: amount.Draw(t, "storage"),
			Bandwidth: amount.Draw(t, "bandwidth"), IO: amount.Draw(t, "io")},
		Part: rapid.SampledFrom([]string{"", "train", "test"}).Draw(t, "part"),
	}
	if rapid.Bool().Draw(t, "with dataset") {
		row.Dataset, row.DatasetBytes = id.Draw(t, "dataset"), amount.Draw(t, "bytes")
	}
	return row
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rows []Row
		at := span.Time(rapid.Int64Range(0, 1e12).Draw(t, "start"))
		for i := range rapid.IntRange(1, 20).Draw(t, "rows") {
			at = at.Add(span.Duration(rapid.Int64Range(0, 1e7).Draw(t, "gap")))
			row := drawRow(t, at)
			row.Number = i + 1
			rows = append(rows, row)
		}
		var b bytes.Buffer
		if err := Encode(&b, rows); err != nil {
			t.Fatal(err)
		}
		got, err := decodeText(b.String())
		if err != nil || !reflect.DeepEqual(got.Rows, rows) || len(got.Warnings) > 0 {
			t.Fatalf("wrote %+v, read %+v, %v", rows, got, err)
		}
	})
}

const zonesHeader = "zone,lat,lon,cpu_millicores,memory_bytes,storage_bytes,bandwidth_bps,price_cpu_hour,price_gib_hour,staging_price_factor,region\n"

const zone0 = "zone-00,40.81552,-73.95678,2500,2684354560,5368709120,25000000,0.0200,0.00400,0.3,nyc-west\n"

func ExampleDecodeZones() {
	z, err := DecodeZones(strings.NewReader(zonesHeader + zone0))
	if err != nil {
		panic(err)
	}
	zone := z.Zones[0]
	fmt.Println(zone.ID, zone.Region, zone.PriceCPUHourMicros, zone.PriceGiBHourMicros, zone.StagingPriceFactor)
	fmt.Println(zone.Capacity)
	// Output:
	// zone-00 nyc-west 20000 4000 0.3
	// cpu=2500 memory=2684354560 storage=5368709120 bandwidth=25000000 io=9007199254740992
}

func TestZonesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		err  error
	}{
		"empty":          {"", ErrEmpty},
		"same zone":      {zonesHeader + zone0 + zone0, ErrValue},
		"one bad row":    {zonesHeader + zone0 + strings.Replace(zone0, "-00,40", "-01,99", 1), ErrBadRows},
		"negative price": {zonesHeader + strings.Replace(zone0, "0.0200", "-1", 1), ErrBadRows},
		"no price":       {"zone,lat,lon,cpu_millicores,memory_bytes\nz,1,1,1,1\n", ErrColumns},
		"too large":      {zonesHeader + strings.Replace(zone0, "2500,", "1e16,", 1), ErrBadRows},
		"bad label":      {strings.Replace(zonesHeader, "region", "labels", 1) + strings.Replace(zone0, "nyc-west", "a;;b", 1), ErrBadRows},
		"cut":            {zonesHeader + zone0[:30], ErrTruncated},
	} {
		if got, err := DecodeZones(strings.NewReader(c.text)); !errors.Is(err, c.err) || got != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFilesOnDisk(t *testing.T) {
	dir := t.TempDir()
	want, err := decodeText(header + visit + visit)
	if err != nil {
		t.Fatal(err)
	}
	zones := []Zone{{ID: "a", Lat: 1, Lon: 2, Capacity: resource.Vector{CPU: 1, IO: 5}, PriceCPUHourMicros: 1,
		StagingPriceFactor: .5, CacheBytes: 7, Labels: []string{"gpu", "ssd"}}}
	for _, suffix := range []string{"", ".gz"} {
		path := filepath.Join(dir, "trace.csv"+suffix)
		if err := Write(path, want.Rows); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path, Options{}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
		path = filepath.Join(dir, "zones.csv"+suffix)
		if err := WriteZones(path, zones); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadZones(path); err != nil || !reflect.DeepEqual(got.Zones, zones) {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
	if _, err := Read(filepath.Join(dir, "none.csv"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := Write(filepath.Join(dir, "none", "x.csv"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 4 {
		t.Errorf("left behind: %v", left)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(header + visit))
	f.Add(zipped(header + visit))
	f.Add([]byte("user,time,lat,lon\r\n\"a\",1,2,3\n\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Decode(bytes.NewReader(data), Options{Sort: true})
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := Encode(&b, got.Rows); err != nil {
			t.Fatal(err)
		}
		again, err := Decode(&b, Options{})
		if err != nil || len(again.Rows) != len(got.Rows) || again.Bad.Total > 0 {
			t.Fatalf("what was read cannot be read again once written: %v", err)
		}
	})
}

func FuzzDecodeZones(f *testing.F) {
	f.Add([]byte(zonesHeader + zone0))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := DecodeZones(bytes.NewReader(data))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := EncodeZones(&b, got.Zones); err != nil {
			t.Fatal(err)
		}
		if again, err := DecodeZones(&b); err != nil || len(again.Zones) != len(got.Zones) {
			t.Fatalf("what was read cannot be read again once written: %v", err)
		}
	})
}

// On one line, fields are what the standard library reads them as.
func TestSplitAgainstTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.StringMatching(`[a ",]{1,12}`).Draw(t, "line")
		want, bad := csv.NewReader(strings.NewReader(line)).Read()
		got, err := split(nil, line)
		if (err != nil) != (bad != nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("got %q, %v; want %q, %v", got, err, want, bad)
		}
	})
}

func TestFormatsNamesEveryColumn(t *testing.T) {
	text, err := os.ReadFile("../../docs/FORMATS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), "\n### ") {
		var names []string
		switch {
		case strings.HasPrefix(part, "Trace"):
			for _, c := range rowSchema.columns {
				names = append(names, c.name)
			}
		case strings.HasPrefix(part, "Zones"):
			for _, c := range zoneSchema.columns {
				names = append(names, c.name)
			}
		}
		for _, name := range names {
			if !strings.Contains(part, "`"+name+"`") {
				t.Errorf("docs/FORMATS.md does not describe %s", name)
			}
		}
	}
}

// dataFile returns the path of a file of real data. Without the data the test
// is skipped, in CI it fails.
func dataFile(t testing.TB, name string) string {
	root := os.Getenv("ZONECAST_DATA")
	if root == "" {
		root = "../../../shared/data"
	}
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("real data is missing: %v", err)
		}
		t.Skipf("real data is not here (set ZONECAST_DATA): %v", err)
	}
	return path
}

func TestRealTrace(t *testing.T) {
	got, err := Read(dataFile(t, "traces/nyc_visits.csv.gz"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Rows) != 45450 || got.Bad.Total > 0 || len(got.Warnings) > 0 {
		t.Errorf("%d rows, bad %v, warnings %q", len(got.Rows), got.Bad, got.Warnings)
	}
	from, err := got.From("test")
	if from.String() != "2012-12-13T13:19:00Z" || err != nil {
		t.Errorf("test begins %v, %v", from, err)
	}
	zones, err := ReadZones(dataFile(t, "traces/nyc_zones.csv"))
	if err != nil || len(zones.Zones) != 24 || len(zones.Warnings) > 0 {
		t.Errorf("got %+v, %v", zones, err)
	}
}

func BenchmarkRead(b *testing.B) {
	path := dataFile(b, "traces/nyc_visits.csv.gz")
	for b.Loop() {
		if _, err := Read(path, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
