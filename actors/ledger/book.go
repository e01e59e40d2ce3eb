package ledger

import (
	"cmp"
	"slices"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
)

// step says what holds from at until the next step's at.
type step struct {
	at        span.Time
	promised  resource.Vector // of an account: its firm reservations
	allocated resource.Vector
}

func (s *step) same(r *step) bool {
	return s.promised.Equal(r.promised) && s.allocated.Equal(r.allocated)
}

// book is a piecewise-constant function of time: steps by time, neighbours
// distinct, never none. The last one holds for ever.
type book []step

func newBook(from span.Time) book { return book{{at: from}} }

// find returns the step that holds at t.
func (b book) find(t span.Time) int {
	low, high := 0, len(b) // b[low].at <= t < b[high].at
	for high-low > 1 {
		if mid := (low + high) / 2; b[mid].at <= t {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// during returns the steps that hold in w, at least the one at its start.
func (b book) during(w span.Window) book {
	i := b.find(w.Start)
	j := i + 1
	for j < len(b) && b[j].at < w.End {
		j++
	}
	return b[i:j]
}

// cut returns the step that begins at t, made where there is none.
func (b *book) cut(t span.Time) int {
	i := b.find(t)
	if (*b)[i].at >= t {
		return i
	}
	s := (*b)[i]
	s.at = t
	*b = slices.Insert(*b, i+1, s)
	return i + 1
}

// join removes step i if it says what the one before it says.
func (b *book) join(i int) {
	if i > 0 && (*b)[i].same(&(*b)[i-1]) {
		*b = slices.Delete(*b, i, i+1)
	}
}

// add raises both amounts throughout w.
func (b *book) add(w span.Window, promised, allocated resource.Vector) {
	i, j := b.cut(w.Start), b.cut(w.End)
	for k := i; k < j; k++ {
		s := &(*b)[k]
		s.promised = s.promised.Plus(promised)
		s.allocated = s.allocated.Plus(allocated)
	}
	b.join(j)
	b.join(i)
}

// trim forgets what was before t.
func (b *book) trim(t span.Time) {
	*b = slices.Delete(*b, 0, b.find(t))
	(*b)[0].at = max((*b)[0].at, t)
}

// account is one holder's part of the books.
type account struct {
	holder   Holder
	book     book
	holdings int // reservations and draws; without any the account goes

	round  uint64          // idle and excess are reckoned for this round
	idle   Idle            // of the holder
	excess resource.Vector // allocated beyond firm, not yet set against soft
}

func compareAccounts(a, b *account) int { return a.holder.Compare(b.holder) }

// account returns the holder's books to read.
func (l *Ledger) account(h Holder) *account {
	if a := l.holders[h]; a != nil {
		return a
	}
	return &l.nobody
}

// hold returns the holder's books to post one more holding to.
func (l *Ledger) hold(h Holder) *account {
	a := l.holders[h]
	if a == nil {
		a = &account{holder: h, book: newBook(l.floor)}
		l.holders[h] = a
		l.accounts = insert(l.accounts, a, compareAccounts)
	}
	a.holdings++
	return a
}

// drop undoes hold.
func (l *Ledger) drop(a *account) {
	if a.holdings--; a.holdings == 0 {
		delete(l.holders, a.holder)
		l.accounts = remove(l.accounts, a, compareAccounts)
	}
}

// post raises a's amounts throughout w, and the total by what that takes.
func (l *Ledger) post(a *account, w span.Window, firm, allocated resource.Vector) {
	w.Start = max(w.Start, l.floor)
	if w.End <= w.Start {
		return
	}
	i, j := a.book.cut(w.Start), a.book.cut(w.End)
	for k := i; k < j; k++ {
		s := &a.book[k]
		before := s.promised.Max(s.allocated)
		s.promised = s.promised.Plus(firm)
		s.allocated = s.allocated.Plus(allocated)
		taken := s.promised.Max(s.allocated).Minus(before)
		l.total.add(span.Window{Start: s.at, End: a.book[k+1].at}, taken, allocated)
	}
	a.book.join(j)
	a.book.join(i)
}

// insert and remove keep a list sorted.
func insert[T any](list []T, x T, compare func(a, b T) int) []T {
	i, _ := slices.BinarySearchFunc(list, x, compare)
	return slices.Insert(list, i, x)
}

func remove[T any](list []T, x T, compare func(a, b T) int) []T {
	i, found := slices.BinarySearchFunc(list, x, compare)
	if !found {
		panic("ledger: a holding is missing from its list")
	}
	return slices.Delete(list, i, i+1)
}

func compareEnds(a, b *reservation) int {
	return cmp.Or(cmp.Compare(a.Window.End, b.Window.End), cmp.Compare(a.created, b.created))
}

func compareCreated(a, b *reservation) int { return cmp.Compare(a.created, b.created) }
