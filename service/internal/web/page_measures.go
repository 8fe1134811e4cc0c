package web

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
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
	Definition   string // DORA's, and how the ledger comes to it
	Versus       *versus
	Plot         plot
}

// versus is a measure beside what it was in the window before.
type versus struct {
	Better, Worse bool
	Up, Down      bool
	Word          string // "More often"
	Than          string // "than in the 30 days before"
	Says          string // "9 a week"
}

// delivery is the measures of one window, in one place.
type delivery struct {
	Heading      string
	Path         string // of the page
	Windows      []windowLink
	Window       string
	Days         int
	Environments []string
	Measures     []measureView
	Table        []dayView
}

type windowLink struct {
	Text, Value string
	Current     bool
}

// pageWindow is the window that the query asks for.
func pageWindow(q url.Values) (string, error) {
	window := defaultWindow
	if q.Has("window") {
		window = q.Get("window")
	}
	if !slices.ContainsFunc(windows, func(l windowLink) bool { return l.Value == window }) {
		return "", invalid(fault{Parameter: "window", Detail: "must be 7d, 30d or 90d on this page; /v1/dora takes any number of days"})
	}
	return window, nil
}

var windows = []windowLink{{Text: "7 days", Value: "7d"}, {Text: "30 days", Value: "30d"}, {Text: "90 days", Value: "90d"}}

// delivery measures a window, and the one before it.
func (a *API) delivery(r *http.Request, scope release.Scope, text string, now time.Time) (d delivery, err error) {
	window, _ := parseWindow(text)
	m, before, err := a.ledger.MeasuresAndBefore(r.Context(), scope, window, now)
	if err != nil {
		return d, err
	}
	d = delivery{Heading: "Delivery to production", Path: r.URL.Path, Windows: slices.Clone(windows), Window: text, Days: int(window / (24 * time.Hour)), Environments: m.Environments}
	place := "production"
	if scope.Environment != "" {
		place = scope.Environment
		d.Heading = "Delivery to " + place
	}
	for i := range d.Windows {
		d.Windows[i].Current = d.Windows[i].Value == text
	}
	d.Measures, d.Table = viewMeasures(m, before, d.Days, place), viewDays(m)
	return d, nil
}

