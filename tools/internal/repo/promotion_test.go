package repo

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

const staged = `apiVersion: kgate/v1
environments:
  - name: prod-eu
    targets: [eu]
    promotion:
      from: staging
      soak: 1d12h30m
      ladder: [10, 25, 50]
      freezes:
        - from: 2027-12-20
          to: 2028-01-02
          reason: holidays
        - {from: "2027-03-31T17:00:00Z", to: 2027-03-31T19:00:00+01:00, reason: quarter}
  - name: prod-us
    targets: [us]
    promotion: {from: staging}
  - name: dev
    targets: [dev]
  - name: staging
    targets: [staging]
    promotion: {from: dev}
promotion:
  versions: versions/{service}.txt
  ledger: https://ledger.example.com/api
  compare: https://github.com/example/{service}/compare/v{from}...v{to}
`

func TestParsePromotion(t *testing.T) {
	config, err := ParseConfig(ConfigFile, []byte(staged))
	if err != nil {
		t.Fatal(err)
	}
	at := func(line int) manifest.Position { return manifest.Position{File: ConfigFile, Line: line} }
	utc := func(text string) time.Time {
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	got := config.Environments[0].Promotion
	for i, want := range []Freeze{
		{utc("2027-12-20T00:00:00Z"), utc("2028-01-03T00:00:00Z"), "holidays", at(10)},
		{utc("2027-03-31T17:00:00Z"), utc("2027-03-31T18:00:00Z"), "quarter", at(13)},
	} {
		if f := got.Freezes[i]; !f.From.Equal(want.From) || !f.To.Equal(want.To) || f.Reason != want.Reason || f.Source != want.Source {
			t.Errorf("freeze %d: %+v, want %+v", i, f, want)
		}
	}
	if f := got.Freezes[0]; !f.Holds(utc("2028-01-02T23:59:59Z")) || f.Holds(utc("2028-01-03T00:00:00Z")) || f.Holds(utc("2027-12-19T23:59:59Z")) {
		t.Errorf("the freeze does not hold from its first day to the end of its last")
	}
	got.Freezes = nil
	if want := (&Promotion{From: "staging", Soak: 36*time.Hour + 30*time.Minute, Ladder: []int{10, 25, 50}, Source: at(6)}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	var stages []string
	for _, e := range config.Stages() {
		stages = append(stages, e.Name)
	}
	if want := "dev staging prod-eu prod-us"; strings.Join(stages, " ") != want {
		t.Errorf("stages %v, want %s", stages, want)
	}
	if file := config.Promoting.VersionsOf("shop"); file != "versions/shop.txt" {
		t.Errorf("versions of shop in %s", file)
	}
	if link, want := config.Promoting.CompareLink("shop", "1.0.0", "1/1"), "https://github.com/example/shop/compare/v1.0.0...v1%2F1"; link != want {
		t.Errorf("link %s, want %s", link, want)
	}
}

func TestParsePromotionRefuses(t *testing.T) {
	for _, test := range []struct{ old, new, want string }{
		{"from: staging\n", "from: stagin\n", "kgate.yaml:6: promotion: there is no environment \"stagin\"; there are prod-eu, prod-us, dev, staging; did you mean `staging`?"},
		{"{from: dev}", "{from: staging}", "kgate.yaml:21: promotion: staging gets its versions from itself, by way of staging"},
		{"{from: dev}", "{from: prod-us}", "kgate.yaml:21: promotion: staging gets its versions from itself, by way of prod-us and staging"},
		{"{from: dev}", "{form: dev}", `kgate.yaml:21: promotion has no key "form"; it has freezes, from, ladder, soak`},
		{"{from: dev}", "dev", "kgate.yaml:21: promotion must be a mapping"},
		{"1d12h30m", "1 day", `kgate.yaml:7: soak: "1 day" is not a duration like 24h, 30m or 2d`},
		{"1d12h30m", "''", `kgate.yaml:7: soak: "" is not a duration`},
		{"1d12h30m", "24", `kgate.yaml:7: soak: "24" is not a duration`},
		{"[10, 25, 50]", "[10, 10]", "kgate.yaml:8: the ladder goes up: 10 comes behind 10"},
		{"[10, 25, 50]", "[100]", "kgate.yaml:8: a step of the ladder is the canary's share of traffic in percent, a whole number from 1 to 99"},
		{"[10, 25, 50]", "[0.5]", "kgate.yaml:8: a step of the ladder"},
		{"[10, 25, 50]", "[]", "kgate.yaml:8: ladder is empty"},
		{"2027-12-20", "2028-12-20", "kgate.yaml:10: a freeze ends before it begins"},
		{"2027-12-20", "Christmas", `kgate.yaml:10: from: "Christmas" is not a day like 2027-03-31, nor a time like 2027-03-31T17:00:00Z`},
		{"          reason: holidays\n", "", `kgate.yaml:10: a freeze needs the key "reason"`},
		{"versions/{service}.txt", "../versions.txt", "kgate.yaml:23: versions: ../versions.txt is outside of the repository"},
		{"https://ledger.example.com/api", "ledger", `kgate.yaml:24: ledger: "ledger" is no URL of http or https without a user`},
		{"https://ledger.example.com/api", "https://a:b@c", `kgate.yaml:24: ledger: "https://a:b@c" is no URL`},
		{"v{to}", "HEAD", "kgate.yaml:25: compare needs {to}"},
	} {
		t.Run(test.want, func(t *testing.T) {
			if !strings.Contains(staged, test.old) {
				t.Fatalf("%q is not in the example", test.old)
			}
			_, err := ParseConfig(ConfigFile, []byte(strings.Replace(staged, test.old, test.new, 1)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
