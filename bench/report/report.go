package report

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/zonecast/zonecast/bench/trace"
)

// Names of the policies that a report treats apart.
const (
	Reactive = "reactive" // the policy that gain is counted from
	Oracle   = "oracle"   // the policy that gain is counted to
	Greedy   = "greedy"   // the reference while there is no oracle
)

// Report is what a replay prints; its JSON form is described in
// docs/EVALUATION.md.
type Report struct {
	Trace       trace.Info         `json:"trace"`
	Parameters  any                `json:"parameters"`
	Policies    map[string]Result  `json:"policies"`
	GainShare   map[string]float64 `json:"gain_share,omitempty"` // present with an oracle
	Comparisons []Comparison       `json:"comparisons,omitempty"`
	Measured    any                `json:"measured"`

	names     []string // of Policies, in the study's order
	levels    []float64
	ratios    []float64
	frontiers []Frontier // by names
}

// Result is one policy's numbers at its chosen setting, and its frontier over
// all settings.
type Result struct {
	Knob     float64 `json:"knob"`
	Requests int     `json:"requests"`
	Hit      int     `json:"hit"`
	Late     int     `json:"late"`
	Missed   int     `json:"missed"`
	Refused  int     `json:"refused"`
	HitRate  float64 `json:"hit_rate"`

	StartMs     StartTimes         `json:"start_ms"`
	StagedHours float64            `json:"staged_hours"`
	UsedHours   float64            `json:"used_hours"`
	WastedHours float64            `json:"wasted_hours"`
	TotalCost   float64            `json:"total_cost"`
	CostByRatio map[string]float64 `json:"cost_by_ratio"`

	AtWaste      map[string]Rate `json:"at_waste"` // by wasted hours; without levels too low for the policy
	Facets       Facets          `json:"facets"`
	Reservations Reservations    `json:"reservations"`
	Frontier     []Setting       `json:"frontier"` // by wasted hours; settings that others beat included
}

