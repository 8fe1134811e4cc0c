package promotion

import (
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Image is the image of a container, and which scalars of which files say it.
type Image struct {
	Object    *manifest.Object // the workload
	Path      manifest.Path    // the field of it
	Container string
	Text      string // as it is rendered

	Reference
	Said Said
}

// Said are the scalars that say the parts of an image. All that are set are the same where one scalar says the whole of it.
type Said struct {
	Name, Tag, Digest Scalar
	Entry             manifest.Position // of the entry of `images` in a kustomization that they are of; zero for another place
}

// Version is the scalar that tells one version from another: that of the digest where there is no tag.
func (s Said) Version() Scalar {
	if s.Tag.IsZero() {
		return s.Digest
	}
	return s.Tag
}

// Reference is an image taken apart.
type Reference struct {
	Name   string // with the registry
	Tag    string
	Digest string // with its algorithm: sha256:…
}

// ParseReference takes an image apart, whatever port its registry has.
func ParseReference(text string) Reference {
	var r Reference
	r.Name, r.Digest, _ = strings.Cut(text, "@")
	if i := strings.LastIndex(r.Name, ":"); i > strings.LastIndex(r.Name, "/") {
		r.Name, r.Tag = r.Name[:i], r.Name[i+1:]
	}
	return r
}

// Version is what a person calls it by: the tag, or the beginning of the digest where there is none.
func (r Reference) Version() string {
	if r.Tag != "" || r.Digest == "" {
		return r.Tag
	}
	const enough = len("sha256:") + 12
	return r.Digest[:min(enough, len(r.Digest))]
}

// Semver is the tag as a semantic version; nil for one that is none, such as a commit or a number of a build.
func (r Reference) Semver() *semver.Version {
	if !strings.Contains(r.Tag, ".") {
		return nil
	}
	v, err := semver.NewVersion(r.Tag)
	if err != nil {
		return nil
	}
	return v
}

// Identity is what two places have in common that run the same: tag and digest.
func (r Reference) Identity() string {
	if r.Digest != "" {
		return r.Tag + "@" + r.Digest
	}
	return r.Tag
}

// ParseIdentity reads what Identity writes.
func ParseIdentity(text string) Reference {
	if strings.Contains(text, ":") && !strings.Contains(text, "@") {
		return Reference{Digest: text}
	}
	tag, digest, _ := strings.Cut(text, "@")
	return Reference{Tag: tag, Digest: digest}
}

func (r Reference) String() string {
	text := r.Name
	if r.Tag != "" {
		text += ":" + r.Tag
	}
	if r.Digest != "" {
		text += "@" + r.Digest
	}
	return text
}

// said finds the scalars that say an image, from where provenance places it; zero where they cannot be told.
func (b *builder) said(image Image, at manifest.Origin) Said {
	documents, err := b.documents(at.File)
	if err != nil {
		return Said{}
	}
	found, ok := scalarAt(documents, at.Position)
	if !ok {
		return Said{}
	}
	if entry := found.Address.entry(); entry != nil {
		return b.ofEntry(documents, found, entry, image)
	}
	found.Environments = b.readers(found.File)
	var s Said
	switch {
	case found.Text == image.Text || strings.HasSuffix(found.Text, "="+image.Text):
		// The whole of it, as kustomize.images of an Application writes it too: NAME=NEWNAME:TAG.
		s.Name = found
		if image.Tag != "" {
			s.Tag = found
		}
		if image.Digest != "" {
			s.Digest = found
		}
	case image.Tag != "" && found.Text == image.Tag:
		s.Tag = found
	case image.Digest != "" && found.Text == image.Digest:
		s.Digest = found
	}
	return s
}

// entry is the address of the entry of a kustomization's `images` that a scalar is of, or of the imageTag of a transformer;
// nil for another scalar.
func (a Address) entry() Address {
	if len(a) < 3 {
		return nil
	}
	switch last, within := a[len(a)-1], a[:len(a)-1]; {
	case last.key != "digest" && last.key != "newTag" && last.key != "newName":
	case within[len(within)-1].key == "imageTag":
		return within
	case within[len(within)-1].item != nil && within[len(within)-2].key == "images":
		return within
	}
	return nil
}

// ofEntry are the scalars of an entry of `images`.
func (b *builder) ofEntry(documents []manifest.Document, found Scalar, entry Address, image Image) Said {
	field := func(name, says string) Scalar {
		at, ok := append(slices.Clip(entry), step{key: name}).Find(documents)
		if !ok || at.Text != says || says == "" {
			return Scalar{} // another entry, or a layer above, says this part
		}
		at.Environments = b.readers(at.File)
		at.Aliased = found.Aliased
		return at
	}
	s := Said{Name: field("newName", image.Name), Tag: field("newTag", image.Tag), Digest: field("digest", image.Digest)}
	s.Entry = found.Position
	for _, name := range []string{"name", "newName", "newTag", "digest"} {
		if at, ok := append(slices.Clip(entry), step{key: name}).Find(documents); ok && at.Line < s.Entry.Line {
			s.Entry = at.Position
		}
	}
	return s
}
