package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/fetch"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

type vendorFlags struct {
	check, update bool
	restrictor    loadRestrictor
	bounds        bounds
}

func vendorCommand() *cobra.Command {
	var flags vendorFlags
	cmd := &cobra.Command{
		Use:   "vendor [TARGET...]",
		Short: "Fetch the bases, files and charts that kustomizations name by URL",
		Long: "Make copies of what kustomizations name by URL: directories of git repositories, single files, and Helm charts of\n" +
			"repositories and OCI registries, with what these name in turn. Every other command renders from the copies, offline, and\n" +
			"fails on what is missing or differs from them. This is the one command that reaches the network and runs a program,\n" +
			"git, with the credentials of who runs it; of what is fetched nothing is run, and of a git repository no hook, filter or\n" +
			"submodule is used. Run it where you would run `kustomize build`, and not on a stranger's change.\n\n" +
			"The copies lie in " + vendored.DefaultDirectory + ", or where `vendor` in kgate.yaml says, and hold the files that are needed and no others.\n" +
			vendored.LockFile + " lists them with their commits and digests. Commit both: the change of a copy is then reviewed\n" +
			"like any other. What is there is not fetched again; a branch is followed, and a range of versions chosen from, only\n" +
			"with --update.\n\n" +
			"Without a target, everything that a run without arguments checks is gone through, and copies that nothing needs any more are\n" +
			"removed. With --check nothing is fetched or written: it fails where there is something to do.\n\n" +
			"Exit codes: 0 clean, 1 with --check, where copies are missing, differ, or are not needed, 2 something could not be fetched or read.",
		Example: "  kgate vendor\n  kgate vendor overlays/prod\n  kgate vendor --update\n  kgate vendor --check",
		RunE:    func(cmd *cobra.Command, args []string) error { return vendor(cmd, args, flags) },
	}
	cmd.Flags().BoolVar(&flags.check, "check", false, "fetch and write nothing, and fail where there is something to fetch, to restore or to remove")
	cmd.Flags().BoolVar(&flags.update, "update", false, "take what branches, tags and ranges of versions lead to now")
	flags.restrictor.flag(cmd)
	boundsFlags(cmd, &flags.bounds)
	return cmd
}

// reaches reports whether a command line is one that runs programs and opens sockets: nothing confines it.
func reaches(cmd *cobra.Command) bool {
	if !cmd.HasParent() || cmd.Parent().HasParent() {
		return false
	}
	is := func(flag string) bool {
		f := cmd.Flags().Lookup(flag)
		return f != nil && f.Changed && f.Value.String() != "false"
	}
	switch cmd.Name() {
	case "vendor":
		return !is("check")
	case "promote", "rollback":
		return is("commit") || is("branch") || is("ledger") || cmd.Name() == "promote" && !is("check") && asksLedger()
	}
	return false
}

// asksLedger reports whether kgate.yaml names a release ledger. One that cannot be read is told of by who reads it next.
func asksLedger() bool {
	repository, err := repo.Open(".")
	return err == nil && repository.Config.Promoting.Ledger != ""
}

