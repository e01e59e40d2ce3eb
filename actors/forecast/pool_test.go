package forecast_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/zonecast/zonecast/actors/forecast"
	"github.com/zonecast/zonecast/actors/span"
)

const quarter = 15 * span.Minute

// office opens from nine to ten on weekdays: four arrivals a quarter hour.
func office(at span.Time) float64 {
	std := at.Std()
	if std.Hour() == 9 && std.Weekday()%6 != 0 {
		return 4
	}
	return 0
}

// live plays a world of Poisson arrivals on p, one quarter hour after the other, and
// returns the log-loss per arrival of the forecasts made as each began.
func live(p *forecast.Pool, seed uint64, from span.Time, quarters int, mean, intent func(span.Time) float64) float64 {
	random := rand.New(rand.NewPCG(seed, 1))
	loss, arrivals := 0.0, 0.0
	for i := range quarters {
		at := from.Add(span.Duration(i) * quarter)
		var intents []float64
		if intent != nil {
			intents = []float64{intent(at)}
		}
		c := p.Forecast(at, at, quarter, intents, make([]forecast.Count, 1))[0]
		n := poisson(random, mean(at))
		loss -= math.Log(max(1e-12, c.Probability(n)))
		arrivals += float64(n)
		for k := range n {
			p.Observe(at.Add(span.Duration(k+1)*span.Second), 1)
		}
	}
	return loss / max(1, arrivals)
}

// poisson draws by Knuth's product of uniforms.
func poisson(random *rand.Rand, mean float64) int {
	n := 0
	for product := random.Float64(); product > math.Exp(-mean); n++ {
		product *= random.Float64()
	}
	return n
}

func TestPoolLearnsItsCalendar(t *testing.T) {
	p := forecast.NewPool(monday, 0)
	live(p, 1, monday, 8*7*96, office, nil)
	now := monday.Add(8 * span.Week)
	day := p.Forecast(now, now, span.Hour, nil, make([]forecast.Count, 7*24))
	at := func(day0, hour int) float64 { return day[24*day0+hour].Mean }
	if m := at(2, 9); m < 9 || m > 18 {
		t.Errorf("Wednesday at nine: %.2f arrivals expected, 16 are usual", m)
	}
	if at(2, 15) > .8 || at(5, 9) > 2 {
		t.Errorf("a quiet hour expects %.2f, a Saturday at nine %.2f", at(2, 15), at(5, 9))
	}
}

func TestPoolFollowsTheLastHours(t *testing.T) {
	even := func(span.Time) float64 { return .5 }
	calm, rush := forecast.NewPool(monday, 0), forecast.NewPool(monday, 0)
	live(calm, 2, monday, 4*7*96, even, nil)
	live(rush, 2, monday, 4*7*96, even, nil)
	now := monday.Add(4 * span.Week)
	live(calm, 3, now, 12, even, nil)
	live(rush, 3, now, 12, func(span.Time) float64 { return 3 }, nil)
	now = now.Add(3 * span.Hour)
	a := calm.Forecast(now, now, quarter, nil, make([]forecast.Count, 96))
	b := rush.Forecast(now, now, quarter, nil, make([]forecast.Count, 96))
	if ratio := b[0].Mean / a[0].Mean; ratio < 1.5 {
		t.Errorf("six times the usual in three hours raises the next window only %.2f-fold", ratio)
	}
	if now, later := b[0].Mean/a[0].Mean, b[95].Mean/a[95].Mean; later > .7*now {
		t.Errorf("a day ahead the rush still counts %.2f-fold, now %.2f-fold", later, now)
	}
}

// Intents that are right help; intents that are wrong cost next to nothing.
func TestUsersCanOnlyHelp(t *testing.T) {
	surprise := func(at span.Time) float64 { // no calendar finds it
		if uint64(at/span.Time(quarter))*0x9e3779b97f4a7c15>>60 == 0 {
			return 3
		}
		return .05
	}
	alone := live(forecast.NewPool(monday, 0), 4, monday, 12*7*96, surprise, nil)
	right := live(forecast.NewPool(monday, 0), 4, monday, 12*7*96, surprise, surprise)
	wrong := live(forecast.NewPool(monday, 0), 4, monday, 12*7*96, surprise, func(at span.Time) float64 {
		return surprise(at.Add(quarter))
	})
	if right > .75*alone {
		t.Errorf("log-loss %.3f alone, %.3f with users who know", alone, right)
	}
	if wrong > 1.03*alone {
		t.Errorf("log-loss %.3f alone, %.3f with users who are wrong", alone, wrong)
	}
}

