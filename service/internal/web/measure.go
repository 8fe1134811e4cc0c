package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

const defaultWindow = "30d"

// measures is release.Measures in JSON. Times are seconds; what cannot be known is null.
type measures struct {
	Window              string    `json:"window"`
	Environments        []string  `json:"environments"` // that were looked at
	Service             string    `json:"service,omitempty"`
	Team                string    `json:"team,omitempty"`
	Deployments         int       `json:"deployments"`
	DeploymentFrequency float64   `json:"deployments_per_day"`
	LeadTime            quantiles `json:"lead_time"`
	ChangeFailureRate   *float64  `json:"change_failure_rate"`
	TimeToRestore       quantiles `json:"time_to_restore"`
	Days                []day     `json:"days"`
}

type quantiles struct {
	Median  *float64 `json:"median_seconds"`
	P90     *float64 `json:"p90_seconds"`
	Samples int      `json:"samples"`
}

type day struct {
	Date        string `json:"date"`
	Deployments int    `json:"deployments"`
	Failures    int    `json:"failures"`
}

// measure answers the four DORA measures of the window that ends now, over production or what is asked for. Package release
// defines each.
func (a *API) measure(w http.ResponseWriter, r *http.Request) error {
	q, err := queryOf(r, "window", "environment", "service", "team")
	if err != nil {
		return err
	}
	text := defaultWindow
	if q.Has("window") {
		text = q.Get("window")
	}
	window, ok := parseWindow(text)
	if !ok {
		return invalid(fault{Parameter: "window", Detail: "must be a number of days, such as 30d"})
	}
	if err := release.ValidateWindow(window); err != nil {
		return err
	}
	scope := release.Scope{Environment: q.Get("environment"), Service: q.Get("service"), Team: q.Get("team")}
	if err := scope.Validate(); err != nil {
		return err
	}
	m, err := a.ledger.measured(r.Context(), scope, window, a.now())
	if err != nil {
		return err
	}
	body, err := m.encode()
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, body)
	return nil
}

func measuresOf(scope release.Scope, m release.Measures) measures {
	out := measures{
		Window:              strconv.Itoa(int(m.Window/(24*time.Hour))) + "d",
		Environments:        append([]string{}, m.Environments...), // of none, [] and not null
		Service:             scope.Service,
		Team:                scope.Team,
		Deployments:         m.Deployments,
		DeploymentFrequency: m.DeploymentFrequency,
		LeadTime:            quantilesOf(m.LeadTime),
		ChangeFailureRate:   m.ChangeFailureRate,
		TimeToRestore:       quantilesOf(m.TimeToRestore),
		Days:                make([]day, len(m.Days)),
	}
	for i, d := range m.Days {
		out.Days[i] = day{Date: d.Day.Format(time.DateOnly), Deployments: d.Deployments, Failures: d.Failures}
	}
	return out
}

func quantilesOf(q release.Quantiles) quantiles {
	return quantiles{Median: seconds(q.Median), P90: seconds(q.P90), Samples: q.Samples}
}

func seconds(d *time.Duration) *float64 {
	if d == nil {
		return nil
	}
	s := d.Seconds()
	return &s
}

// parseWindow reads a number of days, with at most four digits, so that no product overflows.
func parseWindow(s string) (time.Duration, bool) {
	digits, ok := strings.CutSuffix(s, "d")
	if !ok || digits == "" || len(digits) > 4 || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return time.Duration(n) * 24 * time.Hour, err == nil
}
