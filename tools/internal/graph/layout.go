package graph

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Size is how large boxes are, and how far apart, in pixels.
type Size struct{ BoxWidth, BoxHeight, ColumnGap, RowGap int }

// Layout is where a picture has its boxes and lines. What a line leads to stands to the right of where it comes from,
// but for what closes a circle.
type Layout struct {
	Width, Height int
	Boxes         []Box  // column by column, each from the top
	Lines         []Line // in the order of the edges
}

// Box is the top left corner of a node.
type Box struct{ Node, Column, X, Y int }

// Line is an edge as cubic Bézier curves: a point to begin at, then three points a curve.
type Line struct {
	Edge   int
	Points [][2]int
}

// How often the order within columns, and then the heights, are improved. More changes nothing that an eye would see.
const (
	orderRounds  = 12
	heightRounds = 24
)

// Layout draws the given nodes and the edges between them: columns so that edges lead to the right, an order within
// each that crosses few lines, and heights that keep lines short. The same graph is drawn the same.
func (g Graph) Layout(nodes []int, size Size) Layout {
	d := newDrawing(g, nodes)
	d.columns()
	d.bend()
	d.order()
	d.heights(size)
	return d.layout(size)
}

// drawing is a graph on its way to a picture. Its points are the nodes, and behind them the bends of long lines.
type drawing struct {
	graph  Graph
	nodes  []int // of the graph, by point
	lines  []line
	column []int // by point
	rows   [][]int
	next   [][]int // by point, those in the column to the right that a line leads to
	prev   [][]int
	middle []int // the height of a point's middle
}

// line is an edge by its points from left to right.
type line struct {
	edge   int
	points []int
	back   bool // the edge leads to the left
}

func newDrawing(g Graph, nodes []int) *drawing {
	d := &drawing{graph: g, nodes: slices.Clone(nodes)}
	order := map[Concern]int{}
	for i, c := range Concerns() {
		order[c] = i
	}
	slices.SortStableFunc(d.nodes, func(a, b int) int {
		x, y := g.Nodes[a], g.Nodes[b]
		return cmp.Or(cmp.Compare(order[ConcernOf(x.ID)], order[ConcernOf(y.ID)]), x.ID.Compare(y.ID), strings.Compare(x.Part, y.Part))
	})
	point := map[int]int{}
	for i, n := range d.nodes {
		point[n] = i
	}
	d.column = make([]int, len(d.nodes))
	for i, e := range g.Edges {
		from, known := point[e.From]
		to, alsoKnown := point[e.To]
		if known && alsoKnown {
			d.lines = append(d.lines, line{edge: i, points: []int{from, to}})
		}
	}
	return d
}

// columns puts what leads nowhere into the last column, and everything else as close before what it leads to as it can
// stand.
func (d *drawing) columns() {
	out := make([][]int, len(d.nodes)) // lines by the point they leave
	for i, l := range d.lines {
		out[l.points[0]] = append(out[l.points[0]], i)
	}
	const (
		unseen = iota
		open
		done
	)
	state := make([]int, len(d.nodes))
	var visit func(int)
	visit = func(p int) {
		state[p] = open
		for _, i := range out[p] {
			switch to := d.lines[i].points[1]; state[to] {
			case open: // it closes a circle: drawn from right to left
				d.lines[i].back = true
			case unseen:
				visit(to)
			}
		}
		state[p] = done
	}
	for p := range d.nodes {
		if state[p] == unseen {
			visit(p)
		}
	}
	for i, l := range d.lines {
		if l.back {
			slices.Reverse(d.lines[i].points)
		}
	}
	// From the right, until nothing moves: a line that goes back was turned round, so the graph has no circle left.
	from := make([]int, len(d.nodes)) // columns counted from the right
	for changed := true; changed; {
		changed = false
		for _, l := range d.lines {
			if a, b := l.points[0], l.points[1]; from[a] <= from[b] {
				from[a], changed = from[b]+1, true
			}
		}
	}
	last := slices.Max(from)
	for p := range d.column {
		d.column[p] = last - from[p]
	}
}

// bend gives lines that pass columns a point in each of them.
func (d *drawing) bend() {
	for i := range d.lines {
		l := &d.lines[i]
		from, to := l.points[0], l.points[1]
		l.points = []int{from}
		for c := d.column[from] + 1; c < d.column[to]; c++ {
			l.points = append(l.points, len(d.column))
			d.column = append(d.column, c)
		}
		l.points = append(l.points, to)
	}
	d.next, d.prev = make([][]int, len(d.column)), make([][]int, len(d.column))
	for _, l := range d.lines {
		for i, p := range l.points[1:] {
			from := l.points[i]
			d.next[from], d.prev[p] = append(d.next[from], p), append(d.prev[p], from)
		}
	}
	d.rows = make([][]int, slices.Max(d.column)+1)
	for p, c := range d.column {
		d.rows[c] = append(d.rows[c], p)
	}
}

