package repo

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

// CheckExemptions refuses exemptions from checks that do not exist and from those that are locked. The error names the
// line of each.
func CheckExemptions(exemptions []check.Exemption, checks []*check.Check) error {
	var errs []error
	for _, e := range exemptions {
		if err := permitted(e, checks, false); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// permitted says why there can be no such exemption; carried is one that an object carries itself.
func permitted(e check.Exemption, checks []*check.Check, carried bool) error {
	i := slices.IndexFunc(checks, func(c *check.Check) bool { return c.Name == e.Check })
	switch {
	case i < 0:
		var names []string
		for _, c := range checks {
			names = append(names, c.Name)
		}
		return &manifest.SyntaxError{Position: e.Source, Message: fmt.Sprintf("no check is called %q: `kgate checks` lists them%s", e.Check, spelling.Meant(e.Check, names))}
	case checks[i].Locked:
		return &manifest.SyntaxError{Position: e.Source, Message: fmt.Sprintf("%s is locked: no exemption lets its findings pass; `kgate explain %[1]s` says how to satisfy it", e.Check)}
	case checks[i].Central && carried:
		return &manifest.SyntaxError{Position: e.Source, Message: fmt.Sprintf("no object exempts itself from %s: write the exemption to %s, whose owners decide", e.Check, ConfigFile)}
	}
	return nil
}

// Annotation is one that exempts the object that carries it.
type Annotation struct {
	holder   check.Holder
	position manifest.Position
	text     string
	isText   bool
}

// Annotations are those of the objects of a target.
func Annotations(target *check.Target) []Annotation {
	var annotations []Annotation
	for _, object := range target.Objects {
		value, ok := check.ExemptionPath().Lookup(object.Value)
		if !ok {
			continue
		}
		text, isText := value.(string)
		annotations = append(annotations, Annotation{
			check.Holder{Target: target.Path, Object: object.ID}, target.Origin(object, check.ExemptionPath()).Position, text, isText,
		})
	}
	return annotations
}

// Carried collects the exemptions that annotations make, in the order of the targets. One that is rendered in several
// targets is one exemption with several holders. What cannot be read or may not be is left out and comes back as a failure
// of the first target that has it, with its line in the file that read gives the text of.
func Carried(annotations []Annotation, checks []*check.Check, read func(file string) ([]byte, error)) ([]check.Exemption, []check.Failure) {
	type annotation struct {
		position manifest.Position
		text     string
	}
	var exemptions []check.Exemption
	var failures []check.Failure
	known := map[annotation][]int{} // in exemptions
	for _, a := range annotations {
		written := annotation{a.position, a.text}
		indexes, seen := known[written]
		if !seen {
			var found []check.Exemption
			err := error(&manifest.SyntaxError{Position: a.position, Message: fmt.Sprintf("the annotation %s is no text: write a list behind `%[1]s: |`", check.ExemptionAnnotation)})
			if a.isText && a.holder.Object.Name == "" {
				// Every object of its kind would carry it: the name is all that tells them apart.
				err = &manifest.SyntaxError{Position: a.position, Message: fmt.Sprintf("the annotation %s on an object without a name: write the exemption to %s", check.ExemptionAnnotation, ConfigFile)}
			} else if a.isText {
				found, err = parseCarried(a.text, lines(a.position, a.text, read))
			}
			found = slices.DeleteFunc(found, func(e check.Exemption) bool {
				refused := permitted(e, checks, true)
				err = errors.Join(err, refused)
				return refused != nil
			})
			if err != nil {
				failures = append(failures, check.Failure{Target: a.holder.Target, Err: err})
			}
			for _, e := range found {
				indexes = append(indexes, len(exemptions))
				exemptions = append(exemptions, e)
			}
			known[written] = indexes
		}
		for _, i := range indexes {
			exemptions[i].Holders = append(exemptions[i].Holders, a.holder)
		}
	}
	return exemptions, failures
}

// parseCarried reads the text of the annotation. On an error nothing of it holds.
func parseCarried(text string, at func(line int) manifest.Position) ([]check.Exemption, error) {
	documents, err := manifest.ParseDocuments("", []byte(text))
	if syntax := (*manifest.SyntaxError)(nil); errors.As(err, &syntax) {
		return nil, &manifest.SyntaxError{Position: at(syntax.Line), Message: fmt.Sprintf("the annotation %s: %s", check.ExemptionAnnotation, syntax.Message)}
	} else if err != nil {
		return nil, err
	}
	if len(documents) != 1 {
		return nil, &manifest.SyntaxError{Position: at(1), Message: fmt.Sprintf("the annotation %s holds %d documents; it is one list of exemptions", check.ExemptionAnnotation, len(documents))}
	}
	d := &decoder{at: at}
	var exemptions []check.Exemption
	d.some(manifest.Expand(documents[0].Node), "the annotation "+check.ExemptionAnnotation, func(n *yaml.Node) {
		e := check.Exemption{Source: at(n.Line)}
		d.fields(n, "an exemption of the object itself", d.decision(&e))
		exemptions = append(exemptions, e)
	})
	if len(d.errs) > 0 {
		return nil, errors.Join(d.errs...)
	}
	return exemptions, nil
}

// lines leads from a line of the annotation's text to the line of the file. The position is that of the annotation, or
// of the patch that sets it. A block scalar has the text below it as it is, indented; of any other style the position
// has to do. Of what has no file, such as the standard input, a text of several lines is taken to be a block.
func lines(position manifest.Position, text string, read func(string) ([]byte, error)) func(int) manifest.Position {
	wanted := strings.Split(strings.TrimRight(text, "\n"), "\n")
	first := 0 // line of the file with the text's first, from 1
	if strings.TrimSpace(text) == "" {
		return func(int) manifest.Position { return position }
	}
	if data, err := read(position.File); err == nil {
		written := strings.Split(string(data), "\n")
		for begin := max(position.Line-1, 0); begin+len(wanted) <= len(written) && first == 0; begin++ {
			if slices.EqualFunc(written[begin:begin+len(wanted)], wanted, func(a, b string) bool {
				return strings.TrimSpace(a) == strings.TrimSpace(b)
			}) {
				first = begin + 1
			}
		}
	} else if len(wanted) > 1 && position.Line > 0 {
		first = position.Line + 1
	}
	return func(line int) manifest.Position {
		if first == 0 {
			return position
		}
		return manifest.Position{File: position.File, Line: first + max(line, 1) - 1}
	}
}
