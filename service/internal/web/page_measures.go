package web

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// measureView is one measure: its figure, what it means and its plot.
type measureView struct {
	ID, Name     string
	Figure, Unit string // "" where there is nothing to measure
	Says         string // what the figure is made of
	None         string // why there is no figure
	Means        string
	Plot         plot
}

// plot is a drawing in a box of Width by plotHeight. The page stretches it to its own width, so nothing in it may
// depend on the two scales being one.
type plot struct {
	Width       int
	Description string
	Top         string // what the upper edge stands for
	First, Last string // what the left and right edges stand for
	Base        int    // where the axis is
	Middle      string // the median, "" for none
	Columns     []column
}

// column is one day, or a few, with what is said when it is pointed at.
type column struct {
	X, Width int
	Tip      string
	Marks    []mark
}

// mark is a path of one look.
type mark struct{ Class, D string }

const (
	plotHeight  = 60
	columnWidth = 10
)

// Height is the height of the box, for the template.
func (plot) Height() int { return plotHeight }

// Path draws the median across the plot.
func (p plot) Path() string { return "M0 " + p.Middle + "H" + strconv.Itoa(p.Width) }

func viewMeasures(m release.Measures, window int) []measureView {
	failures := 0
	for _, d := range m.Days {
		failures += d.Failures
	}
	within := "in the last " + strconv.Itoa(window) + " days"
	nothing := "No deployment to production " + within + "."

	frequency := measureView{
		ID: "frequency", Name: "Deployment frequency", None: nothing,
		Means: "How often a change goes to production, well or badly.",
		Plot:  deploymentsPlot(m, failures),
	}
	lead := measureView{
		ID: "lead", Name: "Change lead time", None: nothing,
		Means: "From a change’s commit to its first deployment in production.",
		Plot:  timesPlot(m, "good", "lead time", m.LeadTime, func(d release.DayCount) release.Quantiles { return d.LeadTime }),
	}
	rate := measureView{
		ID: "rate", Name: "Change failure rate", None: nothing,
		Means: "Deployments that failed or were rolled back, of all.",
		Plot:  ratePlot(m),
	}
	restore := measureView{
		ID: "restore", Name: "Time to restore", None: nothing,
		Means: "From a failed deployment to a good version in its place.",
		Plot:  timesPlot(m, "bad", "time to restore", m.TimeToRestore, func(d release.DayCount) release.Quantiles { return d.TimeToRestore }),
	}
	if m.Deployments > 0 {
		frequency.Figure, frequency.Unit = perTime(m.DeploymentFrequency)
		frequency.Says = plural(m.Deployments, "deployment") + " " + within + "."
		lead.None = "None of the deployments " + within + " brought a change whose time of commit is known (committed_at)."
		rate.Figure, rate.Unit = percent(*m.ChangeFailureRate), "%"
		rate.Says = fmt.Sprintf("%d of %s.", failures, plural(m.Deployments, "deployment"))
		restore.None = "Nothing failed " + within + "."
		if failures > 0 {
			restore.None = plural(failures, "deployment") + " failed " + within + ", and none has been made good yet."
		}
	}
	if q := m.LeadTime; q.Samples > 0 {
		lead.Figure, lead.Unit = spell(*q.Median), "median"
		lead.Says = fmt.Sprintf("Nine of ten within %s; %s.", spell(*q.P90), plural(q.Samples, "change"))
	}
	if q := m.TimeToRestore; q.Samples > 0 {
		restore.Figure, restore.Unit = spell(*q.Median), "median"
		restore.Says = fmt.Sprintf("Nine of ten within %s; %d of %s made good.", spell(*q.P90), q.Samples, plural(failures, "failure"))
	}
	return []measureView{frequency, lead, rate, restore}
}

// perTime names a frequency by the unit in which it is one or more, as far as a month.
func perTime(day float64) (figure, unit string) {
	switch {
	case day >= 0.95:
		return decimal(day), "a day"
	case day*7 >= 0.95:
		return decimal(day * 7), "a week"
	}
	return decimal(day * 30), "in 30 days"
}

func decimal(f float64) string {
	if f >= 10 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0")
}

func percent(rate float64) string { return decimal(100 * rate) }

func deploymentsPlot(m release.Measures, failures int) plot {
	up, down := 0, 0
	for _, d := range m.Days {
		up, down = max(up, d.Deployments-d.Failures), max(down, d.Failures)
	}
	p := newPlot(m, plural(m.Deployments, "deployment")+", "+strconv.Itoa(failures)+" of them failed. Bars above the line are deployments that stayed, bars below it those that failed or were rolled back.")
	unit := float64(plotHeight) / float64(max(1, up+down))
	p.Base = int(math.Round(unit * float64(up)))
	if up+down == 0 {
		p.Base = plotHeight
	}
	if m.Deployments > 0 {
		p.Top = "at most " + strconv.Itoa(up) + " a day"
		if down > 0 {
			p.Top += ", " + strconv.Itoa(down) + " failed"
		}
	}
	for i, d := range m.Days {
		if d.Deployments == 0 {
			continue
		}
		c := column{X: i * columnWidth, Width: columnWidth, Tip: d.Day.Format("2 January") + ": " + counts(d)}
		if n := d.Deployments - d.Failures; n > 0 {
			c.Marks = append(c.Marks, mark{"good", bar(c, p.Base, -unit*float64(n))})
		}
		if d.Failures > 0 {
			c.Marks = append(c.Marks, mark{"bad", bar(c, p.Base, unit*float64(d.Failures))})
		}
		p.Columns = append(p.Columns, c)
	}
	return p
}

func counts(d release.DayCount) string {
	s := plural(d.Deployments, "deployment")
	if d.Failures > 0 {
		s += ", " + strconv.Itoa(d.Failures) + " failed"
	}
	return s
}