func vendor(cmd *cobra.Command, args []string, flags vendorFlags) error {
	if flags.check && flags.update {
		return errors.New("--check and --update do not go together: a check is against the lock file; leave one out")
	}
	if slices.Contains(args, kustomization.Stdin) {
		return errors.New("vendor: - names no kustomization")
	}
	stdout, stderr := terminal.NewStream(cmd.OutOrStdout()), terminal.NewStream(cmd.ErrOrStderr())
	return flags.bounds.within(cmd.Context(), func(ctx context.Context) error {
		repository, targets, err := gate.Locate(ctx, args, "")
		if err != nil {
			return err
		}
		job, err := vendoring(ctx, repository, targets, flags.restrictor.none)
		if err != nil {
			return err
		}
		progress := &progress{w: stderr}
		defer progress.clear()
		job.Check, job.Update = flags.check, flags.update
		end := func() {}
		job.Progress = func(doing string) {
			end()
			end = activity.Begin(ctx, "%s", doing)
			progress.say("%s", doing)
		}
		out, err := fetch.Do(ctx, job)
		end()
		if err == nil && len(args) == 0 && !job.Whole && !flags.check && len(out.Faults) == 0 {
			// What was fetched may have Applications that deploy charts.
			if repository, _, err = gate.Locate(ctx, args, ""); err != nil {
				return err
			}
			first, progress := out.Changes, job.Progress
			if job, err = vendoring(ctx, repository, targets, flags.restrictor.none); err != nil {
				return err
			}
			job.Progress = progress
			out, err = fetch.Do(ctx, job)
			end()
			out.Changes = slices.Concat(first, out.Changes)
		}
		progress.clear()
		for _, c := range out.Changes {
			if _, err := io.WriteString(stdout, changeLine(c, flags.check)); err != nil {
				return err
			}
		}
		for _, fault := range out.Faults {
			tell(stderr, fault)
		}
		switch {
		case err != nil:
			return err
		case slices.ContainsFunc(out.Faults, func(err error) bool { return !flags.check || !errors.Is(err, vendored.ErrNoCopy) }):
			return errReported
		case len(out.Faults) > 0, flags.check && len(out.Changes) > 0:
			return errFindings
		}
		copies := fmt.Sprintf("%d copies", out.Copies)
		if out.Copies == 1 {
			copies = "1 copy"
		}
		if _, err := fmt.Fprintf(stdout, "%s in %s\n", copies, job.Directory); err != nil {
			return err
		}
		return nil
	})
}

// vendoring is the job for targets of a repository; all of them for none. Unrestricted lifts their load restrictions.
func vendoring(ctx context.Context, repository *repo.Repo, targets []string, unrestricted bool) (fetch.Job, error) {
	job := fetch.Job{
		Dir: repository.Dir, Directory: repository.Config.Vendor, LoadRestrictionsNone: gate.LoadRestrictionsNone(ctx, repository, unrestricted),
	}
	if job.Directory == "" {
		job.Directory = vendored.DefaultDirectory
	}
	selection, _, err := coverage.Select(ctx, repository)
	var unknown error
	if job.Releases, unknown = gate.Charts(ctx, repository, unrestricted); ctx.Err() != nil {
		return job, ctx.Err()
	}
	charts := slices.Sorted(maps.Keys(job.Releases))
	if len(targets) == 0 {
		// What Applications nobody can read may need is kept.
		job.Targets, job.Whole = slices.Concat(selection.Targets, charts), unknown == nil
		return job, err
	}
	for _, target := range targets {
		paths, err := coverage.Expand(ctx, repository, target, func() []string { return selection.Targets })
		if err != nil {
			return job, err
		}
		for _, p := range paths {
			if !slices.Contains(job.Targets, p) {
				job.Targets = append(job.Targets, p)
			}
		}
	}
	// What the others have is kept, and a repository that could not say what they are keeps everything.
	for _, p := range slices.Concat(selection.Targets, charts) {
		if !slices.Contains(job.Targets, p) {
			job.Others = append(job.Others, p)
		}
	}
	return job, ctx.Err()
}

// changeLine says what happened to a copy, or of a check what has to.
func changeLine(c fetch.Change, check bool) string {
	done := map[fetch.What]string{fetch.Added: "added", fetch.Updated: "updated", fetch.Removed: "removed"}
	if check {
		done = map[fetch.What]string{fetch.Added: "missing", fetch.Updated: "differs", fetch.Removed: "not needed"}
	}
	line := fmt.Sprintf("%s: %s", terminal.Line(c.Place), done[c.What])
	if c.Note != "" {
		line += " (" + terminal.Line(c.Note) + ")"
	}
	return line + ": " + terminal.Line(c.Of) + "\n"
}
