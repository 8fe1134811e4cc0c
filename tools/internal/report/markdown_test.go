package report

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/change"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func markdownOf(t testing.TB, r Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := Markdown(&out, r, Options{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// ours is all that a report in Markdown has of HTML.
var ours = regexp.MustCompile(`<(?:/?code|/?details|/?summary|br)>|&#\d+;|^<!-- kgate (?:diff|validate) -->$`)

// inert holds that a report in Markdown is no more than tables, lists, folds, code and diffs: that nothing of a repository
// becomes a tag, a link, a mention or a reference, leaves its row, or ends the fence that it is in.
func inert(t testing.TB, out string) {
	t.Helper()
	if len(out) > 65536 {
		t.Errorf("it has %d bytes", len(out))
	}
	fence, folds, columns := "", 0, 0
	for i, line := range strings.Split(out, "\n") {
		if fence != "" {
			switch {
			case line == fence:
				fence = ""
			case strings.HasPrefix(strings.TrimLeft(line, " "), fence):
				t.Errorf("line %d ends a fence: %q", i+1, line)
			case !regexp.MustCompile(`^([-+ ] |@@ |# … )`).MatchString(line):
				t.Errorf("line %d is none of a diff: %q", i+1, line)
			}
			continue
		}
		if match := regexp.MustCompile("^(`{3,})diff$").FindStringSubmatch(line); match != nil {
			fence = match[1]
			continue
		}
		folds += strings.Count(line, "<details>") - strings.Count(line, "</details>")
		if strings.Count(line, "<code>") != strings.Count(line, "</code>") {
			t.Errorf("line %d has a tag that has no end: %q", i+1, line)
		}
		// What remains without code is neither a tag, nor what a forge reads as a mention or a reference.
		bare := regexp.MustCompile(`<code>[^<]*</code>`).ReplaceAllString(line, "C")
		bare = ours.ReplaceAllString(bare, "E")
		bare = strings.TrimPrefix(strings.TrimPrefix(bare, "### "), "- ")
		bare = strings.ReplaceAll(bare, "**", "")
		if at := regexp.MustCompile("[`<>@#~$^&!\\[\\]\\\\*_{}]|://|www\\.|(?i:gh-[0-9])").FindString(bare); at != "" && bare != "" {
			t.Errorf("line %d has a bare %q: %q", i+1, at, line)
		}
		pipes := strings.Count(line, "|")
		switch {
		case strings.HasPrefix(line, "|") && columns == 0:
			columns = pipes
		case strings.HasPrefix(line, "|") && pipes != columns:
			t.Errorf("line %d has %d columns, want %d: %q", i+1, pipes-1, columns-1, line)
		case !strings.HasPrefix(line, "|"):
			if columns = 0; pipes > 0 {
				t.Errorf("line %d has a bare |: %q", i+1, line)
			}
		}
	}
	if fence != "" || folds != 0 {
		t.Errorf("the fence %q has no end, %d folds have none", fence, folds)
	}
}

func TestMarkdownOfARepositoryIsText(t *testing.T) {
	for _, odd := range []string{
		"```\n</details><script>alert(1)</script>", "| a | b \\| c \\\\| d", "@admin and @org/team, a@b.example", "#123, o/r#4, GH-5, gh-6, !7 %8 ~9 $10 &11 [vulnerability:12]",
		"[x](javascript:a)![y](http://z) <img src=q> www.a.example https://b.example", "`a` ``b`` `````", ":tada: $x^2$ *e* _f_ ~~g~~ **h**", "&lt;b&gt; &#64;admin", "/close\n/merge", "- [ ] a\n1. b\n# c\n> d\n===", "<!-- kgate diff -->", "\u202e\x1b[31m",
	} {
		r := changed(t)
		r.Findings[0].Message, r.Findings[0].Fix, r.Findings[0].Check = odd, odd, odd
		r.Findings[0].Source = at(odd, 3)
		r.Findings[0].Object = &manifest.ID{Kind: odd, Name: odd, Namespace: odd}
		r.Errors = append(r.Errors, Failure{Target: odd, Message: odd})
		r.Notes = append(r.Notes, Note{Message: odd, LeftOut: []string{odd}})
		r.Comparison.Before.Name, r.Comparison.After.Name = odd, odd
		r.Comparison.Targets[0].Path = odd
		r.Comparison.Mended[0].Message = odd
		r.Comparison.Images[0].New = odd
		r.Comparison.Restarts[0].Name = odd
		s := &r.Comparison.Syncs[0]
		s.Application.Name, s.Targets, s.Holds, s.Windows[0].Schedule = odd, []string{odd}, []string{odd}, odd
		s.Steps[1].Object.Kind, s.Steps[1].Object.Name, s.Steps[1].Phase, s.Steps[1].Reason = odd, odd, odd, odd
		e := &r.Comparison.Entries[0]
		e.Places = append([]change.Place{{Target: odd, Old: e.Places[0].Old, New: object(t, fmt.Sprintf(`{"apiVersion": "v1", "kind": %q, "metadata": {"name": %q}}`, "Kind", strings.ToValidUTF8(strings.Map(func(r rune) rune {
			if r < ' ' || r == '\u202e' {
				return ' '
			}
			return r
		}, odd), "")))}}, e.Places[1:]...)
		e.Fields[0].Old, e.Fields[0].New, e.Fields[0].Lines[0].Source.File = odd, map[string]any{odd: []any{odd}}, odd
		inert(t, markdownOf(t, r))
		alone := r
		with := *r.Comparison
		with.Alone, alone.Comparison = true, &with
		inert(t, markdownOf(t, alone))
		r.Comparison = nil
		inert(t, markdownOf(t, r))
	}
}

