// Package telemetry reads the configurations that objects hold for Prometheus, its adapter, Grafana, the OpenTelemetry Collector
// and Fluent Bit, with the parsers that these have where there are some. No API server looks into them: what is wrong there is
// found by whoever looks for an alert that never came.
package telemetry

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Checks returns the checks of what is configured in texts.
func Checks() []*check.Check {
	return []*check.Check{rules(), dashboards(), jobsScraped(), adapterConfiguration(), adapterServes(), adapterArguments(), collectorConfiguration(), fluentBitConfiguration(), alertmanagerAccepted()}
}

// place is where a check reports: a field of an object.
type place struct {
	pass   *check.Pass
	target *check.Target
	object *manifest.Object
	path   manifest.Path
}

// at is a field below.
func (p place) at(steps ...any) place {
	p.path = append(p.path[:len(p.path):len(p.path)], steps...)
	return p
}

func (p place) report(format string, args ...any) {
	p.pass.Report(p.target, p.object, p.path, fmt.Sprintf(format, args...))
}

// hidden reports a field whose value nobody here knows.
func (p place) hidden() bool { return p.object.Hides(p.path) }

// promQL parses as the newest Prometheus does, with what has to be turned on there: whether it is, nobody here knows.
func promQL() parser.Parser {
	return parser.NewParser(parser.Options{
		EnableExperimentalFunctions: true, EnableBinopFillModifiers: true, EnableUnquotedUTF8Names: true,
	})
}

// fault is what keeps a text from being parsed, and at which line and column of it; 0 where that is not known.
type fault struct {
	what         string
	line, column int
}

const smoothing = "double_exponential_smoothing"

// olderSmoothing is what Prometheus 2 calls it: which of them reads an expression, nobody here knows.
var olderSmoothing = regexp.MustCompile(`\bholt_winters(\s*\()`)

// unparsed says what is wrong with an expression; false for nothing.
func unparsed(p parser.Parser, expression string) (fault, bool) {
	renamed := olderSmoothing.ReplaceAllString(expression, smoothing+"$1")
	_, err := p.ParseExpr(renamed)
	found, wrong := promQLFault(renamed, err)
	if renamed != expression {
		found = fault{what: strings.ReplaceAll(found.what, smoothing, "holt_winters")} // its columns are of another text
	}
	return found, wrong
}

func promQLFault(expression string, err error) (fault, bool) {
	if err == nil {
		return fault{}, false
	}
	var many parser.ParseErrors
	if !errors.As(err, &many) || len(many) == 0 {
		return fault{what: err.Error()}, true
	}
	// What is missing at the end is missing where the last line with anything on it ends.
	before := expression[:min(max(int(many[0].PositionRange.Start), 0), len(strings.TrimRight(expression, " \t\r\n")))]
	return fault{
		what: many[0].Err.Error(), line: strings.Count(before, "\n") + 1,
		column: len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1,
	}, true
}

// reportWithin reports a fault at the line of the text that it is in.
func (p place) reportWithin(f fault, format string, args ...any) {
	where := ""
	if f.line > 1 {
		where = fmt.Sprintf(" at %d:%d", f.line, f.column)
	} else if f.column > 0 {
		where = fmt.Sprintf(" at character %d", f.column)
	}
	message := fmt.Sprintf(format, args...) + where + ": " + f.what
	if f.line == 0 {
		p.pass.Report(p.target, p.object, p.path, message)
		return
	}
	p.pass.ReportLine(p.target, p.object, p.path, f.line, message)
}
