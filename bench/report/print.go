package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/guptarohit/asciigraph"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Style says how a report is printed for people.
type Style struct {
	Width  int      // columns of the terminal, from 60; 0: 100
	Plot   []string // policies in the plot; nil: all that have a frontier, up to MaxPlotted
	Footer string   // last lines: how to go on
}

// MaxPlotted series are what can be told apart in one plot.
const MaxPlotted = 6

// Print writes the report as tables and a plot.
func (r *Report) Print(w io.Writer, style Style) error {
	parts := []string{r.Trace.String(), r.outcomes(), r.costs()}
	if len(r.levels) > 0 {
		parts = append(parts, r.atWaste())
	}
	if plot := r.plot(style); plot != "" {
		parts = append(parts, plot)
	}
	if len(r.Comparisons) > 0 {
		parts = append(parts, r.comparisons())
	}
	if style.Footer != "" {
		parts = append(parts, style.Footer)
	}
	_, err := io.WriteString(w, strings.Join(parts, "\n\n")+"\n")
	return err
}

// newTable returns a table whose columns but the first are aligned to the right.
func newTable(header ...any) table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.Style().Options.SeparateHeader = true
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(header)
	var right []table.ColumnConfig
	for i := range header[1:] {
		right = append(right, table.ColumnConfig{Number: i + 2, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(right)
	return t
}

// render returns a table below its title, without the padding at line ends.
func render(title string, t table.Writer) string {
	lines := strings.Split(title+"\n"+t.Render(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func (r *Report) outcomes() string {
	t := newTable("policy", "setting", "hit", "late", "missed", "refused", "data hit", "start ms", "p95", "wasted h")
	for _, name := range r.names {
		p := r.Policies[name]
		percent := func(n int) string { return fmt.Sprintf("%.1f %%", 100*share(float64(n), float64(p.Requests))) }
		t.AppendRow(table.Row{name, number(p.Knob), percent(p.Hit), percent(p.Late), percent(p.Missed), percent(p.Refused),
			fmt.Sprintf("%.1f %%", 100*p.Facets.Data.HitRate),
			fmt.Sprintf("%.0f", p.StartMs.Mean), fmt.Sprintf("%.0f", p.StartMs.P95), fmt.Sprintf("%.0f", p.WastedHours)})
	}
	return render("Outcomes, each policy at its chosen setting", t)
}

func (r *Report) costs() string {
	header := []any{"policy"}
	for _, ratio := range r.ratios {
		header = append(header, "ratio "+number(ratio))
	}
	if r.GainShare != nil {
		header = append(header, "gain")
	}
	t := newTable(header...)
	for _, name := range r.names {
		row := table.Row{name}
		for _, ratio := range r.ratios {
			row = append(row, fmt.Sprintf("%.2f", r.Policies[name].CostByRatio[number(ratio)]))
		}
		if r.GainShare != nil {
			row = append(row, fmt.Sprintf("%.0f %%", 100*r.GainShare[name]))
		}
		t.AppendRow(row)
	}
	return render("Total cost by cost ratio (what a miss costs, in running unit-hours)", t)
}

func (r *Report) atWaste() string {
	header := []any{"policy"}
	for _, level := range r.levels {
		header = append(header, number(level)+" h")
	}
	t := newTable(header...)
	for _, name := range r.names {
		row := table.Row{name}
		for _, level := range r.levels {
			cell := "-"
			if at, ok := r.Policies[name].AtWaste[number(level)]; ok {
				cell = fmt.Sprintf("%.3f [%.3f %.3f]", at.HitRate, at.Low, at.High)
			}
			row = append(row, cell)
		}
		t.AppendRow(row)
	}
	return render("Hit rate at equal wasted hours, with 95 % intervals (- : more hours are needed)", t)
}

func (r *Report) comparisons() string {
	t := newTable(r.Comparisons[0].Policy+" against", "in", "wasted h", "difference", "interval", "")
	for _, c := range r.Comparisons {
		facet, level := "compute", number(c.WastedHours)
		if c.Of == "data_hit_rate" {
			facet, level = "datasets", "as chosen"
		}
		verdict := ""
		switch {
		case c.Low > 0:
			verdict = "ahead"
		case c.High < 0:
			verdict = "behind"
		}
		t.AppendRow(table.Row{c.Against, facet, level,
			fmt.Sprintf("%+.3f", c.Difference), fmt.Sprintf("[%+.3f %+.3f]", c.Low, c.High), verdict})
	}
	return render("Differences in hit rate, with 95 % intervals of the paired differences", t)
}

// plot draws frontiers over a common axis of wasted hours, each with a sign of
// its own, so that it reads without colours too.
func (r *Report) plot(style Style) string {
	signs := []string{"●", "○", "+", "×", "◆", "·"} // MaxPlotted
	var names []string
	var chosen []Frontier
	most := 0.0
	for i, name := range r.names {
		f := r.frontiers[i]
		if !style.plots(name, f) || len(chosen) == MaxPlotted {
			continue
		}
		names, chosen = append(names, signs[len(chosen)]+" "+name), append(chosen, f)
		most = max(most, f[len(f)-1].X)
	}
	if len(chosen) == 0 || most == 0 {
		return ""
	}
	width := max(style.Width, 60)
	if style.Width == 0 {
		width = 100
	}
	const labels = 12 // columns left of the plot
	var sets []asciigraph.CharSet
	for i := range chosen {
		sets = append(sets, asciigraph.CreateCharSet(signs[i]))
	}
	return "Hit rate over wasted hours\n" + asciigraph.PlotMany(curves(chosen, most, width-labels),
		asciigraph.Height(16), asciigraph.Precision(2), asciigraph.LowerBound(0), asciigraph.SeriesChars(sets...),
		asciigraph.XAxisRange(0, most), asciigraph.XAxisTickCount(5),
		asciigraph.XAxisValueFormatter(func(x float64) string { return fmt.Sprintf("%.0f", x) })) +
		"\n" + strings.Join(names, "   ")
}

// plots reports whether a policy belongs into the plot.
func (s Style) plots(name string, f Frontier) bool {
	for _, wanted := range s.Plot {
		if wanted == name {
			return len(f) > 0
		}
	}
	return s.Plot == nil && len(f) > 1
}

// curves samples frontiers at so many points from 0 to most.
func curves(of []Frontier, most float64, points int) [][]float64 {
	out := make([][]float64, len(of))
	for i, f := range of {
		for j := range points {
			out[i] = append(out[i], f.At(most*float64(j)/float64(points-1)))
		}
	}
	return out
}