// order sorts each column by where its neighbours stand, from the left and from the right by turns, and keeps the
// order that crosses the fewest lines.
func (d *drawing) order() {
	best, fewest := d.copyRows(), d.crossings()
	for round := range orderRounds {
		columns, neighbours := d.rows, d.prev
		if round%2 == 1 {
			columns, neighbours = slices.Clone(d.rows), d.next
			slices.Reverse(columns)
		}
		at := d.places()
		for _, row := range columns {
			weight := map[int]float64{}
			for i, p := range row {
				weight[p] = float64(i)
				if len(neighbours[p]) > 0 {
					sum := 0
					for _, n := range neighbours[p] {
						sum += at[n]
					}
					weight[p] = float64(sum) / float64(len(neighbours[p]))
				}
			}
			slices.SortStableFunc(row, func(a, b int) int { return cmp.Compare(weight[a], weight[b]) })
			for i, p := range row {
				at[p] = i
			}
		}
		if n := d.crossings(); n < fewest {
			best, fewest = d.copyRows(), n
		}
	}
	d.rows = best
}

func (d *drawing) copyRows() [][]int {
	rows := make([][]int, len(d.rows))
	for i, row := range d.rows {
		rows[i] = slices.Clone(row)
	}
	return rows
}

// places are the indexes of the points in their columns.
func (d *drawing) places() []int {
	at := make([]int, len(d.column))
	for _, row := range d.rows {
		for i, p := range row {
			at[p] = i
		}
	}
	return at
}

func (d *drawing) crossings() int {
	at := d.places()
	n := 0
	for _, row := range d.rows {
		var ends []int // of the lines so far, sorted
		for _, p := range row {
			here := make([]int, len(d.next[p]))
			for i, to := range d.next[p] {
				here[i] = at[to]
				above, _ := slices.BinarySearch(ends, at[to]+1)
				n += len(ends) - above
			}
			ends = append(ends, here...)
			slices.Sort(ends)
		}
	}
	return n
}

// heights moves points towards the middle of their neighbours, as far as their order and distance allow.
func (d *drawing) heights(size Size) {
	high := func(p int) int {
		if p < len(d.nodes) {
			return size.BoxHeight
		}
		return 0 // a bend
	}
	d.middle = make([]int, len(d.column))
	offsets := make([][]float64, len(d.rows)) // of each point from the first of its column, when they stand close
	for c, row := range d.rows {
		y := 0
		for i, p := range row {
			if i > 0 {
				y += (high(row[i-1])+high(p))/2 + size.RowGap
			}
			offsets[c] = append(offsets[c], float64(y))
			d.middle[p] = y
		}
	}
	for round := range heightRounds {
		for c := range d.rows {
			if round%2 == 1 {
				c = len(d.rows) - 1 - c
			}
			row := d.rows[c]
			wish := make([]float64, len(row))
			for i, p := range row {
				sum, n := 0, 0
				for _, neighbours := range [][]int{d.prev[p], d.next[p]} {
					for _, q := range neighbours {
						sum, n = sum+d.middle[q], n+1
					}
				}
				wish[i] = float64(sum)/float64(max(n, 1)) - offsets[c][i]
			}
			for i, y := range rising(wish) {
				d.middle[row[i]] = int(math.Round(y + offsets[c][i]))
			}
		}
	}
	top := math.MaxInt
	for p, y := range d.middle {
		top = min(top, y-high(p)/2)
	}
	for p := range d.middle {
		d.middle[p] -= top
	}
}

// rising is the list that never falls and is closest to wish, by the sum of squares: neighbours that would fall are
// pooled until they do not.
func rising(wish []float64) []float64 {
	type pool struct {
		sum float64
		n   int
	}
	var pools []pool
	for _, w := range wish {
		pools = append(pools, pool{w, 1})
		for len(pools) > 1 {
			a, b := pools[len(pools)-2], pools[len(pools)-1]
			if a.sum/float64(a.n) <= b.sum/float64(b.n) {
				break
			}
			pools = append(pools[:len(pools)-2], pool{a.sum + b.sum, a.n + b.n})
		}
	}
	var out []float64
	for _, p := range pools {
		for range p.n {
			out = append(out, p.sum/float64(p.n))
		}
	}
	return out
}

func (d *drawing) layout(size Size) Layout {
	pitch := size.BoxWidth + size.ColumnGap
	out := Layout{Width: len(d.rows)*pitch - size.ColumnGap}
	for c, row := range d.rows {
		for _, p := range row {
			out.Height = max(out.Height, d.middle[p]+1)
			if p < len(d.nodes) {
				y := d.middle[p] - size.BoxHeight/2
				out.Boxes = append(out.Boxes, Box{Node: d.nodes[p], Column: c, X: c * pitch, Y: y})
				out.Height = max(out.Height, y+size.BoxHeight)
			}
		}
	}
	for _, l := range d.lines {
		// Straight through the columns of its bends, a curve in every gap.
		var points [][2]int
		for i, p := range l.points[1:] {
			from := l.points[i]
			left, right := d.column[from]*pitch+size.BoxWidth, d.column[p]*pitch
			y, z := d.middle[from], d.middle[p]
			if i == 0 {
				points = append(points, [2]int{left, y})
			}
			points = append(points, [2]int{left + size.ColumnGap/2, y}, [2]int{right - size.ColumnGap/2, z}, [2]int{right, z})
			if i+2 < len(l.points) {
				through := right + size.BoxWidth
				points = append(points, [2]int{right, z}, [2]int{through, z}, [2]int{through, z})
			}
		}
		if l.back {
			slices.Reverse(points)
		}
		out.Lines = append(out.Lines, Line{l.edge, points})
	}
	return out
}
