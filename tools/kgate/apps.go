package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

func appsCommand() *cobra.Command {
	var output string
	var loose bool
	var restrictor loadRestrictor
	var limits bounds
	cmd := &cobra.Command{
		Use:   "apps",
		Short: "List the Applications of Argo CD, where they go and what they take from here",
		Long: "List Argo CD's Applications: those that the targets of the repository render, that ApplicationSets make, and that others\n" +
			"of them deploy from here; those of files that no target reads where kgate.yaml names no targets, or these have none, and\n" +
			"with --all. ApplicationSets are resolved offline, as Argo CD's\n" +
			"controller does it: lists, directories and files of this repository, matrix, merge, selectors, templates and patches;\n" +
			"clusters, where `clusters` in kgate.yaml names a file of them. What only the outside knows, as which pull requests are\n" +
			"open, is not resolved, and the list says so. kgate render --app NAME prints what an Application deploys.",
		Example: "  kgate apps\n  kgate apps --output json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return unknownFormat(output, "text", "json")
			}
			stdout, stderr := terminal.NewStream(cmd.OutOrStdout()), terminal.NewStream(cmd.ErrOrStderr())
			return limits.within(cmd.Context(), func(ctx context.Context) error {
				return listApplications(ctx, gate.Options{Bare: true, LoadRestrictionsNone: restrictor.none}, loose, output, stdout, stderr)
			})
		},
	}
	cmd.Flags().BoolVar(&loose, "all", false, "list Applications of files that no target reads, too")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format, text or json")
	restrictor.flag(cmd)
	boundsFlags(cmd, &limits)
	return cmd
}

// listed is what `kgate apps --output json` prints.
type listed struct {
	Applications []listedApplication `json:"applications"`
	Unresolved   []listedUnresolved  `json:"unresolved"`
	LeftOut      int                 `json:"leftOut,omitempty"` // Applications of files that no target reads
}

type listedApplication struct {
	Name           string            `json:"name"`
	Namespace      string            `json:"namespace,omitempty"`
	Project        string            `json:"project,omitempty"`
	ApplicationSet string            `json:"applicationSet,omitempty"` // that makes it
	Destination    listedDestination `json:"destination"`
	Sync           listedSync        `json:"sync"`
	Sources        []listedSource    `json:"sources"`
	File           string            `json:"file"`
	Line           int               `json:"line,omitempty"`
}

type listedDestination struct {
	Server    string `json:"server,omitempty"`
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}

type listedSync struct {
	Automated bool `json:"automated"`
	Prune     bool `json:"prune"`
	SelfHeal  bool `json:"selfHeal"`
}

type listedSource struct {
	Repository string `json:"repoURL,omitempty"`
	Path       string `json:"path,omitempty"`
	Chart      string `json:"chart,omitempty"`
	Revision   string `json:"targetRevision,omitempty"`
	Ref        string `json:"ref,omitempty"`
	Type       string `json:"type,omitempty"`
	Target     string `json:"target,omitempty"` // the directory of this repository; of charts the target that they are
	Edited     bool   `json:"edited,omitempty"` // the Application changes what the kustomization says
	Unresolved string `json:"unresolved,omitempty"`
	File       string `json:"file"`
	Line       int    `json:"line,omitempty"`
}

type listedUnresolved struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
	File      string `json:"file"`
	Line      int    `json:"line,omitempty"`
	Reason    string `json:"reason"`
}

