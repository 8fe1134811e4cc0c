package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	monitoringv1beta1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1beta1"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func alertmanagerAccepted() *check.Check {
	return &check.Check{
		Name:  "telemetry/alertmanager-accepted",
		Title: "Prometheus Operator accepts every AlertmanagerConfig",
		Doc: "The operator's webhook refuses what the schema takes: a route to a receiver that is not there, a receiver without what it sends with, a " +
			"time that is none. Without the webhook the operator leaves the whole object out, and its alerts reach nobody. Of the routes below the first " +
			"the schema knows nothing, not even which fields they have. Judged by the operator's own types, version 0.85.0. What the operator takes and Alertmanager " +
			"does not, an interval of zero and a regular expression that does not compile, costs all configurations of that Alertmanager.",
		Fix:      "Correct the field that the message names, as Prometheus Operator wants it.",
		Severity: check.Error, Scope: check.Overlay, Origin: "kgate",
		References: []string{
			"https://github.com/prometheus-operator/prometheus-operator/blob/v0.85.0/pkg/alertmanager/validation/v1alpha1/validation.go",
			"https://github.com/prometheus-operator/prometheus-operator/blob/v0.85.0/pkg/alertmanager/validation/v1beta1/validation.go",
			"https://prometheus.io/docs/alerting/latest/configuration/#route",
		},
		Bad: alertmanagerBad, Good: alertmanagerGood,
		Run: func(ctx context.Context, pass *check.Pass) error {
			for _, target := range pass.Targets {
				for _, object := range target.Applied() {
					if object.Group() == "monitoring.coreos.com" && object.Kind == "AlertmanagerConfig" {
						judgeAlertmanager(place{pass, target, object, manifest.Path{"spec"}}, object.APIVersion == "monitoring.coreos.com/v1beta1")
					}
				}
			}
			return ctx.Err()
		},
	}
}

// value is what stands at the place; nil where nothing does.
func (p place) value() any { return manifest.At(p.object.Value, p.path...) }

// entries are the places of a list's elements.
func (p place) entries(field string) []place {
	var all []place
	for i := range manifest.ListAt(p.value(), field) {
		all = append(all, p.at(field, i))
	}
	return all
}

// text is a field of the place that is a text; "" for anything else, and for a text that nobody here knows.
func (p place) text(field string) string {
	if p.at(field).hidden() {
		return ""
	}
	return manifest.TextAt(p.value(), field)
}

// judged reports what the operator's own type of what stands at the place says of it. What is no such type, the schema refuses.
func judged[T any, V interface {
	*T
	Validate() error
}](p place, format string, args ...any) {
	if p.value() == nil {
		return
	}
	var typed T
	if text, err := json.Marshal(p.value()); err != nil || json.Unmarshal(text, &typed) != nil {
		return
	}
	if err := V(&typed).Validate(); err != nil {
		p.report("%s: %v", fmt.Sprintf(format, args...), err)
	}
}

func judgeAlertmanager(spec place, beta bool) {
	r := routes{beta: beta, receivers: names{}, intervals: names{}, field: "muteTimeIntervals"}
	for _, receiver := range spec.entries("receivers") {
		name := manifest.TextAt(receiver.value(), "name")
		if name != "" && r.receivers[name] {
			receiver.at("name").report("two receivers are called %q", name)
		}
		r.receivers.add(receiver.at("name"))
		judgeReceiver(receiver, name)
	}
	if beta {
		r.field = "timeIntervals" // the versions call them so
	}
	for _, interval := range spec.entries(r.field) {
		if interval.at("name").value() == "" { // that there is one, the schema says
			interval.at("name").report("a time interval without a name: no route can say it")
		}
		r.intervals.add(interval.at("name"))
		for _, times := range interval.entries("timeIntervals") {
			judgeTimes(times)
		}
	}
	if spec.at("route").value() != nil {
		r.judge(spec.at("route"), true)
	}
}

