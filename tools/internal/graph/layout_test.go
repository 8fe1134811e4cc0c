package graph

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

var size = Size{BoxWidth: 100, BoxHeight: 40, ColumnGap: 50, RowGap: 10}

// check holds a layout to what makes it a picture of the graph.
func checkLayout(t *testing.T, g Graph, nodes []int) Layout {
	t.Helper()
	l := g.Layout(nodes, size)
	boxes := map[int]Box{}
	for _, b := range l.Boxes {
		if _, twice := boxes[b.Node]; twice || !slices.Contains(nodes, b.Node) {
			t.Fatalf("node %d is drawn twice, or was not asked for", b.Node)
		}
		if b.X < 0 || b.Y < 0 || b.X+size.BoxWidth > l.Width || b.Y+size.BoxHeight > l.Height {
			t.Errorf("node %d is outside of the picture: %+v of %d×%d", b.Node, b, l.Width, l.Height)
		}
		for _, other := range boxes {
			if other.Column == b.Column && max(other.Y-b.Y, b.Y-other.Y) < size.BoxHeight+size.RowGap {
				t.Errorf("nodes %d and %d touch", b.Node, other.Node)
			}
		}
		boxes[b.Node] = b
	}
	if len(boxes) != len(nodes) {
		t.Fatalf("%d of %d nodes are drawn", len(boxes), len(nodes))
	}
	drawn := map[int]bool{}
	for _, line := range l.Lines {
		drawn[line.Edge] = true
		e := g.Edges[line.Edge]
		from, to := boxes[e.From], boxes[e.To]
		begin, end := [2]int{from.X + size.BoxWidth, from.Y + size.BoxHeight/2}, [2]int{to.X, to.Y + size.BoxHeight/2}
		if from.Column > to.Column {
			begin[0], end[0] = from.X, to.X+size.BoxWidth
		} else if from.Column == to.Column {
			t.Errorf("edge %d stays in its column", line.Edge)
		}
		if line.Points[0] != begin || line.Points[len(line.Points)-1] != end {
			t.Errorf("edge %d leads from %v to %v, want from %v to %v", line.Edge, line.Points[0], line.Points[len(line.Points)-1], begin, end)
		}
		if len(line.Points)%3 != 1 {
			t.Errorf("edge %d has %d points, which are no curves", line.Edge, len(line.Points))
		}
	}
	for i, e := range g.Edges {
		if slices.Contains(nodes, e.From) && slices.Contains(nodes, e.To) != drawn[i] {
			t.Errorf("edge %d is not drawn", i)
		}
	}
	if again := g.Layout(nodes, size); !reflect.DeepEqual(l, again) {
		t.Error("the same graph is drawn in another way")
	}
	return l
}

func numbered(n int, edges ...[2]int) (Graph, []int) {
	g := Graph{}
	var nodes []int
	for i := range n {
		g.Nodes = append(g.Nodes, Node{ID: manifest.ID{APIVersion: "v1", Kind: "Service", Name: fmt.Sprintf("%03d", i)}})
		nodes = append(nodes, i)
	}
	for _, e := range edges {
		g.Edges = append(g.Edges, Edge{From: e[0], To: e[1]})
	}
	return g, nodes
}

func columnsOf(l Layout) []int {
	columns := make([]int, len(l.Boxes))
	for _, b := range l.Boxes {
		columns[b.Node] = b.Column
	}
	return columns
}

