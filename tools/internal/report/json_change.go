package report

import (
	"reflect"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/change"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/difference"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

type jsonComparison struct {
	Before   jsonSide           `json:"before"`
	After    jsonSide           `json:"after"`
	Summary  jsonTally          `json:"summary"`
	Targets  []jsonTargetChange `json:"targets"`
	Entries  []jsonEntry        `json:"entries"`
	Images   []jsonImage        `json:"images"`
	Restarts []jsonRestart      `json:"restarts"`
	Syncs    []jsonSync         `json:"syncs"`
	Hidden   []jsonHidden       `json:"hidden"`
	Standing int                `json:"standing"`
	Mended   []jsonFinding      `json:"mended"`
}

type jsonSide struct {
	Name   string `json:"name"`
	Commit string `json:"commit"` // "" for the working tree
}

type jsonTally struct {
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Removed int `json:"removed"`
}

type jsonTargetChange struct {
	Path        string      `json:"path"`
	Environment string      `json:"environment"`
	Change      change.Kind `json:"change"`
	Added       int         `json:"added"`
	Changed     int         `json:"changed"`
	Removed     int         `json:"removed"`
}

type jsonEntry struct {
	Change   change.Kind       `json:"change"`
	Places   []jsonChanged     `json:"places"`
	Lines    []jsonLine        `json:"lines"`
	Fields   []jsonFieldChange `json:"fields"`
	Contents []jsonContent     `json:"contents"`
}

// jsonChanged is an object of a target, as it is called after the change and before it.
type jsonChanged struct {
	Target string       `json:"target"`
	Object *manifest.ID `json:"object"` // null of one that is removed
	Was    *manifest.ID `json:"was"`    // null of one that is added
}

type jsonLine struct {
	Source *manifest.Position `json:"source"`
	Was    *manifest.Position `json:"was"`
	Gone   bool               `json:"gone"`
	In     []int              `json:"in"`
}

type jsonFieldChange struct {
	Path    string              `json:"path"`
	OldPath *string             `json:"oldPath"` // null where the field was not there
	Removed bool                `json:"removed"`
	Moved   bool                `json:"moved"`
	Old     any                 `json:"old"`
	New     any                 `json:"new"`
	Default any                 `json:"default"`
	Equal   difference.Equality `json:"equal"`
	Text    []jsonTextLine      `json:"text"`
	In      []int               `json:"in"`
	Lines   []jsonLine          `json:"lines"`
}

type jsonTextLine struct {
	Old   int        `json:"old"`
	New   int        `json:"new"`
	Words []jsonWord `json:"words"`
	Open  bool       `json:"open"`
}

type jsonWord struct {
	Text    string `json:"text"`
	Changed bool   `json:"changed"`
}

type jsonContent struct {
	In     []int `json:"in"`
	Object any   `json:"object"`
}

type jsonImage struct {
	Old    string             `json:"old"`
	New    string             `json:"new"`
	Places []jsonChanged      `json:"places"`
	Source *manifest.Position `json:"source"`
}

type jsonRestart struct {
	Places []jsonChanged      `json:"places"`
	Object *manifest.ID       `json:"object"`
	Path   string             `json:"path"`
	Source *manifest.Position `json:"source"`
	More   int                `json:"more"`
}

type jsonHidden struct {
	Reason difference.Equality `json:"reason"`
	Count  int                 `json:"count"`
}

// json is what the report says of a change. Values of Secrets are digests in it.
func (c *Comparison) json(r Report) (*jsonComparison, error) {
	if c == nil {
		return nil, nil //nolint:nilnil // the report of one side has none
	}
	out := &jsonComparison{
		Before: jsonSide{c.Before.Name, c.Before.Commit}, After: jsonSide{c.After.Name, c.After.Commit},
		Summary: jsonTally{c.Count(change.Added), c.Count(change.Changed), c.Count(change.Removed)},
		Targets: []jsonTargetChange{}, Entries: []jsonEntry{}, Images: []jsonImage{}, Restarts: []jsonRestart{}, Syncs: syncsJSON(c.Syncs), Hidden: []jsonHidden{},
		Standing: len(c.Standing), Mended: []jsonFinding{},
	}
	for _, t := range c.Targets {
		out.Targets = append(out.Targets, jsonTargetChange{t.Path, t.Environment, t.Kind, t.Added, t.Changed, t.Removed})
	}
	for _, e := range c.Entries {
		entry, err := entryJSON(e)
		if err != nil {
			return nil, err
		}
		out.Entries = append(out.Entries, entry)
	}
	for _, i := range c.Images {
		out.Images = append(out.Images, jsonImage{i.Old, i.New, placesJSON(i.Places), position(i.Line)})
	}
	for _, r := range c.Restarts {
		restart := jsonRestart{Places: placesJSON(r.Places), Path: r.Field.String(), Source: position(r.Line), More: r.More}
		if r.Of != (manifest.ID{}) {
			restart.Object = &r.Of
		}
		out.Restarts = append(out.Restarts, restart)
	}
	for _, h := range c.Hidden {
		out.Hidden = append(out.Hidden, jsonHidden{h.Reason, h.Count})
	}
	fingerprints := r.before().fingerprints(flat(c.Mended))
	for _, f := range c.Mended {
		top := finding(f, fingerprints[0])
		fingerprints = fingerprints[1:]
		for _, follower := range f.Follows {
			top.Follows = append(top.Follows, finding(follower, fingerprints[0]))
			fingerprints = fingerprints[1:]
		}
		out.Mended = append(out.Mended, top)
	}
	return out, nil
}

// flat are findings, each before what follows from it.
func flat(findings []check.Finding) (all []check.Finding) {
	for _, f := range findings {
		all = append(append(all, f), f.Follows...)
	}
	return all
}

func entryJSON(e change.Entry) (jsonEntry, error) {
	out := jsonEntry{Change: e.Kind, Places: placesJSON(e.Places), Lines: linesJSON(e.Lines), Fields: []jsonFieldChange{}, Contents: []jsonContent{}}
	for _, f := range e.Fields {
		field := jsonFieldChange{
			Path: f.Path.String(), Removed: f.Removed, Moved: f.Moved, Old: f.Old, New: f.New, Default: f.Default,
			Equal: f.Equal, Text: []jsonTextLine{}, In: append([]int{}, f.In...), Lines: linesJSON(f.Lines),
		}
		if f.OldPath != nil {
			old := f.OldPath.String()
			field.OldPath = &old
		}
		for _, l := range f.Change.Lines {
			line := jsonTextLine{Old: l.Old, New: l.New, Words: []jsonWord{}, Open: l.Open}
			for _, w := range l.Words {
				line.Words = append(line.Words, jsonWord{w.Text, w.Changed})
			}
			field.Text = append(field.Text, line)
		}
		out.Fields = append(out.Fields, field)
	}
	if e.Kind != change.Added && e.Kind != change.Removed {
		return out, nil
	}
	contents, err := contentsOf(e)
	for _, c := range contents {
		out.Contents = append(out.Contents, jsonContent{c.in, c.shown})
	}
	return out, err
}

// content is what objects of an entry hold that are added or removed, without what nobody is to read.
type content struct {
	in    []int // which of the entry's places
	shown map[string]any
}

// contentsOf are the contents of an entry, what several of its objects hold once.
func contentsOf(e change.Entry) ([]content, error) {
	var all []content
	for at, p := range e.Places {
		object := p.New
		if object == nil {
			object = p.Old
		}
		shown, err := difference.Shown(object)
		if err != nil {
			return nil, err
		}
		same := slices.IndexFunc(all, func(c content) bool { return reflect.DeepEqual(c.shown, shown) })
		if same < 0 {
			same = len(all)
			all = append(all, content{shown: shown})
		}
		all[same].in = append(all[same].in, at)
	}
	return all, nil
}

func placesJSON(places []change.Place) []jsonChanged {
	all := []jsonChanged{}
	for _, p := range places {
		place := jsonChanged{Target: p.Target}
		if p.New != nil {
			place.Object = &p.New.ID
		}
		if p.Old != nil {
			place.Was = &p.Old.ID
		}
		all = append(all, place)
	}
	return all
}

func linesJSON(lines []change.Line) []jsonLine {
	all := []jsonLine{}
	for _, l := range lines {
		all = append(all, jsonLine{position(l.Source), position(l.Was), l.Gone, append([]int{}, l.In...)})
	}
	return all
}
