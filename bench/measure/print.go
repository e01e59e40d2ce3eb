package measure

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// String returns the group as tables for a terminal.
func (g Group) String() string {
	parts := []string{trimmed(g.Name + "\n" + text.WrapSoft(g.What, 100)), trimmed(g.rows().Render())}
	if len(g.Targets) > 0 {
		parts = append(parts, trimmed(g.targets().Render()))
	}
	return strings.Join(parts, "\n\n")
}

// Markdown returns the group as a page; made says how it came about.
func (g Group) Markdown(made string) string {
	parts := []string{"# " + g.Name, g.What, made, g.rows().RenderMarkdown()}
	if len(g.Targets) > 0 {
		parts = append(parts, g.targets().RenderMarkdown())
	}
	return strings.Join(parts, "\n\n") + "\n"
}

func (g Group) rows() table.Writer {
	waits := g.waits()
	header := table.Row{"operation", "per s", "wall", "CPU", "baseline", "wall", "CPU", "× wall", "× CPU"}
	if waits {
		header = append(header, "p50", "baseline's")
	}
	t := newTable(header, "operation", "baseline")
	for _, r := range g.Rows {
		row := table.Row{r.Name, number(1e9 / r.Cost.WallNs), duration(r.Cost.WallNs), duration(r.Cost.CPUNs),
			r.Against, duration(r.Baseline.WallNs), duration(r.Baseline.CPUNs), number(r.WallRatio), number(r.CPURatio)}
		if waits {
			row = append(row, duration(r.Cost.P50Ns), duration(r.Baseline.P50Ns))
		}
		t.AppendRow(row)
	}
	return t
}

// waits reports whether the group has callers that wait.
func (g Group) waits() bool {
	for _, r := range g.Rows {
		if r.Cost.P50Ns > 0 {
			return true
		}
	}
	return false
}

func (g Group) targets() table.Writer {
	t := newTable(table.Row{"target", "measured", "bound", "reached"}, "target", "reached")
	for _, target := range g.Targets {
		bound, reached := "at least ", "no"
		if target.Most {
			bound = "at most "
		}
		if target.Reached {
			reached = "yes"
		}
		t.AppendRow(table.Row{target.Name, number(target.Value), bound + number(target.Bound), reached})
	}
	return t
}

// newTable returns a table whose columns are aligned to the right but those named.
func newTable(header table.Row, left ...string) table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.Style().Options.SeparateHeader = true
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(header)
	var columns []table.ColumnConfig
	for i, name := range header {
		align := text.AlignRight
		for _, l := range left {
			if name == l {
				align = text.AlignLeft
			}
		}
		columns = append(columns, table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align})
	}
	t.SetColumnConfigs(columns)
	return t
}

// trimmed is text without the padding at its line ends.
func trimmed(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// duration prints ns in its unit with three digits, nothing for 0.
func duration(ns float64) string {
	switch {
	case ns == 0:
		return ""
	case ns < 1e3:
		return number(ns) + " ns"
	case ns < 1e6:
		return number(ns/1e3) + " us"
	case ns < 1e9:
		return number(ns/1e6) + " ms"
	}
	return number(ns/1e9) + " s"
}

// number prints three digits, whole numbers in full with commas.
func number(x float64) string {
	if x < 1_000 {
		return fmt.Sprintf("%.3g", x)
	}
	digits := fmt.Sprintf("%.0f", x)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
