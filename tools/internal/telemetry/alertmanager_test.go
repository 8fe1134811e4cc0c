package telemetry

import (
	"net"
	"strings"
	"testing"
)

// alertmanager is an AlertmanagerConfig of a spec, given as YAML.
func alertmanager(version, spec string) string {
	return "apiVersion: monitoring.coreos.com/" + version + "\nkind: AlertmanagerConfig\nmetadata: {name: a}\nspec:\n  " + indent(spec, 2) + "\n"
}

func TestAlertmanagerReceivers(t *testing.T) {
	const at = "spec.receivers[0]."
	for _, test := range []struct {
		receiver string
		want     []string
	}{
		{"pagerdutyConfigs: [{routingKey: {name: a, key: b}, url: 'https://events.pagerduty.com'}]", nil},
		{"pagerdutyConfigs: [{serviceKey: {name: a, key: b}}]", nil},
		{"pagerdutyConfigs: [{client: a}]", []string{at + `pagerdutyConfigs[0]: pagerdutyConfigs of receiver "r" has no routingKey and no serviceKey`}},
		{"opsgenieConfigs: [{responders: [{name: a, type: Team}, {id: b, type: '{{ .x }}'}]}]", nil},
		{"opsgenieConfigs: [{responders: [{type: team}]}]", []string{at + `opsgenieConfigs[0].responders[0]: a responder of opsgenieConfigs of receiver "r" is refused: responder must have at least`}},
		{"opsgenieConfigs: [{responders: [{name: a, type: group}]}]", []string{at + `opsgenieConfigs[0].responders[0]: a responder of`}},
		{"opsgenieConfigs: [{apiURL: 'ftp://a'}]", []string{at + `opsgenieConfigs[0].apiURL: apiURL of opsgenieConfigs of receiver "r" is no address: it begins with neither http:// nor https://`}},
		{"slackConfigs: [{actions: [{type: button, text: a, url: b}], fields: [{title: a, value: b}]}]", nil},
		{"slackConfigs: [{actions: [{type: button, text: a}]}]", []string{at + `slackConfigs[0].actions[0]: an action of slackConfigs of receiver "r" is refused: missing name or url`}},
		{"webhookConfigs: [{url: 'http://a:8080/{{ .b }}'}, {urlSecret: {name: a, key: b}}]", nil},
		{"webhookConfigs: [{maxAlerts: 1}]", []string{at + `webhookConfigs[0]: webhookConfigs of receiver "r" has no url and no urlSecret`}},
		{"webhookConfigs: [{url: 'http:///a'}]", []string{at + `webhookConfigs[0].url: url of webhookConfigs of receiver "r" is no address: it has no host`}},
		{"webhookConfigs: [{url: 'http://a b'}]", []string{at + `webhookConfigs[0].url: url of webhookConfigs of receiver "r" is no address: invalid character " " in host name`}},
		{"emailConfigs: [{to: a@example.com, smarthost: 'mail:25', headers: [{key: a, value: b}]}]", nil},
		{"emailConfigs: [{smarthost: mail, headers: [{key: To, value: a}, {key: to, value: b}]}]", []string{
			at + `emailConfigs[0].headers[1].key: two headers of emailConfigs of receiver "r" are called "to"`,
			at + `emailConfigs[0].smarthost: smarthost of emailConfigs of receiver "r" is "mail", and no host:port`,
			at + `emailConfigs[0]: emailConfigs of receiver "r" has no to`,
		}},
		{"victoropsConfigs: [{routingKey: a, customFields: [{key: b, value: c}]}]", nil},
		{"victoropsConfigs: [{routingKey: a, customFields: [{key: entity_id, value: c}]}]", []string{at + `victoropsConfigs[0].customFields[0].key: customFields of victoropsConfigs of receiver "r" may not have "entity_id"`}},
		{"pushoverConfigs: [{userKey: {name: a, key: b}, tokenFile: /t}]", nil},
		{"pushoverConfigs: [{userKeyFile: /u}]", []string{at + `pushoverConfigs[0]: pushoverConfigs of receiver "r" has no token and no tokenFile`}},
		{"snsConfigs: [{topicARN: a}]", nil},
		{"snsConfigs: [{topicARN: a, targetARN: b, phoneNumber: '1'}]", nil}, // the webhook takes all three
		{"snsConfigs: [{subject: a}]", []string{at + `snsConfigs[0]: snsConfigs of receiver "r" has 0 of targetARN, topicARN and phoneNumber`}},
		{"snsConfigs: [{topicARN: a, targetARN: b}]", []string{at + `snsConfigs[0]: snsConfigs of receiver "r" has 2 of`}},
		{"telegramConfigs: [{botToken: {name: a, key: b}, chatID: -100}]", nil},
		{"telegramConfigs: [{botTokenFile: /t, chatID: 0}]", []string{at + `telegramConfigs[0]: telegramConfigs of receiver "r" has no chatID`}},
		{"discordConfigs: [{apiURL: {name: a, key: b}}]\nmsteamsConfigs: [{webhookUrl: {name: a, key: b}}]", nil},
		{"webexConfigs: [{roomID: a, apiURL: 'https://webexapis.com'}]\nrocketchatConfigs: [{apiURL: chat}]", []string{at + `rocketchatConfigs[0].apiURL: apiURL of rocketchatConfigs of receiver "r" is no address`}},
		{"wechatConfigs: [{apiURL: ''}]", nil},
		{"slackConfigs: [{httpConfig: {basicAuth: {username: {name: a, key: b}}, bearerTokenSecret: {name: a, key: b}}}]",
			[]string{at + `slackConfigs[0].httpConfig: httpConfig of slackConfigs of receiver "r" is refused: at most one of basicAuth, oauth2, bearerTokenSecret`}},
		{"slackConfigs: [{httpConfig: {tlsConfig: {cert: {secret: {name: a, key: b}}}}}]", []string{at + `slackConfigs[0].httpConfig: httpConfig of slackConfigs of receiver "r" is refused: client cert specified without client key`}},
		// What the schema refuses is said there.
		{"webhookConfigs: 5", nil},
		{"slackConfigs: [{httpConfig: {followRedirects: maybe}}]", nil},
	} {
		for _, version := range []string{"v1alpha1", "v1beta1"} {
			t.Run(version+" "+test.receiver, func(t *testing.T) {
				spec := "route: {receiver: r}\nreceivers:\n  - name: r\n    " + indent(test.receiver, 4)
				hold(t, found(t, "telemetry/alertmanager-accepted", alertmanager(version, spec)), test.want...)
			})
		}
	}
	const twice = "route: {receiver: r}\nreceivers: [{name: r}, {name: s}, {name: r}]"
	hold(t, found(t, "telemetry/alertmanager-accepted", alertmanager("v1beta1", twice)), `spec.receivers[2].name: two receivers are called "r"`)
}