// What does not fit is counted and named, with the command that shows it.
func TestMarkdownFitsAComment(t *testing.T) {
	r := changed(t)
	first := r.Comparison.Entries[0]
	for i := range 400 {
		o := object(t, fmt.Sprintf(`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "many-%d"}, "data": {"a": %q}}`, i, strings.Repeat("x `` ", 60)))
		r.Comparison.Entries = append(r.Comparison.Entries, change.Entry{Kind: change.Added, Places: []change.Place{{Target: "overlays/dev", New: o}}})
		r.Findings = append(r.Findings, check.Finding{Check: "a/b", Severity: check.Error, Message: fmt.Sprintf("fault %d <&|>", i), Source: at("base/a.yaml", i+1), Place: check.Place{Target: "overlays/dev", Object: &o.ID}})
		r.Comparison.Mended = append(r.Comparison.Mended, r.Findings[len(r.Findings)-1])
		r.Comparison.Targets = append(r.Comparison.Targets, change.Target{Path: fmt.Sprint("overlays/", i), Kind: change.Added})
		r.Errors = append(r.Errors, Failure{Target: fmt.Sprint("overlays/", i), Message: fmt.Sprint("broken ", i)})
		r.Notes = append(r.Notes, Note{Message: fmt.Sprint("note ", i)})
		s := r.Comparison.Syncs[0]
		s.Application.Name = fmt.Sprint("app-", i)
		r.Comparison.Syncs = append(r.Comparison.Syncs, s)
	}
	big := first
	for i := range 3000 {
		f := first.Fields[0]
		f.Path = manifest.Path{"spec", fmt.Sprint("field", i)}
		big.Fields = append(big.Fields, f)
	}
	r.Comparison.Entries = append([]change.Entry{big}, r.Comparison.Entries...)
	out := markdownOf(t, r)
	inert(t, out)
	if len(out) > longestComment {
		t.Errorf("it has %d bytes", len(out))
	}
	counts := regexp.MustCompile(`(\d+) more findings \((\d+) errors\) have no room here: <code>kgate diff main</code>`).FindStringSubmatch(out)
	if counts == nil {
		t.Fatalf("no findings are counted in\n%s", out)
	}
	var left, errors int
	_, _ = fmt.Sscan(counts[1], &left)
	_, _ = fmt.Sscan(counts[2], &errors)
	if rows := strings.Count(out, "\n| **error** |") + strings.Count(out, "\n| warning |"); rows+left != len(r.Findings) || errors != left-1 {
		t.Errorf("%d findings are shown, %d counted of which %d are errors, of %d", rows, left, errors, len(r.Findings))
	}
	for _, want := range []string{`\d+ changes have no room here: <code>kgate diff main</code>`, `- … and \d+ more`, `# … \d+ more lines`, `\d+ more targets: <code>kgate diff main</code> lists all`, `\d+ more findings: <code>kgate diff main</code> lists them`, `\d+ more places could not be checked`, `\d+ more notes`, `\d+ more Applications: <code>kgate diff main</code> lists all`, `\d+ more steps: <code>kgate diff main -v</code> lists them`} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("it does not say %s", want)
		}
	}
	_, list, _ := strings.Cut(out, " changes have no room here: ")
	list, _, _ = strings.Cut(list[strings.Index(list, "\n\n")+2:], "\n\n")
	named := strings.Count(list, "\n")
	over := regexp.MustCompile(`(\d+) changes have no room`).FindStringSubmatch(out)
	rest := regexp.MustCompile(`\n- … and (\d+) more\n`).FindStringSubmatch(out)
	var all, unnamed int
	_, _ = fmt.Sscan(over[1], &all)
	_, _ = fmt.Sscan(rest[1], &unnamed)
	if entries := len(regexp.MustCompile(`(?m)^<code>[^<]*</code> \*\*`).FindAllString(out, -1)); entries+all != len(r.Comparison.Entries) || named+unnamed != all {
		t.Errorf("%d changes are shown and %d counted of %d; %d are named and %d are not", entries, all, len(r.Comparison.Entries), named, unnamed)
	}
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{"main": "main", "origin/v1.2": "origin/v1.2", "a;b": "'a;b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "": "''"} {
		if got := shellWord(word); got != want {
			t.Errorf("%s is %s, want %s", word, got, want)
		}
	}
}
