package catalog

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
)

// Markdown writes all checks on one page.
func Markdown(w io.Writer, checks []*check.Check) error {
	p := &markdown{bufio.NewWriter(w)}
	p.line("# The rules\n")
	p.line("<!-- Written by `kgate checks --output markdown`. -->\n")
	p.line("%s", introduce(checks))
	p.contents(checks, func(string) string { return "" })
	p.exemptions(checks)
	for _, group := range groups(checks) {
		p.line("\n## %s", group[0].Group())
		for _, c := range group {
			p.section("###", c)
		}
	}
	return p.Flush()
}

// Page is a file of the rules' own folder of documentation.
type Page struct{ File, Text string }

// Pages are a page for each group of checks, and one that leads to them and says what holds for all.
func Pages(checks []*check.Check) []Page {
	page := func(file string, write func(p *markdown)) Page {
		var text strings.Builder
		p := &markdown{bufio.NewWriter(&text)}
		write(p)
		_ = p.Flush() // a builder takes everything
		return Page{file, text.String()}
	}
	pages := []Page{page("README.md", func(p *markdown) {
		p.line("# The rules\n")
		p.line("%s", generated)
		p.line("%s", introduce(checks))
		p.contents(checks, func(group string) string { return group + ".md" })
		p.exemptions(checks)
	})}
	for _, group := range groups(checks) {
		name := group[0].Group()
		pages = append(pages, page(name+".md", func(p *markdown) {
			p.line("# %s\n", name)
			p.line("%s", generated)
			p.line("| rule | severity | what holds |\n|---|---|---|")
			for _, c := range group {
				p.line("| [%s](#%s) | %s | %s |", c.Name, Anchor(c.Name), c.Severity, strings.ReplaceAll(escape(paragraphs(c.Title)[0]), "|", `\|`))
			}
			p.line("\n[All groups](README.md), and [how something is exempted](README.md#exemptions)")
			for _, c := range group {
				p.section("##", c)
			}
		}))
	}
	return pages
}

// generated heads what nobody edits.
const generated = "<!-- Written by `make rules`, from the METADATA and the examples of policies/ and the checks in tools/internal. -->\n"

// markdown writes parts of pages. Its writer keeps the first error, which Flush returns.
type markdown struct{ *bufio.Writer }

func (p *markdown) line(format string, args ...any) { _, _ = fmt.Fprintf(p, format+"\n", args...) }

// groups are the checks by group, the groups in the order in which they begin.
func groups(checks []*check.Check) [][]*check.Check {
	var all [][]*check.Check
	at := map[string]int{}
	for _, c := range checks {
		i, ok := at[c.Group()]
		if !ok {
			i, all = len(all), append(all, nil)
			at[c.Group()] = i
		}
		all[i] = append(all[i], c)
	}
	return all
}

func introduce(checks []*check.Check) string {
	return strings.TrimSpace(fmt.Sprintf(introduction, len(checks)))
}

// contents lead to every check. page is the file that a group stands in; "" for this one.
func (p *markdown) contents(checks []*check.Check, page func(group string) string) {
	p.line("\n## Contents\n")
	for _, group := range groups(checks) {
		name := group[0].Group()
		link := page(name)
		if link == "" {
			link = "#" + Anchor(name)
		}
		p.line("- [%s](%s)", name, link)
		for _, c := range group {
			p.line("  - [%s](%s#%s): %s", c.Name, page(name), Anchor(c.Name), escape(paragraphs(c.Title)[0]))
		}
	}
}

func (p *markdown) exemptions(checks []*check.Check) {
	var locked, central []string
	for _, c := range checks {
		if c.Locked {
			locked = append(locked, "`"+c.Name+"`")
		}
		if c.Central {
			central = append(central, "`"+c.Name+"`")
		}
	}
	p.line("\n%s", strings.TrimSpace(fmt.Sprintf(exemptions, check.ExemptionAnnotation, enumerate(locked), enumerate(central))))
}

const introduction = `
What kgate holds manifests to: %d checks, with the reason for each, an example that it refuses, the same put right, and
where the rule comes from. Those of origin *policy* are the Rego rules of ` + "`policies`" + `, one directory a rule with its
examples and tests; the others are code in ` + "`tools/internal`" + `. Every example is run by a test: the check finds something
in the bad one and nothing in the good one. ` + "`kgate explain CHECK`" + ` prints the same text.
`

