// Package replay serves the requests of a trace under one policy after the other,
// in virtual time, and counts what each would have cost. docs/EVALUATION.md states
// the rules.
package replay

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/bench/trace"
	"github.com/zonecast/zonecast/messages"
)

// ErrConfig is wrapped by every error about a replay's parameters.
var ErrConfig = errors.New("bad replay")

// tuningSpan is how long before the scored part a policy's setting is chosen.
const tuningSpan = 8 * span.Week

// cacheDatasets is the size of a zone's cache in mean datasets, where the zones
// file does not say it.
const cacheDatasets = 10

// DefaultSpread is the standard deviation of the logarithm of start times.
const DefaultSpread = 0.25

// Ratios returns the cost ratios at which every run is priced, that of the replay
// among them: a compute miss costs so many mean running unit-hours.
func (c *Config) Ratios() []float64 {
	ratios := []float64{1, 3, 10, 30}
	if !slices.Contains(ratios, c.CostRatio) {
		ratios = append(ratios, c.CostRatio)
		slices.Sort(ratios)
	}
	return ratios
}

// Config is what a replay is about.
type Config struct {
	Rows  []trace.Row // in the order in which they are served
	Zones []trace.Zone
	// From is where scoring begins.
	From      span.Time
	Starts    string  // a name in StartProfiles
	CostRatio float64 // price of a compute miss in mean running unit-hours
	Seed      uint64
	Raft      bool // log by the Raft core over a disk in memory
}

// StartProfiles are how long a unit takes to start, by what it is.
func StartProfiles() map[string]*messages.StartProfile {
	vm, model := actors.DefaultStarts(), actors.DefaultStarts()
	vm.ComputeColdMs, vm.ComputeImageMs, vm.ComputeCreatedMs = 45_000, 30_000, 20_000
	vm.ComputePausedMs, vm.ComputeRunningMs = 1_500, 10
	// A model of 10 GB from a disk of 1 GB/s; paused it is in the machine's memory
	// and goes over a bus of 20 GB/s.
	model.ComputeColdMs, model.ComputeImageMs, model.ComputeCreatedMs = 10_740, 10_700, 10_596
	model.ComputePausedMs, model.ComputeRunningMs = 500, 4
	return map[string]*messages.StartProfile{"container": actors.DefaultStarts(), "vm": vm, "model": model}
}

// StartNames are the names of the start profiles, sorted.
func StartNames() []string { return []string{"container", "model", "vm"} }

// Validate returns an error that wraps ErrConfig and says what is wrong.
func (c *Config) Validate() error {
	switch {
	case len(c.Rows) == 0:
		return fmt.Errorf("%w: the trace has no rows", ErrConfig)
	case len(c.Zones) == 0:
		return fmt.Errorf("%w: there are no zones", ErrConfig)
	case c.From > c.Rows[len(c.Rows)-1].At:
		return fmt.Errorf("%w: no row is at or after %v", ErrConfig, c.From)
	case !slices.Contains(StartNames(), c.Starts):
		return fmt.Errorf("%w: start profile %q is none of %s", ErrConfig, c.Starts, strings.Join(StartNames(), ", "))
	case !(c.CostRatio > 0 && c.CostRatio <= 1e6):
		return fmt.Errorf("%w: cost ratio %v must be above 0 and at most a million", ErrConfig, c.CostRatio)
	}
	return nil
}

// setting is what follows from a Config for every run of it.
type setting struct {
	*Config
	starts     *messages.StartProfile
	cacheBytes int64   // of zones that don't say it
	unitHour   float64 // price of the mean unit for an hour, micro-units
	ratios     []float64
	seconds    []float64 // price of a second at each of ratios, micro-units
	second     float64   // at CostRatio
	end        span.Time
	tenants    []string
}

func newSetting(c *Config) *setting {
	s := &setting{Config: c, starts: StartProfiles()[c.Starts]}
	s.measureRows()
	s.unitHour = s.meanUnitHour()
	s.ratios = c.Ratios()
	for _, r := range s.ratios {
		s.seconds = append(s.seconds, s.secondPrice(r))
	}
	s.second = s.secondPrice(c.CostRatio)
	return s
}

// measureRows finds the size of caches, the end and the tenants.
func (s *setting) measureRows() {
	bytes := make(map[string]int64)
	for i := range s.Rows {
		r := &s.Rows[i]
		if r.Dataset != "" {
			bytes[r.Dataset] = max(bytes[r.Dataset], r.DatasetBytes)
		}
		if !slices.Contains(s.tenants, r.Tenant) {
			s.tenants = append(s.tenants, r.Tenant)
		}
		s.end = max(s.end, r.At.Add(r.Duration))
	}
	slices.Sort(s.tenants)
	total := int64(0)
	for _, b := range bytes {
		total += b
	}
	if len(bytes) > 0 {
		s.cacheBytes = cacheDatasets * total / int64(len(bytes))
	}
}

// meanUnitHour is what the mean request costs an hour in the mean zone.
func (s *setting) meanUnitHour() float64 {
	var need resource.Vector
	cpu, memory := 0.0, 0.0
	for i := range s.Rows {
		need = s.Rows[i].Need
		cpu += float64(need.CPU) / float64(len(s.Rows))
		memory += float64(need.Memory) / float64(len(s.Rows))
	}
	price := 0.0
	for _, z := range s.Zones {
		price += (cpu/1000*float64(z.PriceCPUHourMicros) + memory/gib*float64(z.PriceGiBHourMicros)) / float64(len(s.Zones))
	}
	return price
}

const gib = 1 << 30

// secondPrice is the price of a second of start at which one compute miss (cold
// minus running) costs ratio mean running unit-hours.
func (s *setting) secondPrice(ratio float64) float64 {
	miss := (s.starts.GetComputeColdMs() - s.starts.GetComputeRunningMs()) / 1000
	return ratio * s.unitHour / miss
}

func (s *setting) zoneSpec(z *trace.Zone) *messages.ZoneSpec {
	cache := z.CacheBytes
	if cache == 0 {
		cache = s.cacheBytes
	}
	return &messages.ZoneSpec{
		Capacity: actors.VectorMessage(z.Capacity),
		Position: &messages.Position{Lat: z.Lat, Lon: z.Lon},
		Region:   z.Region,
		Labels:   z.Labels,
		Prices: &messages.Prices{
			CpuHourMicros: z.PriceCPUHourMicros, GibHourMicros: z.PriceGiBHourMicros, EgressGibMicros: z.PriceEgressGiBMicros,
			StagingPermille: int64(math.Round(z.StagingPriceFactor * 1000)),
		},
		CacheBytes: cache,
		Mode:       messages.Mode_MODE_ACT,
	}
}
