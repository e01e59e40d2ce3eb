package forecast

import "math"

// learn moves the weights of competing forecasts by how likely each had made what
// then happened, and leaves their sum as it is. logs holds the log-likelihoods, in
// the order of the weights; it is overwritten. rate in (0, 1) is how far one outcome
// moves them; share is how much of prior is mixed back in, so that a forecast that
// was bad last season can return.
//
// This is the soft-Bayes update (Orseau, Lattimore and Legg, "Soft-Bayes: Prod for
// mixtures of experts with log-loss", ALT 2017) with a fixed share (Herbster and
// Warmuth, "Tracking the best expert", 1998): it approaches the best *mixture*, where
// Bayes' rule would approach the best single forecast.
func learn(weights, prior, logs []float64, rate, share float64) {
	best := math.Inf(-1)
	for _, l := range logs {
		best = max(best, l)
	}
	if math.IsInf(best, 0) || math.IsNaN(best) {
		return
	}
	var mixed, total, priors float64
	for i, l := range logs {
		logs[i] = math.Exp(l - best)
		mixed += weights[i] * logs[i]
		total += weights[i]
		priors += prior[i]
	}
	if mixed < math.SmallestNonzeroFloat32 {
		return
	}
	mixed /= total
	for i, p := range logs {
		moved := weights[i] * (1 - rate + rate*p/mixed)
		weights[i] = (1-share)*moved + share*prior[i]*total/priors
	}
}

// poissonLog returns the log-likelihood of n arrivals at mean, but for the term that
// is the same for every mean.
func poissonLog(n, mean float64) float64 {
	if n == 0 {
		return -mean
	}
	return n*math.Log(mean) - mean
}
