package argocd

import (
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Window is a time in which Applications of a project may be synced, or may not.
type Window struct {
	Allows     bool   // else it denies
	Schedule   string // when it begins, as cron has it
	Duration   string
	TimeZone   string // "" for UTC
	ManualSync bool   // a person may sync all the same
}

// windowsOf are the windows of a project that are for an Application: SyncWindows.Matches in pkg/apis/application/v1alpha1/types.go.
func windowsOf(project, application *manifest.Object) []Window {
	if project == nil {
		return nil
	}
	text := func(field string) string {
		return manifest.TextAt(application.Value, "spec", "destination", field)
	}
	// A cluster is called by its name or its address. A namespace that is not said is the empty one, which a * fits.
	clusters := slices.DeleteFunc([]string{text("name"), text("server")}, func(name string) bool { return name == "" })
	var all []Window
	for _, w := range manifest.ListAt(project.Value, "spec", "syncWindows") {
		among := func(field string, names ...string) (set, fits bool) {
			list := manifest.ListAt(w, field)
			return len(list) > 0, slices.ContainsFunc(list, func(item any) bool {
				pattern, _ := item.(string)
				return slices.ContainsFunc(names, func(name string) bool { return matches(pattern, name) })
			})
		}
		every := manifest.At(w, "andOperator") == true
		set, fits := false, every
		for field, names := range map[string][]string{"applications": {application.Name}, "clusters": clusters, "namespaces": {text("namespace")}} {
			has, is := among(field, names...)
			switch {
			case !has:
			case every:
				fits = fits && is
			default:
				fits = fits || is
			}
			set = set || has
		}
		kind := manifest.TextAt(w, "kind")
		if set && fits && (kind == "allow" || kind == "deny") {
			all = append(all, Window{kind == "allow", manifest.TextAt(w, "schedule"), manifest.TextAt(w, "duration"), manifest.TextAt(w, "timeZone"), manifest.At(w, "manualSync") == true})
		}
	}
	return all
}

// String is the window in words.
func (w Window) String() string {
	said := "deny "
	if w.Allows {
		said = "allow "
	}
	said += w.Schedule + " for " + w.Duration
	if w.TimeZone != "" {
		said += " (" + w.TimeZone + ")"
	}
	if w.ManualSync {
		said += ", a person may sync at any time"
	}
	return said
}

// open reports whether the window is on: SyncWindows.active. A zone counts by its offset at the time.
func (w Window) open(now time.Time) (is, known bool) {
	schedule, length, offset, ok := w.parse(now)
	if !ok {
		return false, false
	}
	local := now.UTC().Add(offset)
	return schedule.Next(local.Add(-length)).Before(local), true
}

func (w Window) parse(now time.Time) (schedule cron.Schedule, length, offset time.Duration, ok bool) {
	if scheduleFault(w.Schedule) != nil || strings.Contains(w.Schedule, "TZ=") {
		return nil, 0, 0, false
	}
	schedule, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(w.Schedule)
	if err != nil {
		return nil, 0, 0, false
	}
	if length, err = time.ParseDuration(w.Duration); err != nil {
		return nil, 0, 0, false
	}
	zone, err := time.LoadLocation(w.TimeZone)
	if err != nil {
		return nil, 0, 0, false
	}
	_, seconds := now.In(zone).Zone()
	return schedule, length, time.Duration(seconds) * time.Second, true
}

// allow reports whether windows let a sync begin: SyncWindows.CanSync. One that does not parse lets none, which another check says.
func allow(windows []Window, person bool, now time.Time) bool {
	denied, deniedPerson, allowed, inactive, inactivePerson := false, false, false, false, false
	for _, w := range windows {
		switch on, known := w.open(now); {
		case !known:
			return false
		case on && !w.Allows:
			denied, deniedPerson = true, deniedPerson || !w.ManualSync
		case on:
			allowed = true
		case w.Allows:
			inactive, inactivePerson = true, inactivePerson || !w.ManualSync
		}
	}
	switch {
	case denied:
		return person && !deniedPerson
	case allowed || !inactive:
		return true
	}
	return person && !inactivePerson
}

// Opens says whether the windows of a sync hold it up at a time, and when they next let it through; zero where that is in none of
// the next weeks.
func (s Sync) Opens(now time.Time) (held bool, at time.Time) {
	if len(s.Windows) == 0 || allow(s.Windows, !s.Automated, now) {
		return false, time.Time{}
	}
	const weeks, most = 9, 5000
	end := now.AddDate(0, 0, 7*weeks)
	for t, n := now, 0; n < most; n++ {
		if t = turn(s.Windows, t); t.IsZero() || t.After(end) {
			break
		}
		if allow(s.Windows, !s.Automated, t.Add(time.Second)) {
			return true, t
		}
	}
	return true, time.Time{}
}

// turn is when the next of the windows begins or ends; zero where none does.
func turn(windows []Window, now time.Time) time.Time {
	var first time.Time
	note := func(t time.Time) {
		if t.After(now) && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	for _, w := range windows {
		schedule, length, offset, ok := w.parse(now)
		if !ok {
			continue
		}
		local := now.UTC().Add(offset)
		for _, begin := range []time.Time{schedule.Next(local), schedule.Next(local.Add(-length))} {
			if !begin.IsZero() {
				note(begin.Add(-offset))
				note(begin.Add(length - offset))
			}
		}
	}
	return first
}
