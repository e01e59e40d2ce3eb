package forecast

import "math"

// Levels of a rateTable, each a finer calendar than the one before.
const (
	levelFlat    = iota // one rate
	levelDaily          // hour of day
	levelDayType        // hour of day, apart for weekdays and weekends
	levelWeekly         // hour of week
	levels
)

// cellCount is how many cells the levels have together: 1 + 24 + 48 + 168.
const cellCount = 1 + 24 + 2*24 + 7*24

// cells returns the cell of each level for local hour h.
func cells(h int64) [levels]int {
	hour, weekday := dayHour(h)
	dayType := 0
	if isWeekend(weekday) {
		dayType = 1
	}
	return [levels]int{0, 1 + hour, 25 + 24*dayType + hour, 73 + 24*weekday + hour}
}

// smoothing is how an hour's arrivals are spread over the hours around it, the hour
// itself first: people are not punctual to the hour.
var smoothing = [...]float64{.70, .13, .02}

// Pseudo-observations that keep a cell near the coarser level's rate until it has
// seen enough of its own, in hours of exposure.
var shrinkage = [levels]float64{24, 6, 6, 6}

// coldRate is the rate that a table starts from, in arrivals per hour: about one a
// day, weighted as a day's observations.
const coldRate = 1.0 / 24

// rateTable is the seasonal rate of one series under all levels, decayed with one
// half-life. Weights grow instead of old counts being decayed, so that an hour costs
// the same however long the table is.
type rateTable struct {
	unit  float64 // weight of an hour that is added now
	cells [cellCount]cell
}

// cell is a weighted number of arrivals and of hours.
type cell struct{ count, hours float32 }

// unitLimit is where the weights are scaled back; float32 reaches 3e38.
const unitLimit = 1e12

// add counts n arrivals in local hour h; exposure is 1 when the hour itself is
// closed with it, and 0 for arrivals that come after that.
func (t *rateTable) add(h int64, n, exposure float64) {
	for d, k := range smoothing {
		t.addAt(h+int64(d), n*k*t.unit, exposure*k*t.unit)
		if d > 0 {
			t.addAt(h-int64(d), n*k*t.unit, exposure*k*t.unit)
		}
	}
}

func (t *rateTable) addAt(h int64, count, hours float64) {
	for _, i := range cells(h) {
		t.cells[i].count += float32(count)
		t.cells[i].hours += float32(hours)
	}
}

// age makes what was added so far weigh 1/growth of what is added from now on.
func (t *rateTable) age(growth float64) {
	t.unit *= growth
	if t.unit < unitLimit {
		return
	}
	for i := range t.cells {
		t.cells[i].count /= float32(t.unit)
		t.cells[i].hours /= float32(t.unit)
	}
	t.unit = 1
}

// rates returns the rate of local hour h under each level, in arrivals per hour, each
// shrunk to the level before it.
func (t *rateTable) rates(h int64, dst []float64) {
	rate := coldRate
	for level, i := range cells(h) {
		pseudo := shrinkage[level] * t.unit
		rate = (float64(t.cells[i].count) + pseudo*rate) / (float64(t.cells[i].hours) + pseudo)
		dst[level] = rate
	}
}

// growthPerHour returns the factor by which weights grow in an hour for a half-life
// in days.
func growthPerHour(days float64) float64 { return math.Exp2(1 / (24 * days)) }
