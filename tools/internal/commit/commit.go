// Package commit has the git program commit files, as who runs kgate would: with their name, hooks and signature.
package commit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Repository is a working tree.
type Repository struct {
	Dir     string // absolute
	program string
}

// Open finds the program.
func Open(dir string) (*Repository, error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, errors.New("a commit needs the program git, and there is none on the PATH")
	}
	return &Repository{dir, program}, nil
}

// Begin makes a branch of HEAD and checks it out; nothing in the working tree changes. undo goes back to where HEAD was, and
// removes the branch.
func (r *Repository) Begin(ctx context.Context, branch string) (undo func() error, err error) {
	before, err := r.run(ctx, "", "symbolic-ref", "--quiet", "--short", "HEAD")
	detached := err != nil
	if detached {
		if before, err = r.run(ctx, "", "rev-parse", "HEAD"); err != nil {
			return nil, err
		}
	}
	if _, err := r.run(ctx, "", "switch", "--quiet", "--no-track", "--create", branch); err != nil {
		return nil, fmt.Errorf("make the branch %s: %w", branch, err)
	}
	return func() error {
		back := []string{"switch", "--quiet", before}
		if detached {
			back = []string{"switch", "--quiet", "--detach", before}
		}
		ctx := context.WithoutCancel(ctx) // who interrupts wants it undone, too
		if _, err := r.run(ctx, "", back...); err != nil {
			return fmt.Errorf("go back to %s: %w", before, err)
		}
		if _, err := r.run(ctx, "", "branch", "--quiet", "-D", branch); err != nil {
			return fmt.Errorf("remove the branch %s: %w", branch, err)
		}
		return nil
	}, nil
}

// Files commits files, named from Dir, with what they hold, and nothing else: what is staged stays staged. It returns the
// commit's name.
func (r *Repository) Files(ctx context.Context, message string, files ...string) (string, error) {
	args := append([]string{"commit", "--quiet", "--only", "--file=-", "--cleanup=verbatim", "--"}, files...)
	if _, err := r.run(ctx, message, args...); err != nil {
		return "", fmt.Errorf("commit: %w", err)
	}
	return r.run(ctx, "", "rev-parse", "HEAD")
}

// run runs git. Nothing is asked of a person, and paths are no patterns.
func (r *Repository) run(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, r.program, append([]string{"--literal-pathspecs"}, args...)...) //nolint:gosec // who asks for a commit asks for git
	cmd.Dir, cmd.Stdin = r.Dir, strings.NewReader(stdin)
	cmd.Env = append(cmd.Environ(), "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	cmd.WaitDelay = 5 * time.Second
	var out, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &told
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		said := strings.TrimSpace(told.String() + out.String()) // a hook says why on either
		if said == "" {
			said = err.Error()
		}
		return "", fmt.Errorf("git says: %s", said)
	}
	return strings.TrimSpace(out.String()), nil
}
