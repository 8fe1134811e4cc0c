package report

import (
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// word is a word that every format writes as it is, to find a message again by.
func word(kind string, i int) string { return fmt.Sprintf("token-%s-%d-end", kind, i) }

// oddReport is a run in which everything has the odd name, message and file, and how often each happened.
func oddReport(odd, file string, text []byte, line, column, end uint16, findings uint8) Report {
	id := &manifest.ID{APIVersion: odd, Kind: odd, Namespace: file, Name: odd}
	at := manifest.Position{File: file, Line: int(line), Column: int(column), EndColumn: int(end)}
	targets := []string{"t" + odd, "u" + odd}
	r := Report{
		Version: odd, Asked: targets, Omitted: []string{"omitted/" + odd},
		Notes:    []Note{{About: odd, Message: odd + word("note", 0), LeftOut: []string{odd, file}}},
		Targets:  []Target{{Path: targets[0], Environment: odd, Objects: some(2)}},
		Checks:   []*check.Check{{Name: "known/" + odd, Title: odd, Doc: odd, Fix: odd, Severity: check.Error, Scope: check.Object, Origin: odd, References: []string{odd, "https://" + odd}, Bad: odd, Good: file}},
		ReadFile: func(name string) ([]byte, error) { return text, nil },
	}
	if len(text) == 0 {
		r.ReadFile = func(name string) ([]byte, error) { return nil, fs.ErrNotExist }
	}
	for i := range int(findings % 24) {
		f := check.Finding{
			Check: "known/" + odd, Severity: check.Error, Message: odd + word("finding", i) + odd, Fix: odd, Source: at,
			Place: check.Place{Target: targets[0], Object: id, Path: manifest.Path{odd, i, file}},
		}
		switch i % 4 {
		case 1:
			f.Check, f.Severity = "unknown/"+odd, check.Warning
			f.Also = []check.Place{f.Place, {Target: targets[1], Object: id}, {Target: targets[1]}}
			f.Related = []manifest.Position{at, {File: odd}}
			f.With = []check.Part{{Object: *id, Path: f.Path, Source: at}, {Source: manifest.Position{File: odd}}}
		case 2:
			f.Source, f.Target, f.Object, f.Path = manifest.Position{}, "file"+file, nil, nil
		case 3:
			f.Source.Line += i
			r.Exempted = append(r.Exempted, check.Exempted{Finding: f, Exemption: check.Exemption{
				Check: f.Check, Reason: odd + word("reason", i), Owner: odd, Expires: time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC), Source: at,
				Holders: map[bool][]check.Holder{true: {{Target: odd, Object: *id}}}[i%8 == 3],
			}})
			continue
		}
		r.Findings = append(r.Findings, f)
	}
	for i := range int(findings % 3) {
		r.Errors = append(r.Errors, Failure{Target: targets[1], Source: at, Message: odd + word("failure", i)})
		at = manifest.Position{}
	}
	return r
}