// names are what routes may refer to; where somebody else fills one in, "" is among them, and any may be there.
type names map[string]bool

func (n names) add(at place) {
	if at.hidden() {
		n[""] = true
		return
	}
	name, _ := at.value().(string)
	n[name] = n[name] || name != ""
}

func (n names) lack(name string) bool { return !n[name] && !n[""] }

// judgeTimes holds the parts of a time interval to their order: what no time or day at all is, the schema says.
func judgeTimes(times place) {
	for _, one := range times.entries("times") {
		start, end := monitoring.Time(one.text("startTime")), monitoring.Time(one.text("endTime"))
		if (monitoring.TimeRange{StartTime: start, EndTime: "24:00"}).Validate() == nil && (monitoring.TimeRange{StartTime: "00:00", EndTime: end}).Validate() == nil {
			judged[monitoring.TimeRange](one, "%s to %s is no time within a day, at whose end another begins", start, end)
		}
	}
	for _, one := range times.entries("daysOfMonth") {
		if outOfMonth(manifest.At(one.value(), "start")) || outOfMonth(manifest.At(one.value(), "end")) {
			continue
		}
		judged[monitoring.DayOfMonthRange](one, "these are no days of a month")
	}
	judgeOrder[monitoring.WeekdayRange](times.entries("weekdays"))
	judgeOrder[monitoring.MonthRange](times.entries("months"))
	judgeOrder[monitoring.YearRange](times.entries("years"))
}

// outOfMonth reports a number that the schema takes for no day of a month.
func outOfMonth(day any) bool {
	number, err := strconv.ParseFloat(fmt.Sprint(day), 64)
	return err == nil && (number < -31 || number > 31)
}

// judgeOrder reports ranges of two that are fine each and that no calendar has in this order.
func judgeOrder[T interface {
	~string
	Validate() error
}](ranges []place) {
	for _, one := range ranges {
		text, _ := one.value().(string)
		start, end, both := strings.Cut(text, ":")
		if both && T(start).Validate() == nil && T(end).Validate() == nil {
			if err := T(text).Validate(); err != nil {
				one.report("%s is refused: %v", text, err)
			}
		}
	}
}

// integration is what the webhook asks of one kind of receiver, beside the client that most have.
type integration struct {
	field  string     // of a receiver
	needs  [][]string // each of which one has to be there
	urls   []string   // of Alertmanager or what it talks to
	judge  func(p place, title string)
	noHTTP bool // whether it has no httpConfig
}

func integrations() []integration {
	return []integration{
		{field: "pagerdutyConfigs", needs: [][]string{{"routingKey", "serviceKey"}}, urls: []string{"url"}},
		{field: "opsgenieConfigs", urls: []string{"apiURL"}, judge: func(p place, title string) {
			for _, responder := range p.entries("responders") {
				judged[monitoring.OpsGenieConfigResponder](responder, "a responder of %s is refused", title)
			}
		}},
		{field: "discordConfigs"},
		{field: "slackConfigs", judge: func(p place, title string) {
			for _, action := range p.entries("actions") {
				judged[monitoring.SlackAction](action, "an action of %s is refused", title)
			}
			for _, field := range p.entries("fields") {
				judged[monitoring.SlackField](field, "a field of %s is refused", title)
			}
		}},
		{field: "webhookConfigs", needs: [][]string{{"url", "urlSecret"}}, urls: []string{"url"}},
		{field: "wechatConfigs", urls: []string{"apiURL"}},
		{field: "emailConfigs", needs: [][]string{{"to"}}, judge: judgeEmail, noHTTP: true},
		{field: "victoropsConfigs", needs: [][]string{{"routingKey"}}, urls: []string{"apiUrl"}, judge: judgeVictorOps},
		{field: "pushoverConfigs", needs: [][]string{{"userKey", "userKeyFile"}, {"token", "tokenFile"}}},
		{field: "snsConfigs", judge: judgeSNS},
		{field: "telegramConfigs", needs: [][]string{{"botToken", "botTokenFile"}, {"chatID"}}},
		{field: "webexConfigs", urls: []string{"apiURL"}},
		{field: "msteamsConfigs"},
		{field: "rocketchatConfigs", urls: []string{"apiURL"}},
	}
}

