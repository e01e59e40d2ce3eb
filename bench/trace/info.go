package trace

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/zonecast/zonecast/actors/span"
)

// Info describes a trace: how large it is and how much habit is in it.
type Info struct {
	Rows           int     `json:"rows"`
	BadRows        int     `json:"bad_rows"`
	Tenants        int     `json:"tenants"`
	Users          int     `json:"users"`
	Datasets       int     `json:"datasets"`
	DatasetBytes   int64   `json:"dataset_bytes"` // of all datasets, each at its largest
	From           string  `json:"from"`          // first row
	To             string  `json:"to"`            // last row
	Days           float64 `json:"days"`          // between them
	RequestsPerDay float64 `json:"requests_per_day"`
	MeanDurationS  float64 `json:"mean_duration_s"`
	PeakConcurrent int     `json:"peak_concurrent"` // requests under way at once, each started when asked
	Parts          []Part  `json:"parts"`           // by first row
	TestFrom       string  `json:"test_from"`       // as TestStart; "" if there is none

	// ReturningShare is the share of rows with a dataset that its user has touched
	// before; PrivateShare that of rows with a dataset no other user touches.
	ReturningShare float64 `json:"returning_share"`
	PrivateShare   float64 `json:"private_share"`
	// TopDatasetShare is the share of rows with a dataset that is the one its user
	// touches most: how often a constant guess per user is right.
	TopDatasetShare float64 `json:"top_dataset_share"`
	// HourEntropyBits is the entropy of the hour of the day (UTC) over all rows;
	// log2(24) = 4.58 without any daily rhythm. UserHourEntropyBits is its mean
	// within users, weighted by rows and corrected for few rows (Miller and Madow
	// 1955): lower than the former by what knowing the user tells of the hour.
	HourEntropyBits     float64 `json:"hour_entropy_bits"`
	UserHourEntropyBits float64 `json:"user_hour_entropy_bits"`
	// WeekdayEntropyBits is likewise of the day of the week; log2(7) = 2.81 at most.
	WeekdayEntropyBits float64 `json:"weekday_entropy_bits"`
}

// Part counts the rows of one part.
type Part struct {
	Name string `json:"name"`
	Rows int    `json:"rows"`
}

type userKey struct{ tenant, user string }

type visitKey struct {
	userKey
	dataset string
}

// Describe returns the Info of t, which has at least one row.
func Describe(t *Trace) Info {
	first, last := t.Rows[0].At, t.Rows[len(t.Rows)-1].At
	info := Info{
		Rows: len(t.Rows), BadRows: t.Bad.Total,
		From: first.String(), To: last.String(), Days: last.Sub(first).Hours() / 24,
		PeakConcurrent: Peak(t.Rows),
	}
	info.RequestsPerDay = float64(info.Rows) / max(info.Days, 1)
	if at, ok := t.TestStart(); ok {
		info.TestFrom = at.String()
	}
	info.count(t.Rows)
	info.visits(t.Rows)
	info.rhythm(t.Rows)
	return info
}

// count fills in tenants, users, parts and durations.
func (i *Info) count(rows []Row) {
	tenants, users, parts := map[string]bool{}, map[userKey]bool{}, map[string]int{}
	var total span.Duration
	for _, r := range rows {
		tenants[r.Tenant] = true
		users[userKey{r.Tenant, r.User}] = true
		total += r.Duration
		at, ok := parts[r.Part]
		if !ok {
			at = len(i.Parts)
			parts[r.Part] = at
			i.Parts = append(i.Parts, Part{Name: r.Part})
		}
		i.Parts[at].Rows++
	}
	i.Tenants, i.Users = len(tenants), len(users)
	i.MeanDurationS = total.Seconds() / float64(len(rows))
}

