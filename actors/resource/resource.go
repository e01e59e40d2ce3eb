// Package resource holds amounts of capacity as integer vectors: what a request
// asks for, what a zone has, what is left.
package resource

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Kinds of resource that every vector has, in the order in which Vector.Each
// visits them.
const (
	CPU       = "cpu"       // milli-cores
	Memory    = "memory"    // bytes
	Storage   = "storage"   // bytes
	Bandwidth = "bandwidth" // bit/s
	IO        = "io"        // operations/s
)

// Bounds that keep sums within int64: MaxHoldings requests of MaxAmount each
// stay below 1<<62, and so does a sum of some hundred capacities.
const (
	MaxAmount   int64 = 1 << 48 // of one request or reservation (281 TB)
	MaxCapacity int64 = 1 << 53 // of one zone (9 PB); exact in JSON too
	MaxHoldings       = 1 << 14 // reservations and allocations of one zone
	MaxExtended       = 16      // extended resources of one vector
)

// ErrAmount is wrapped by every error about an amount that cannot be.
var ErrAmount = errors.New("bad amount")

// Vector is an amount of each resource. The zero Vector is nothing at all.
// Vectors are values: no method changes its receiver or shares memory that a
// later call writes.
type Vector struct {
	CPU       int64 // milli-cores
	Memory    int64 // bytes
	Storage   int64 // bytes
	Bandwidth int64 // bit/s
	IO        int64 // operations/s

	// Extended holds named resources such as gpu, sorted by name, each once,
	// none zero. Build it with WithExtended.
	Extended []Amount
}

// Amount is so much of a named resource.
type Amount struct {
	Name  string
	Value int64
}

// WithExtended returns v with value as its amount of the named extended
// resource; a value of 0 removes it.
func (v Vector) WithExtended(name string, value int64) Vector {
	i, found := slices.BinarySearchFunc(v.Extended, name, func(a Amount, n string) int { return cmp.Compare(a.Name, n) })
	ext := slices.Clone(v.Extended)
	switch {
	case found && value == 0:
		ext = slices.Delete(ext, i, i+1)
	case found:
		ext[i].Value = value
	case value != 0:
		ext = slices.Insert(ext, i, Amount{name, value})
	}
	if len(ext) == 0 {
		ext = nil
	}
	v.Extended = ext
	return v
}

// Plus returns v + w.
func (v Vector) Plus(w Vector) Vector { return v.plus(w, 1) }

// Minus returns v - w; amounts may become negative.
func (v Vector) Minus(w Vector) Vector { return v.plus(w, -1) }

// Times returns n of v.
func (v Vector) Times(n int64) Vector { return Vector{}.plus(v, n) }

// PerMille returns n thousandths of v, rounded toward zero. It overflows only
// where the result does.
func (v Vector) PerMille(n int64) Vector {
	part := func(x int64) int64 { return x/1000*n + x%1000*n/1000 }
	w := Vector{CPU: part(v.CPU), Memory: part(v.Memory), Storage: part(v.Storage),
		Bandwidth: part(v.Bandwidth), IO: part(v.IO)}
	for _, a := range v.Extended {
		w = w.WithExtended(a.Name, part(a.Value))
	}
	return w
}

func (v Vector) plus(w Vector, n int64) Vector {
	v.CPU += n * w.CPU
	v.Memory += n * w.Memory
	v.Storage += n * w.Storage
	v.Bandwidth += n * w.Bandwidth
	v.IO += n * w.IO
	if len(w.Extended) > 0 {
		v.Extended = merge(v.Extended, w.Extended, func(a, b int64) int64 { return a + n*b })
	}
	return v
}

// Max returns the larger amount of each resource.
func (v Vector) Max(w Vector) Vector {
	v.CPU = max(v.CPU, w.CPU)
	v.Memory = max(v.Memory, w.Memory)
	v.Storage = max(v.Storage, w.Storage)
	v.Bandwidth = max(v.Bandwidth, w.Bandwidth)
	v.IO = max(v.IO, w.IO)
	if len(v.Extended)+len(w.Extended) > 0 {
		v.Extended = merge(v.Extended, w.Extended, func(a, b int64) int64 { return max(a, b) })
	}
	return v
}

// Min returns the smaller amount of each resource.
func (v Vector) Min(w Vector) Vector {
	v.CPU = min(v.CPU, w.CPU)
	v.Memory = min(v.Memory, w.Memory)
	v.Storage = min(v.Storage, w.Storage)
	v.Bandwidth = min(v.Bandwidth, w.Bandwidth)
	v.IO = min(v.IO, w.IO)
	if len(v.Extended)+len(w.Extended) > 0 {
		v.Extended = merge(v.Extended, w.Extended, func(a, b int64) int64 { return min(a, b) })
	}
	return v
}

