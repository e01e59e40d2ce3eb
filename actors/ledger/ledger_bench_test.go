package ledger

import (
	"fmt"
	"testing"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

const quarter = 15 * span.Minute

// day returns a ledger with a reservation of each tier in every quarter of 24 h,
// spread over four pools.
func day(b *testing.B) (*Ledger, []Holder) {
	l, err := New(resource.Vector{CPU: 1 << 40, Memory: 1 << 50}, NoOvercommit)
	if err != nil {
		b.Fatal(err)
	}
	var pools []Holder
	for i := range 4 {
		pools = append(pools, Holder{Tenant: "acme", ID: fmt.Sprint("zone-17/class-", i), Pool: true})
	}
	for i := range 96 {
		w := span.Starting(span.Time(i).Add(quarter*span.Duration(i)), quarter)
		w = span.Window{Start: w.Start.Floor(quarter), End: w.End.Floor(quarter)}
		for _, tier := range []Tier{Soft, Firm} {
			r := Reservation{pools[i%4], tier.String(), w, unit(1 + int64(i%3)), tier}
			if err := l.Reserve(0, r); err != nil {
				b.Fatal(err)
			}
		}
	}
	return l, pools
}

func unit(n int64) resource.Vector {
	return resource.Vector{CPU: 1000, Memory: 1 << 30}.Times(n)
}

func BenchmarkReserveReplace(b *testing.B) {
	l, pools := day(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q := i % 96
		w := span.Starting(span.Time(quarter*span.Duration(q)), quarter)
		if err := l.Reserve(0, Reservation{pools[q%4], "firm", w, unit(1 + int64(i%5)), Firm}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReserveCancelAndMake(b *testing.B) {
	l, pools := day(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q := i / 2 % 96
		w := span.Starting(span.Time(quarter*span.Duration(q)), quarter)
		if err := l.Reserve(0, Reservation{pools[q%4], "firm", w, unit(int64(i % 2)), Firm}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkClaimConfirmRelease(b *testing.B) {
	for _, length := range []span.Duration{10 * span.Minute, 4 * span.Hour} {
		b.Run(length.String(), func(b *testing.B) {
			l, pools := day(b)
			user := Holder{Tenant: "acme", ID: "ann"}
			ids := make([]string, 1<<16)
			for i := range ids {
				ids[i] = fmt.Sprint("request-", i)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				q := Claim{Request: ids[i%len(ids)], Holder: user, Pool: pools[i%4], Amount: unit(1)}
				q.Window = span.Starting(span.Time(7*span.Minute), length)
				if _, err := l.Claim(0, q, 30*span.Second); err != nil {
					b.Fatal(err)
				}
				if _, err := l.Confirm(0, q.Request); err != nil {
					b.Fatal(err)
				}
				if _, err := l.Release(0, q.Request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFree(b *testing.B) {
	l, _ := day(b)
	b.ReportAllocs()
	for b.Loop() {
		l.Free(0)
	}
}

func BenchmarkFreeOverDay(b *testing.B) {
	l, _ := day(b)
	b.ReportAllocs()
	for b.Loop() {
		l.FreeOver(0, span.Starting(0, span.Day))
	}
}

func BenchmarkIdle(b *testing.B) {
	l, pools := day(b)
	b.ReportAllocs()
	for b.Loop() {
		l.Idle(0, pools[0])
	}
}

func BenchmarkIdleAll(b *testing.B) {
	l, _ := day(b)
	var dst []Idle
	b.ReportAllocs()
	for b.Loop() {
		dst = l.IdleAll(dst[:0], 0)
	}
}

func BenchmarkRefused(b *testing.B) {
	l, pools := day(b)
	r := Reservation{pools[0], "too much", span.Starting(0, quarter), resource.Vector{CPU: 1 << 41}, Firm}
	b.ReportAllocs()
	for b.Loop() {
		if l.Reserve(0, r) == nil {
			b.Fatal("granted")
		}
	}
}