const exemptions = `
## Exemptions

A rule that does not hold somewhere is exempted there, with a reason, an owner and a last day. In ` + "`kgate.yaml`" + `, which can
name a target, an object and a path (whatever lies at or below it):

` + "```yaml" + `
exemptions:
  - check: pod/no-host-path
    object: {kind: DaemonSet, namespace: logging, name: fluent-bit}
    path: spec.template.spec.volumes
    reason: Container logs are files of the node
    owner: platform team
    expires: 2027-10-31
` + "```" + `

Or on the object itself, for that object alone in whatever overlay it is rendered:

` + "```yaml" + `
metadata:
  name: fluent-bit
  annotations:
    %[1]s: |
      - check: pod/run-as-non-root
        path: spec.template.spec
        reason: The kubelet's log files belong to root
        owner: platform team
        expires: 2027-10-31
` + "```" + `

The annotation is applied to the cluster with the object and does nothing there. An overlay may set it in a patch, which
then replaces the base's as a whole. Only the object's own metadata is read, not that of a pod template.

Every exemption that lets something pass is printed, with how many findings it lets pass. One that has expired or that lets
nothing pass fails the run, as does one that ends later than the longest term allows: a year from the day of the run, or
what ` + "`longestExemption`" + ` in kgate.yaml says (` + "`90d`, `6m`, `2y`" + `). One that names no check, lacks a key or cannot be read ends it
with exit code 2. Each names its line. One whose last day is less than a month away is spoken of on standard error.

` + "`objectExemptions: false`" + ` in kgate.yaml, or ` + "`--no-object-exemptions`" + `, lets annotations exempt nothing. In a gate for strangers
` + "`--config-from`" + ` takes kgate.yaml, and what an annotation may exempt, as the target branch has them.

Locked rules cannot be exempted: %[2]s. A patch, a replacement or an image entry is no object, so an exemption would let
every such fault of the target pass, those of tomorrow as well; and what reaches nothing can always be deleted. The
contents of a Secret are public once they are pushed, whatever the reason. What no target reads is in no run, and an exemption
would hide everything that is put there; unread in kgate.yaml names what may be left out, and who says so. An exemption from
the checks of exemptions would be the hole that they close.

From others no object exempts itself, only kgate.yaml does, the file of those who own the repository: %[3]s.
They keep a workload from owning its node or its cluster, or say what the API server refuses. Where a cluster is newer than
the schemas and the code in kgate, the exemption stands there.
`

func (p *markdown) section(heading string, c *check.Check) {
	p.line("\n%s %s\n", heading, c.Name)
	p.line("**%s.** %s", escape(paragraphs(c.Title)[0]), escape(strings.Join(paragraphs(c.Doc), "\n\n")))
	for _, example := range []struct{ label, text string }{{"Before", c.Was}, {"Bad", c.Bad}, {"Good", c.Good}} {
		if example.text != "" {
			p.line("\n%s:\n\n```yaml\n%s\n```", example.label, strings.TrimSpace(example.text))
		}
	}
	p.line("\n**Fix.** %s", escape(strings.Join(paragraphs(c.Fix), "\n\n")))
	exempt := ""
	switch {
	case c.Locked:
		exempt = ", locked"
	case c.Central:
		exempt = ", exempted in kgate.yaml alone"
	}
	p.line("\n*%s, states a %s, looks at %s, origin %s%s.*", c.Severity, states(c), looksAt(c.Scope), c.Origin, exempt)
	for i, reference := range c.References {
		if i == 0 {
			p.line("")
		}
		p.line("- <%s>", reference)
	}
}

// Anchor is what a heading's text becomes in the address of the page.
func Anchor(heading string) string { return strings.ReplaceAll(heading, "/", "") }

// escape keeps Markdown from reading prose as its own signs; code between backticks stays as it is.
func escape(text string) string {
	parts := strings.Split(text, "`")
	for i := range parts {
		if i%2 == 0 || i == len(parts)-1 {
			parts[i] = strings.NewReplacer("*", `\*`, "<", `\<`).Replace(parts[i])
		}
	}
	return strings.Join(parts, "`")
}

func enumerate(names []string) string {
	names = slices.SortedFunc(slices.Values(names), func(a, b string) int { return cmp.Compare(a, b) })
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
