package report

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/graph"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// picture is the graph of a target: what hangs together drawn and listed, the rest listed.
type picture struct {
	ID      string
	Open    bool
	Objects int
	Parts   []picturePart
	Alone   []aloneKind
	Legend  []legendEntry
	Outside bool // something is drawn that the target does not render
	Marked  bool // something is drawn that has findings
}

type legendEntry struct {
	Concern graph.Concern
	Class   string
}

type aloneKind struct {
	Kind    string
	Objects []aloneObject
}

type aloneObject struct{ Name, Finding string }

// picturePart is one drawing and the table that says the same.
type picturePart struct {
	ID          string
	Title, Desc string
	Width       int
	Height      int
	Nodes       []pictureNode
	Edges       []pictureEdge
	Relations   []relation
	TooLarge    bool
	LeftOff     int // of the relations
}

type pictureNode struct {
	Index      int
	X, Y       int
	Kind, Name string // as far as they fit
	Title      string
	Class      string
	Finding    string // the first finding about it, as an anchor
	Mark       string // how many there are
	Warned     bool   // none of them is an error
}

type pictureEdge struct {
	From, To       int
	Path           string
	Class          string
	Label          string
	LabelX, LabelY int
}

type relation struct {
	From, Verb, To string
	Finding        string
	Link           string // where the page shows what it leads to
	Outside        bool
}

// The measures of a picture, in pixels; page.html draws the boxes of the same size.
const (
	boxWidth  = 204
	boxHeight = 44
	columnGap = 72
	rowGap    = 12
	margin    = 12

	nameFits = 22 // characters, of the widest fonts that a page may be shown in
	kindFits = 28
)

// Beyond these, a picture is a knot that nobody reads, and a table too long to be worth its bytes.
const (
	mostDrawn     = 250
	mostRelations = 2000
)

// marks are the findings about each object of a target.
type marks map[manifest.ID][]mark

type mark struct {
	number   int
	severity string
}

func (m marks) of(id manifest.ID) (anchor, text string, warned bool) {
	refs := m[id]
	if len(refs) == 0 {
		return "", "", false
	}
	warned = !slices.ContainsFunc(refs, func(r mark) bool { return r.severity != string(check.Warning) })
	return fmt.Sprintf("#f-%d", refs[0].number), plural(len(refs), "finding"), warned
}

func (p *page) picture(t Target, id string, anchors map[string]string) *picture {
	g := graph.Of(t.Objects)
	m := p.marks(t)
	connected, alone := g.Parts()
	out := &picture{ID: id + "-graph", Objects: len(t.Objects)}
	seen := map[graph.Concern]bool{}
	for i, part := range connected {
		drawn := draw(g, part, fmt.Sprintf("%s-%d", out.ID, i+1), m, anchors)
		out.Parts = append(out.Parts, drawn)
		for _, n := range part {
			seen[graph.ConcernOf(g.Nodes[n].ID)] = true
			out.Outside = out.Outside || g.Nodes[n].Outside
			anchor, _, _ := m.of(g.Nodes[n].ID)
			out.Marked = out.Marked || anchor != ""
		}
	}
	for _, c := range graph.Concerns() {
		if seen[c] {
			out.Legend = append(out.Legend, legendEntry{c, class(c)})
		}
	}
	for _, n := range alone {
		id := g.Nodes[n].ID
		i := slices.IndexFunc(out.Alone, func(k aloneKind) bool { return k.Kind == id.Kind })
		if i < 0 {
			i, out.Alone = len(out.Alone), append(out.Alone, aloneKind{Kind: id.Kind})
		}
		anchor, _, _ := m.of(id)
		out.Alone[i].Objects = append(out.Alone[i].Objects, aloneObject{nameOf(id), anchor})
	}
	slices.SortStableFunc(out.Alone, func(a, b aloneKind) int { return strings.Compare(a.Kind, b.Kind) })
	return out
}

// marks are the findings of a target by the object that they are about.
func (p *page) marks(t Target) marks {
	m := marks{}
	for _, c := range p.Checks {
		for _, f := range c.Findings {
			of := map[manifest.ID]bool{} // an object may have the fault in several fields
			for _, place := range f.Places {
				if place.Target == t.Path && place.Object != nil && !of[*place.Object] {
					of[*place.Object] = true
					m[*place.Object] = append(m[*place.Object], mark{f.Number, f.Severity})
				}
			}
		}
	}
	return m
}