func TestHasPort(t *testing.T) {
	for _, text := range []string{"", "mail", "mail:25", ":25", "mail:", "::1", "[::1]:25", "[::1]", "[::1", "a]:25", "[a]b:25", "mail:smtp", "a:b:25", "[]:25", "[[a]:25", "[:25"} {
		if _, _, err := net.SplitHostPort(text); (err == nil) != hasPort(text) {
			t.Errorf("%q: %v, where net.SplitHostPort says %v", text, hasPort(text), err)
		}
	}
}

func TestAlertmanagerRoutes(t *testing.T) {
	for _, test := range []struct {
		route string
		want  []string
	}{
		{"receiver: r\nroutes: [{groupBy: [a, b], groupWait: 0s, repeatInterval: 1w2d, routes: [{receiver: s}]}]", nil},
		{"receiver: r\nactiveTimeIntervals: [night]\nroutes: [{muteTimeIntervals: [night]}]", nil},
		{"groupBy: [a]", []string{`spec.route: the first route has no receiver`}},
		{"receiver: t\nroutes: [{routes: [{receiver: u}]}]", []string{
			`spec.route.receiver: receiver "t" is not there`, `spec.route.routes[0].routes[0].receiver: receiver "u" is not there`,
		}},
		{"receiver: r\ngroupBy: [a, b, a]\nroutes: [{groupBy: [..., a]}]", []string{
			`spec.route.groupBy[2]: groupBy has "a" twice`, `spec.route.routes[0].groupBy[0]: "..." of groupBy is every label, and stands alone`,
		}},
		{"receiver: r\nroutes: [{muteTimeIntervals: [day]}]", []string{`spec.route.routes[0].muteTimeIntervals[0]: no entry of FIELD is called "day"`}},
		{"receiver: r\ngroupWait: 1 hour\nroutes: [{repeatInterval: 1h30}]", []string{
			`spec.route.groupWait: groupWait is "1 hour", and no duration`, `spec.route.routes[0].repeatInterval: repeatInterval is "1h30", and no duration`,
		}},
		{"receiver: r\ngroupInterval: 0s\nroutes: [{repeatInterval: 0h00m, groupWait: 0s}]", []string{
			`spec.route.groupInterval: groupInterval is 0s: Alertmanager takes no zero`, `spec.route.routes[0].repeatInterval: repeatInterval is 0h00m: Alertmanager takes no zero`,
		}},
		{"receiver: r\nrepeatInterval: 10h\nroutes: [{matchers: [{name: a, value: 'b|c.*', matchType: '=~'}, {name: a, value: '(', matchType: '='}]}]", nil},
		{"receiver: r\nroutes: [{matchers: [{name: a, value: 'a(', matchType: '!~'}]}]", []string{`spec.route.routes[0].matchers[0].value: "a(" is no regular expression`}},
		{"receiver: r\nroutes: [{recever: s}]", []string{`spec.route.routes[0].recever: a route has no recever, and the operator reads routes strictly`}},
		{"receiver: r\nroutes: [{matchers: [{name: a, value: b, operator: '='}]}]", []string{`spec.route.routes[0].matchers[0].operator: a route has no operator`}},
		{"receiver: r\nroutes: [{groupBy: a}]", []string{`spec.route.routes[0].groupBy: groupBy of a route is a string, where []string belongs`}},
		{"receiver: r\nroutes: [{matchers: [{name: a, value: b, matchType: '=='}]}]", []string{`spec.route.routes[0].matchers[0]: a matcher is refused: invalid 'matchType' '=='`}},
	} {
		for version, field := range map[string]string{"v1alpha1": "muteTimeIntervals", "v1beta1": "timeIntervals"} {
			t.Run(version+" "+test.route, func(t *testing.T) {
				spec := "route:\n  " + indent(test.route, 2) + "\nreceivers: [{name: r}, {name: s}]\n" + field + ": [{name: night}]"
				var want []string
				for _, w := range test.want {
					want = append(want, strings.ReplaceAll(w, "FIELD", field))
				}
				hold(t, found(t, "telemetry/alertmanager-accepted", alertmanager(version, spec)), want...)
			})
		}
	}
	// A field of one version alone.
	const regex = "route: {receiver: r, routes: [{matchers: [{name: a, value: b, regex: true}]}]}\nreceivers: [{name: r}]"
	hold(t, found(t, "telemetry/alertmanager-accepted", alertmanager("v1alpha1", regex)))
	hold(t, found(t, "telemetry/alertmanager-accepted", alertmanager("v1beta1", regex)), "spec.route.routes[0].matchers[0].regex: a route has no regex")
}

