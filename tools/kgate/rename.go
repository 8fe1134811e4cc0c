package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/changeset"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/renaming"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/revision"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

type renameFlags struct {
	names  map[renaming.Kind]*[]string
	force  bool
	dry    bool
	bounds bounds
}

// renamed are the kinds of names, with what a flag of each takes.
func renamed() []struct {
	kind  renaming.Kind
	usage string
} {
	return []struct {
		kind  renaming.Kind
		usage string
	}{
		{renaming.Service, "service, as OLD=NEW: of its objects, their namespace, files and folders (repeatable)"},
		{renaming.Image, "image without tag, as OLD=NEW (repeatable)"},
		{renaming.Module, "Go module path, as NEW: of go.mod, of imports, and wherever it is written"},
		{renaming.Repository, "URL of the repository, as NEW, or OLD=NEW where Applications name several"},
		{renaming.Organisation, "organisation, as OLD=NEW, as of the teams in CODEOWNERS (repeatable)"},
		{renaming.Word, "any other word, as OLD=NEW, such as a domain or what names of projects begin with (repeatable)"},
	}
}

func renameCommand() *cobra.Command {
	flags := renameFlags{names: map[renaming.Kind]*[]string{}}
	cmd := &cobra.Command{
		Use:   "rename",
		Short: "Give the repository's service, image, module, URL and organisation other names",
		Long: "Make a copy of a repository one's own: give the service, its image, the Go module, the URL and the organisation other names,\n" +
			"in every file that git knows, and in the names of files and folders. Names are renamed where they stand as words of their\n" +
			"own, in those of objects too (OLD-db); in Go in imports, texts and comments alone. An image or a URL of another host that\n" +
			"holds the name of the service stays.\n\n" +
			"In a copy of kgate's own repository, kgate stays what it is: " + strings.Join(renaming.Upstream(), ", ") + "\n" +
			"keep what they are called and where they come from, but for the module path in Go imports.\n\n" +
			"The result is judged before anything is written: where it would have findings that there are not today, they are printed, and\n" +
			"nothing is written. All files are written, or none. In a cluster, an object of another name is a new one, and that of the old\n" +
			"name is pruned with its data: rename before the first sync, or move the data yourself.\n\n" +
			"Exit codes: 0 done, 1 refused for what the result would have, 2 could not.",
		Example: "  kgate rename --service go-otlp-app=payments --dry-run\n" +
			"  kgate rename --service go-otlp-app=payments --image ghcr.io/kgate-dev/go-otlp-app=registry.example.com:5000/shop/payments \\\n" +
			"    --module github.com/shop/platform --repository https://github.com/shop/platform.git --organisation kgate-dev=shop",
		Args:        noArguments,
		Annotations: map[string]string{writesHere: "."},
		RunE:        func(cmd *cobra.Command, _ []string) error { return rename(cmd, flags) },
	}
	f := cmd.Flags()
	for _, r := range renamed() {
		flags.names[r.kind] = f.StringArray(string(r.kind), nil, r.usage)
		_ = cmd.RegisterFlagCompletionFunc(string(r.kind), cobra.NoFileCompletions) // the flag exists
	}
	f.BoolVar(&flags.force, "force", false, "rename also where files differ from the last commit")
	f.BoolVar(&flags.dry, "dry-run", false, "print each file with how many names it has, and write nothing")
	boundsFlags(cmd, &flags.bounds)
	return cmd
}

func rename(cmd *cobra.Command, flags renameFlags) error {
	return flags.bounds.within(cmd.Context(), func(ctx context.Context) error {
		repository, err := repo.Open(".")
		if err != nil {
			return err
		}
		tracked, dirty, err := repository.Tracked(ctx)
		if err != nil {
			return err
		}
		if len(dirty) > 0 && !flags.force {
			return fmt.Errorf("what differs from the last commit has to be committed first, %s: then `git restore` undoes the renaming alone; --force renames all the same", few(dirty))
		}
		names, err := flags.wanted(ctx, repository)
		if err != nil {
			return err
		}
		plan, err := renaming.Make(repository.FS, tracked, names)
		if err != nil {
			return err
		}
		stdout := terminal.NewStream(cmd.OutOrStdout())
		if flags.dry {
			for _, c := range plan.Changes {
				to := ""
				if c.To != c.Path {
					to = " -> " + terminal.File(c.To)
				}
				if _, err := fmt.Fprintf(stdout, "%5d  %s%s\n", c.Names, terminal.File(c.Path), to); err != nil {
					return err
				}
			}
		}
		if err := settle(ctx, repository, &plan.Set, flags.dry, stdout); err != nil {
			return err
		}
		return tellRenamed(stdout, plan, names, flags.dry)
	})
}

// few names some of many.
func few(names []string) string {
	const most = 3
	said := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		said += fmt.Sprintf(" and %d more", more)
	}
	return terminal.Line(said)
}