func TestLayout(t *testing.T) {
	for _, test := range []struct {
		name  string
		nodes int
		edges [][2]int
		want  []int // columns by node
	}{
		{"one", 1, nil, []int{0}},
		{"a chain", 3, [][2]int{{0, 1}, {1, 2}}, []int{0, 1, 2}},
		{"close to what it leads to", 4, [][2]int{{0, 1}, {1, 2}, {3, 2}}, []int{0, 1, 2, 1}},
		{"a line that passes a column", 3, [][2]int{{0, 1}, {1, 2}, {0, 2}}, []int{0, 1, 2}},
		{"a circle", 3, [][2]int{{0, 1}, {1, 2}, {2, 0}}, []int{0, 1, 2}},
		{"two that lead to each other", 2, [][2]int{{0, 1}, {1, 0}}, []int{0, 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g, nodes := numbered(test.nodes, test.edges...)
			if got := columnsOf(checkLayout(t, g, nodes)); !slices.Equal(got, test.want) {
				t.Errorf("got columns %v, want %v", got, test.want)
			}
		})
	}
}

func TestLayoutUncrosses(t *testing.T) {
	// Drawn in the order of the names, every line would cross every other.
	var edges [][2]int
	for i := range 10 {
		edges = append(edges, [2]int{i, 19 - i})
	}
	g, nodes := numbered(20, edges...)
	d := newDrawing(g, nodes)
	d.columns()
	d.bend()
	if before := d.crossings(); before != 45 {
		t.Fatalf("%d crossings to begin with, want 45", before)
	}
	d.order()
	if after := d.crossings(); after != 0 {
		t.Errorf("%d crossings are left", after)
	}
}

func TestLayoutOfRandomGraphs(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := 1 + random.IntN(30)
		seen := map[[2]int]bool{}
		var edges [][2]int
		for range random.IntN(2 * n) {
			e := [2]int{random.IntN(n), random.IntN(n)}
			if e[0] != e[1] && !seen[e] {
				seen[e] = true
				edges = append(edges, e)
			}
		}
		g, nodes := numbered(n, edges...)
		checkLayout(t, g, nodes)
		if t.Failed() {
			t.Fatalf("with %d nodes and the edges %v", n, edges)
		}
	}
}

func TestLayoutOfThisRepository(t *testing.T) {
	g := Of(written(t))
	connected, _ := g.Parts()
	if len(g.Nodes) < 80 || len(connected) < 3 {
		t.Fatalf("only %d nodes in %d parts: this test looks at nothing", len(g.Nodes), len(connected))
	}
	for _, part := range connected {
		checkLayout(t, g, part)
	}
}

func TestRising(t *testing.T) {
	for _, test := range []struct{ wish, want []float64 }{
		{nil, nil},
		{[]float64{1, 2, 2, 5}, []float64{1, 2, 2, 5}},
		{[]float64{3, 1}, []float64{2, 2}},
		{[]float64{1, 6, 2, 1, 9}, []float64{1, 3, 3, 3, 9}},
		{[]float64{9, 5, 1}, []float64{5, 5, 5}},
	} {
		if got := rising(test.wish); !slices.Equal(got, test.want) {
			t.Errorf("%v: got %v, want %v", test.wish, got, test.want)
		}
	}
}

// Whatever is written, it can be drawn.
func FuzzOf(f *testing.F) {
	f.Add([]byte(workload))
	f.Add([]byte("{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s}, spec: {serviceName: s, template: {metadata: {labels: {a: b}}}}}\n---\n" +
		"{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {selector: {a: b}}}\n"))
	f.Add([]byte("{apiVersion: networking.istio.io/v1, kind: DestinationRule, spec: {host: a, subsets: [{name: x}, {name: x}, 3]}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		documents, err := manifest.ParseDocuments("f.yaml", text)
		if err != nil {
			t.Skip()
		}
		var objects []*manifest.Object
		for _, d := range documents {
			if of, err := d.Objects(); err == nil {
				objects = append(objects, of...)
			}
		}
		if len(objects) > 50 {
			t.Skip()
		}
		g := Of(objects)
		connected, alone := g.Parts()
		n := len(alone)
		for _, part := range connected {
			checkLayout(t, g, part)
			n += len(part)
		}
		if n != len(g.Nodes) {
			t.Errorf("%d of %d nodes are in a part or alone", n, len(g.Nodes))
		}
	})
}
