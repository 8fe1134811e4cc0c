package release

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestSteps(t *testing.T) {
	for _, c := range []struct{ runs, want string }{
		{"", ""},
		{"api@dev api@staging api@prod", "api:dev>staging api:staging>prod"},
		{"api@dev api@prod", "api:dev>prod"},
		{"api@prod", ""},
		{"api@dev web@prod", ""},
		{"api@lab api@prod api@dev", "api:dev>prod"},
		{"api@dev api@dev/canary api@prod/canary", ""},
		{"api@staging-eu api@staging-us api@prod-us api@prod-eu", "api:staging-us>prod-us api:staging-eu>prod-eu"},
		{"api@staging api@dev api@prod-us", "api:dev>staging api:staging>prod-us"},
		{"api@staging-us api@prod-eu", "api:staging-us>prod-eu"},
	} {
		var running []Running
		for _, place := range strings.Fields(c.runs) {
			service, environment, _ := strings.Cut(place, "@")
			environment, canary, _ := strings.Cut(environment, "/")
			r := Running{Service: service, Environment: environment, Track: Stable}
			if canary != "" {
				r.Track = Canary
			}
			running = append(running, r)
		}
		var got []string
		for _, s := range Steps(running, DefaultPromotion()) {
			got = append(got, fmt.Sprintf("%s:%s>%s", s.Service, s.Upstream, s.Environment))
		}
		if !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%s: got %v, want %s", c.runs, got, c.want)
		}
	}
}