// visits fills in what is known of datasets.
func (i *Info) visits(rows []Row) {
	seen, users, size := map[visitKey]int{}, map[string]int{}, map[string]int64{}
	top, touched := map[userKey]int{}, map[string]int{}
	with, returning := 0, 0
	for _, r := range rows {
		if r.Dataset == "" {
			continue
		}
		with++
		user := userKey{r.Tenant, r.User}
		visit := visitKey{user, r.Dataset}
		if seen[visit] > 0 {
			returning++
		} else {
			users[r.Dataset]++
		}
		seen[visit]++
		touched[r.Dataset]++
		top[user] = max(top[user], seen[visit])
		size[r.Dataset] = max(size[r.Dataset], r.DatasetBytes)
	}
	i.Datasets = len(size)
	private, best := 0, 0
	for dataset, bytes := range size {
		i.DatasetBytes += bytes
		if users[dataset] == 1 {
			private += touched[dataset]
		}
	}
	for _, n := range top {
		best += n
	}
	if with > 0 {
		share := 1 / float64(with)
		i.ReturningShare, i.PrivateShare = share*float64(returning), share*float64(private)
		i.TopDatasetShare = share * float64(best)
	}
}

// rhythm fills in the entropies.
func (i *Info) rhythm(rows []Row) {
	var hours [24]int
	var weekdays [7]int
	perUser := map[userKey]*[24]int{}
	var users []*[24]int // in order of first row: sums of floats depend on their order
	for _, r := range rows {
		at := r.At.Std()
		hours[at.Hour()]++
		weekdays[at.Weekday()]++
		key := userKey{r.Tenant, r.User}
		if perUser[key] == nil {
			perUser[key] = new([24]int)
			users = append(users, perUser[key])
		}
		perUser[key][at.Hour()]++
	}
	i.HourEntropyBits, i.WeekdayEntropyBits = entropy(hours[:]), entropy(weekdays[:])
	for _, counts := range users {
		n := 0
		for _, c := range counts {
			n += c
		}
		i.UserHourEntropyBits += entropy(counts[:]) * float64(n) / float64(len(rows))
	}
}

// entropy returns the entropy in bits of the distribution that counts is a
// sample of: the plug-in estimate with the correction of Miller and Madow, at
// most that of equal shares.
func entropy(counts []int) float64 {
	n, filled, h := 0, 0, 0.0
	for _, c := range counts {
		n += c
	}
	for _, c := range counts {
		if c > 0 {
			filled++
			p := float64(c) / float64(n)
			h -= p * math.Log2(p)
		}
	}
	h += float64(filled-1) / (2 * float64(n)) / math.Ln2
	return min(h, math.Log2(float64(len(counts))))
}

// Peak returns the largest number of rows under way at one instant, if each
// starts when it is asked for.
func Peak(rows []Row) int {
	ends := make([]span.Time, len(rows))
	for i := range rows {
		ends[i] = rows[i].End()
	}
	slices.Sort(ends)
	starts := slices.Clone(rows)
	slices.SortFunc(starts, func(a, b Row) int { return cmp.Compare(a.At, b.At) })
	most, over := 0, 0
	for i := range starts {
		for ends[over] <= starts[i].At {
			over++
		}
		most = max(most, i+1-over)
	}
	return most
}

// String returns the description as lines for people.
func (i Info) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	line("requests", "%d from %s to %s (%.1f days, %.1f a day)", i.Rows, i.From, i.To, i.Days, i.RequestsPerDay)
	if i.BadRows > 0 {
		line("bad rows", "%d left out", i.BadRows)
	}
	line("who", "%d users of %d tenants", i.Users, i.Tenants)
	line("at once", "%d at most, %.0f s each in the mean", i.PeakConcurrent, i.MeanDurationS)
	for _, p := range i.Parts {
		if p.Name != "" {
			line("part "+p.Name, "%d", p.Rows)
		}
	}
	if i.TestFrom != "" {
		line("only test", "from %s", i.TestFrom)
	}
	line("datasets", "%d, %.1f GiB", i.Datasets, float64(i.DatasetBytes)/(1<<30))
	if i.Datasets > 0 {
		line("habit, where", "%.0f %% return to a dataset of theirs, %.0f %% to the user's most frequent one; "+
			"%.0f %% touch one that is theirs alone", 100*i.ReturningShare, 100*i.TopDatasetShare, 100*i.PrivateShare)
	}
	line("habit, when", "hour of day %.2f of %.2f bits, %.2f knowing the user; day of week %.2f of %.2f bits",
		i.HourEntropyBits, math.Log2(24), i.UserHourEntropyBits, i.WeekdayEntropyBits, math.Log2(7))
	w.Flush()
	return strings.TrimRight(b.String(), "\n")
}
