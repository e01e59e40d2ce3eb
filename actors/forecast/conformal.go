package forecast

// Conformal is what must be added to a point forecast so that a wanted share of the
// outcomes lies below the sum: a quantile of the forecast's errors, tracked online.
// Whatever the series does, the share of outcomes below tends to the wanted one
// (Gibbs and Candès, "Adaptive conformal inference under distribution shift", NeurIPS
// 2021, in the form of quantile tracking: Angelopoulos, Candès and Tibshirani,
// "Conformal PID control for time series prediction", NeurIPS 2023).
type Conformal struct {
	Offset float64 // in the unit of the series
}

// conformalRate is the step per outcome relative to the scale of the errors: a jump
// of the errors is followed within some ten outcomes.
const conformalRate = .1

// Learn moves the offset by one error, outcome minus forecast. level in (0, 1) is the
// wanted share below, scale the size of a typical error.
func (c *Conformal) Learn(residual, level, scale float64) {
	if residual > c.Offset {
		c.Offset += conformalRate * scale * level
	} else {
		c.Offset -= conformalRate * scale * (1 - level)
	}
}

// pinball returns the loss of a quantile forecast that the outcome exceeds by
// residual; its expectation is least at the true quantile.
func pinball(residual, level float64) float64 {
	return max(level*residual, (level-1)*residual)
}
