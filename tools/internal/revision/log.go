package revision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// maxCommits bounds how far a log goes back.
const maxCommits = 10_000

// Log is the history of a branch, as its own commits tell it: merges stand for what they brought. It reads each commit once,
// whatever is asked. It is not safe for concurrent use.
type Log struct {
	repository *Repository
	tip        plumbing.Hash
	commits    map[plumbing.Hash]entryOfLog
	found      map[lookup]node
}

type lookup struct {
	tree plumbing.Hash
	name string
}

// Commit is one of a log.
type Commit struct {
	Hash    string
	When    time.Time // it was committed, in UTC
	Author  string
	Subject string // the first line of its message
}

// Change is a commit since which a file says something else than before.
type Change struct {
	Commit        // that wrote it
	Merged Commit // that brought it to the branch: the same, or a merge
	Value  string
	Said   bool // false where the file says nothing of it since then, or is not there
}

// Trail is what a file said, the newest first.
type Trail struct {
	Changes []Change
	Head    string // what it says at the tip
	Said    bool   // it does
	End     End    // why there is nothing older
}

// End is why a log has nothing older.
type End string

// The reasons.
const (
	Beginning End = "beginning" // it goes back to the first commit
	Enough    End = "enough"    // nobody asked for more
	Shallow   End = "shallow"   // the clone ends there
	Bound     End = "bound"     // kgate goes back no further
	Moved     End = "moved"     // the file was made in place of others, of which none is plainly the same
)

// Log is the history up to a revision.
func (r *Repository) Log(ctx context.Context, revision string) (*Log, error) {
	if r.other != "" {
		return nil, fmt.Errorf("the repository has %s, which kgate does not read", r.other)
	}
	tip, err := r.resolve(ctx, revision)
	if err != nil {
		return nil, err
	}
	return &Log{repository: r, tip: tip, commits: map[plumbing.Hash]entryOfLog{}, found: map[lookup]node{}}, nil
}

type entryOfLog struct {
	Commit
	tree    plumbing.Hash
	parents []plumbing.Hash
}

func (l *Log) commit(at plumbing.Hash) (entryOfLog, error) {
	if known, ok := l.commits[at]; ok {
		return known, nil
	}
	body, err := l.repository.object(at, plumbing.CommitObject)
	if err != nil {
		return entryOfLog{}, err
	}
	c := entryOfLog{Commit: Commit{Hash: at.String()}}
	head, message, _ := bytes.Cut(body, []byte("\n\n"))
	for line := range bytes.Lines(head) {
		key, value, _ := strings.Cut(strings.TrimRight(string(line), "\n"), " ")
		switch key {
		case "tree":
			c.tree = plumbing.NewHash(value)
		case "parent":
			c.parents = append(c.parents, plumbing.NewHash(value))
		case "author":
			name, _, _ := strings.Cut(value, " <")
			c.Author = strings.ToValidUTF8(name, "\uFFFD")
		case "committer":
			if fields := strings.Fields(value); len(fields) > 1 {
				seconds, _ := strconv.ParseInt(fields[len(fields)-2], 10, 64) // one without a time is the oldest
				c.When = time.Unix(seconds, 0).UTC()
			}
		}
	}
	subject, _, _ := bytes.Cut(bytes.TrimLeft(message, "\n"), []byte("\n"))
	c.Subject = strings.ToValidUTF8(string(subject), "\uFFFD")
	l.commits[at] = c
	return c, nil
}

// blob is the file at a path of a commit; a zero hash where there is none. Links are not followed.
func (l *Log) blob(of entryOfLog, name string) (plumbing.Hash, error) {
	at := node{mode: fs.ModeDir, hash: of.tree}
	for part := range strings.SplitSeq(name, "/") {
		if !at.mode.IsDir() || at.hash.IsZero() {
			return plumbing.ZeroHash, nil
		}
		key := lookup{at.hash, part}
		next, known := l.found[key]
		if !known {
			body, err := l.repository.object(at.hash, plumbing.TreeObject)
			if err != nil {
				return plumbing.ZeroHash, err
			}
			nodes, err := parseTree(body)
			if err != nil {
				return plumbing.ZeroHash, err
			}
			for _, n := range nodes {
				if n.name == part {
					next = n
				}
			}
			l.found[key] = next
		}
		at = next
	}
	if !at.mode.IsRegular() {
		return plumbing.ZeroHash, nil
	}
	return at.hash, nil
}

// saying is what a file says at a commit.
type saying struct {
	blob plumbing.Hash
	said bool
	text string
}

func (s saying) same(other saying) bool { return s.said == other.said && s.text == other.text }

// trail follows what a file says.
type trail struct {
	*Log
	file  string
	value func(text []byte) (string, bool)
	known map[plumbing.Hash]saying
}

func (t *trail) at(c entryOfLog) (saying, error) {
	blob, err := t.blob(c, t.file)
	if err != nil || blob.IsZero() {
		return saying{}, err
	}
	s, known := t.known[blob]
	if !known {
		text, err := t.repository.object(blob, plumbing.BlobObject)
		if err != nil {
			return saying{}, err
		}
		s.blob = blob
		s.text, s.said = t.value(text)
		t.known[blob] = s
	}
	return s, nil
}