func TestColdPoolIsSane(t *testing.T) {
	p := forecast.NewPool(monday, 0)
	for _, c := range p.Forecast(monday, monday, span.Hour, nil, make([]forecast.Count, 24)) {
		if c.Mean <= 0 || c.Mean > .2 {
			t.Fatalf("a pool that has seen nothing expects %v arrivals in an hour", c.Mean)
		}
	}
}

func TestSilenceIsCheapAndCounts(t *testing.T) {
	p := forecast.NewPool(monday, 0)
	live(p, 5, monday, 4*7*96, func(span.Time) float64 { return 1 }, nil)
	now := monday.Add(4 * span.Week)
	busy := p.Forecast(now, now, quarter, nil, make([]forecast.Count, 1))[0].Mean
	now = now.Add(5 * 52 * span.Week)
	quiet := p.Forecast(now, now, quarter, nil, make([]forecast.Count, 1))[0].Mean
	if quiet > busy/3 {
		t.Errorf("after years of silence %.3f arrivals are expected, before it %.3f", quiet, busy)
	}
}

func TestNonsenseChangesNothing(t *testing.T) {
	p, q := forecast.NewPool(monday, 0), forecast.NewPool(monday, 0)
	for _, n := range []float64{math.NaN(), -1, 0} {
		q.Observe(monday, n)
	}
	silly := []float64{math.NaN(), math.Inf(1), -1, 1e300, math.NaN(), -3, -4, -5}
	q.Forecast(monday, monday, quarter, silly, make([]forecast.Count, 8))
	p.Forecast(monday, monday, quarter, nil, make([]forecast.Count, 8))
	if a, b := ask(p, monday), ask(q, monday); !slices.Equal(a, b) {
		t.Fatalf("%v, after nonsense %v", a, b)
	}
}

func BenchmarkPool(b *testing.B) {
	for name, windows := range map[string]int{"4 windows": 4, "96 windows": 96} {
		b.Run(name, func(b *testing.B) {
			p := forecast.NewPool(monday, 0)
			dst := make([]forecast.Count, windows)
			now := monday
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(quarter)
				p.Forecast(now, now, quarter, nil, dst)
			}
		})
	}
}

// Whatever the dispersion, the stated share of windows stays below Upper.
func TestUpperIsNotExceeded(t *testing.T) {
	for name, burst := range map[string]float64{"even": 1, "in groups": 5} {
		p := forecast.NewPool(monday, 0)
		random := rand.New(rand.NewPCG(9, 9))
		below, scored := 0.0, 0.0
		for i := range 8 * 7 * 96 {
			at := monday.Add(span.Duration(i) * quarter)
			upper := p.Upper(p.Forecast(at, at, quarter, nil, make([]forecast.Count, 1))[0])
			n := float64(poisson(random, 20/burst)) * burst
			if i >= 2*7*96 {
				scored++
				below += one(n <= upper)
			}
			p.Observe(at, n)
		}
		if share := below / scored; math.Abs(share-forecast.BandLevel) > .03 {
			t.Errorf("%s: %.3f of the windows do not exceed Upper", name, share)
		}
	}
}

// What comes later changes nothing that was forecast before.
func TestForecastsDoNotSeeTheFuture(t *testing.T) {
	play := func(seed uint64) []forecast.Count {
		p := forecast.NewPool(monday, 0)
		var all []forecast.Count
		for week := range uint64(4) {
			now := monday.Add(span.Duration(week) * span.Week)
			all = append(all, ask(p, now)...)
			live(p, week*seed, now, 7*96, func(span.Time) float64 { return float64(1 + week*seed) }, nil)
		}
		return all
	}
	a, b := play(1), play(2) // alike for the first week, not after it
	if !slices.Equal(a[:16], b[:16]) {
		t.Error("a forecast depends on arrivals that came after it")
	}
	if slices.Equal(a[16:], b[16:]) {
		t.Error("forecasts do not depend on what came before them")
	}
}