// draw makes a drawing and a table of a part. anchors are where the page shows targets, by their paths.
func draw(g graph.Graph, part []int, id string, m marks, anchors map[string]string) picturePart {
	out := picturePart{ID: id, Title: title(g, part)}
	within := map[int]bool{}
	for _, n := range part {
		within[n] = true
	}
	edges := 0
	for _, e := range g.Edges {
		if !within[e.From] {
			continue
		}
		edges++
		if edges > mostRelations {
			out.LeftOff++
			continue
		}
		anchor, _, _ := m.of(g.Nodes[e.From].ID)
		verb := strings.Join(e.Verbs, " and ")
		if e.Detail != "" {
			verb += " (" + e.Detail + ")"
		}
		to := g.Nodes[e.To]
		out.Relations = append(out.Relations, relation{
			From: full(g.Nodes[e.From]), Verb: verb, To: full(to), Finding: anchor, Link: deployed(to, anchors),
			Outside: to.Outside && graph.IsObject(to.ID),
		})
	}
	out.Desc = fmt.Sprintf("%s and %s between them, which the table below lists.", plural(len(part), "node"), plural(edges, "relation"))
	if len(part) > mostDrawn || edges > 2*mostDrawn {
		out.TooLarge = true
		return out
	}
	layout := g.Layout(part, graph.Size{BoxWidth: boxWidth, BoxHeight: boxHeight, ColumnGap: columnGap, RowGap: rowGap})
	out.Width, out.Height = layout.Width+2*margin, layout.Height+2*margin
	main := namespace(g, part)
	for _, b := range layout.Boxes {
		n := g.Nodes[b.Node]
		node := pictureNode{
			Index: b.Node, X: b.X + margin, Y: b.Y + margin, Class: class(graph.ConcernOf(n.ID)), Title: full(n),
			Kind: n.ID.Kind, Name: n.ID.Name,
		}
		switch {
		case n.Part != "":
			node.Kind, node.Name = "subset of "+n.ID.Name, n.Part
		case n.ID.Namespace != "" && n.ID.Namespace != main:
			node.Kind += " in " + n.ID.Namespace
		}
		node.Kind, node.Name = fit(node.Kind, kindFits), fit(node.Name, nameFits)
		if n.Outside {
			node.Class += " outside"
		}
		if n.Outside && graph.IsObject(n.ID) {
			node.Title += ", not rendered here"
		}
		node.Finding, node.Mark, node.Warned = m.of(n.ID)
		if node.Finding != "" {
			node.Title += ": " + node.Mark
			node.Class += " marked"
		}
		out.Nodes = append(out.Nodes, node)
	}
	for _, l := range layout.Lines {
		out.Edges = append(out.Edges, edgeOf(g, l))
	}
	return out
}

// deployed is where the page shows what an Application deploys: the target of that path, or the one around it.
func deployed(n graph.Node, anchors map[string]string) string {
	if graph.IsObject(n.ID) {
		return ""
	}
	for folder := n.ID.Name; folder != "." && folder != "/"; folder = path.Dir(folder) {
		if anchor, ok := anchors[folder]; ok {
			return anchor
		}
	}
	return ""
}

// edgeOf is the path of a line with the head of an arrow at its end, and what stands beside it.
func edgeOf(g graph.Graph, l graph.Line) pictureEdge {
	e := g.Edges[l.Edge]
	var b strings.Builder
	for i, p := range l.Points {
		letter := " "
		switch i {
		case 0:
			letter = "M"
		case 1:
			letter = "C"
		}
		fmt.Fprintf(&b, "%s%d %d", letter, p[0]+margin, p[1]+margin)
	}
	end, before := l.Points[len(l.Points)-1], l.Points[len(l.Points)-2]
	back := -6
	if before[0] > end[0] {
		back = 6
	}
	x, y := end[0]+margin, end[1]+margin
	fmt.Fprintf(&b, "M%d %dL%d %dL%d %d", x+back, y-4, x, y, x+back, y+4)
	out := pictureEdge{From: e.From, To: e.To, Path: b.String(), Class: class(graph.ConcernOf(g.Nodes[e.From].ID)), Label: e.Detail}
	out.LabelX, out.LabelY = x+2*back, y-6
	return out
}

// class is the name of a concern in the style sheet.
func class(c graph.Concern) string { return "c-" + strings.ReplaceAll(string(c), " ", "-") }

// title names a part after its workloads, or else after what most leads to.
func title(g graph.Graph, part []int) string {
	var names []string
	for _, n := range part {
		if node := g.Nodes[n]; graph.ConcernOf(node.ID) == graph.Workload && !node.Outside {
			names = append(names, node.ID.String())
		}
	}
	if len(names) == 0 {
		degree := map[int]int{}
		for _, e := range g.Edges {
			degree[e.From]++
			degree[e.To]++
		}
		most := part[0]
		for _, n := range part {
			if degree[n] > degree[most] {
				most = n
			}
		}
		names = []string{full(g.Nodes[most])}
	}
	if len(names) > 3 {
		names = append(names[:2], fmt.Sprintf("%d more workloads", len(names)-2))
	}
	if len(names) == 1 {
		return "Around " + names[0]
	}
	return "Around " + strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// namespace is the one that most of a part is in.
func namespace(g graph.Graph, part []int) string {
	count := map[string]int{}
	most := ""
	for _, n := range part {
		name := g.Nodes[n].ID.Namespace
		if count[name]++; name != "" && (count[name] > count[most] || most == "") {
			most = name
		}
	}
	return most
}

func full(n graph.Node) string {
	if n.Part != "" {
		return "subset " + n.Part + " of " + n.ID.String()
	}
	return n.ID.String()
}

func nameOf(id manifest.ID) string { return strings.TrimPrefix(id.String(), id.Kind+" ") }

// fit shortens a name in its middle to the width of so many characters: both ends tell names apart.
func fit(s string, most int) string {
	if breadth([]rune(s)) <= 2*most {
		return s
	}
	characters := []rune(s)
	for left := min(most, len(characters)) - 1; left > 1; left-- {
		head := left / 2
		short := slices.Concat(characters[:head], []rune("…"), characters[len(characters)-(left-head):])
		if breadth(short) <= 2*most {
			return string(short)
		}
	}
	return "…"
}

// breadth is how wide a text is, in halves of a usual character: a hash may be of the widest letters alone.
func breadth(s []rune) int {
	n := 2 * len(s)
	for _, c := range s {
		if strings.ContainsRune("mwMW@", c) {
			n++
		}
	}
	return n
}
