package forecast

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrState is wrapped by every error about bytes that are no marshalled state. The
// receiver of the failed call is as it was: rebuild it from the series.
var ErrState = errors.New("bad forecast state")

// encoder appends numbers and names; integers as varints.
type encoder struct{ out []byte }

func (e *encoder) int(n int64)     { e.out = binary.AppendVarint(e.out, n) }
func (e *encoder) float(x float64) { e.out = binary.BigEndian.AppendUint64(e.out, math.Float64bits(x)) }
func (e *encoder) small(x float32) { e.out = binary.BigEndian.AppendUint32(e.out, math.Float32bits(x)) }
func (e *encoder) name(s string)   { e.int(int64(len(s))); e.out = append(e.out, s...) }
func (e *encoder) floats(x ...float64) {
	for _, v := range x {
		e.float(v)
	}
}

// decoder reads what an encoder wrote. After the first error everything is zero.
type decoder struct {
	in  []byte
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrState}, args...)...)
	}
	d.in = nil
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.in) {
		d.fail("%d bytes are missing", n-len(d.in))
		return nil
	}
	out := d.in[:n]
	d.in = d.in[n:]
	return out
}

// int reads an integer that must lie in [least, most].
func (d *decoder) int(least, most int64) int64 {
	n, size := binary.Varint(d.in)
	if size <= 0 || n < least || n > most {
		d.fail("a number is not within %d..%d", least, most)
		return least
	}
	d.in = d.in[size:]
	return n
}

// float reads a number that is finite and within ±maxSum.
func (d *decoder) float() float64 {
	b := d.take(8)
	if b == nil {
		return 0
	}
	return d.finite(math.Float64frombits(binary.BigEndian.Uint64(b)))
}

// maxSum bounds decayed sums, so that products of a few of them stay finite.
const maxSum = 1e36

// amount reads a number from 0 to maxSum.
func (d *decoder) amount() float64 {
	x := d.float()
	if x < 0 {
		d.fail("a sum is %v", x)
		return 0
	}
	return x
}

// small is amount in four bytes.
func (d *decoder) small() float32 {
	b := d.take(4)
	if b == nil {
		return 0
	}
	x := d.finite(float64(math.Float32frombits(binary.BigEndian.Uint32(b))))
	if x < 0 {
		d.fail("a sum is %v", x)
		return 0
	}
	return float32(x)
}

func (d *decoder) finite(x float64) float64 {
	if !(math.Abs(x) <= maxSum) {
		d.fail("a number is %v", x)
		return 0
	}
	return x
}

func (d *decoder) name() string { return string(d.take(int(d.int(0, MaxName)))) }

// weights reads weights that sum to about 1.
func (d *decoder) weights(dst []float64) {
	sum := 0.0
	for i := range dst {
		dst[i] = d.amount()
		sum += dst[i]
	}
	if math.Abs(sum-1) > 1e-6 {
		d.fail("weights sum to %v", sum)
	}
}

// version reads the first byte, which must be want.
func (d *decoder) version(want byte) {
	if b := d.take(1); b != nil && b[0] != want {
		d.fail("version %d, known is %d", b[0], want)
	}
}

// end fails unless everything was read.
func (d *decoder) end() error {
	if d.err == nil && len(d.in) > 0 {
		d.fail("%d bytes are left over", len(d.in))
	}
	return d.err
}

func (e *encoder) flag(set bool) {
	n := int64(0)
	if set {
		n = 1
	}
	e.int(n)
}

func (d *decoder) flag() bool { return d.int(0, 1) == 1 }