// settle judges what a set of files makes of the repository, and writes it, unless dry, if the verdict is no worse than today's.
func settle(ctx context.Context, repository *repo.Repo, set *changeset.Set, dry bool, stdout *terminal.Stream) error {
	_, worse, err := gate.Foresee(ctx, repository, set, gate.Options{Version: versionName(), Bare: true})
	if err != nil {
		return fmt.Errorf("nothing is written: what it would come to cannot be judged: %w", err)
	}
	if len(worse.Findings) > 0 || len(worse.Errors) > 0 {
		worse.Exempted, worse.Notes = nil, nil
		if err := report.Text(stdout, worse, report.Options{}); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(stdout, "nothing is written: the repository would have what is found above"); err != nil {
			return err
		}
		return errFindings
	}
	if dry {
		return nil
	}
	return set.Apply(repository.Dir)
}

// wanted are the names that the flags give, with those of today where the flags leave them to be found.
func (f renameFlags) wanted(ctx context.Context, repository *repo.Repo) ([]renaming.Name, error) {
	var names []renaming.Name
	for _, r := range renamed() {
		for _, text := range *f.names[r.kind] {
			n := renaming.Name{Kind: r.kind, New: text}
			if old, to, both := strings.Cut(text, "="); both {
				n.Old, n.New = old, to
			}
			if n.Old == "" {
				var err error
				switch r.kind {
				case renaming.Module:
					n.Old, err = renaming.OwnModule(repository.FS)
				case renaming.Repository:
					n.Old, err = originOf(ctx, repository)
				default:
					err = errors.New("say what it is called today as well, as OLD=NEW")
				}
				if err != nil {
					return nil, fmt.Errorf("--%s %s: %w", r.kind, text, err)
				}
			}
			if err := n.Check(); err != nil {
				return nil, err
			}
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return nil, errors.New("say what to rename: see `kgate rename --help`")
	}
	return names, nil
}

// originOf is the URL by which Applications take what is here.
func originOf(ctx context.Context, repository *repo.Repo) (_ string, err error) {
	g, err := gate.Open(ctx, repository, gate.Options{Bare: true})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	found, err := g.Applications(ctx, false)
	if err != nil && len(found.All) == 0 {
		return "", err
	}
	urls := map[string]string{}
	for _, a := range found.All {
		for _, s := range a.Sources {
			if url, ok := s.Value["repoURL"].(string); ok && s.Dir != "" {
				urls[revision.Origin(url)] = url
			}
		}
	}
	var all []string
	for _, url := range urls {
		all = append(all, url)
	}
	slices.Sort(all)
	switch len(all) {
	case 0:
		return "", errors.New("no Application takes anything from here: say what the URL is today as well, as OLD=NEW")
	case 1:
		return all[0], nil
	}
	return "", fmt.Errorf("the Applications name this repository as %s: say which, as OLD=NEW", strings.Join(all, ", "))
}

func tellRenamed(w io.Writer, plan renaming.Plan, names []renaming.Name, dry bool) error {
	would := "renamed"
	if dry {
		would = "would be renamed"
	}
	var lines []string
	lines = append(lines, fmt.Sprintf("%s %s in %s, %s", plural(plan.Names(), "name"), would, plural(len(plan.Changes), "file"), plural(len(plan.Moved()), "file")+" moved"))
	var upstream, foreign []string
	left := 0
	for _, l := range plan.Left {
		if l.Upstream {
			left += l.Names
			top, _, _ := strings.Cut(l.Path, "/")
			upstream = append(upstream, top)
		} else {
			foreign = append(foreign, l.Path)
		}
	}
	if left > 0 {
		slices.Sort(upstream)
		lines = append(lines, fmt.Sprintf("%s stay in what is kgate's own: %s", plural(left, "name"), strings.Join(slices.Compact(upstream), ", ")))
	}
	if len(foreign) > 0 {
		lines = append(lines, "references to other hosts that hold a name stay: "+few(foreign))
	}
	if len(plan.Skipped) > 0 {
		lines = append(lines, "no text, and left as it is: "+few(plan.Skipped))
	}
	next := []string{"`git diff`"}
	if slices.ContainsFunc(names, func(n renaming.Name) bool { return n.Kind == renaming.Module }) {
		next = append(next, "build and test the Go code")
		if slices.ContainsFunc(plan.Skipped, func(name string) bool { return path.Ext(name) == ".pgo" }) {
			next = append(next, "take the profiles *.pgo anew, whose functions have the old module's path (`make pgo`)")
		}
	}
	if slices.ContainsFunc(names, func(n renaming.Name) bool { return n.Kind == renaming.Image }) {
		next = append(next, "push the image under its new name before the first sync")
	}
	if !dry {
		lines = append(lines, "next: "+strings.Join(next, "; "))
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}