// merge walks two sorted lists and keeps what op gives where it is not 0.
func merge(a, b []Amount, op func(a, b int64) int64) []Amount {
	if len(a) == 0 && len(b) == 0 {
		return nil
	}
	var out []Amount
	for len(a) > 0 || len(b) > 0 {
		var next Amount
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Name < b[0].Name:
			next, a = Amount{a[0].Name, op(a[0].Value, 0)}, a[1:]
		case len(a) == 0 || b[0].Name < a[0].Name:
			next, b = Amount{b[0].Name, op(0, b[0].Value)}, b[1:]
		default:
			next, a, b = Amount{a[0].Name, op(a[0].Value, b[0].Value)}, a[1:], b[1:]
		}
		if next.Value != 0 {
			out = append(out, next)
		}
	}
	return out
}

// Fits reports whether v is at most room in every resource that v asks for. A
// resource that v does not ask for may be overdrawn in room.
func (v Vector) Fits(room Vector) bool {
	return fits(v.CPU, room.CPU) && fits(v.Memory, room.Memory) && fits(v.Storage, room.Storage) &&
		fits(v.Bandwidth, room.Bandwidth) && fits(v.IO, room.IO) && v.extendedFits(room)
}

func fits(need, room int64) bool { return need <= 0 || need <= room }

func (v Vector) extendedFits(room Vector) bool {
	for _, a := range v.Extended {
		if !fits(a.Value, room.Of(a.Name)) {
			return false
		}
	}
	return true
}

// Shortfall returns how much of what v asks for is missing in room.
func (v Vector) Shortfall(room Vector) Vector {
	var short Vector
	v.Each(func(name string, need int64) {
		if !fits(need, room.Of(name)) {
			short = short.With(name, need-max(room.Of(name), 0))
		}
	})
	return short
}

// Of returns the amount of the named resource, 0 for one that v has not.
func (v Vector) Of(name string) int64 {
	switch name {
	case CPU:
		return v.CPU
	case Memory:
		return v.Memory
	case Storage:
		return v.Storage
	case Bandwidth:
		return v.Bandwidth
	case IO:
		return v.IO
	}
	for _, a := range v.Extended {
		if a.Name == name {
			return a.Value
		}
	}
	return 0
}

// With returns v with value as its amount of the named resource.
func (v Vector) With(name string, value int64) Vector {
	switch name {
	case CPU:
		v.CPU = value
	case Memory:
		v.Memory = value
	case Storage:
		v.Storage = value
	case Bandwidth:
		v.Bandwidth = value
	case IO:
		v.IO = value
	default:
		v = v.WithExtended(name, value)
	}
	return v
}

// Each calls f for every resource of v: the five fixed kinds, zero or not, then
// the extended ones by name.
func (v Vector) Each(f func(name string, amount int64)) {
	f(CPU, v.CPU)
	f(Memory, v.Memory)
	f(Storage, v.Storage)
	f(Bandwidth, v.Bandwidth)
	f(IO, v.IO)
	for _, a := range v.Extended {
		f(a.Name, a.Value)
	}
}

// Equal reports whether v and w are the same amounts.
func (v Vector) Equal(w Vector) bool {
	return v.CPU == w.CPU && v.Memory == w.Memory && v.Storage == w.Storage &&
		v.Bandwidth == w.Bandwidth && v.IO == w.IO && slices.Equal(v.Extended, w.Extended)
}

// IsZero reports whether v is nothing at all.
func (v Vector) IsZero() bool { return v.Equal(Vector{}) }

// Validate returns an error that wraps ErrAmount and names the resource unless
// every amount lies in [0, most] and the extended ones are well formed.
func (v Vector) Validate(most int64) error {
	if len(v.Extended) > MaxExtended {
		return fmt.Errorf("%w: %d extended resources, at most %d", ErrAmount, len(v.Extended), MaxExtended)
	}
	for i, a := range v.Extended {
		if a.Name == "" || len(a.Name) > 128 || i > 0 && a.Name <= v.Extended[i-1].Name || a.Value == 0 {
			return fmt.Errorf("%w: extended resource %q: names must be unique, sorted, at most 128 bytes and not zero", ErrAmount, a.Name)
		}
		if fixed(a.Name) {
			return fmt.Errorf("%w: extended resource %q has the name of a fixed one", ErrAmount, a.Name)
		}
	}
	var err error
	v.Each(func(name string, amount int64) {
		if err == nil && (amount < 0 || amount > most) {
			err = fmt.Errorf("%w: %s is %d, must be from 0 to %d", ErrAmount, name, amount, most)
		}
	})
	return err
}

func fixed(name string) bool {
	switch name {
	case CPU, Memory, Storage, Bandwidth, IO:
		return true
	}
	return false
}

// FromFloat returns x as an integer amount of the named resource, rounded to the
// nearest; NaN, infinite, negative and overflowing x give an error that wraps
// ErrAmount.
func FromFloat(name string, x float64, most int64) (int64, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) || x < 0 || x > float64(most) {
		return 0, fmt.Errorf("%w: %s is %v, must be a number from 0 to %d", ErrAmount, name, x, most)
	}
	return int64(math.Round(x)), nil
}

// String returns the amounts that are not zero, as cpu=500 memory=1024.
func (v Vector) String() string {
	var parts []string
	v.Each(func(name string, amount int64) {
		if amount != 0 {
			parts = append(parts, name+"="+strconv.FormatInt(amount, 10))
		}
	})
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, " ")
}
