package revision

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-git/go-git/v5/plumbing"
)

// MergeBase is the commit from which the histories of two revisions part, as `git merge-base` finds it: of several the
// newest. A clone whose history ends before that has none to tell.
func (r *Repository) MergeBase(ctx context.Context, a, b string) (string, error) {
	var tips [2]plumbing.Hash
	for i, name := range []string{a, b} {
		at, err := r.resolve(ctx, name)
		if err != nil {
			return "", err
		}
		tips[i] = at
	}
	found, cut, err := r.parting(ctx, tips)
	switch {
	case err != nil:
		return "", fmt.Errorf("where %s and %s part: %w", a, b, err)
	case !found.IsZero():
		return found.String(), nil
	case cut:
		return "", fmt.Errorf("where %s and %s part is not in this clone, which is shallow: check out with `fetch-depth: 0`, or `git fetch --unshallow`", a, b)
	}
	return "", fmt.Errorf("%s and %s have no commit in common", a, b)
}

// sides is from which of two commits another one was reached.
type sides uint8

const (
	left sides = 1 << iota
	right
	stale // below a common one that was found
)

// parting is the commit where the histories of two part. cut says that the history of the clone ends somewhere.
func (r *Repository) parting(ctx context.Context, tips [2]plumbing.Hash) (found plumbing.Hash, cut bool, err error) {
	from, common, cut, err := r.paint(ctx, tips[0], tips[1:])
	if err != nil {
		return found, cut, err
	}
	common = slices.DeleteFunc(common, func(c commit) bool { return from[c.hash]&stale != 0 })
	// The walk ends before it has told of all of them whether they lie below another one, where a commit is older than its parent.
	common, err = r.topmost(ctx, common)
	if err != nil || len(common) == 0 {
		return found, cut, err
	}
	slices.SortStableFunc(common, func(a, b commit) int { return cmp.Compare(b.when, a.when) })
	return common[0].hash, cut, nil
}

// topmost are the commits that are in the history of none of the others (commit-reach.c, remove_redundant).
func (r *Repository) topmost(ctx context.Context, all []commit) ([]commit, error) {
	if len(all) < 2 {
		return all, nil
	}
	var top []commit
	for i, c := range all {
		var others []plumbing.Hash
		for _, other := range slices.Delete(slices.Clone(all), i, i+1) {
			others = append(others, other.hash)
		}
		from, _, _, err := r.paint(ctx, c.hash, others)
		if err != nil {
			return nil, err
		}
		if from[c.hash]&right == 0 {
			top = append(top, c)
		}
	}
	return top, nil
}

// paint walks the histories of a commit and of others at once, the newest commit first, and stops when all that is left lies below
// what both have. This is git's own way (commit-reach.c, paint_down_to_common). Of what they have in common, some may be below another.
func (r *Repository) paint(ctx context.Context, tip plumbing.Hash, others []plumbing.Hash) (from map[plumbing.Hash]sides, common []commit, cut bool, err error) {
	from = map[plumbing.Hash]sides{}
	var queue commits
	reach := func(at plumbing.Hash, by sides) error {
		if from[at]|by == from[at] {
			return nil
		}
		known := from[at] != 0
		from[at] |= by
		if known {
			for i := range queue {
				if queue[i].hash == at {
					return nil // it waits, and is looked at with what is known then
				}
			}
		}
		if _, err := r.kind(at); errors.Is(err, plumbing.ErrObjectNotFound) && r.shallow {
			cut = true
			return nil
		}
		c, err := r.commit(at)
		if err != nil {
			return err
		}
		heap.Push(&queue, c)
		return nil
	}
	err = reach(tip, left)
	for _, other := range others {
		if err == nil {
			err = reach(other, right)
		}
	}
	for err == nil && !queue.settled(from) {
		if err = ctx.Err(); err != nil {
			break
		}
		c, _ := heap.Pop(&queue).(commit)
		by := from[c.hash]
		if by == left|right {
			common = append(common, c)
			by |= stale
		}
		for _, parent := range c.parents {
			if err = reach(parent, by); err != nil {
				break
			}
		}
	}
	return from, common, cut, err
}

// commit is one as a walk through the history needs it.
type commit struct {
	hash    plumbing.Hash
	when    int64 // seconds since 1970
	parents []plumbing.Hash
}

func (r *Repository) commit(at plumbing.Hash) (commit, error) {
	body, err := r.object(at, plumbing.CommitObject)
	if err != nil {
		return commit{}, err
	}
	c := commit{hash: at}
	for line := range bytes.Lines(body) {
		line = bytes.TrimRight(line, "\n")
		if len(line) == 0 {
			break // the message begins
		}
		if hash, ok := bytes.CutPrefix(line, []byte("parent ")); ok && whole.Match(hash) {
			c.parents = append(c.parents, plumbing.NewHash(string(hash)))
		}
		if who, ok := bytes.CutPrefix(line, []byte("committer ")); ok {
			if fields := bytes.Fields(who); len(fields) > 1 {
				c.when, _ = strconv.ParseInt(string(fields[len(fields)-2]), 10, 64) // one without a time is the oldest
			}
		}
	}
	return c, nil
}

// commits are a heap, the newest first, and of one time in an order that is always the same.
type commits []commit

func (c commits) Len() int      { return len(c) }
func (c commits) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *commits) Push(x any)   { *c = append(*c, x.(commit)) } //nolint:forcetypeassert // nothing else is pushed
func (c commits) Less(i, j int) bool {
	if c[i].when != c[j].when {
		return c[i].when > c[j].when
	}
	return bytes.Compare(c[i].hash[:], c[j].hash[:]) < 0
}

func (c *commits) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

// settled reports whether all that waits lies below a common commit.
func (c commits) settled(from map[plumbing.Hash]sides) bool {
	for _, one := range c {
		if from[one.hash]&stale == 0 {
			return false
		}
	}
	return true
}