func judgeReceiver(receiver place, name string) {
	for _, kind := range integrations() {
		for _, config := range receiver.entries(kind.field) {
			title := fmt.Sprintf("%s of receiver %q", kind.field, name)
			for _, choices := range kind.needs {
				if !config.hasOne(choices) {
					config.report("%s has no %s", title, strings.Join(choices, " and no "))
				}
			}
			for _, field := range kind.urls {
				if text := config.text(field); text != "" {
					if err := unreachable(text); err != nil {
						config.at(field).report("%s of %s is no address: %v", field, title, err)
					}
				}
			}
			if kind.judge != nil {
				kind.judge(config, title)
			}
			if !kind.noHTTP {
				judged[monitoring.HTTPConfig](config.at("httpConfig"), "httpConfig of %s is refused", title)
			}
		}
	}
}

// hasOne reports one of the fields with a value that is not empty.
func (p place) hasOne(fields []string) bool {
	for _, field := range fields {
		switch value := manifest.At(p.value(), field).(type) {
		case nil:
		case string:
			if value != "" {
				return true
			}
		default:
			if fmt.Sprint(value) != "0" {
				return true
			}
		}
	}
	return false
}

// unreachable is why Alertmanager takes a text for no address: parseURL of its config/config.go.
func unreachable(text string) error {
	parsed, err := url.Parse(text)
	var wrong *url.Error
	switch {
	case errors.As(err, &wrong):
		return wrong.Err
	case err != nil:
		return err
	case parsed.Scheme != "http" && parsed.Scheme != "https":
		return fmt.Errorf("it begins with neither http:// nor https://")
	case parsed.Host == "":
		return fmt.Errorf("it has no host")
	}
	return nil
}

// hasPort reports whether a text is host:port, as net.SplitHostPort has it; a host that has colons itself stands in brackets.
func hasPort(text string) bool {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return false
	}
	if host, bracketed := strings.CutPrefix(text[:colon], "["); bracketed {
		return host != "" && strings.IndexByte(host, ']') == len(host)-1 && !strings.Contains(host, "[")
	}
	return !strings.ContainsAny(text[:colon], ":[]")
}

func judgeEmail(p place, title string) {
	if host := p.text("smarthost"); host != "" {
		if !hasPort(host) {
			p.at("smarthost").report("smarthost of %s is %q, and no host:port", title, host)
		}
	}
	seen := map[string]bool{}
	for _, header := range p.entries("headers") {
		name := strings.ToLower(header.text("key"))
		if seen[name] && name != "" {
			header.at("key").report("two headers of %s are called %q, whatever the case of their letters", title, name)
		}
		seen[name] = true
	}
}

// victorOpsFields are those that Alertmanager writes itself.
var victorOpsFields = map[string]bool{
	"routing_key": true, "message_type": true, "state_message": true, "entity_display_name": true,
	"monitoring_tool": true, "entity_id": true, "entity_state": true,
}

func judgeVictorOps(p place, title string) {
	for _, field := range p.entries("customFields") {
		if name := field.text("key"); victorOpsFields[name] {
			field.at("key").report("customFields of %s may not have %q, which Alertmanager writes itself", title, name)
		}
	}
}

// judgeSNS says what the webhook's two exclusive ors do: none and two of them are refused, and all three pass.
func judgeSNS(p place, title string) {
	given := 0
	for _, field := range []string{"targetARN", "topicARN", "phoneNumber"} {
		if p.hasOne([]string{field}) {
			given++
		}
	}
	if given == 0 || given == 2 {
		p.report("%s has %d of targetARN, topicARN and phoneNumber: one says where to send", title, given)
	}
}

