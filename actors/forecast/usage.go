package forecast

import (
	"math"

	"github.com/zonecast/zonecast/actors/span"
)

// Levels are the quantiles that Usage forecasts: what is typical, what to reserve,
// and what is hardly ever exceeded.
var Levels = [...]float64{.5, .9, .99}

// Quantiles are the amounts of one slot at each of Levels, never decreasing.
type Quantiles [len(Levels)]float64

// MaxUsage is the largest amount that is learned: no zone has more
// (resource.MaxCapacity).
const MaxUsage = 1 << 53

const usageModels = 3

// The horizon buckets: a forecast for the next hour and one for the same hour of the
// next day. Between them quantiles are interpolated by the logarithm of the lead time.
const (
	near = iota
	far
	buckets
)

const farHours = 24

// Learning of Usage's weights.
const (
	usageRate  = .05
	usageShare = .001
)

// Usage forecasts how much of one resource a user's work takes, from samples, as
// quantiles. Create it with NewUsage. A Usage is not safe for concurrent use.
//
// Three models compete: the recent level, the same hour of the day before, and the
// mean by hour of day. Each one's errors, on forecasts made an hour and a day before,
// give its quantiles (Conformal), and its pinball loss its weight.
type Usage struct {
	offset int
	level  level
	naive  naive
	daily  daily

	hour    int64 // of the latest sample
	seen    bool
	scale   moments                        // of the least absolute error of the near forecasts
	pending [usageModels][farHours]float32 // forecasts of hour h, made a day before, at h mod 24
	made    [buckets][usageModels]float64  // forecasts of the open hour
	bands   [buckets][usageModels][len(Levels)]Conformal
	weights [buckets][usageModels]float64
}

// NewUsage returns a Usage whose calendar is offset minutes ahead of UTC, clamped to
// ±MaxOffset.
func NewUsage(offset int) *Usage {
	u := &Usage{offset: min(max(offset, -MaxOffset), MaxOffset)}
	u.naive.offset, u.daily.offset = u.offset, u.offset
	for b := range u.weights {
		u.weights[b] = usagePrior
	}
	return u
}

var usagePrior = [usageModels]float64{1. / usageModels, 1. / usageModels, 1. / usageModels}

// models returns the competing models in the order of the weights.
func (u *Usage) models() [usageModels]Model { return [...]Model{&u.level, &u.naive, &u.daily} }

// Observe learns that the amount y was in use at the instant at. A late sample counts
// as one of the latest hour. y that is negative, not a number or over MaxUsage is
// ignored.
func (u *Usage) Observe(at span.Time, y float64) {
	if !(y >= 0 && y <= MaxUsage) {
		return
	}
	h := hourOf(at, u.offset)
	if u.seen {
		h = max(h, u.hour)
		u.open(h)
		u.score(y)
	}
	for _, m := range u.models() {
		m.Observe(max(at, hourStart(h, u.offset)), y)
	}
	if !u.seen {
		u.seen, u.hour = true, h-farHours-1
		u.open(h)
	}
}

// open makes local hour h the open one: what was forecast for it, an hour and a day
// before, is settled, and forecasts are made for the same hours of the next day.
func (u *Usage) open(h int64) {
	for g := max(u.hour+1, h-farHours); g <= h; g++ {
		slot, _ := dayHour(g)
		for i, m := range u.models() {
			u.made[near][i] = m.Predict(hourStart(g, u.offset))
			u.made[far][i] = float64(u.pending[i][slot])
			u.pending[i][slot] = float32(m.Predict(hourStart(g+farHours, u.offset)))
		}
	}
	u.hour = h
}

// score sets y against the forecasts of the open hour.
func (u *Usage) score(y float64) {
	best := math.Inf(1)
	for i := range usageModels {
		best = min(best, math.Abs(y-u.made[near][i]))
	}
	scale := u.scale.sum / max(1, u.scale.weight)
	u.scale.add(best)
	if scale < leastScale {
		return
	}
	for b := range buckets {
		var logs [usageModels]float64
		for i := range usageModels {
			residual := y - u.made[b][i]
			for q, level := range Levels {
				c := &u.bands[b][i][q]
				logs[i] -= pinball(residual-c.Offset, level) / scale
				c.Learn(residual, level)
			}
		}
		learn(u.weights[b][:], usagePrior[:], logs[:], usageRate, usageShare)
	}
}

// Forecast fills dst with the quantiles of the amount in use in each of len(dst)
// slots; the i-th begins at first + i*slot. All are 0 before the first sample.
func (u *Usage) Forecast(now, first span.Time, slot span.Duration, dst []Quantiles) []Quantiles {
	models := u.models()
	for s := range dst {
		at := first.Add(span.Duration(s)*slot + slot/2)
		reach := min(max(0, math.Log(max(1, at.Sub(now).Hours()))/math.Log(farHours)), 1)
		dst[s] = Quantiles{}
		for b, share := range [buckets]float64{1 - reach, reach} {
			for i, m := range models {
				weight, point := share*u.weights[b][i], m.Predict(at)
				for q := range Levels {
					dst[s][q] += weight * (point + u.bands[b][i][q].Offset)
				}
			}
		}
		floor := 0.0
		for q := range Levels {
			floor = max(floor, dst[s][q])
			dst[s][q] = floor
		}
	}
	return dst
}

// MarshalBinary returns u's state, about 1 KiB. It never fails.
func (u *Usage) MarshalBinary() ([]byte, error) {
	e := encoder{out: []byte{usageVersion}}
	e.int(int64(u.offset))
	e.int(u.hour)
	e.flag(u.seen)
	for _, m := range u.models() {
		m.encode(&e)
	}
	e.floats(u.scale.weight, u.scale.sum, u.scale.square)
	for i := range u.pending {
		for _, x := range u.pending[i] {
			e.small(x)
		}
	}
	for b := range buckets {
		e.floats(u.made[b][:]...)
		e.floats(u.weights[b][:]...)
		for i := range u.bands[b] {
			for _, c := range u.bands[b][i] {
				e.floats(c.Offset, c.Scale)
			}
		}
	}
	return e.out, nil
}

// UnmarshalBinary sets u to a state that MarshalBinary returned. Error: ErrState;
// then u is unchanged.
func (u *Usage) UnmarshalBinary(data []byte) error {
	d := decoder{in: data}
	d.version(usageVersion)
	v := NewUsage(int(d.int(-MaxOffset, MaxOffset)))
	v.hour = d.int(-maxHour, maxHour)
	v.seen = d.flag()
	for _, m := range v.models() {
		m.decode(&d)
	}
	v.scale = moments{d.amount(), d.amount(), d.amount()}
	for i := range v.pending {
		for j := range v.pending[i] {
			v.pending[i][j] = d.small()
		}
	}
	for b := range buckets {
		for i := range v.made[b] {
			v.made[b][i] = d.amount()
		}
		d.weights(v.weights[b][:])
		for i := range v.bands[b] {
			for q := range v.bands[b][i] {
				v.bands[b][i][q] = Conformal{d.float(), d.amount()}
			}
		}
	}
	if err := d.end(); err != nil {
		return err
	}
	*u = *v
	return nil
}
