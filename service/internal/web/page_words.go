package web

import (
	"fmt"
	"strings"
	"time"
)

// short is a revision: a commit as git shortens it, that of a chart whole.
func short(revision string) string {
	if strings.Trim(revision, "0123456789abcdef") != "" {
		return shortVersion(revision)
	}
	return revision[:min(8, len(revision))]
}

// shortVersion is a version, but for a digest, which no column has room for.
func shortVersion(version string) string {
	if digest, ok := strings.CutPrefix(version, "sha256:"); ok {
		return "sha256:" + digest[:min(12, len(digest))] + "…"
	}
	return version
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// spell says a length of time in its two largest units.
func spell(d time.Duration) string {
	d = max(0, d)
	second, minute, hour := int(d/time.Second), int(d/time.Minute), int(d/time.Hour)
	two := func(large int, name string, small int, rest string) string {
		if small == 0 {
			return fmt.Sprintf("%d %s", large, name)
		}
		return fmt.Sprintf("%d %s %d %s", large, name, small, rest)
	}
	switch {
	case d < time.Second:
		return "under 1 s"
	case second < 60:
		return fmt.Sprintf("%d s", second)
	case minute < 10:
		return two(minute, "min", second%60, "s")
	case minute < 60:
		return fmt.Sprintf("%d min", minute)
	case hour < 24:
		return two(hour, "h", minute%60, "min")
	case hour < 24*10:
		return two(hour/24, days(hour/24), hour%24, "h")
	default:
		return fmt.Sprintf("%d days", hour/24)
	}
}

func days(n int) string {
	if n == 1 {
		return "day"
	}
	return "days"
}

// age says how long ago something was, in its largest unit.
func age(d time.Duration) string {
	minutes, hours := int(d/time.Minute), int(d/time.Hour)
	switch {
	case minutes < 1:
		return "just now" // or in the future, by a clock that is ahead
	case minutes < 60:
		return fmt.Sprintf("%d min ago", minutes)
	case hours < 48:
		return fmt.Sprintf("%d h ago", hours)
	case hours < 24*14:
		return fmt.Sprintf("%d days ago", hours/24)
	case hours < 24*70:
		return fmt.Sprintf("%d weeks ago", hours/24/7)
	case hours < 24*365*2:
		return fmt.Sprintf("%d months ago", hours*12/(24*365))
	}
	return fmt.Sprintf("%d years ago", hours/(24*365))
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// roughly says a length of time in its largest unit.
func roughly(d time.Duration) string {
	minutes, hours := max(0, int(d/time.Minute)), int(d/time.Hour)
	switch {
	case minutes < 60:
		return fmt.Sprintf("%d min", minutes)
	case hours < 48:
		return fmt.Sprintf("%d h", hours)
	}
	return fmt.Sprintf("%d days", hours/24)
}
