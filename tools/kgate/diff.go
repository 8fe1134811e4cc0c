package main

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// comparison is what two sides are asked for.
type comparison struct {
	base, head string   // revisions; "" for what kgate.yaml or a habit names, and for the working tree
	targets    []string // as a person names them; none is all
	alone      bool     // the report says what the change brings, and not what it changes
	all        bool     // what differs in the text alone is told, too
	unjudged   bool     // nothing is checked
}

func diffCommand() *cobra.Command {
	var flags validateFlags
	var asked comparison
	cmd := &cobra.Command{
		Use:   "diff [BASE [HEAD]]",
		Short: "Say what a change does to what targets render, and what a cluster says to the update",
		Long: "Render every target as two git revisions have it, and say what differs, object by object and field by field, with the line\n" +
			"that made it; which images and pods that concerns; and what is found in HEAD that is not found in BASE, with what only an\n" +
			"update shows: what the API server refuses to change, and what is lost by it.\n\n" +
			"BASE is a branch, a tag or a commit. As for a pull request, what is compared with is the commit where HEAD's history leaves\n" +
			"it. Without it, the branch that `compareWith` names in kgate.yaml, or main, or master. Without HEAD, the working tree.\n" +
			"Revisions are read from git's objects: nothing is checked out, and nothing is written.\n\n" +
			"Fields that the server keeps alike are no change: defaults, quantities, an order that means nothing, names that follow a\n" +
			"generated object's content. They are counted, and shown with --all. Values of Secrets are shown as digests.\n\n" +
			"Exit codes: 0 nothing found that the change brings and that fails a run, 1 findings, 2 HEAD could not be rendered. A target that\n" +
			"BASE cannot render is told, and fails nothing: the fault is not the change's.",
		Example: "  kgate diff\n  kgate diff origin/main\n  kgate diff v1.4.0 v1.5.0 --target overlays/prod\n  kgate diff --output markdown=comment.md",
		Args:    cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			outputs, err := flags.check(cmd)
			if err != nil {
				return err
			}
			if asked.unjudged && cmd.Flags().Changed("checks") {
				return errors.New("--checks and --no-checks do not go together: leave one out")
			}
			if asked.base, asked.head, err = sidesOf(args); err != nil {
				return err
			}
			return compare(cmd, asked, flags, outputs)
		},
	}
	flags.register(cmd)
	cmd.Flags().Lookup("verbose").Usage = "also print objects that are added and removed, long values whole, and every finding that an exemption lets pass"
	cmd.Flags().StringArrayVar(&asked.targets, "target", nil, "target to compare, as overlays/prod (repeatable; default: those of both sides)")
	cmd.Flags().BoolVar(&asked.unjudged, "no-checks", false, "say what changes and check nothing; what the change does not touch is not rendered")
	cmd.Flags().BoolVar(&asked.all, "all", false, "also show fields that differ in the text alone")
	return cmd
}

// sidesOf reads [BASE [HEAD]].
func sidesOf(args []string) (base, head string, err error) {
	for i, at := range []*string{&base, &head} {
		if i < len(args) {
			if *at = args[i]; *at == "" {
				return "", "", errors.New("a revision is empty: name a branch, a tag or a commit, or leave it out")
			}
		}
	}
	if from, to, both := cutRange(base); both && head == "" {
		return from, to, nil
	}
	return base, head, nil
}

// cutRange takes BASE...HEAD apart, and BASE..HEAD, as git writes them: a side that is left out is HEAD.
func cutRange(text string) (base, head string, both bool) {
	if base, head, both = strings.Cut(text, "..."); !both {
		base, head, both = strings.Cut(text, "..")
	}
	both = both && (base != "" || head != "")
	return cmp.Or(base, "HEAD"), cmp.Or(head, "HEAD"), both
}

// compare reports a comparison.
func compare(cmd *cobra.Command, c comparison, flags validateFlags, outputs []output) error {
	w := &writer{outputs: outputs, flags: flags, stdout: terminal.NewStream(cmd.OutOrStdout()), stderr: terminal.NewStream(cmd.ErrOrStderr())}
	return flags.bounds.within(cmd.Context(), func(ctx context.Context) error {
		before, after, err := repo.Sides(ctx, ".", c.base, c.head, borrowed()...)
		if err != nil {
			return err
		}
		if err := keepWithin(w.outputs, after.Dir); err != nil {
			return err
		}
		progress := &progress{w: w.stderr}
		defer progress.clear()
		options := flags.options(outputs, progress)
		options.All, options.Alone, options.Unjudged = c.all, c.alone, c.unjudged
		for _, target := range c.targets {
			at, err := after.Relative(target)
			if err != nil {
				return err
			}
			options.Targets = append(options.Targets, at)
		}
		out, err := gate.Compare(ctx, before, after, options)
		if err != nil {
			return err
		}
		progress.clear()
		return w.write(ctx, out)
	})
}
