package gate

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// shape is a repository as teams have them, written for this test, and faults to plant in it.
type shape struct {
	Shape  string   // what the repository is
	Chosen []string // the targets that kgate finds without a kgate.yaml
	Finds  []string // what is wrong with it as it is
	Plants []plant
}

// plant is one edit, and all that it brings.
type plant struct {
	Name, File    string
	Replace, With string   // With takes the place of Replace, which the file has once
	Removed       bool     // the file is gone instead
	Finds         []string // as "severity check file:line"
}

// A team that has no kgate.yaml gets a verdict on the repository that it has: what is right is clean, and one fault is one
// finding at its line.
func TestCorpus(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/corpus/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var s shape
			if err := yaml.UnmarshalStrict(archive.Comment, &s); err != nil {
				t.Fatal(err)
			}
			files := fstest.MapFS{}
			for _, f := range archive.Files {
				files[f.Name] = &fstest.MapFile{Data: f.Data}
			}
			g := opened(t, &repo.Repo{FS: files}, Options{})
			if got := slices.Sorted(slices.Values(g.Targets())); !slices.Equal(got, s.Chosen) {
				t.Errorf("targets\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(s.Chosen, "\n"))
			}
			holds(t, g, s.Finds)
			for _, p := range s.Plants {
				t.Run(p.Name, func(t *testing.T) {
					if len(p.Finds) == 0 {
						t.Fatal("a plant finds something")
					}
					planted := fstest.MapFS{}
					for name, file := range files {
						planted[name] = file
					}
					if p.Removed {
						delete(planted, p.File)
					} else {
						text := string(files[p.File].Data)
						if strings.Count(text, p.Replace) != 1 {
							t.Fatalf("%s has %q %d times", p.File, p.Replace, strings.Count(text, p.Replace))
						}
						planted[p.File] = &fstest.MapFile{Data: []byte(strings.Replace(text, p.Replace, p.With, 1))}
					}
					holds(t, opened(t, &repo.Repo{FS: planted}, Options{Engines: g.engines}), append(slices.Clone(s.Finds), p.Finds...))
				})
			}
		})
	}
}

// holds compares what a run says with what it should: every finding, and what could not be checked.
func holds(t *testing.T, g *Gate, want []string) {
	t.Helper()
	out, err := g.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got, said []string
	note := func(line, message string) {
		got = append(got, line)
		said = append(said, line+": "+message)
	}
	for _, f := range out.Findings {
		note(fmt.Sprintf("%s %s %s:%d", f.Severity, f.Check, f.Source.File, f.Source.Line), f.Message)
	}
	for _, e := range out.Errors {
		note(fmt.Sprintf("failed %s:%d", e.Source.File, e.Source.Line), e.Message)
	}
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("kgate says\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
}
