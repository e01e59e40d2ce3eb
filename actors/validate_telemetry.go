package actors

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/zonecast/zonecast/actors/forecast"
	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// Bounds of telemetry.
const (
	classMax = 256 // an image and its size step, with room for extended resources
	// demandLate and demandEarly are how far a demand's time may lie from the clock of
	// the zone that counts it.
	demandLate, demandEarly = span.Hour, 5 * span.Minute
)

// CheckSample returns an error that wraps ErrInvalid and names the field unless s can
// be a measurement of a user. Whether its time will do is for others to say.
func CheckSample(s *messages.Sample) error {
	if s == nil {
		return fmt.Errorf("%w: the sample is missing", ErrInvalid)
	}
	if err := CheckID("zone", s.GetZone()); err != nil {
		return err
	}
	for _, name := range [...]struct{ what, id string }{
		{"source", s.GetSource()}, {"dataset", s.GetDataset()}, {"region", s.GetRegion()},
	} {
		if name.id == "" {
			continue
		}
		if err := CheckID(name.what, name.id); err != nil {
			return err
		}
	}
	if err := VectorOf(s.GetUsed()).Validate(resource.MaxAmount); err != nil {
		return fmt.Errorf("%w: used: %w", ErrInvalid, err)
	}
	for _, n := range []int64{s.GetAtMs(), s.GetSequence(), s.GetRequests(), s.GetBytes(), s.GetDatasetBytes(), s.GetDurationMs()} {
		if n < 0 || n > resource.MaxAmount {
			return fmt.Errorf("%w: a number is %d, must be from 0 to %d", ErrInvalid, n, resource.MaxAmount)
		}
	}
	return errors.Join(checkClass(s.GetClass()), checkPosition(s.GetPosition()))
}

// checkDemand returns an error unless m can be counted now. A demand is telemetry:
// one that cannot be is dropped.
func checkDemand(now span.Time, m *messages.Demand) error {
	at := span.Time(m.GetAtMs())
	if at < now.Add(-demandLate) || at > now.Add(demandEarly) {
		return fmt.Errorf("%w: a demand at %v is not of now", ErrInvalid, at)
	}
	if d := m.GetDurationMs(); d < 0 || d > int64(durationMax) || m.GetDatasetBytes() < 0 || m.GetDatasetBytes() > resource.MaxAmount {
		return fmt.Errorf("%w: a demand's duration or dataset is out of range", ErrInvalid)
	}
	if m.GetDataset() != "" {
		if err := CheckID("dataset", m.GetDataset()); err != nil {
			return err
		}
	}
	return errors.Join(checkOwner(m.GetTenant(), m.GetUser()), checkClass(m.GetClass()), VectorOf(m.GetUnit()).Validate(resource.MaxAmount))
}

func checkClass(class string) error {
	if len(class) > classMax || !utf8.ValidString(class) {
		return fmt.Errorf("%w: class has more than %d bytes or is no text", ErrInvalid, classMax)
	}
	return nil
}

// CheckIntents returns an error that wraps ErrInvalid unless m says something of a
// future that begins now. Intents are telemetry: those that cannot be are dropped.
func CheckIntents(now span.Time, m *messages.Intents) error {
	from, slots := span.Time(m.GetStartMs()), len(m.GetRequests())
	if m.GetSlotMs() != int64(intentSlot) || slots > intentSlots || len(m.GetDatasets()) > forecast.MaxPlaces {
		return fmt.Errorf("%w: intents must have at most %d slots of an hour and %d datasets", ErrInvalid, intentSlots, forecast.MaxPlaces)
	}
	if from < span.MinTime || from > now.Add(span.Hour) || from.Add(span.Duration(slots)*intentSlot) <= now {
		return fmt.Errorf("%w: intents from %v on are not of the hours to come", ErrInvalid, from)
	}
	if !counts(m.GetRequests()) || m.GetStorageBytes() < 0 || m.GetStorageBytes() > resource.MaxAmount {
		return fmt.Errorf("%w: expected requests or storage are out of range", ErrInvalid)
	}
	for _, d := range m.GetDatasets() {
		if len(d.GetRequests()) > slots || !counts(d.GetRequests()) || d.GetBytes() < 0 || d.GetBytes() > resource.MaxAmount {
			return fmt.Errorf("%w: what is expected of dataset %.200q is out of range", ErrInvalid, d.GetDataset())
		}
		if d.GetDataset() != "" && CheckID("dataset", d.GetDataset()) != nil {
			return CheckID("dataset", d.GetDataset())
		}
	}
	return errors.Join(checkOwner(m.GetTenant(), m.GetUser()), checkClass(m.GetClass()))
}

// counts reports whether all are numbers of requests that a slot can have.
func counts(requests []float32) bool {
	for _, n := range requests {
		if !(n >= 0 && n <= forecast.MaxCount) { // false for NaN too
			return false
		}
	}
	return true
}

// checkStarts returns an error unless every time of s is one that can be waited for.
func checkStarts(s *messages.StartProfile) error {
	for _, ms := range [...]float64{
		s.GetComputeColdMs(), s.GetComputeImageMs(), s.GetComputeCreatedMs(), s.GetComputePausedMs(), s.GetComputeRunningMs(),
		s.GetStorageColdMs(), s.GetStorageReadyMs(),
	} {
		if !(ms >= 0 && ms < float64(span.Day)) {
			return fmt.Errorf("%w: a start time is %v ms, must be from 0 to a day", ErrInvalid, ms)
		}
	}
	if rate := s.GetPullBytesPerSecond(); !(rate >= 1 && rate <= float64(resource.MaxCapacity)) {
		return fmt.Errorf("%w: the pull rate is %v bytes/s, must be from 1 to %d", ErrInvalid, rate, resource.MaxCapacity)
	}
	return nil
}
