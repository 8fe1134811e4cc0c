// Package licence holds that what is linked and embedded may be: every module that kgate and the service are built of has a
// licence that lets them be given away under theirs, and NOTICE names what the embedded schemas are made of.
package licence

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/licensecheck"
)

const top = "../../.."

// allowed are the licences, by their SPDX names, that ask for no more than to be named and passed on. MPL-2.0 asks that
// changes to its own files stay open: nothing here changes them.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "Unlicense"}

// settled are files in which there is another licence as well, by module and file, with why that is no hindrance.
var settled = map[string]struct{ kind, reason string }{
	"github.com/opencontainers/go-digest/LICENSE.docs":      {"CC-BY-SA-4.0", "it is for the documentation, of which nothing is linked"},
	"kernel.org/pub/linux/libs/security/libcap/psx/License": {"GPL-2.0", "the file leaves the choice between it and BSD-3-Clause"},
}

// license fits the files in which a module says what may be done with it, below its top or beside a part of it.
var license = regexp.MustCompile(`(?i)^(un)?licen[sc]es?([-._].*)?$|^copying([-._].*)?$`)

// most is how much of a file has to be text of licences that are known, in percent. The rest is the names of holders and
// what a licence is introduced with.
const most = 75

type linked struct {
	Dir    string
	Module *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// TestLinkedModules reads the licences of every package that is linked, up to the top of its module.
func TestLinkedModules(t *testing.T) {
	if _, err := os.ReadFile(filepath.Join(top, "go.mod")); err != nil { // also so that the test runs anew when it changes
		t.Fatal(err)
	}
	args := []string{"list", "-deps", "-json=Dir,Module", "./tools/kgate", "./service"}
	cmd := exec.Command("go", args...)
	cmd.Dir = top
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	licensed := map[string][]string{} // by module, the licences found
	read := map[string]bool{}         // directories that were looked into
	used := map[string]bool{}         // entries of settled
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p linked
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || p.Module.Main { // Go's own, under BSD-3-Clause, and this repository's
			continue
		}
		key := p.Module.Path + "@" + p.Module.Version
		if _, known := licensed[key]; !known {
			licensed[key] = nil
		}
		for dir := p.Dir; ; dir = filepath.Dir(dir) {
			if read[dir] {
				break
			}
			read[dir] = true
			found, err := licensesOf(dir)
			if err != nil {
				t.Fatal(err)
			}
			for name, kinds := range found {
				for _, kind := range kinds {
					file := strings.Replace(filepath.ToSlash(name), filepath.ToSlash(p.Module.Dir), p.Module.Path, 1)
					if settled[file].kind == kind {
						used[file] = true
						continue
					}
					if !slices.Contains(allowed, kind) {
						t.Errorf("%s: %s is under %s, which is none of %s: link another module, or say above why its terms are met",
							key, file, kind, strings.Join(allowed, ", "))
					}
				}
				licensed[key] = append(licensed[key], kinds...)
			}
			if dir == p.Module.Dir {
				break
			}
		}
	}
	for file := range settled {
		if !used[file] {
			t.Errorf("settled has %s, which is linked no more or has changed: delete the entry", file)
		}
	}
	if len(licensed) < 50 {
		t.Errorf("only %d modules are linked: was the list read?", len(licensed))
	}
	for key, kinds := range licensed {
		if len(kinds) == 0 {
			t.Errorf("%s has no licence: nobody may pass it on", key)
		}
	}
}

// licensesOf returns the licences of each licence file of a directory.
func licensesOf(dir string) (map[string][]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for _, e := range entries {
		if !e.Type().IsRegular() || !license.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		name := filepath.Join(dir, e.Name())
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		found[name] = kinds(text)
	}
	return found, nil
}

// kinds are the licences of a text, or what it is instead.
func kinds(text []byte) []string {
	coverage := licensecheck.Scan(text)
	var kinds []string
	for _, m := range coverage.Match {
		if !slices.Contains(kinds, m.ID) {
			kinds = append(kinds, m.ID)
		}
	}
	if coverage.Percent < most {
		return append(kinds, "a text that is no known licence")
	}
	return kinds
}

func TestKinds(t *testing.T) {
	own, err := os.ReadFile(filepath.Join(top, "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, text, want string }{
		{"ours", string(own), "Apache-2.0"},
		{"a sentence", "You may use this as you like, but not on Sundays.\n", "a text that is no known licence"},
		{"ours, and as much again", string(own) + strings.Repeat("You may use this as you like, but not on Sundays.\n", 200), "Apache-2.0 a text that is no known licence"},
	} {
		if got := strings.Join(kinds([]byte(test.text)), " "); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// TestNotice holds that NOTICE names the sources of everything embedded, and nothing else.
func TestNotice(t *testing.T) {
	notice, err := os.ReadFile(filepath.Join(top, "NOTICE"))
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	line := regexp.MustCompile(`^ {4}([^\s/]+\.[^\s/]+/\S+ v\d\S*)$`)
	for text := range strings.Lines(string(notice)) {
		if m := line.FindStringSubmatch(strings.TrimSuffix(text, "\n")); m != nil {
			named = append(named, m[1])
		}
	}
	type source struct{ Module, Version string }
	var embedded []string
	for _, bundle := range []string{"tools/internal/schema/bundle", "tools/internal/admission/custom/bundle"} {
		text, err := os.ReadFile(filepath.Join(top, bundle, "sources.json"))
		if err != nil {
			t.Fatal(err)
		}
		var sources []source
		if err := json.Unmarshal(text, &sources); err != nil || len(sources) == 0 {
			t.Fatalf("%s/sources.json: %d sources, %v", bundle, len(sources), err)
		}
		for _, s := range sources {
			embedded = append(embedded, s.Module+" "+s.Version)
		}
	}
	// types.bin is made of the module that go.mod requires.
	cmd := exec.Command("go", "list", "-m", "k8s.io/kubernetes")
	cmd.Dir, cmd.Stderr = top, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	types := strings.TrimSpace(string(out))
	if !strings.Contains(string(notice), "types.bin, of api/openapi-spec/v3\n    Copyright The Kubernetes Authors, https://kubernetes.io\n    "+types+"\n") {
		t.Errorf("NOTICE does not say that types.bin is made of %s", types)
	}
	embedded = append(embedded, types)
	slices.Sort(embedded)
	embedded = slices.Compact(embedded)
	for _, source := range embedded {
		if !slices.Contains(named, source) {
			t.Errorf("%s is embedded and NOTICE has no line %q: add it, with whose it is", source, "    "+source)
		}
	}
	for _, source := range named {
		if !slices.Contains(embedded, source) {
			t.Errorf("NOTICE names %s, of which nothing is embedded: delete the line", source)
		}
	}
}
