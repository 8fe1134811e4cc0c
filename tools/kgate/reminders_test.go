package main

import (
	"testing"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func TestReminders(t *testing.T) {
	exempted := func(line int, last time.Time) check.Exempted {
		return check.Exempted{Exemption: check.Exemption{
			Check: "pod/no-host-path", Owner: "platform team", Expires: last, Source: manifest.Position{File: "kgate.yaml", Line: line},
		}}
	}
	now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	soon, later := exempted(9, time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)), exempted(3, time.Date(2027, 7, 1, 0, 0, 0, 0, time.UTC))
	want := "kgate.yaml:9: the exemption from pod/no-host-path ends with 2026-07-01, and the run fails from then on: its owner is platform team\n"
	if got := reminders([]check.Exempted{later, soon, soon}, now); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := reminders(nil, now); got != "" {
		t.Errorf("without exemptions: %q", got)
	}
}