// gridline is a time that the reader of a plot knows, at its height.
type gridline struct {
	Text string
	Y    string // of the box, in percent
	D    string // the line, in the coordinates of the box
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
	Lines       []gridline
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

func viewMeasures(m, before release.Measures, window int, place string) []measureView {
	failures, failuresBefore := failuresOf(m), failuresOf(before)
	days := strconv.Itoa(window) + " days"
	within := "in the last " + days
	nothing := "No deployment to " + place + " " + within + "."

	frequency := measureView{
		ID: "frequency", Name: "Deployment frequency", None: nothing,
		Means:      "How often a change goes to " + place + ", well or badly.",
		Definition: "DORA: the number of deployments over a given period. Here: changes of what runs, each counted once, at its first success or else at its end; a canary and its promotion are one, a configuration sync is none.",
		Plot:       deploymentsPlot(m, failures),
	}
	lead := measureView{
		ID: "lead", Name: "Change lead time", None: nothing,
		Means:      "From a change’s commit to its first deployment in " + place + ".",
		Definition: "DORA: the time that a change takes from committed to version control to deployed in production. Here: from the commit that was deployed, so that an older commit of the same batch waited longer; changes whose time of commit is not known are left out.",
		Plot:       timesPlot(m, "good", "lead time", m.LeadTime, func(d release.DayCount) release.Quantiles { return d.LeadTime }),
	}
	rate := measureView{
		ID: "rate", Name: "Change failure rate", None: nothing,
		Means:      "Deployments that failed or were rolled back, of all.",
		Definition: "DORA, as change fail rate: the ratio of deployments that require immediate intervention, likely a rollback or a hotfix. Here: those that failed, also when they recovered, and those that were rolled back, said or found out.",
		Plot:       ratePlot(m),
	}
	restore := measureView{
		ID: "restore", Name: "Time to restore", None: nothing,
		Means:      "From a failed deployment to a good version in its place.",
		Definition: "DORA, as failed deployment recovery time: how long it takes to recover from a deployment that fails and requires immediate intervention. Here: from the failure until the place had a good version again; what has none yet is left out.",
		Plot:       timesPlot(m, "bad", "time to restore", m.TimeToRestore, func(d release.DayCount) release.Quantiles { return d.TimeToRestore }),
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

	span := "in the " + days + " before"
	if before.Deployments > 0 && m.Deployments > 0 {
		figure, unit := perTime(before.DeploymentFrequency)
		frequency.Versus = compare(float64(m.Deployments), float64(before.Deployments), true, "More often", "Less often", "As often",
			span, figure+" "+unit)
		rate.Versus = compare(*m.ChangeFailureRate, *before.ChangeFailureRate, false, "Higher", "Lower", "As high",
			span, fmt.Sprintf("%s %%, %d of %d", percent(*before.ChangeFailureRate), failuresBefore, before.Deployments))
	}
	lead.Versus = compareTimes(m.LeadTime, before.LeadTime, span)
	restore.Versus = compareTimes(m.TimeToRestore, before.TimeToRestore, span)
	all := []measureView{frequency, lead, rate, restore}
	for i := range all {
		if all[i].Figure != "" && all[i].Versus == nil {
			all[i].Versus = &versus{Word: "Nothing to compare with", Than: span}
		}
	}
	return all
}

func failuresOf(m release.Measures) (n int) {
	for _, d := range m.Days {
		n += d.Failures
	}
	return n
}

// compare says how a figure stands to what it was. What differs by less than a twentieth is alike.
func compare(now, before float64, moreIsBetter bool, more, less, alike, span, says string) *versus {
	v := &versus{Word: alike, Than: "as " + span, Says: says}
	if math.Abs(now-before) <= 0.05*math.Max(now, before) {
		return v
	}
	v.Up, v.Down = now > before, now < before
	v.Better = v.Up == moreIsBetter
	v.Worse = !v.Better
	v.Word, v.Than = less, "than "+span
	if v.Up {
		v.Word = more
	}
	return v
}

func compareTimes(now, before release.Quantiles, span string) *versus {
	if now.Samples == 0 || before.Samples == 0 {
		return nil
	}
	return compare(now.Median.Seconds(), before.Median.Seconds(), false, "Slower", "Faster", "As fast", span, spell(*before.Median))
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
			p.Top += " that stayed, " + strconv.Itoa(down) + " that failed"
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

// timesPlot has a dot for the median of each day, with a stem up to what nine of ten keep under. Its scale is logarithmic,
// so that one day that took a week leaves the others apart.
func timesPlot(m release.Measures, class, what string, all release.Quantiles, of func(release.DayCount) release.Quantiles) plot {
	if all.Samples == 0 {
		return newPlot(m, "Nothing to draw.")
	}
	low, high := *all.Median, *all.Median
	for _, d := range m.Days {
		if q := of(d); q.Samples > 0 {
			low, high = min(low, *q.Median), max(high, *q.P90)
		}
	}
	p := newPlot(m, fmt.Sprintf("The median %s is %s, the longest day’s %s. A dot is the median of a day, its stem reaches to what nine of ten keep under, the dashed line is the median of all. The scale is logarithmic.",
		what, spell(*all.Median), spell(high)))
	p.Top = "up to " + spell(high) + ", logarithmic"
	low = max(time.Second, low)
	// Alike times would otherwise look as if they differed by all of the height.
	for high < 4*low {
		low, high = low*2/3, high*3/2+time.Second
	}
	span := math.Log(float64(high) / float64(low))
	y := func(t time.Duration) int {
		share := math.Log(float64(min(max(t, low), high))/float64(low)) / span
		return plotHeight - 3 - int(math.Round(float64(plotHeight-6)*share))
	}
	p.Lines = gridlines(low, high, y, p.Width)
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

// gridlines are at most three times between low and high, well apart.
func gridlines(low, high time.Duration, y func(time.Duration) int, width int) (lines []gridline) {
	const day = 24 * time.Hour
	last := plotHeight * 2
	for _, t := range []time.Duration{
		time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, day, 7 * day, 30 * day, 365 * day,
	} {
		at := y(t)
		if t < low || t > high || at < 8 || last-at < 16 {
			continue
		}
		last = at
		lines = append(lines, gridline{Text: roundTime(t), Y: fmt.Sprintf("%.1f%%", 100*float64(at)/plotHeight), D: fmt.Sprintf("M0 %dH%d", at, width)})
	}
	return lines
}

// roundTime is a time of gridlines in one unit.
func roundTime(t time.Duration) string {
	if hours := int(t / time.Hour); hours >= 24 && hours%24 == 0 {
		return plural(hours/24, "day")
	}
	return spell(t)
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
