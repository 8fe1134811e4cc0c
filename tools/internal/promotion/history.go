package promotion

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/revision"
)

// History tells since when files say what they say, from the commits of the branch that is checked out.
type History struct {
	log *revision.Log
	top string // the repository's directory within git's
}

// NewHistory reads a log. top is the directory of the repository within git's, "." for the same.
func NewHistory(log *revision.Log, top string) *History { return &History{log, top} }

// Trail is what a place of a file said, the newest first.
type Trail struct {
	revision.Trail
	Uncommitted bool // what the file says now is in no commit; the changes are those of what the branch says
}

// Since is the change that made it what it is; false where that is not known.
func (t Trail) Since() (revision.Change, bool) {
	if t.Uncommitted || len(t.Changes) == 0 {
		return revision.Change{}, false
	}
	return t.Changes[0], true
}

// OfImage is the trail of an image's tag and digest, as Reference.Identity has them, until a change is enough.
func (h *History) OfImage(ctx context.Context, image Image, until func(revision.Change) bool) (Trail, error) {
	at := image.Said.Version()
	if at.IsZero() {
		return Trail{}, nil
	}
	return h.trail(ctx, at.File, image.written().Identity(), func(documents []manifest.Document) (string, bool) {
		r, ok := image.In(documents)
		return r.Identity(), ok
	}, until)
}

// OfReference is the trail of an image with its name, as Reference.String has them. The name is left out where another line than
// that of the version says it.
func (h *History) OfReference(ctx context.Context, image Image) (Trail, error) {
	at := image.Said.Version()
	if at.IsZero() {
		return Trail{}, nil
	}
	return h.trail(ctx, at.File, image.written().String(), func(documents []manifest.Document) (string, bool) {
		r, ok := image.In(documents)
		return r.String(), ok
	}, nil)
}

// OfScalar is the trail of a scalar, until a change is enough.
func (h *History) OfScalar(ctx context.Context, s Scalar, until func(revision.Change) bool) (Trail, error) {
	if s.IsZero() {
		return Trail{}, nil
	}
	return h.trail(ctx, s.File, s.Text, func(documents []manifest.Document) (string, bool) {
		found, ok := s.Address.Find(documents)
		return found.Text, ok
	}, until)
}

func (h *History) trail(ctx context.Context, file, now string, says func([]manifest.Document) (string, bool), until func(revision.Change) bool) (Trail, error) {
	found, err := h.log.Trail(ctx, path.Join(h.top, file), func(text []byte) (string, bool) {
		documents, err := manifest.ParseDocuments(file, text)
		if err != nil {
			return "", false // it said nothing that anybody could read
		}
		return says(documents)
	}, until)
	if err != nil {
		return Trail{}, err
	}
	return Trail{Trail: found, Uncommitted: !found.Said || found.Head != now}, nil
}

// In is what the place that says the image's version says in a file as it was at some time: the parts that stand there. False where
// it says no version.
func (i Image) In(documents []manifest.Document) (Reference, bool) {
	at := i.Said.Version()
	if entry := at.Address.entry(); entry != nil {
		field := func(name string) string {
			found, _ := append(slices.Clip(entry), step{key: name}).Find(documents)
			return found.Text
		}
		r := Reference{Name: field("newName"), Tag: field("newTag"), Digest: field("digest")}
		return r, r.Tag != "" || r.Digest != ""
	}
	found, ok := at.Address.Find(documents)
	switch text := found.Text; {
	case !ok || text == "":
		return Reference{}, false
	case at.Text == i.Tag:
		return Reference{Tag: text}, true
	case at.Text == i.Digest:
		return Reference{Digest: text}, true
	default:
		if _, renamed, is := strings.Cut(text, "="); is {
			text = renamed
		}
		return ParseReference(text), true
	}
}

// written is what In reads of the file as it is.
func (i Image) written() Reference {
	var r Reference
	if !i.Said.Name.IsZero() {
		r.Name = i.Name
	}
	if !i.Said.Tag.IsZero() {
		r.Tag = i.Tag
	}
	if !i.Said.Digest.IsZero() {
		r.Digest = i.Digest
	}
	return r
}
