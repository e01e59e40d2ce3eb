package forecast

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"sort"
	"strconv"
	"testing"
	"time"

	"github.com/zonecast/zonecast/actors/span"
)

type row struct {
	at      span.Time
	tenant  int
	user    string
	zone    int
	dataset string
	bytes   int64
}

func loadTrace(t testing.TB) []row {
	dir := os.Getenv("ZONECAST_DATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	zf, err := os.Open(dir + "/traces/nyc_zones.csv")
	if err != nil {
		t.Skip("no data")
	}
	zs, _ := csv.NewReader(zf).ReadAll()
	var zlat, zlon []float64
	for _, z := range zs[1:] {
		a, _ := strconv.ParseFloat(z[1], 64)
		b, _ := strconv.ParseFloat(z[2], 64)
		zlat = append(zlat, a)
		zlon = append(zlon, b)
	}
	f, _ := os.Open(dir + "/traces/nyc_visits.csv.gz")
	g, _ := gzip.NewReader(f)
	rs, _ := csv.NewReader(g).ReadAll()
	var out []row
	for _, r := range rs[1:] {
		tt, _ := time.Parse(time.RFC3339, r[0])
		la, _ := strconv.ParseFloat(r[3], 64)
		lo, _ := strconv.ParseFloat(r[4], 64)
		best, bd := 0, math.Inf(1)
		for i := range zlat {
			dy, dx := la-zlat[i], (lo-zlon[i])*math.Cos(40.75*math.Pi/180)
			if d := dx*dx + dy*dy; d < bd {
				best, bd = i, d
			}
		}
		ten := 0
		if r[1] == "t3" {
			ten = 1
		}
		by, _ := strconv.ParseInt(r[11], 10, 64)
		out = append(out, row{span.Of(tt), ten, r[2], best, r[10], by})
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].at < out[j].at })
	return out
}

var testFrom = span.Of(time.Date(2012, 12, 13, 13, 19, 0, 0, time.UTC))

const win = 15 * span.Minute

// frontier: lambda[pool][window]; arrivals[pool] times
func hitsAt(start span.Time, from, to span.Time, lam [][]Count, arr [][]span.Time, wastes []float64) []float64 {
	type pt struct{ waste, hit float64 }
	var pts []pt
	for _, th := range []float64{.3, .2, .15, .12, .1, .085, .07, .06, .05, .042, .036, .03, .026, .022, .018, .015, .012, .01, .008, .0065, .005, .004, .003, .002, .001} {
		w, h := simulate(start, from, to, arr, func(p, i int, _ float64) int {
			c := lam[p][i]
			k := 0
			if 1-math.Exp(-c.Mean) > th {
				k = 1
				for c.AtLeast(k+1) > th {
					k++
				}
			}
			return k
		})
		pts = append(pts, pt{w, h})
	}
	var out []float64
	for _, w := range wastes {
		v := math.NaN()
		for i := 1; i < len(pts); i++ {
			if pts[i-1].waste <= w && w <= pts[i].waste {
				f := (w - pts[i-1].waste) / (pts[i].waste - pts[i-1].waste)
				v = pts[i-1].hit + f*(pts[i].hit-pts[i-1].hit)
			}
		}
		out = append(out, v)
	}
	return out
}

func simulate(start, from, to span.Time, arr [][]span.Time, units func(p, i int, x float64) int) (waste, hit float64) {
	total := 0.0
	for p := range arr {
		j := sort.Search(len(arr[p]), func(j int) bool { return arr[p][j] >= from })
		for i := int(from.Sub(start) / win); ; i++ {
			ws := start.Add(span.Duration(i) * win)
			if ws < from {
				continue
			}
			if ws.Add(win) > to {
				break
			}
			for j < len(arr[p]) && arr[p][j] < ws {
				j++
			}
			k := units(p, i, 0)
			for ; j < len(arr[p]) && arr[p][j] < ws.Add(win); j++ {
				total++
				if k > 0 {
					k--
					hit++
					waste += arr[p][j].Sub(ws).Hours()
				}
			}
			waste += float64(k) * win.Hours()
		}
	}
	return waste, hit / total
}

func logScore(start, from, to span.Time, lam [][]Count, arr [][]span.Time) float64 {
	s, n := 0.0, 0.0
	for p := range arr {
		j := 0
		for i := range lam[p] {
			ws := start.Add(span.Duration(i) * win)
			c := 0
			for j < len(arr[p]) && arr[p][j] < ws.Add(win) {
				j++
				c++
			}
			if ws < from || ws.Add(win) > to {
				continue
			}
			s -= math.Log(max(1e-12, lam[p][i].Probability(c)))
			n += float64(c)
		}
	}
	return s / n
}

func arrivals(rows []row) (span.Time, int, [][]span.Time) {
	start := rows[0].at.Floor(win)
	n := int(rows[len(rows)-1].at.Sub(start)/win) + 1
	arr := make([][]span.Time, 48)
	for _, r := range rows {
		p := r.tenant*24 + r.zone
		arr[p] = append(arr[p], r.at)
	}
	return start, n, arr
}

var wastes = []float64{2500, 5300, 10000, 18000}

