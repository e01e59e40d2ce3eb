package actors

import (
	"github.com/zonecast/zonecast/actors/plan"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// Level is how many units a pool wants over a window.
type Level struct {
	Window span.Window
	plan.Level
}

// A plan is a list of levels in order of time that do not overlap; where none is,
// nothing is wanted.

// splice returns planned with everything that lies in the span of levels replaced
// by them. levels lie side by side; neighbours that are equal become one, and
// levels of nothing or of windows that are over by now are left out.
func splice(planned, levels []Level, now span.Time) []Level {
	whole := spanOf(levels)
	var spliced []Level
	add := func(l Level) {
		if l.Units() == 0 || l.Window.End <= now || l.Window.Length() <= 0 {
			return
		}
		if n := len(spliced); n > 0 && spliced[n-1].Window.End == l.Window.Start && spliced[n-1].Level == l.Level {
			spliced[n-1].Window.End = l.Window.End
			return
		}
		spliced = append(spliced, l)
	}
	for _, l := range planned {
		add(Level{span.Window{Start: l.Window.Start, End: min(l.Window.End, whole.Start)}, l.Level})
	}
	for _, l := range levels {
		add(l)
	}
	for _, l := range planned {
		add(Level{span.Window{Start: max(l.Window.Start, whole.End), End: l.Window.End}, l.Level})
	}
	return spliced
}

// levelAt returns what is planned for the instant t.
func levelAt(planned []Level, t span.Time) plan.Level {
	for _, l := range planned {
		if l.Window.Contains(t) {
			return l.Level
		}
	}
	return plan.Level{}
}

// spanOf returns the window from the first to the last of levels.
func spanOf(levels []Level) span.Window {
	if len(levels) == 0 {
		return span.Window{}
	}
	return span.Window{Start: levels[0].Window.Start, End: levels[len(levels)-1].Window.End}
}

// agrees reports whether planned wants the same as levels throughout their span
// from now on.
func agrees(planned, levels []Level, now span.Time) bool {
	i := 0
	for _, l := range levels {
		for t := max(l.Window.Start, now); t < l.Window.End; {
			for i < len(planned) && planned[i].Window.End <= t {
				i++
			}
			var want plan.Level
			next := l.Window.End
			switch {
			case i == len(planned):
			case planned[i].Window.Start > t:
				next = min(next, planned[i].Window.Start)
			default:
				want = planned[i].Level
				next = min(next, planned[i].Window.End)
			}
			if want != l.Level {
				return false
			}
			t = next
		}
	}
	return true
}

func (l *Level) message() *messages.Level {
	return &messages.Level{Window: windowMessage(l.Window), Firm: int64(l.Firm), Soft: int64(l.Soft)}
}

func levelsOf(list []*messages.Level) []Level {
	levels := make([]Level, len(list))
	for i, l := range list {
		levels[i] = Level{windowOf(l.GetWindow()), plan.Level{Firm: int(l.GetFirm()), Soft: int(l.GetSoft())}}
	}
	return levels
}