// routes is what routes are held to.
type routes struct {
	beta                 bool
	receivers, intervals names
	field                string // of spec, that names the intervals
}

// durationText is durationRe of the webhook; it takes nothing for a duration too.
var durationText = regexp.MustCompile(`^(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?$`)

// unknownField is how encoding/json names a field that a type lacks.
var unknownField = regexp.MustCompile(`^json: unknown field "(.*)"$`)

func (r routes) judge(route place, first bool) {
	if !first && !r.readable(route) {
		return
	}
	switch name := route.text("receiver"); {
	case name != "" && r.receivers.lack(name):
		route.at("receiver").report("receiver %q is not there: the route sends to nobody", name)
	case name == "" && first && !route.at("receiver").hidden():
		route.report("the first route has no receiver, for what no other route takes")
	}
	seen := map[string]bool{}
	groups := manifest.ListAt(route.value(), "groupBy")
	for i, value := range groups {
		label, _ := value.(string)
		if seen[label] {
			route.at("groupBy", i).report("groupBy has %q twice", label)
		}
		if seen[label] = true; label == "..." && len(groups) > 1 {
			route.at("groupBy", i).report(`"..." of groupBy is every label, and stands alone`)
		}
	}
	for _, list := range []string{"muteTimeIntervals", "activeTimeIntervals"} {
		for i, value := range manifest.ListAt(route.value(), list) {
			if name, _ := value.(string); r.intervals.lack(name) {
				route.at(list, i).report("no entry of %s is called %q", r.field, name)
			}
		}
	}
	for _, field := range []string{"groupWait", "groupInterval", "repeatInterval"} {
		switch text := route.text(field); {
		case !durationText.MatchString(text):
			route.at(field).report("%s is %q, and no duration such as 30s or 1h30m", field, text)
		case field != "groupWait" && text != "" && strings.Trim(text, "0ywdhms") == "":
			route.at(field).report("%s is %s: Alertmanager takes no zero, and with it none of the configuration", field, text)
		}
	}
	for _, matcher := range route.entries("matchers") {
		if !first { // of the first, the schema says it
			judged[monitoring.Matcher](matcher, "a matcher is refused")
		}
		kind := matcher.text("matchType")
		if value := matcher.text("value"); kind == "=~" || kind == "!~" || kind == "" && manifest.At(matcher.value(), "regex") == true {
			if _, err := regexp.Compile("^(?:" + value + ")$"); err != nil { // as Alertmanager does
				matcher.at("value").report("%q is no regular expression, and Alertmanager takes none of a configuration with it: %v", value, err)
			}
		}
	}
	for _, child := range route.entries("routes") {
		r.judge(child, false)
	}
}

// readable reports whether the operator can read a route below the first, which it does strictly.
func (r routes) readable(route place) bool {
	text, err := json.Marshal(route.value())
	if err != nil {
		return false
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if r.beta {
		err = decoder.Decode(&monitoringv1beta1.Route{})
	} else {
		err = decoder.Decode(&monitoring.Route{})
	}
	if err == nil {
		return true
	}
	var mistyped *json.UnmarshalTypeError
	unknown := unknownField.FindStringSubmatch(err.Error())
	switch {
	case unknown != nil:
		for _, within := range append(route.entries("matchers"), route) {
			if fields, _ := within.value().(map[string]any); fields != nil {
				if _, ok := fields[unknown[1]]; ok {
					within.at(unknown[1]).report("a route has no %s, and the operator reads routes strictly", unknown[1])
					break
				}
			}
		}
	case errors.As(err, &mistyped) && mistyped.Field != "":
		route.at(strings.Split(mistyped.Field, ".")[0]).report("%s of a route is a %s, where %s belongs", mistyped.Field, mistyped.Value, mistyped.Type)
	default:
		route.report("the operator cannot read the route: %v", err)
	}
	return false
}
