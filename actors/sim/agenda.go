package sim

import (
	"container/heap"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
)

// parcel is one message on its way, or something to do.
type parcel struct {
	from, to actors.Address
	message  proto.Message
	caller   uint64
	do       func()
}

// agenda holds parcels until they are due: those due at once in a queue, later
// ones in a heap. Parcels due at the same instant come out in the order in which
// they became due.
type agenda struct {
	queue []parcel
	head  int
	later later
	count uint64
}

func (a *agenda) push(now, at span.Time, p parcel) {
	if at <= now {
		a.queue = append(a.queue, p)
		return
	}
	a.count++
	heap.Push(&a.later, timed{at, a.count, p})
}

// pop returns the next parcel that is due by now.
func (a *agenda) pop(now span.Time) (parcel, bool) {
	for len(a.later) > 0 && a.later[0].at <= now {
		a.queue = append(a.queue, heap.Pop(&a.later).(timed).parcel)
	}
	if a.head == len(a.queue) {
		a.queue, a.head = a.queue[:0], 0
		return parcel{}, false
	}
	p := a.queue[a.head]
	a.queue[a.head] = parcel{}
	a.head++
	return p, true
}

// next returns when the next parcel is due, span.Never if there is none.
func (a *agenda) next() span.Time {
	switch {
	case a.head < len(a.queue):
		return 0
	case len(a.later) > 0:
		return a.later[0].at
	}
	return span.Never
}

// timed is a parcel that becomes due at an instant; count breaks ties.
type timed struct {
	at    span.Time
	count uint64
	parcel
}

type later []timed

func (l later) Len() int      { return len(l) }
func (l later) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l later) Less(i, j int) bool {
	return l[i].at < l[j].at || l[i].at == l[j].at && l[i].count < l[j].count
}
func (l *later) Push(x any) { *l = append(*l, x.(timed)) }
func (l *later) Pop() any {
	last := len(*l) - 1
	t := (*l)[last]
	*l = (*l)[:last]
	return t
}