func runPools(start span.Time, n int, arr [][]span.Time, users [][]float32) ([][]Count, time.Duration) {
	lam := make([][]Count, len(arr))
	t0 := time.Now()
	for p := range arr {
		pool := NewPool(start, 0)
		lam[p] = make([]Count, n)
		j := 0
		var in []float64
		for i := range n {
			ws := start.Add(span.Duration(i) * win)
			for j < len(arr[p]) && arr[p][j] < ws {
				pool.Observe(arr[p][j], 1)
				j++
			}
			if users != nil {
				in = []float64{float64(users[p][i])}
			}
			pool.Forecast(ws, ws, win, in, lam[p][i:i+1])
		}
		if os.Getenv("W") != "" && p < 48 {
			fmt.Printf("pool %d n=%d weights %.3f season %.2f spread %.2f\n", p, len(arr[p]), pool.weights, pool.season, pool.spread())
		}
	}
	return lam, time.Since(t0)
}

func report(name string, start span.Time, n int, lam [][]Count, arr [][]span.Time) {
	end := start.Add(span.Duration(n) * win)
	v0 := testFrom.Add(-8 * span.Week)
	vw := make([]float64, 4)
	for i, w := range wastes {
		vw[i] = w * 56 / end.Sub(testFrom).Hours() * 24
	}
	fmt.Printf("%-14s tune %.3f ls %.4f", name, hitsAt(start, v0, testFrom, lam, arr, vw), logScore(start, v0, testFrom, lam, arr))
	if os.Getenv("TEST") != "" {
		fmt.Printf("   test %.3f ls %.4f", hitsAt(start, testFrom, end, lam, arr, wastes), logScore(start, testFrom, end, lam, arr))
	}
	fmt.Println()
}

func TestEvalPools(t *testing.T) {
	rows := loadTrace(t)
	start, n, arr := arrivals(rows)
	lam, d := runPools(start, n, arr, nil)
	report("pool", start, n, lam, arr)
	fmt.Println(d)
	if os.Getenv("BASE") == "" {
		return
	}
	// hour-of-week baseline, shrunk a little
	how := make([][]Count, len(arr))
	for p := range arr {
		how[p] = make([]Count, n)
		var cnt [168]float64
		j := 0
		for i := range n {
			ws := start.Add(span.Duration(i) * win)
			for j < len(arr[p]) && arr[p][j] < ws {
				h, wd := dayHour(hourOf(arr[p][j], 0))
				cnt[wd*24+h]++
				j++
			}
			h, wd := dayHour(hourOf(ws, 0))
			weeks := float64(ws.Sub(start)) / float64(span.Week)
			m := (cnt[wd*24+h] + .05) / (weeks + .5) / 4
			how[p][i] = Count{m, m}
		}
	}
	report("hour-of-week", start, n, how, arr)
}

func TestEvalSimple(t *testing.T) {
	rows := loadTrace(t)
	start, n, arr := arrivals(rows)
	end := start.Add(span.Duration(n) * win)
	for _, r := range []struct {
		name     string
		from, to span.Time
	}{{"tune", testFrom.Add(-8 * span.Week), testFrom}, {"test", testFrom, end}} {
		for _, lagDays := range []int{1, 7} {
			peak := func(p int, a, b span.Time) int {
				lo := sort.Search(len(arr[p]), func(j int) bool { return arr[p][j] >= a.Add(-20*span.Minute) })
				best := 0
				for j := lo; j < len(arr[p]) && arr[p][j] < b; j++ {
					c := 0
					for q := j; q >= lo && arr[p][q] > arr[p][j].Add(-20*span.Minute); q-- {
						c++
					}
					best = max(best, c)
				}
				return best
			}
			w, h := simulate(start, r.from, r.to, arr, func(p, i int, _ float64) int {
				ws := start.Add(span.Duration(i) * win).Floor(span.Hour).Add(-span.Duration(lagDays) * span.Day)
				return peak(p, ws, ws.Add(span.Hour))
			})
			fmt.Printf("%s lag %d: hit %.3f waste %.0f\n", r.name, lagDays, h, w)
		}
		for _, keep := range []span.Duration{10, 60, 120, 240} {
			waste, hit, total := 0.0, 0.0, 0.0
			for p := range arr {
				var free []span.Time // when each idle unit became idle
				var busy []span.Time
				for _, at := range arr[p] {
					for len(busy) > 0 && busy[0] <= at {
						free = append(free, busy[0])
						busy = busy[1:]
					}
					score := at >= r.from && at < r.to
					for len(free) > 0 && free[0].Add(keep*span.Minute) < at {
						if score {
							waste += float64(keep) / 60
						}
						free = free[1:]
					}
					if score {
						total++
					}
					if len(free) > 0 {
						f := free[len(free)-1]
						free = free[:len(free)-1]
						if score {
							hit++
							waste += at.Sub(f).Hours()
						}
					}
					busy = append(busy, at.Add(20*span.Minute))
				}
			}
			fmt.Printf("%s keep-alive %d: hit %.3f waste %.0f\n", r.name, keep, hit/total, waste)
		}
	}
}
