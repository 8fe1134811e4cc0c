package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// change is a line of one overlay, as somebody promotes a version.
const (
	changedFile = "overlays/prod/go-otlp-app/kustomization.yaml"
	changedFrom = "newTag: 1.0.0"
	changedTo   = "newTag: 1.0.1"
)

// duel is a change under review: what kgate says of it, and what a team has that helps itself with a worktree, kustomize and dyff.
type duel struct {
	kgate, kustomize, dyff string // absolute paths
	dir                    string // a clone with the change
	rounds                 int

	changes, whole, pipeline series
}

// prepare clones the repository and makes the change in the clone.
func (d *duel) prepare(ctx context.Context, temporary string) error {
	d.dir = filepath.Join(temporary, "clone")
	if _, _, err := execute(ctx, ".", []int{0}, "git", "clone", "--quiet", "--no-hardlinks", ".", d.dir); err != nil {
		return err
	}
	if _, _, err := execute(ctx, d.dir, []int{0}, "git", "checkout", "--quiet", "-B", "main"); err != nil {
		return err
	}
	file := filepath.Join(d.dir, changedFile)
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changed := bytes.Replace(text, []byte(changedFrom), []byte(changedTo), 1)
	if bytes.Equal(text, changed) {
		return fmt.Errorf("%s does not say %q: the change that is timed is none", changedFile, changedFrom)
	}
	return os.WriteFile(file, changed, 0o600)
}

func (d *duel) run(ctx context.Context, progress io.Writer) error {
	for i := range d.rounds {
		fmt.Fprintf(progress, "diff: round %d of %d\n", i+1, d.rounds)
		for _, way := range []struct {
			to   *series
			args []string
		}{{&d.changes, []string{"diff", "main", "--no-checks"}}, {&d.whole, []string{"diff", "main"}}} {
			m, out, err := execute(ctx, d.dir, []int{0}, d.kgate, way.args...)
			if err != nil {
				return err
			}
			if err := told(out); err != nil {
				return fmt.Errorf("kgate %s: %w", strings.Join(way.args, " "), err)
			}
			way.to.add(m)
		}
		m, out, err := d.review(ctx)
		if err != nil {
			return err
		}
		if err := told(out); err != nil {
			return fmt.Errorf("dyff: %w", err)
		}
		d.pipeline.add(m)
	}
	return nil
}

// told holds that a side saw the change.
func told(out []byte) error {
	if !bytes.Contains(out, []byte("1.0.0")) || !bytes.Contains(out, []byte("1.0.1")) {
		return fmt.Errorf("it does not tell the change:\n%s", out)
	}
	return nil
}

// review is what a team does: the branch that the change is for in a worktree, every overlay built on both sides, and what differs.
func (d *duel) review(ctx context.Context) (total measurement, out []byte, err error) {
	begin := time.Now()
	step := func(expected []int, dir, name string, args ...string) []byte {
		if err != nil {
			return nil
		}
		var m measurement
		var text []byte
		m, text, err = execute(ctx, dir, expected, name, args...)
		total.join(m)
		return text
	}
	base := filepath.Join(filepath.Dir(d.dir), "base")
	step([]int{0}, d.dir, "git", "worktree", "add", "--quiet", "--detach", base, "main")
	for _, overlay := range overlays {
		var files [2]string
		for i, side := range []string{base, d.dir} {
			files[i] = filepath.Join(filepath.Dir(d.dir), fmt.Sprintf("%d-%s.yaml", i, filepath.Base(overlay)))
			text := step([]int{0}, side, d.kustomize, "build", overlay)
			if err == nil {
				err = os.WriteFile(files[i], text, 0o600)
			}
		}
		out = append(out, step([]int{0, 1}, d.dir, d.dyff, "between", "--omit-header", files[0], files[1])...)
	}
	step([]int{0}, d.dir, "git", "worktree", "remove", "--force", base)
	total.wall = time.Since(begin)
	return total, out, err
}

func (d *duel) report(w io.Writer) error {
	var text strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	line("")
	line("kgate diff main, of a change of one line in %s", changedFile)
	line("")
	line("  %-40s %9s %19s %9s %9s", "", "median", "least to most", "CPU", "memory")
	for _, row := range []struct {
		name string
		s    *series
	}{{"kgate diff --no-checks", &d.changes}, {"kgate diff, both sides checked", &d.whole}, {"git worktree, kustomize build, dyff", &d.pipeline}} {
		line("  %-40s %7.0fms %8.0f to %6.0fms %7.0fms %7.0fMB", row.name, row.s.median(wall), row.s.least(wall), row.s.most(wall), row.s.median(cpu), row.s.most(memory))
	}
	line("")
	for _, way := range []struct {
		name string
		s    *series
	}{{"without checks", &d.changes}, {"with every check of both sides", &d.whole}} {
		least, most := extremes(d.pipeline, *way.s)
		line("  %s, kgate is %.1f times as fast (rounds: %.1f to %.1f; CPU time: %.1f times)", way.name,
			d.pipeline.median(wall)/way.s.median(wall), least, most, d.pipeline.median(cpu)/way.s.median(cpu))
	}
	_, err := io.WriteString(w, text.String())
	return err
}
