package golden

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// A Fixture is a target that renders ValidatingAdmissionPolicies and objects that they are about.
type Fixture struct {
	Name     string
	Objects  []*manifest.Object // all of them, in the order of the file
	Given    []*manifest.Object // labelled fixture=given: they are in the cluster before the policies are
	Policies []*manifest.Object // and their bindings
	Judged   []*manifest.Object // what is not given
}

// An Answer is what a real server says of an object while the policies of its fixture are in force.
type Answer struct {
	Object   string   `json:"object"`
	Admitted bool     `json:"admitted"`
	Message  string   `json:"message,omitempty"` // the server's, if it refuses
	Warnings []string `json:"warnings,omitempty"`
}

// Answers are those to the objects of each fixture, in their order.
type Answers map[string][]Answer

// AnswersFile is where they stand beside the fixtures.
const AnswersFile = "answers.json"

// ReadFixtures reads every fixture of a folder, sorted by name.
func ReadFixtures(dir fs.FS) ([]Fixture, error) {
	files, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		return nil, err
	}
	var fixtures []Fixture
	for _, file := range files {
		text, err := fs.ReadFile(dir, file)
		if err != nil {
			return nil, err
		}
		documents, err := manifest.ParseDocuments(file, text)
		if err != nil {
			return nil, err
		}
		fixture := Fixture{Name: strings.TrimSuffix(file, path.Ext(file))}
		for _, d := range documents {
			objects, err := d.Objects()
			if err != nil {
				return nil, err
			}
			fixture.Objects = append(fixture.Objects, objects...)
		}
		for _, object := range fixture.Objects {
			metadata, _ := object.Value["metadata"].(map[string]any)
			labels, _ := metadata["labels"].(map[string]any)
			if labels["fixture"] == "given" {
				fixture.Given = append(fixture.Given, object)
				continue
			}
			fixture.Judged = append(fixture.Judged, object)
			if strings.HasPrefix(object.Kind, "ValidatingAdmissionPolicy") {
				fixture.Policies = append(fixture.Policies, object)
			}
		}
		fixtures = append(fixtures, fixture)
	}
	if len(fixtures) == 0 {
		return nil, errors.New("there are no fixtures")
	}
	return fixtures, nil
}

// ReadAnswers reads the recorded answers of a folder of fixtures.
func ReadAnswers(dir fs.FS) (Answers, error) {
	text, err := fs.ReadFile(dir, AnswersFile)
	if err != nil {
		return nil, err
	}
	var answers Answers
	if err := json.Unmarshal(text, &answers); err != nil {
		return nil, fmt.Errorf("%s: %w", AnswersFile, err)
	}
	return answers, nil
}

// Compare returns where the answers of a server and those of kgate differ. The server tells of one refusal, kgate of all:
// the server's must be among them.
func (f Fixture) Compare(answers []Answer, kgate func(*manifest.Object) (denied, warned []string)) []string {
	if len(answers) != len(f.Judged) {
		return []string{fmt.Sprintf("%d objects, and %d answers of the server: record them anew", len(f.Judged), len(answers))}
	}
	var different []string
	for i, object := range f.Judged {
		answer := answers[i]
		if answer.Object != object.ID.String() {
			return []string{fmt.Sprintf("%s was %s when the answers were recorded: record them anew", object.ID, answer.Object)}
		}
		denied, warned := kgate(object)
		_, message, _ := strings.Cut(answer.Message, " is forbidden: ")
		if answer.Admitted != (len(denied) == 0) || !answer.Admitted && !slices.Contains(denied, message) {
			different = append(different, fmt.Sprintf("%s: the server admits it: %t %s; kgate: %q", object.ID, answer.Admitted, answer.Message, denied))
		}
		if !slices.Equal(answer.Warnings, warned) {
			different = append(different, fmt.Sprintf("%s: the server warns: %q; kgate: %q", object.ID, answer.Warnings, warned))
		}
	}
	return different
}
