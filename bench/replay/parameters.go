package replay

import (
	"math"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/plan"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// Parameters are what a report's numbers depend on, beside the trace and the zones.
// Prices are in the zones' currency.
type Parameters struct {
	From       string  `json:"from"`
	Starts     string  `json:"starts"`
	CostRatio  float64 `json:"cost_ratio"`
	Seed       uint64  `json:"seed"`
	Log        string  `json:"log"`
	Requests   int     `json:"requests"`
	Zones      int     `json:"zones"`
	CacheBytes int64   `json:"cache_bytes"` // of a zone that does not state it

	StartProfile *StartTimes `json:"start_profile"`
	UnitHour     float64     `json:"unit_hour"` // price of a mean running unit for an hour
	Second       float64     `json:"second"`    // price of a second of start

	// BreakEven is the cost ratio below which nothing should be staged: at it one
	// unit in the busiest pool saves what it costs to hold, if demand were even.
	BreakEven float64 `json:"break_even_ratio"`
}

// StartTimes is a start profile: medians in ms.
type StartTimes struct {
	Cold         float64 `json:"cold_ms"`
	Image        float64 `json:"image_ms"`
	Created      float64 `json:"created_ms"`
	Paused       float64 `json:"paused_ms"`
	Running      float64 `json:"running_ms"`
	StorageCold  float64 `json:"storage_cold_ms"`
	StorageReady float64 `json:"storage_ready_ms"`
	PullRate     float64 `json:"pull_bytes_per_second"`
	Spread       float64 `json:"spread"` // standard deviation of the logarithm
}

func (s *setting) parameters() Parameters {
	log := "memory"
	if s.Raft {
		log = "raft"
	}
	return Parameters{
		From: s.From.String(), Starts: s.Starts, CostRatio: s.CostRatio, Seed: s.Seed, Log: log,
		Requests: len(s.Rows), Zones: len(s.Zones), CacheBytes: s.cacheBytes,
		StartProfile: &StartTimes{
			Cold: s.starts.GetComputeColdMs(), Image: s.starts.GetComputeImageMs(), Created: s.starts.GetComputeCreatedMs(),
			Paused: s.starts.GetComputePausedMs(), Running: s.starts.GetComputeRunningMs(),
			StorageCold: s.starts.GetStorageColdMs(), StorageReady: s.starts.GetStorageReadyMs(),
			PullRate: s.starts.GetPullBytesPerSecond(), Spread: DefaultSpread,
		},
		UnitHour: s.unitHour / microsPerUnit, Second: s.second / microsPerUnit, BreakEven: s.breakEven(),
	}
}

// breakEven returns the cost ratio at which the first unit of the busiest pool pays,
// by the mean demand and prices of the trace.
func (s *setting) breakEven() float64 {
	pools := newFuture(s).visits
	most, busy := 0, span.Duration(0)
	for _, visits := range pools {
		if len(visits) > most {
			most, busy = len(visits), visits[0].end.Sub(visits[0].at)
		}
	}
	length := s.end.Sub(s.Rows[0].At)
	hours := length.Hours()
	if most == 0 || hours <= 0 {
		return math.MaxFloat64
	}
	demand := plan.Demand{Mean: float64(most) / hours, Variance: float64(most) / hours, Busy: busy}
	saved := s.starts.GetComputeColdMs() - s.starts.GetComputePausedMs()
	lost := s.starts.GetComputeColdMs() - s.starts.GetComputeRunningMs()
	costs := plan.Costs{Eagerness: saved / lost, Idle: s.meanIdleHour()}
	return plan.BreakEven(demand, span.Hour, costs, s.unitHour)
}

// meanIdleHour is what a paused unit of the mean request costs an hour in the mean
// zone, micro-units.
func (s *setting) meanIdleHour() float64 {
	memory := 0.0
	for i := range s.Rows {
		_, unit := actors.ClassOf(&messages.Request{Need: actors.VectorMessage(s.Rows[i].Need)})
		memory += float64(unit.Memory) / float64(len(s.Rows))
	}
	price := 0.0
	for i := range s.Zones {
		price += float64(s.Zones[i].PriceGiBHourMicros) * s.Zones[i].StagingPriceFactor / float64(len(s.Zones))
	}
	return price * memory / gib
}