func listApplications(ctx context.Context, options gate.Options, loose bool, output string, stdout, stderr io.Writer) (err error) {
	repository, _, err := gate.Locate(ctx, nil, "")
	if err != nil {
		return err
	}
	g, err := gate.Open(ctx, repository, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	found, failed := g.Applications(ctx, loose)
	if failed != nil && len(found.All)+len(found.Unresolved) == 0 {
		return failed
	}
	list := listed{Applications: []listedApplication{}, Unresolved: []listedUnresolved{}, LeftOut: found.LeftOut}
	for _, a := range found.All {
		list.Applications = append(list.Applications, listApplication(ctx, g, a))
	}
	for _, u := range found.Unresolved {
		list.Unresolved = append(list.Unresolved, listedUnresolved{u.Object.Kind, u.Object.Name, u.Object.Namespace, u.Position.File, u.Position.Line, u.Reason})
	}
	if output == "json" {
		err = printJSON(stdout, list)
	} else {
		err = printApplications(stdout, list)
	}
	if failed != nil {
		tell(stderr, errors.Join(failed, err))
		return errReported
	}
	return err
}

func listApplication(ctx context.Context, g *gate.Gate, a coverage.Application) listedApplication {
	text := func(steps ...any) string { return manifest.TextAt(a.Object.Value, steps...) }
	at := a.Locate(manifest.Path{"metadata", "name"})
	one := listedApplication{
		Name: a.Object.Name, Namespace: a.Object.Namespace, Project: text("spec", "project"), File: at.File, Line: at.Line, Sources: []listedSource{},
		Destination: listedDestination{text("spec", "destination", "server"), text("spec", "destination", "name"), text("spec", "destination", "namespace")},
	}
	if a.Set != nil {
		one.ApplicationSet = a.Set.Name
	}
	if automated, ok := manifest.At(a.Object.Value, "spec", "syncPolicy", "automated").(map[string]any); ok && automated["enabled"] != false {
		one.Sync = listedSync{true, automated["prune"] == true, automated["selfHeal"] == true}
	}
	for _, s := range a.Sources {
		of := func(field string) string { return manifest.TextAt(s.Value, field) }
		source := listedSource{
			Repository: of("repoURL"), Path: of("path"), Chart: of("chart"), Revision: of("targetRevision"), Type: s.Type, Target: s.Dir, Unresolved: s.Elsewhere,
			Ref: of("ref"), File: s.Locate(nil).File, Line: s.Locate(nil).Line,
		}
		edits, err := gate.EditsOf(a, s)
		switch {
		case s.Type == "helm" && (s.Dir != "" || s.Chart.Name != ""):
			if source.Unresolved = g.Unrendered(ctx, a, s); source.Unresolved == "" {
				source.Target = g.ChartsOf(a)
			}
		case s.Dir == "":
		case s.Type == "plugin":
			source.Unresolved = cmp.Or(source.Unresolved, "it is rendered by a plugin, which kgate does not run")
		case err != nil:
			source.Unresolved = cmp.Or(source.Unresolved, err.Error())
		default:
			source.Edited = !edits.Empty()
		}
		one.Sources = append(one.Sources, source)
	}
	return one
}

// printApplications prints a line for each source of an Application, and one for what is not resolved.
func printApplications(stdout io.Writer, list listed) error {
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	if len(list.Applications) > 0 {
		_, _ = fmt.Fprintln(table, "APPLICATION\tPROJECT\tDESTINATION\tSOURCE\tSYNC\tFROM") // Flush returns the error
	}
	for _, a := range list.Applications {
		name, project, destination, sync, from := path.Join(a.Namespace, a.Name), cmp.Or(a.Project, "-"), a.Destination.text(), a.Sync.text(), fmt.Sprintf("%s:%d", a.File, a.Line)
		if a.ApplicationSet != "" {
			from = fmt.Sprintf("ApplicationSet %s, %s", a.ApplicationSet, from)
		}
		if len(a.Sources) == 0 {
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", name, project, destination, "none", sync, from)
		}
		for i, s := range a.Sources {
			if i == 0 {
				_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", name, project, destination, s.text(), sync, from)
			} else {
				_, _ = fmt.Fprintf(table, "\t\t\t%s\n", s.text())
			}
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, a := range list.Applications {
		for _, s := range a.Sources {
			if s.Unresolved == "" {
				continue
			}
			if _, err := fmt.Fprintf(stdout, "%s:%d: the source %s of Application %s is not resolved: %s\n", s.File, s.Line, s.name(), path.Join(a.Namespace, a.Name), s.Unresolved); err != nil {
				return err
			}
		}
	}
	for _, u := range list.Unresolved {
		if _, err := fmt.Fprintf(stdout, "%s:%d: %s %s is not resolved: %s\n", u.File, u.Line, u.Kind, path.Join(u.Namespace, u.Name), u.Reason); err != nil {
			return err
		}
	}
	if list.LeftOut > 0 {
		_, err := fmt.Fprintf(stdout, "%d more in files that no target reads: --all lists them\n", list.LeftOut)
		return err
	}
	if len(list.Applications)+len(list.Unresolved) > 0 {
		return nil
	}
	_, err := fmt.Fprintln(stdout, "there is no Application here")
	return err
}

func (d listedDestination) text() string {
	return strings.Join([]string{cmp.Or(d.Name, d.Server, "?"), cmp.Or(d.Namespace, "-")}, " ")
}

func (s listedSync) text() string {
	if !s.Automated {
		return "manual"
	}
	text := "automated"
	if s.Prune {
		text += ", prune"
	}
	if s.SelfHeal {
		text += ", selfHeal"
	}
	return text
}

func (s listedSource) name() string {
	if s.Type == "helm" {
		return cmp.Or(s.Chart, s.Path)
	}
	return cmp.Or(s.Target, s.Chart, s.Path, s.Repository, "none")
}

func (s listedSource) text() string {
	switch {
	case s.Ref != "" && s.Path == "" && s.Chart == "":
		return fmt.Sprintf("$%s is %s", s.Ref, s.Repository)
	case s.Unresolved != "":
		return s.name() + " (not resolved)"
	case s.Type == "helm" && s.Target != "":
		return s.name() + " as " + s.Target
	case s.Edited:
		return s.name() + " (edited)"
	}
	return s.name()
}
