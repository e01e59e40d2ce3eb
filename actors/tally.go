package actors

import (
	"cmp"
	"slices"

	"github.com/zonecast/zonecast/messages"
)

const (
	tallyMax   = 128 // names that are counted; the rarest make room
	profileMax = 32  // of them are listed in a profile
)

// tally counts names.
type tally map[string]int64

func (t *tally) add(name string) {
	if name == "" {
		return
	}
	if *t == nil {
		*t = make(tally)
	}
	(*t)[name]++
	if len(*t) <= tallyMax {
		return
	}
	for _, c := range t.counts()[tallyMax/2:] {
		delete(*t, c.GetName())
	}
}

// counts returns all, most counted first, ties by name.
func (t tally) counts() []*messages.Count {
	list := make([]*messages.Count, 0, len(t))
	for name, n := range t {
		list = append(list, &messages.Count{Name: name, Count: n})
	}
	slices.SortFunc(list, func(a, b *messages.Count) int {
		return cmp.Or(cmp.Compare(b.GetCount(), a.GetCount()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return list
}

// shares returns the most counted as shares of all.
func (t tally) shares() []*messages.Weight {
	total := int64(0)
	for _, n := range t {
		total += n
	}
	var list []*messages.Weight
	for _, c := range t.counts()[:min(len(t), profileMax)] {
		list = append(list, &messages.Weight{Name: c.GetName(), Weight: float64(c.GetCount()) / float64(total)})
	}
	return list
}

func tallyOf(counts []*messages.Count) tally {
	if len(counts) == 0 {
		return nil
	}
	t := make(tally, len(counts))
	for _, c := range counts {
		t[c.GetName()] = c.GetCount()
	}
	return t
}