// FuzzFormats holds that every format is what it claims to be, whatever is in a manifest, and tells everything.
func FuzzFormats(f *testing.F) {
	odd := "\x00\x1b[31m\x7f\u0085\u202e\ufeff\ufffe\xff\xc3(: {0} [a](b) ]]> %0A##[error]x\r\n::error::y, \t<&\"'`"
	f.Add("plain", "base/a.yaml", []byte("a: b\n  c: d # e\n"), uint16(2), uint16(6), uint16(7), uint8(8))
	f.Add(odd, odd, []byte(odd), uint16(1), uint16(3), uint16(900), uint8(23))
	f.Add("", "", []byte{}, uint16(0), uint16(0), uint16(0), uint8(5))
	f.Add(" \n", "/", []byte("\n"), uint16(1), uint16(0), uint16(2), uint8(12))
	f.Add("[[ATTACHMENT|x]]", "//a", []byte("\r\r\n"), uint16(2), uint16(1), uint16(1), uint8(16))
	f.Add(strings.Repeat("long ", 900), "<stdin>", bytes.Repeat([]byte("é"), 1100), uint16(1), uint16(1000), uint16(1050), uint8(3))
	f.Add("::add-mask::ok\n::warning file=a::PWN\n##[set-output name=a]b ##vso[x]y #\u00ad#[z ##teamcity[a\n\x1b[31mRED\u202Ez\U000e0041", "::a\n##[b]", []byte("::c\n\u3000::d ##[e]"), uint16(2), uint16(0), uint16(0), uint8(23))
	f.Add("`[a](b)` ``[c](d)`` {0} {{1}} \\](e) ![f](g) <img src=h>", "[i](j)", []byte("-"), uint16(1), uint16(0), uint16(0), uint8(7))
	json, sarif := reportSchema(f), sarifStandard(f)
	f.Fuzz(func(t *testing.T, odd, file string, text []byte, line, column, end uint16, findings uint8) {
		r := oddReport(odd, file, text, line, column, end, findings)
		for name, format := range Formats() {
			var out, again bytes.Buffer
			if err := format(&out, r, Options{Verbose: true}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := format(&again, r, Options{Verbose: true}); err != nil || !bytes.Equal(out.Bytes(), again.Bytes()) {
				t.Errorf("%s: another time it is another report, %v", name, err)
			}
			for _, finding := range r.Findings {
				if name != "markdown" || len(odd)+len(file) < 100 { // which has no room for more and says so
					tells(t, name, out.Bytes(), finding.Message)
				}
			}
			for _, e := range r.Exempted {
				if name == "markdown" && len(odd)+len(file) >= 100 {
					continue
				}
				tells(t, name, out.Bytes(), e.Finding.Message)
				tells(t, name, out.Bytes(), e.Exemption.Reason)
			}
			for _, n := range r.Notes {
				if name == "markdown" && len(odd)+len(file) >= 100 {
					continue
				}
				tells(t, name, out.Bytes(), n.Message)
			}
			quiet(t, name, out.String())
			for _, e := range r.Errors {
				if name == "markdown" && len(odd)+len(file) >= 100 {
					continue
				}
				tells(t, name, out.Bytes(), e.Message)
			}
			switch name {
			case "json":
				validate(t, json, out.Bytes())
			case "yaml":
				same(t, r)
			case "sarif":
				validate(t, sarif, out.Bytes())
				log, _ := sarifOf(t, r)
				fitForCodeScanning(t, log)
			case "junit":
				readJUnit(t, out.Bytes())
			case "github":
				runLog(t, out.String())
			case "markdown":
				inert(t, out.String())
			case "html":
				harmless(t, out.String())
			}
		}
	})
}

// quiet holds that a report is no more than a report, wherever it is printed: no character that cannot be seen, and no
// command to a runner but those that the format for GitHub consists of. What standard output does with it changes nothing.
func quiet(t *testing.T, format, out string) {
	t.Helper()
	if i := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && !terminal.Visible(r) }); i >= 0 || !utf8.ValidString(out) {
		t.Errorf("%s has what nobody sees: %q", format, out[max(i, 0):min(max(i, 0)+40, len(out))])
	}
	if at := anywhere.FindStringIndex(out); at != nil {
		t.Errorf("%s commands: %q", format, out[at[0]:min(at[1]+40, len(out))])
	}
	if format == "github" {
		return // runLog looks at each line
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			t.Errorf("%s commands: %q", format, line)
		}
	}
	var through strings.Builder
	guard := terminal.NewGuard(&through, false)
	_, _ = guard.Write([]byte(out))
	_ = guard.Flush()
	if through.String() != out {
		t.Errorf("%s is another one on standard output", format)
	}
}

var anywhere = regexp.MustCompile(`##\pL*\[`)

func tells(t *testing.T, format string, out []byte, message string) {
	t.Helper()
	sought := message[strings.Index(message, "token-"):]
	sought = sought[:strings.Index(sought, "-end")]
	if !bytes.Contains(out, []byte(sought)) {
		t.Errorf("%s says nothing of %s", format, sought)
	}
}
