package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// recipe is a command that README.md shows, and what it says that the command prints.
type recipe struct {
	command string
	prints  []string
}

// recipes are the commands of a text of README.md's kind in which another one stands, in their order.
func recipes(t *testing.T, text, with string) (found []recipe) {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(text, -1) {
		for _, part := range strings.Split("\n"+strings.ReplaceAll(block[1], "\\\n", ""), "\n$ ")[1:] {
			lines := strings.Split(strings.TrimRight(part, "\n"), "\n")
			if command, _, _ := strings.Cut(lines[0], "  # "); strings.Contains(command, with) {
				found = append(found, recipe{command, lines[1:]})
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("README.md shows no command with %q", with)
	}
	return found
}

// TestREADMERecipes does in a copy of this repository what README.md says, word for word.
func TestREADMERecipes(t *testing.T) {
	if underRace {
		t.Skip(seenByPages)
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	for name, value := range map[string]string{"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com"} {
		t.Setenv(name, value)
	}
	text := readme(t)
	root, copied := ownTree(t)
	// Where the module and the organisation stand; of the module, only its name is of interest here.
	beside := map[string]string{}
	for _, name := range []string{"go.mod", ".github/CODEOWNERS"} {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		beside[name] = string(content)
	}
	beside["go.mod"], _, _ = strings.Cut(beside["go.mod"], "\n")
	t.Chdir(copied)
	for name, content := range beside {
		write(t, ".", name, content)
	}
	commit := func(what string) {
		t.Helper()
		git(t, ".", "add", "-A")
		git(t, ".", "commit", "-qm", what)
	}
	kgate := func(command string, want int) string {
		t.Helper()
		var out, told bytes.Buffer
		if code := run(t.Context(), strings.Fields(command)[1:], strings.NewReader(""), &out, &told); code != want {
			t.Fatalf("%s: exit code %d, want %d\n%s%s", command, code, want, &out, &told)
		}
		return out.String()
	}
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	git(t, ".", "init", "-q", "-b", "main")
	commit("base")

	// What it shows of a clean repository and of a broken one.
	validate := recipes(t, text, "make validate")
	if got := strings.TrimRight(kgate("kgate validate", exitClean), "\n"); got != strings.Join(validate[0].prints, "\n") {
		t.Errorf("README.md shows of `make validate`:\n%s\nit prints:\n%s", strings.Join(validate[0].prints, "\n"), got)
	}
	sed := regexp.MustCompile(`^sed -i 's/([^/]*)/([^/]*)/' (\S+)$`).FindStringSubmatch(recipes(t, text, "sed -i")[0].command)
	if sed == nil {
		t.Fatal("README.md breaks nothing by sed any more")
	}
	whole := read(sed[3])
	if strings.Count(whole, sed[1]) != 1 {
		t.Errorf("%s has not once %s", sed[3], sed[1])
	}
	write(t, ".", sed[3], strings.Replace(whole, sed[1], sed[2], 1))
	rest := kgate("kgate validate", exitFindings)
	for _, line := range validate[1].prints {
		// Which object comes first, and so behind the word in, depends on the names.
		if line = strings.TrimPrefix(strings.TrimSpace(line), "in   "); line != "…" && !strings.Contains(rest, line+"\n") {
			t.Errorf("README.md shows of the broken repository %q, which is not printed", line)
		}
	}
	write(t, ".", sed[3], whole)

	// Going back.
	back := recipes(t, text, "kgate rollback")[0].command
	words := strings.Fields(back)
	overlay := filepath.Join("overlays", words[slices.Index(words, "--env")+1], words[2], "kustomization.yaml")
	before := read(overlay)
	tag := regexp.MustCompile(`newTag: (\S+)`)
	write(t, ".", overlay, tag.ReplaceAllString(before, "newTag: 99.0.0"))
	commit("a version")
	kgate(back, exitClean)
	if got := read(overlay); got != before {
		t.Errorf("%s: got\n%s\nwant\n%s", back, got, before)
	}
	git(t, ".", "diff", "--exit-code", "HEAD")

	// Promotions, each on what the repository has.
	from := git(t, ".", "rev-parse", "HEAD")
	for _, r := range recipes(t, text, "kgate promote ") {
		kgate(r.command, exitClean)
		if git(t, ".", "diff", "--name-only", from) == "" {
			t.Errorf("%s changes nothing", r.command)
		}
		git(t, ".", "reset", "-q", "--hard", from)
	}

	// The image that a new version is of is one that the overlay has.
	promotion := regexp.MustCompile(`^cd (\S+) && kustomize edit set image (\S+)=(\S+):\S+$`).FindStringSubmatch(recipes(t, text, "kustomize edit set image")[0].command)
	if promotion == nil || !strings.Contains(read(filepath.Join(promotion[1], "kustomization.yaml")), "- name: "+promotion[2]+"\n  newName: "+promotion[3]+"\n") {
		t.Errorf("the promotion of README.md names what is not there: %q", promotion)
	}

	// What Argo CD is given at first.
	first := regexp.MustCompile(`^kustomize build (\S+) \|`).FindStringSubmatch(recipes(t, text, "kubectl apply")[0].command)
	if first == nil || !strings.Contains(read(filepath.Join(first[1], "kustomization.yaml")), recipes(t, text, "kubectl apply")[0].command) {
		t.Error("the kustomization for Argo CD does not say the command of README.md")
	}

	// The Secret that somebody makes is the one that pods read.
	secret := regexp.MustCompile(`^kubectl create secret generic (\S+) -n (\S+) --from-(?:file|literal)=([\w.-]+)`).FindStringSubmatch(recipes(t, text, "kubectl create secret")[0].command)
	if secret == nil {
		t.Fatal("README.md makes no Secret any more")
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Dir(overlay)+"/../"+secret[2])
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	byFile := strings.Contains(string(rendered), "secretName: "+secret[1]+"\n") && regexp.MustCompile(`value: /\S*/`+regexp.QuoteMeta(secret[3])+"\n").Match(rendered)
	byVariable := strings.Contains(string(rendered), "secretKeyRef:\n              key: "+secret[3]+"\n              name: "+secret[1]+"\n")
	if !byFile && !byVariable {
		t.Errorf("no pod of %s reads key %s of Secret %s", secret[2], secret[3], secret[1])
	}

	// Growth.
	for _, r := range recipes(t, text, "kgate new ") {
		kgate(r.command, exitClean)
		commit(r.command)
	}
	if out := kgate("kgate validate", exitClean); !strings.Contains(out, ": 0 errors, 0 warnings, ") {
		t.Errorf("after all that README.md makes:\n%s", out)
	}

	// Other names. In a copy that has got those of the recipe there is nothing left to rename.
	rename := recipes(t, text, "kgate rename --service")[0].command
	old, _, _ := strings.Cut(strings.Fields(rename)[3], "=")
	if _, err := os.Stat(filepath.Join("base/services", old)); errors.Is(err, fs.ErrNotExist) {
		return
	}
	kgate(rename, exitClean)
	if out := kgate("kgate validate", exitClean); !strings.Contains(out, ": 0 errors, 0 warnings, ") {
		t.Errorf("under other names:\n%s", out)
	}
}
