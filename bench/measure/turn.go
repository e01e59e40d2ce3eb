package measure

import (
	"context"
	"slices"
	"syscall"
	"time"
)

// rounds is how often subject and baseline take turns: the least of which a
// median forgets two that were disturbed.
const rounds = 5

// batchTime is how long operations are repeated before the clock is read again:
// long against reading it, short against a round.
const batchTime = 50 * time.Microsecond

type (
	// operation is what is measured, once.
	operation func() error
	// turn is one round of a subject or baseline.
	turn func() (Cost, error)
)

// alternate lets subject and baseline take turns and returns the medians.
func alternate(ctx context.Context, rounds int, subject, baseline turn) (ours, theirs Cost, err error) {
	var costs [2][]Cost
	for range rounds {
		for i, take := range []turn{subject, baseline} {
			if err := ctx.Err(); err != nil {
				return ours, theirs, err
			}
			c, err := take()
			if err != nil {
				return ours, theirs, err
			}
			costs[i] = append(costs[i], c)
		}
	}
	return medians(costs[0]), medians(costs[1]), nil
}

func medians(of []Cost) Cost {
	median := func(field func(Cost) float64) float64 {
		var values []float64
		for _, c := range of {
			values = append(values, field(c))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return Cost{
		WallNs: median(func(c Cost) float64 { return c.WallNs }),
		CPUNs:  median(func(c Cost) float64 { return c.CPUNs }),
		P50Ns:  median(func(c Cost) float64 { return c.P50Ns }),
	}
}

// repeat returns turns that do f over and over for length, at least once.
func repeat(length time.Duration, f operation) turn {
	batch := 0 // operations between two looks at the clock; 0 before the first turn
	return func() (Cost, error) {
		if batch == 0 {
			n, err := batchOf(f)
			if err != nil {
				return Cost{}, err
			}
			batch = n
		}
		n, w := 0, begin()
		for n == 0 || w.elapsed() < length {
			if err := times(batch, f); err != nil {
				return Cost{}, err
			}
			n += batch
		}
		return w.cost(n), nil
	}
}

// batchOf returns how many operations take batchTime; it warms them up besides.
func batchOf(f operation) (int, error) {
	for n := 1; ; n *= 2 {
		start := time.Now()
		if err := times(n, f); err != nil || time.Since(start) >= batchTime {
			return n, err
		}
	}
}

func times(n int, f operation) error {
	for range n {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// watch measures what passes from begin on.
type watch struct {
	wall time.Time
	cpu  time.Duration
}

func begin() watch { return watch{time.Now(), cpuTime()} }

func (w watch) elapsed() time.Duration { return time.Since(w.wall) }

// cost returns what passed, for each of n operations.
func (w watch) cost(n int) Cost {
	wall, cpu := w.elapsed(), cpuTime()-w.cpu
	return Cost{WallNs: float64(wall) / float64(n), CPUNs: float64(cpu) / float64(n)}
}

// cpuTime returns what this process has used, user and system.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // the arguments are constants that every Unix knows
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
