package forecast

import "math"

// Conformal is what must be added to a point forecast so that a wanted share of the
// outcomes lies below the sum: a quantile of the forecast's errors, tracked online.
// Whatever the series does, the share of outcomes below tends to the wanted one
// (Gibbs and Candès, "Adaptive conformal inference under distribution shift", NeurIPS
// 2021, in the form of quantile tracking: Angelopoulos, Candès and Tibshirani,
// "Conformal PID control for time series prediction", NeurIPS 2023).
type Conformal struct {
	Offset float64 // in the unit of the series
	Scale  float64 // decayed mean distance of the errors from Offset
}

// conformalRate is the step per outcome relative to the scale: a jump of the errors is
// followed within some ten outcomes. scaleMemory is the number of outcomes over which
// the scale is averaged.
const (
	conformalRate = .1
	scaleMemory   = 50
)

// leastScale is the smallest scale that errors are divided by: below it a series is
// constant.
const leastScale = 1e-12

// Learn moves the offset by one error, outcome minus forecast. level in (0, 1) is the
// wanted share below.
func (c *Conformal) Learn(residual, level float64) {
	distance := residual - c.Offset
	if c.Scale == 0 {
		c.Scale = math.Abs(distance)
	}
	if distance > 0 {
		c.Offset += conformalRate * c.Scale * level
	} else {
		c.Offset -= conformalRate * c.Scale * (1 - level)
	}
	c.Scale += (math.Abs(distance) - c.Scale) / scaleMemory
}

// pinball returns the loss of a quantile forecast that the outcome exceeds by
// residual; its expectation is least at the true quantile.
func pinball(residual, level float64) float64 {
	return max(level*residual, (level-1)*residual)
}