// Trail is the commits since which a file says what it says, the newest first. value is what a text of it says; until is asked
// with each change whether that is enough, nil for never. The file is from the top of git's repository.
func (l *Log) Trail(ctx context.Context, file string, value func(text []byte) (string, bool), until func(Change) bool) (Trail, error) {
	t := &trail{Log: l, file: path.Clean(file), value: value, known: map[plumbing.Hash]saying{}}
	here, err := l.commit(l.tip)
	if err != nil {
		return Trail{}, err
	}
	now, err := t.at(here)
	if err != nil {
		return Trail{}, err
	}
	found := Trail{Head: now.text, Said: now.said, End: Enough}
	if !now.said {
		return found, nil // nobody asks since when it says nothing
	}
	maybe := false // it was elsewhere before
	for range maxCommits {
		if err := ctx.Err(); err != nil {
			return Trail{}, err
		}
		before, end := saying{}, Beginning
		var next entryOfLog
		if len(here.parents) > 0 {
			next, err = l.commit(here.parents[0])
			if _, missing := l.repository.kind(here.parents[0]); err != nil && errors.Is(missing, plumbing.ErrObjectNotFound) && l.repository.shallow {
				found.End = Shallow
				return found, nil // whether this commit changed something is not known
			}
			if err != nil {
				return Trail{}, err
			}
			if before, err = t.at(next); err != nil {
				return Trail{}, err
			}
			if before.blob.IsZero() && !now.blob.IsZero() {
				moved, err := t.movedFrom(ctx, here, next, now)
				if err != nil {
					return Trail{}, err
				}
				if moved.to != "" {
					t.file, before = moved.to, now // what it said there
					before.blob = moved.blob
				}
				maybe = maybe || moved.unclear
			}
			end = ""
		}
		if !before.same(now) {
			c := Change{Commit: here.Commit, Merged: here.Commit, Value: now.text, Said: now.said}
			if len(here.parents) > 1 {
				if c.Commit, err = t.writer(ctx, here, now); err != nil {
					return Trail{}, err
				}
			}
			found.Changes = append(found.Changes, c)
			if until != nil && until(c) {
				return found, nil
			}
		}
		if end == Beginning {
			if found.End = Beginning; maybe {
				found.End = Moved
			}
			return found, nil
		}
		here, now = next, before
	}
	found.End = Bound
	return found, nil
}

// move is where a file was before a commit.
type move struct {
	to      string // "" where it is not known, or was nowhere
	blob    plumbing.Hash
	unclear bool // others of its name were taken away
}

// movedFrom finds the file in whose place a commit made this one: of those of the same name, but for what is behind its last dot,
// that it takes away and that say the same, the one whose path is most alike.
func (t *trail) movedFrom(ctx context.Context, here, before entryOfLog, now saying) (move, error) {
	trees := [2]*Tree{}
	for i, c := range []entryOfLog{before, here} {
		trees[i] = newTree(t.repository, c.Hash, plumbing.NewHash(c.Hash), c.tree)
	}
	changed, err := Changed(ctx, trees[0], trees[1])
	if err != nil {
		return move{}, err
	}
	var m move
	closest, several := -1, false
	for _, name := range changed {
		if stem(name) != stem(t.file) {
			continue
		}
		blob, err := t.blob(before, name)
		if err != nil {
			return move{}, err
		}
		left, err := t.blob(here, name)
		if err != nil {
			return move{}, err
		}
		if blob.IsZero() || !left.IsZero() {
			continue
		}
		text, err := t.repository.object(blob, plumbing.BlobObject)
		if err != nil {
			return move{}, err
		}
		m.unclear = true
		if value, said := t.value(text); said == now.said && value == now.text {
			switch near := likeness(name, t.file); {
			case near > closest:
				closest, several = near, false
				m.to, m.blob = name, blob
			case near == closest:
				several = true
			}
		}
	}
	if several { // either may be the one
		return move{unclear: true}, nil
	}
	m.unclear = m.unclear && m.to == ""
	return m, nil
}

// stem is a file's name without what is behind its last dot: a kustomization is called kustomization.yaml, kustomization.yml or
// Kustomization.
func stem(name string) string {
	return strings.ToLower(strings.TrimSuffix(path.Base(name), path.Ext(name)))
}

// likeness is how many parts two paths have in common, from the beginning and from the end.
func likeness(a, b string) int {
	parts, others := strings.Split(a, "/"), strings.Split(b, "/")
	least := min(len(parts), len(others))
	n := 0
	for n < least && parts[n] == others[n] {
		n++
	}
	last := 0
	for last < least-n && parts[len(parts)-1-last] == others[len(others)-1-last] {
		last++
	}
	return n + last
}

// writer is the commit of a branch that wrote what a merge brought: the merge itself where it is of no branch.
func (t *trail) writer(ctx context.Context, merge entryOfLog, now saying) (Commit, error) {
	here := merge
	for range maxCommits {
		if err := ctx.Err(); err != nil {
			return Commit{}, err
		}
		from := -1
		for i, parent := range here.parents {
			c, err := t.commit(parent)
			if err != nil {
				if _, missing := t.repository.kind(parent); errors.Is(missing, plumbing.ErrObjectNotFound) {
					return merge.Commit, nil // the clone does not tell
				}
				return Commit{}, err
			}
			said, err := t.at(c)
			if err != nil {
				return Commit{}, err
			}
			if said.same(now) {
				from = i
				break
			}
		}
		if from < 0 {
			return here.Commit, nil
		}
		next, err := t.commit(here.parents[from])
		if err != nil {
			return Commit{}, err
		}
		here = next
	}
	return merge.Commit, nil
}
