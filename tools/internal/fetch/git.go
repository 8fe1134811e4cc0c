package fetch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/revision"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// gitFetch has the git program fetch one commit, with the credentials of who runs it, into a repository of its own in dir.
// Nothing is checked out: the files are read from git's objects, so that no hook, filter, attribute, submodule or
// configuration of what was fetched comes into play. commit is the one to fetch; "" for what the reference is now.
func gitFetch(ctx context.Context, dir string, of vendored.Git, commit string) (*revision.Tree, error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, errors.New("fetching needs the program git, and there is none on the PATH")
	}
	if of.Timeout > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, of.Timeout, fmt.Errorf("it takes longer than the timeout of its URL, %s", of.Timeout))
		defer cancel()
		ctx = limited
	}
	run := func(args ...string) error {
		cmd := exec.CommandContext(ctx, program, append(settings(), args...)...) //nolint:gosec // who runs kgate vendor asks for it
		cmd.Dir, cmd.Env = dir, environment(os.Environ())
		cmd.WaitDelay = 5 * time.Second
		var told bytes.Buffer
		cmd.Stdout, cmd.Stderr = &told, &told
		if err := cmd.Run(); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("git says: %s", last(told.String(), err))
		}
		return nil
	}
	if err := run("init", "--quiet", "--template="); err != nil {
		return nil, err
	}
	want := cmp.Or(commit, of.Ref, "HEAD")
	fetch := func(what string) error {
		return run("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", of.Clone, what)
	}
	err = fetch(want)
	if err != nil && commit != "" && ctx.Err() == nil {
		// Some servers give no commit by its name. The reference may still lead to it.
		if again := fetch(cmp.Or(of.Ref, "HEAD")); again != nil {
			return nil, again
		}
	} else if err != nil {
		return nil, err
	}
	head, err := os.ReadFile(filepath.Join(dir, ".git", "FETCH_HEAD")) //nolint:gosec // git has just written it
	if err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(string(head), "\t")
	repository, err := revision.Open(dir)
	if err != nil {
		return nil, err
	}
	tree, err := repository.Tree(ctx, strings.TrimSpace(name))
	if err != nil {
		return nil, err
	}
	if commit != "" && tree.Commit != commit {
		return nil, fmt.Errorf("%s locks the commit %s, which the server gives no more: `%s --update` takes %s, which is %s now",
			vendored.LockFile, commit, vendored.Run, cmp.Or(of.Ref, "the default branch"), tree.Commit)
	}
	return tree, nil
}

// settings keep git from running or fetching more than it is asked for, whatever the user's own configuration says.
func settings() []string {
	var args []string
	for _, setting := range []string{
		"core.hooksPath=" + os.DevNull, "core.fsmonitor=false", "gc.auto=0", "maintenance.auto=false", "submodule.recurse=false",
		"fetch.recurseSubmodules=false", "fetch.writeCommitGraph=false", "fetch.bundleURI=", "transfer.bundleURI=false", "remote.pushDefault=",
		"protocol.allow=never", "protocol.https.allow=always", "protocol.http.allow=always", "protocol.ssh.allow=always",
	} {
		args = append(args, "-c", setting)
	}
	return args
}

// own are variables that lead git to another repository than the one it runs in, as a hook of git has them.
var own = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_NAMESPACE",
	"GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_REPLACE_REF_BASE", "GIT_CEILING_DIRECTORIES", "GIT_CONFIG", "GIT_TEMPLATE_DIR",
	"GIT_ALLOW_PROTOCOL", "GIT_PROTOCOL_FROM_USER", "GIT_DEFAULT_HASH", "LC_ALL", "LANGUAGE",
}

// environment is that of the user, who is asked for no password in the middle of a run.
func environment(of []string) []string {
	var kept []string
	prompt := "GIT_TERMINAL_PROMPT=0"
	for _, variable := range of {
		name, _, _ := strings.Cut(variable, "=")
		if name == "GIT_TERMINAL_PROMPT" {
			prompt = variable
			continue
		}
		if !contains(own, name) {
			kept = append(kept, variable)
		}
	}
	return append(kept, prompt, "GIT_ALLOW_PROTOCOL=https:http:ssh", "LC_ALL=C")
}

// contains compares as Windows does, whose variables have no letter case.
func contains(names []string, name string) bool {
	for _, one := range names {
		if strings.EqualFold(one, name) {
			return true
		}
	}
	return false
}

// last is the end of what a program says, in one line.
func last(text string, err error) string {
	const most = 3
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "hint:") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return err.Error()
	}
	return strings.Join(lines[max(len(lines)-most, 0):], "; ")
}