// timesPlot has a dot for the median of each day, with a stem up to what nine of ten keep under.
func timesPlot(m release.Measures, class, what string, all release.Quantiles, of func(release.DayCount) release.Quantiles) plot {
	var top time.Duration
	for _, d := range m.Days {
		if q := of(d); q.Samples > 0 {
			top = max(top, *q.P90)
		}
	}
	if all.Samples == 0 {
		return newPlot(m, "Nothing to draw.")
	}
	p := newPlot(m, fmt.Sprintf("The median %s is %s, the longest day’s %s. A dot is the median of a day, its stem reaches to what nine of ten keep under, the dashed line is the median of all.",
		what, spell(*all.Median), spell(top)))
	p.Top = "up to " + spell(top) + ", dashed: median"
	y := func(t time.Duration) int {
		return plotHeight - 3 - int(math.Round(float64(plotHeight-6)*float64(t)/float64(max(1, top))))
	}
	p.Middle = strconv.Itoa(y(*all.Median))
	for i, d := range m.Days {
		q := of(d)
		if q.Samples == 0 {
			continue
		}
		c := column{X: i * columnWidth, Width: columnWidth}
		c.Tip = d.Day.Format("2 January") + ": " + spell(*q.Median)
		if q.Samples > 1 {
			c.Tip += fmt.Sprintf(" (median of %d, nine of ten within %s)", q.Samples, spell(*q.P90))
		}
		x := c.X + columnWidth/2
		if *q.P90 > *q.Median {
			c.Marks = append(c.Marks, mark{"stem " + class, fmt.Sprintf("M%d %dV%d", x, y(*q.Median), y(*q.P90))})
		}
		// A line without length and with round ends is a dot, and stays round however the plot is stretched.
		c.Marks = append(c.Marks, mark{"dot " + class, fmt.Sprintf("M%d %dh0", x, y(*q.Median))})
		p.Columns = append(p.Columns, c)
	}
	return p
}

// ratePlot has a bar for a few days each: of one deployment a day, a rate is all or nothing.
func ratePlot(m release.Measures) plot {
	if m.Deployments == 0 {
		return newPlot(m, "Nothing to draw.")
	}
	span := cmp.Or(len(m.Days)/12, 1)
	type bucket struct{ first, last, deployments, failures int }
	var buckets []bucket
	// Counted from the end, so that the bucket of today is a whole one.
	for last := len(m.Days) - 1; last >= 0; last -= span {
		b := bucket{first: max(0, last-span+1), last: last}
		for _, d := range m.Days[b.first : last+1] {
			b.deployments += d.Deployments
			b.failures += d.Failures
		}
		buckets = append(buckets, b)
	}
	worst := 0.0
	for _, b := range buckets {
		if b.deployments > 0 {
			worst = max(worst, float64(b.failures)/float64(b.deployments))
		}
	}
	top := 1.0
	for _, t := range []float64{0.5, 0.25, 0.1} {
		if worst <= t {
			top = t
		}
	}
	spans := "day"
	if span > 1 {
		spans = strconv.Itoa(span) + " days"
	}
	p := newPlot(m, fmt.Sprintf("%s %% of %s failed. A bar is the rate of %s, a dot on the line stands for none failed, a gap for none deployed.",
		percent(*m.ChangeFailureRate), plural(m.Deployments, "deployment"), spans))
	p.Top = percent(top) + " %"
	for _, b := range buckets {
		if b.deployments == 0 {
			continue
		}
		c := column{X: b.first * columnWidth, Width: (b.last - b.first + 1) * columnWidth}
		c.Tip = m.Days[b.first].Day.Format("2 January")
		if b.last > b.first {
			c.Tip += " to " + m.Days[b.last].Day.Format("2 January")
		}
		c.Tip += fmt.Sprintf(": %d of %s failed", b.failures, plural(b.deployments, "deployment"))
		if b.failures == 0 {
			c.Marks = []mark{{"dot good", fmt.Sprintf("M%d %dh0", c.X+c.Width/2, plotHeight-3)}}
		} else {
			height := plotHeight * float64(b.failures) / float64(b.deployments) / top
			c.Marks = []mark{{"bad", bar(c, plotHeight, -height)}}
		}
		p.Columns = append(p.Columns, c)
	}
	return p
}

func newPlot(m release.Measures, description string) plot {
	return plot{
		Width: len(m.Days) * columnWidth, Base: plotHeight, Description: description,
		First: m.Days[0].Day.Format("2 Jan"), Last: m.Days[len(m.Days)-1].Day.Format("2 Jan"),
	}
}

// bar stands on base, or hangs from it, with a gap to its neighbours.
func bar(c column, base int, height float64) string {
	gap := min(2, c.Width/5)
	return fmt.Sprintf("M%d %dh%dv%.1fh-%dz", c.X+gap/2, base, c.Width-gap, height, c.Width-gap)
}

// dayView is a day in the table that says the same as the plots.
type dayView struct {
	Date                  string
	Deployments, Failures int
	Lead, Restore         string
}

func viewDays(m release.Measures) []dayView {
	var all []dayView
	for i := len(m.Days) - 1; i >= 0; i-- {
		d := m.Days[i]
		if d.Deployments == 0 {
			continue
		}
		v := dayView{Date: d.Day.Format(time.DateOnly), Deployments: d.Deployments, Failures: d.Failures, Lead: "–", Restore: "–"}
		if d.LeadTime.Samples > 0 {
			v.Lead = spell(*d.LeadTime.Median)
		}
		if d.TimeToRestore.Samples > 0 {
			v.Restore = spell(*d.TimeToRestore.Median)
		}
		all = append(all, v)
	}
	return all
}