func TestAlertmanagerTimes(t *testing.T) {
	for _, test := range []struct {
		times string
		want  []string
	}{
		{"times: [{startTime: '09:00', endTime: '17:30'}, {startTime: '00:00', endTime: '24:00'}]", nil},
		{"times: [{startTime: '22:00', endTime: '06:00'}]", []string{"times[0]: 22:00 to 06:00 is no time within a day, at whose end another begins: start time 1320"}},
		{"weekdays: [sunday:saturday, Monday]", nil},
		{"weekdays: [saturday:sunday]", []string{"weekdays[0]: saturday:sunday is refused: start day cannot be before end day"}}, // a week begins on Sunday
		{"daysOfMonth: [{start: 1, end: 31}, {start: -7, end: -1}, {start: 15, end: -1}]", nil},
		{"daysOfMonth: [{start: 0, end: 5}]", []string{"daysOfMonth[0]: these are no days of a month: 0 is not a valid day"}},
		{"daysOfMonth: [{start: -1, end: 5}]", []string{"daysOfMonth[0]: these are no days of a month: end day must be negative"}},
		{"months: ['december:january']", []string{"months[0]: december:january is refused: end month january is before start month december"}},
		{"years: ['2027:2026', '2026']", []string{"years[0]: 2027:2026 is refused: end year 2026 is before start year 2027"}},
		// What the schema refuses is said there.
		{"times: [{startTime: '9:00', endTime: '17:00'}]\nweekdays: [mondays, 'monday:fridays']\nmonths: ['1:13']\ndaysOfMonth: [{start: 1, end: 32}]", nil},
	} {
		t.Run(test.times, func(t *testing.T) {
			var want []string
			for _, w := range test.want {
				want = append(want, "spec.timeIntervals[0].timeIntervals[0]."+w)
			}
			spec := "receivers: []\ntimeIntervals:\n  - name: a\n    timeIntervals:\n      - " + indent(test.times, 8)
			hold(t, found(t, "telemetry/alertmanager-accepted", alertmanager("v1beta1", spec)), want...)
		})
	}
	hold(t, found(t, "telemetry/alertmanager-accepted", alertmanager("v1alpha1", "muteTimeIntervals: [{name: '', timeIntervals: []}]")),
		"spec.muteTimeIntervals[0].name: a time interval without a name")
}
