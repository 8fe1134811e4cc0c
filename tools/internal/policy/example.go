package policy

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// The examples of a rule are files beside it, bad.yaml and good.yaml, or texts of these names in its METADATA.
const (
	badName   = "bad"
	goodName  = "good"
	exampleIn = ".yaml"
)

// exampleFile is where an example stands.
type exampleFile struct {
	file string
	line int // the first line of text
	text string
}

// isExample reports whether a file of a source is an example: others beside a rule are the team's own affair.
func isExample(name string) bool {
	base := path.Base(name)
	return (base == badName+exampleIn || base == goodName+exampleIn) && strings.Count(name, "/") == 2 && !strings.HasPrefix(name, "lib/")
}

// exemplify gives a rule the examples that lie beside it, if any. A rule has them in one place: of two, one would be
// edited and the other printed.
func (r *Rule) exemplify(files map[string]exampleFile) error {
	beside := path.Join(path.Dir(r.File), badName+exampleIn)
	bad, hasBad := files[beside]
	good, hasGood := files[path.Join(path.Dir(r.File), goodName+exampleIn)]
	switch {
	case !hasBad && !hasGood:
		r.pair = [2]exampleFile{{r.File, 0, r.Bad}, {r.File, 0, r.Good}}
		return nil
	case r.Bad != "":
		return fmt.Errorf("%s:%d: METADATA: the rule has examples in custom.bad and custom.good and in files beside it: keep %s.yaml and %s.yaml",
			r.File, r.line, badName, goodName)
	case !hasGood:
		return fmt.Errorf("%s: an example that the rule denies is shown with the same put right: write %s.yaml beside it", bad.file, goodName)
	case !hasBad:
		return fmt.Errorf("%s: an example is shown with what the rule denies: write %s.yaml beside it", good.file, badName)
	}
	for _, example := range []*exampleFile{&bad, &good} {
		text := strings.TrimLeft(example.text, "\r\n")
		example.line += strings.Count(example.text[:len(example.text)-len(text)], "\n")
		if example.text = strings.TrimRight(text, " \t\r\n"); example.text == "" {
			return fmt.Errorf("%s: the example is empty", example.file)
		}
	}
	r.Bad, r.Good, r.pair = bad.text, good.text, [2]exampleFile{bad, good}
	return nil
}

// Scene is the repository that an example shows.
type Scene struct {
	Targets []*check.Target
	Facts   Facts
}

// Example says how a rule judges an example of its own.
type Example struct {
	Rule   *Rule
	Source manifest.Position // where it stands; of a fault that has a line, that line
	Fault  string            // why it does not hold; "" when it does
}

// Examples holds every rule under test to its examples: it finds something in the bad one and nothing in the good one.
// render makes of an example's text what a run would judge. An error is no verdict.
func (s *Suite) Examples(ctx context.Context, render func(ctx context.Context, example string) (Scene, error)) ([]Example, error) {
	var out []Example
	var errs []error
	for _, rule := range s.Rules {
		for i, example := range rule.pair {
			if example.text == "" {
				continue
			}
			findings, err := s.judge(ctx, rule, example.text, render)
			if err != nil {
				at := example.at("", 1)
				if syntax, ok := errors.AsType[*manifest.SyntaxError](err); ok {
					at, err = example.at(syntax.File, syntax.Line), errors.New(syntax.Message)
				}
				errs = append(errs, fmt.Errorf("%s: the example of %s cannot be judged: %w", at, rule.Name, err))
				continue
			}
			found := Example{Rule: rule, Source: example.at("", 1)}
			switch {
			case i == 0 && len(findings) == 0:
				found.Fault = "finds nothing in its bad example"
			case i == 1 && len(findings) > 0:
				f := findings[0]
				found.Source = example.at(f.Source.File, f.Source.Line)
				found.Fault = "finds a fault in its good example: " + f.Message
			}
			out = append(out, found)
		}
	}
	return out, errors.Join(errs...)
}

// judge is what one rule finds in an example.
func (s *Suite) judge(ctx context.Context, rule *Rule, text string, render func(context.Context, string) (Scene, error)) ([]check.Finding, error) {
	scene, err := render(ctx, text)
	if err != nil {
		return nil, err
	}
	plan := check.Plan{Targets: scene.Targets, Checks: slices.DeleteFunc(s.library.Checks(scene.Facts), func(c *check.Check) bool { return c.Name != rule.Name })}
	for _, target := range scene.Targets {
		plan.All = append(plan.All, target.Path)
	}
	result, failures := check.Run(ctx, plan)
	if len(failures) > 0 {
		return nil, failures[0].Err
	}
	return result.Findings, nil
}

// at is the place of a line of one of an example's files. Of an example in METADATA only the file is known.
func (e exampleFile) at(name string, line int) manifest.Position {
	if e.line == 0 {
		return manifest.Position{File: e.file, Line: 1}
	}
	for _, file := range check.ExampleFiles(e.text) {
		if file.Name == name {
			line += file.Line - 1
		}
	}
	return manifest.Position{File: e.file, Line: e.line + line - 1}
}
