package transition

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/amendment"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
)

// nowhere says that no line is known that says a value.
func nowhere(o *manifest.Object, what, wayOut string) error {
	if o == nil {
		return fmt.Errorf("no line is known that says %s: %s", what, wayOut)
	}
	return &manifest.SyntaxError{Position: o.Source, Message: fmt.Sprintf("no line is known that says %s of %s %s: %s", what, o.Kind, o.Name, wayOut)}
}

// imageChanges make an image name another version. The registry stays.
func imageChanges(image promotion.Image, to promotion.Reference) ([]Change, error) {
	said := image.Said
	version := said.Version()
	if version.IsZero() {
		return nil, nowhere(image.Object, "the version", "give it a tag in `images` of its kustomization")
	}
	fail := func(format string, args ...any) ([]Change, error) {
		return nil, &manifest.SyntaxError{Position: version.Position, Message: fmt.Sprintf(format, args...)}
	}
	var changes []Change
	add := func(s promotion.Scalar, field, old, new string, edit amendment.Edit) {
		if old != new {
			changes = append(changes, Change{Source: s.Position, Field: field, Old: old, New: new, edit: edit})
		}
	}
	text := func(s promotion.Scalar) string {
		if s.IsZero() {
			return ""
		}
		return s.Text
	}
	switch {
	case !said.Entry.IsZero():
		edit := amendment.Image{At: version.Position, OldTag: text(said.Tag), OldDigest: text(said.Digest), Tag: to.Tag, Digest: to.Digest}
		name := func(key string) string {
			entry, _, _ := cutLast(version.Address.String())
			return entry + "." + key
		}
		// One edit makes both changes.
		if add(version, name("newTag"), edit.OldTag, edit.Tag, edit); len(changes) > 0 {
			if edit.OldDigest != edit.Digest {
				at := said.Digest
				if at.IsZero() {
					at.Position = said.Entry
				}
				if at.Position != version.Position {
					add(at, name("digest"), edit.OldDigest, edit.Digest, nil)
				}
			}
		} else {
			add(version, name("digest"), edit.OldDigest, edit.Digest, edit)
		}
		return changes, nil
	case said.Name.Position == version.Position:
		prefix, ok := strings.CutSuffix(version.Text, image.Text)
		if !ok {
			return fail("%q does not end with the image %q: edit it by hand", version.Text, image.Text)
		}
		is := promotion.Reference{Name: image.Name, Tag: to.Tag, Digest: to.Digest}
		add(version, version.Address.String(), version.Text, prefix+is.String(), amendment.Scalar{At: version.Position, Old: version.Text, New: prefix + is.String()})
		return changes, nil
	}
	for _, part := range []struct {
		scalar promotion.Scalar
		new    string
		what   string
	}{{said.Tag, to.Tag, "tag"}, {said.Digest, to.Digest, "digest"}} {
		switch {
		case part.scalar.IsZero() && part.new != "":
			return fail("%s has a %s, for which there is no line here: write it in `images` of the kustomization, where both have a place", shown(to), part.what)
		case part.scalar.IsZero():
		case part.new == "":
			return fail("%s has no %s, and a line here says one: take it out, and run again", shown(to), part.what)
		default:
			add(part.scalar, part.scalar.Address.String(), part.scalar.Text, part.new, amendment.Scalar{At: part.scalar.Position, Old: part.scalar.Text, New: part.new})
		}
	}
	return changes, nil
}

// cutLast parts a field from what it is in.
func cutLast(address string) (in, field string, ok bool) {
	i := strings.LastIndex(address, ".")
	if i < 0 {
		return "", address, false
	}
	return address[:i], address[i+1:], true
}

// shown is a version as messages call it.
func shown(r promotion.Reference) string { return strings.TrimPrefix(r.Identity(), "@") }

// weightChanges give the canary another share of traffic, in percent. What is left goes to the stable version, where a line of the
// environment says that.
func (p *Planner) weightChanges(place promotion.Place, percent int) ([]Change, error) {
	if len(place.Weights) == 0 {
		return nil, fmt.Errorf("%s has no route that gives the canary a share of traffic", place.Environment)
	}
	var changes []Change
	set := func(v promotion.Value, to float64) {
		number := strconv.FormatFloat(to, 'f', -1, 64)
		s := v.Scalar
		if is, err := strconv.ParseFloat(s.Text, 64); err == nil && is == to || slices.ContainsFunc(changes, func(c Change) bool { return c.Source == s.Position }) {
			return
		}
		changes = append(changes, Change{Source: s.Position, Field: s.Address.String(), Old: s.Text, New: number, edit: amendment.Scalar{At: s.Position, Old: s.Text, New: number}})
	}
	for _, w := range place.Weights {
		if w.Alone {
			return nil, &manifest.SyntaxError{Position: w.Canary.Object.Source, Message: fmt.Sprintf("a route of %s %q sends everything to the canary alone: have it send to both, or take it out", w.Canary.Object.Kind, w.Canary.Object.Name)}
		}
		if w.Canary.Scalar.IsZero() {
			return nil, nowhere(w.Canary.Object, "the weight of the canary", "write the number itself in a file of the environment")
		}
		is, err := strconv.ParseFloat(w.Canary.Text, 64)
		if err != nil {
			return nil, nowhere(w.Canary.Object, "the weight of the canary", "write it as a number")
		}
		total, others := is, 0
		var stable []promotion.Value
		for _, v := range w.Stable {
			number, err := strconv.ParseFloat(v.Text, 64)
			if err != nil {
				return nil, nowhere(v.Object, "the weight of the stable version", "write it as a number")
			}
			total += number
			others++
			// A file of no environment is a table that components read: the number of the canary chooses from it.
			ownFile := v.Scalar.File == w.Canary.Scalar.File || p.Table.Owner(v.Scalar.File) != ""
			if ownFile && p.Table.Own(v.Scalar) && v.Scalar.Position != w.Canary.Scalar.Position {
				stable = append(stable, v)
			}
		}
		if others == 0 {
			total = 100 // of an Ingress, whose canary alone has a number
			if w.Percent > 0 {
				total = is * 100 / w.Percent
			}
		}
		number := total * float64(percent) / 100
		if number != float64(int(number)) {
			return nil, &manifest.SyntaxError{Position: w.Canary.Scalar.Position, Message: fmt.Sprintf("the weights add up to %v, of which %d %% is no whole number: write them so that they add up to 100", total, percent)}
		}
		set(w.Canary, number)
		switch {
		case others > 1:
			return nil, &manifest.SyntaxError{Position: w.Canary.Scalar.Position, Message: "the stable version has several weights beside this one: edit them by hand"}
		case len(stable) == 1:
			set(stable[0], total-number)
		}
	}
	return changes, nil
}

// percent is the canary's share of traffic, of several routes the largest.
func percent(place promotion.Place) (float64, bool) {
	most := 0.0
	for _, w := range place.Weights {
		most = max(most, w.Percent)
	}
	return most, len(place.Weights) > 0
}
