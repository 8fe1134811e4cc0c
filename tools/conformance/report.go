package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Those whose verdicts are held against the server's.
const (
	byKgate = iota
	byAdmission
	bySchemas
	byKubeconform
	judges
)

var judgeNames = [judges]string{"kgate", "its admission check alone", "its schemas alone", "kubeconform -strict"}

// score counts what the server refuses and admits, and how much of each a judge refuses.
type score struct {
	refused, admitted int
	caught, alarms    [judges]int
}

func (s *score) add(r *result) {
	refuses := [judges]bool{
		byKgate: len(r.kgate()) > 0, byAdmission: len(r.admission) > 0, bySchemas: len(r.schemas) > 0, byKubeconform: r.kubeconform != "",
	}
	s.refused += one(!r.server.admitted)
	s.admitted += one(r.server.admitted)
	for judge, refused := range refuses {
		s.caught[judge] += one(refused && !r.server.admitted)
		s.alarms[judge] += one(refused && r.server.admitted)
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (c *comparison) print(w io.Writer) {
	kinds, mutations, total := map[string]*score{}, map[string]*score{}, &score{}
	objects := 0
	for _, r := range c.results {
		objects += one(r.mutation.Name == "")
		for _, at := range []struct {
			scores map[string]*score
			key    string
		}{{kinds, r.kind}, {mutations, cmp.Or(r.mutation.Name, "(none)")}} {
			if at.scores[at.key] == nil {
				at.scores[at.key] = &score{}
			}
			at.scores[at.key].add(r)
		}
		total.add(r)
	}
	printScores(w, "kind", kinds, total)
	printScores(w, "mutation", mutations, total)
	c.printDifferences(w)
	fmt.Fprintf(w, "kube-apiserver %s judged %d objects of %d kinds and %d mutants of them (seed %d)\n\n",
		c.server.version, objects, len(kinds), len(c.results)-objects, c.seed)
	printSummary(w, total)
}

func printScores(w io.Writer, title string, scores map[string]*score, total *score) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "%s\tserver refuses\tkgate\tschemas\tkubeconform\tserver admits\tkgate\tschemas\tkubeconform\t\n", title)
	row := func(name string, s *score) {
		fmt.Fprintf(table, "%s\t%d", name, s.refused)
		for _, judge := range []int{byKgate, bySchemas, byKubeconform} {
			fmt.Fprintf(table, "\t%s", share(s.caught[judge], s.refused))
		}
		fmt.Fprintf(table, "\t%d\t%d\t%d\t%d\t\n", s.admitted, s.alarms[byKgate], s.alarms[bySchemas], s.alarms[byKubeconform])
	}
	for _, name := range slices.Sorted(maps.Keys(scores)) {
		row(name, scores[name])
	}
	row("all", total)
	_ = table.Flush()
	fmt.Fprintln(w)
}

func printSummary(w io.Writer, total *score) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\tcaught, of %d that the server refuses\tfalse alarms, on %d that it admits\t\n", total.refused, total.admitted)
	for judge, name := range judgeNames {
		fmt.Fprintf(table, "%s\t%d  %.2f %%\t%d  %.2f %%\t\n", name, total.caught[judge], percent(total.caught[judge], total.refused),
			total.alarms[judge], percent(total.alarms[judge], total.admitted))
	}
	_ = table.Flush()
}

func (c *comparison) printDifferences(w io.Writer) {
	for _, text := range c.unserved {
		fmt.Fprintln(w, "not judged, for the server does not serve the kind:", text)
	}
	for _, r := range c.results {
		if r.mutation.Name == "" && !r.server.admitted {
			fmt.Fprintf(w, "refused as it is: %s, %s: %.200s\n", r.from, r.kind, r.server.message)
		}
	}
	for _, r := range c.results {
		if r.agrees() || r.reason != "" && !c.all {
			continue
		}
		fmt.Fprintf(w, "\n%s, %s\n", r.kind, cmp.Or(r.mutation.String(), "as it is"))
		fmt.Fprintln(w, "  server:   ", said(r.server.admitted, r.server.message))
		fmt.Fprintln(w, "  admission:", said(len(r.admission) == 0, strings.Join(r.admission, "; ")))
		fmt.Fprintln(w, "  schemas:  ", said(len(r.schemas) == 0, strings.Join(r.schemas, "; ")))
		if r.unknown {
			fmt.Fprintln(w, "  kgate does not know the kind")
		}
		if r.reason != "" {
			fmt.Fprintln(w, "  known:    ", r.reason)
		}
	}
	warned, alike := 0, 0
	for _, r := range c.results {
		warned += len(r.server.warnings)
		only := r.unwarned()
		alike += one(len(r.server.warnings) > 0 && len(only) == 0)
		for _, o := range only {
			fmt.Fprintf(w, "\n%s, %s: %s\n", r.kind, cmp.Or(r.mutation.String(), "as it is"), o)
		}
	}
	fmt.Fprintf(w, "\n%d warnings of the server; of %d objects kgate warns alike\n", warned, alike)
	fmt.Fprintln(w)
	for i, d := range c.explained {
		if c.used[i] > 0 {
			fmt.Fprintf(w, "explained %d times: %s %s %s: %s\n", c.used[i], d.Kind, d.Path, d.Message, d.Reason)
		}
	}
	fmt.Fprintln(w)
}

func said(admitted bool, message string) string {
	if admitted {
		return "admits it"
	}
	if len(message) > 600 {
		message = message[:600] + "…"
	}
	return "refuses it: " + message
}

func share(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%d (%.1f %%)", n, percent(n, of))
}

func percent(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return 100 * float64(n) / float64(of)
}