// Rate is a hit rate with its 95 % interval.
type Rate struct {
	HitRate float64 `json:"hit_rate"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
}

// Facets are the requests' outcomes facet by facet.
type Facets struct {
	Compute    FacetResult `json:"compute"`
	Data       DataResult  `json:"data"`
	Connection FacetResult `json:"connection"`
	Storage    FacetResult `json:"storage"`
}

// FacetResult is the outcome of one facet.
type FacetResult struct {
	Requests int     `json:"requests"`
	Hit      int     `json:"hit"`
	Late     int     `json:"late"`
	Missed   int     `json:"missed"`
	Refused  int     `json:"refused"`
	HitRate  float64 `json:"hit_rate"`
}

// DataResult is the outcome of the data facet.
type DataResult struct {
	FacetResult
	CachedByteHours float64 `json:"cached_byte_hours"`
}

// Setting is one run of a policy: a point of its frontier.
type Setting struct {
	Knob        float64 `json:"knob"`
	WastedHours float64 `json:"wasted_hours"`
	HitRate     float64 `json:"hit_rate"`
	DataHitRate float64 `json:"data_hit_rate"`
	Cost        float64 `json:"cost"`
}

// Comparison is how much more the subject has than another policy, with the 95 %
// interval of the difference: of compute's hit rate at equal waste, or of the
// datasets' hit rate at the chosen settings.
type Comparison struct {
	Policy      string  `json:"policy"`
	Against     string  `json:"against"`
	Of          string  `json:"of"`                     // hit_rate or data_hit_rate
	WastedHours float64 `json:"wasted_hours,omitempty"` // the level, for hit_rate
	Difference  float64 `json:"difference"`
	Low         float64 `json:"low"`
	High        float64 `json:"high"`
}

// Best stands in a Comparison for the best, at that level, of all policies but
// the subject and the reference.
const Best = "best of the others"

// New makes the report of s.
func New(s Study) (*Report, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if s.Levels == nil {
		s.Levels = Levels(s.Policies)
	}
	r := &Report{
		Trace: s.Trace, Parameters: s.Parameters, Measured: s.Measured,
		Policies: map[string]Result{}, levels: s.Levels, ratios: s.Ratios,
	}
	boot := NewBootstrap(len(s.Policies[0].Runs[0].Days), cmp.Or(s.Resamples, DefaultResamples), s.Seed)
	for _, p := range s.Policies {
		r.names = append(r.names, p.Name)
		r.frontiers = append(r.frontiers, p.frontier(HitsAtWaste()))
		r.Policies[p.Name] = s.result(p, boot)
	}
	r.gain()
	r.Comparisons = s.compare(boot)
	return r, nil
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

func (s *Study) result(p Policy, boot *Bootstrap) Result {
	run := p.Runs[p.Chosen]
	sum := run.total()
	out := Result{
		Knob: run.Knob, Requests: sum.Compute.Requests,
		Hit: sum.Compute.Hit, Late: sum.Compute.Late, Missed: sum.Compute.Missed, Refused: sum.Compute.Refused,
		HitRate: sum.Compute.rate(), StartMs: run.Start,
		StagedHours: sum.StagedHours, UsedHours: sum.StagedHours - sum.WastedHours, WastedHours: sum.WastedHours,
		TotalCost: sum.Cost[s.Ratio], CostByRatio: map[string]float64{}, AtWaste: map[string]Rate{},
		Facets: Facets{
			Compute: sum.Compute.result(), Data: DataResult{sum.Data.result(), sum.CachedByteHours},
			Connection: sum.Connection.result(), Storage: sum.Storage.result(),
		},
		Reservations: run.Reservations,
	}
	for i, ratio := range s.Ratios {
		out.CostByRatio[number(ratio)] = sum.Cost[i]
	}
	for _, level := range s.Levels {
		if at, ok := boot.At(p, HitsAtWaste(), level); ok {
			out.AtWaste[number(level)] = Rate{at.Value, at.Low, at.High}
		}
	}
	for _, run := range p.Runs {
		sum := run.total()
		out.Frontier = append(out.Frontier,
			Setting{run.Knob, sum.WastedHours, sum.Compute.rate(), sum.Data.rate(), sum.Cost[s.Ratio]})
	}
	slices.SortStableFunc(out.Frontier, func(a, b Setting) int { return cmp.Compare(a.WastedHours, b.WastedHours) })
	return out
}

func (f Facet) result() FacetResult {
	return FacetResult{f.Requests, f.Hit, f.Late, f.Missed, f.Refused, f.rate()}
}

// gain fills in GainShare: which part of what the oracle saves of reactive's
// cost each policy saves. It is left out where there is nothing to save.
func (r *Report) gain() {
	from, has := r.Policies[Reactive]
	to, too := r.Policies[Oracle]
	if !has || !too || from.TotalCost <= to.TotalCost {
		return
	}
	r.GainShare = map[string]float64{}
	for name, p := range r.Policies {
		r.GainShare[name] = (from.TotalCost - p.TotalCost) / (from.TotalCost - to.TotalCost)
	}
}

// compare sets the subject against every other policy but the references, and
// against the best of them.
func (s *Study) compare(boot *Bootstrap) []Comparison {
	at := slices.IndexFunc(s.Policies, func(p Policy) bool { return p.Name == s.Subject })
	if at < 0 {
		return nil
	}
	subject := s.Policies[at]
	var out []Comparison
	add := func(against, of string, level float64, d Interval) {
		out = append(out, Comparison{subject.Name, against, of, level, d.Value, d.Low, d.High})
	}
	var others []Policy
	for _, p := range s.Policies {
		if p.Name == s.Subject || p.Name == Oracle || p.Name == Greedy {
			continue
		}
		others = append(others, p)
		for _, level := range s.Levels {
			if d, ok := boot.Compare(subject, []Policy{p}, HitsAtWaste(), level); ok && len(p.Runs) > 1 {
				add(p.Name, "hit_rate", level, d)
			}
		}
		add(p.Name, "data_hit_rate", 0, boot.Difference(subject.Runs[subject.Chosen], p.Runs[p.Chosen], DataHitsAtCached().Y))
	}
	for _, level := range s.Levels {
		if d, ok := boot.Compare(subject, others, HitsAtWaste(), level); ok {
			add(Best, "hit_rate", level, d)
		}
	}
	return out
}
