package gate

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// HeldTo is the repository after a change with the environments of the one before it, so that a change does not say itself what it
// is held to. A target is of the environment whose folder it is there, whatever the change calls it or leaves out. Targets that the
// change adds to an environment of that name are of it too, and so is one that has taken the place of a target that is gone, as
// a folder under another name. was is the table before.
func HeldTo(ctx context.Context, before, after *repo.Repo, was promotion.Table) (*repo.Repo, error) {
	own, _, err := coverage.Select(ctx, after.Snapshot())
	if err != nil && !errors.Is(err, coverage.ErrNothing) {
		return nil, err
	}
	held := *after
	c := &held.Config
	c.Targets, c.NoTargets, c.TargetSources, c.Unread = before.Config.Targets, before.Config.NoTargets, before.Config.TargetSources, before.Config.Unread
	c.Environments, c.Promoting = slices.Clone(before.Config.Environments), before.Config.Promoting
	var left repo.Selection
	if c.Targets != nil {
		left, err = held.Snapshot().SelectLeft(ctx)
	} else {
		left, _, err = coverage.Select(ctx, held.Snapshot())
	}
	if err != nil && !errors.Is(err, coverage.ErrNothing) {
		return nil, err
	}
	targets := slices.Clone(left.Targets)
	for _, target := range own.Targets {
		if !slices.Contains(targets, target) {
			targets = append(targets, target)
		}
	}
	join := func(target, environment string) {
		i := slices.IndexFunc(c.Environments, func(e repo.Environment) bool { return e.Name == environment })
		c.Environments[i].Targets = append(slices.Clip(c.Environments[i].Targets), patternOf(target))
	}
	var others []string
	for _, target := range targets {
		switch is := after.Config.Environment(target); {
		case before.Config.Environment(target) != nil:
		case is != nil && slices.ContainsFunc(c.Environments, func(e repo.Environment) bool { return e.Name == is.Name }):
			join(target, is.Name)
		default:
			others = append(others, target)
		}
	}
	for _, e := range was.Environments {
		for _, gone := range e.Targets {
			if slices.Contains(targets, gone) {
				continue
			}
			heir, err := heirOf(ctx, gone, before, after, others)
			if err != nil {
				return nil, err
			}
			if heir != "" {
				join(heir, e.Name)
				others = slices.DeleteFunc(others, func(o string) bool { return o == heir })
			}
		}
	}
	c.Targets, c.NoTargets, c.TargetSources = nil, nil, nil
	for _, target := range targets {
		c.Targets = append(c.Targets, patternOf(target))
	}
	return &held, nil
}

// patternOf is a path as a glob that means nothing else.
func patternOf(name string) string {
	var b strings.Builder
	for _, r := range name {
		if strings.ContainsRune(`*?[]{}\`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// heirOf is the target that has most files of one that is gone, and that was not there before; "" for none.
func heirOf(ctx context.Context, gone string, before, after *repo.Repo, others []string) (string, error) {
	was, err := filesBelow(ctx, before.FS, gone)
	if err != nil {
		return "", err
	}
	heir, most := "", 0
	for _, target := range others {
		if _, err := fs.Stat(before.FS, target); err == nil {
			continue
		}
		is, err := filesBelow(ctx, after.FS, target)
		if err != nil {
			return "", err
		}
		score := 0
		for name, text := range was {
			if now, ok := is[name]; ok {
				score++
				if bytes.Equal(text, now) {
					score++
				}
			}
		}
		if score > most {
			heir, most = target, score
		}
	}
	return heir, nil
}

// filesBelow are the files below a directory, by their names from there.
func filesBelow(ctx context.Context, root fs.FS, dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := repo.Walk(ctx, root, dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != dir && repo.PassedOver(name):
			return fs.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		text, err := fs.ReadFile(root, name)
		files[strings.TrimPrefix(name, dir+"/")] = text
		return err
	})
	return files, err
}
