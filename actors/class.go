package actors

import (
	"fmt"
	"math/bits"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/messages"
)

// ClassOf returns the class of a request, image and size step, and the unit of
// that class: the compute that any request of it fits in. Requests of one class are
// interchangeable, so their compute is pooled; storage is not part of it, since a
// volume is its user's own.
//
// Steps are coarse enough to pool by and waste at most a quarter: amounts counted
// in tens are rounded up to 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6 or 8 times a power of
// ten, bytes to quarters of an octave.
func ClassOf(r *messages.Request) (class string, unit resource.Vector) {
	need := VectorOf(r.GetNeed())
	unit = resource.Vector{
		CPU:       decimalStep(need.CPU),
		Memory:    octaveStep(need.Memory),
		Bandwidth: decimalStep(need.Bandwidth),
		IO:        decimalStep(need.IO),
	}
	class = fmt.Sprintf("%s:%d-%d-%d-%d", r.GetImage(), unit.CPU, unit.Memory, unit.Bandwidth, unit.IO)
	for _, a := range need.Extended {
		step := octaveStep(a.Value)
		unit = unit.WithExtended(a.Name, step)
		class += fmt.Sprintf("-%s=%d", a.Name, step)
	}
	return class, unit
}

// decimalSteps are hundredths of a power of ten.
var decimalSteps = [...]int64{100, 125, 150, 200, 250, 300, 400, 500, 600, 800, 1000}

func decimalStep(x int64) int64 {
	power := int64(1)
	for power <= x/10 {
		power *= 10
	}
	for _, s := range decimalSteps {
		// A step that is no whole number is not one: 1.25 is not a step of 1.
		if step := s * power / 100; step*100 == s*power && step >= x {
			return step
		}
	}
	return x
}

func octaveStep(x int64) int64 {
	if x <= 4 {
		return x
	}
	quarter := int64(1) << (bits.Len64(uint64(x)) - 3)
	return (x + quarter - 1) / quarter * quarter
}
