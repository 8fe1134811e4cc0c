package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/proposal"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

// writesHere is the annotation of commands that write into the repository itself.
const writesHere = "kgate.dev/writes-here"

type initFlags struct {
	force    bool
	dry      bool
	baseline bool
	expires  string
	bounds   bounds
}

func initCommand() *cobra.Command {
	var flags initFlags
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a " + repo.ConfigFile + " for the repository at hand",
		Long: "Write a commented " + repo.ConfigFile + " at the top of the repository around DIR, or around the working directory: its targets,\n" +
			"environments guessed from paths, the objects that manifests refer to and nothing renders, each with where it is used, and\n" +
			"the groups of checks with what they say today. It is a text to edit: whoever is named TODO has to be found.\n\n" +
			"The verdict with it is not worse than without; what would make it worse is left as a comment.\n\n" +
			"With --baseline, what is wrong today is recorded in " + repo.BaselineFile + " as well, so that only what is new fails\n" +
			"(see `kgate baseline --help`).",
		Example:     "  kgate init --dry-run\n  kgate init --baseline",
		Args:        cobra.MaximumNArgs(1),
		Annotations: map[string]string{writesHere: ""},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error { return initialise(cmd, append(args, ".")[0], flags) },
	}
	f := cmd.Flags()
	f.BoolVar(&flags.force, "force", false, "replace a "+repo.ConfigFile+" that is there")
	f.BoolVar(&flags.dry, "dry-run", false, "print it, and write nothing")
	f.BoolVar(&flags.baseline, "baseline", false, "also record what is wrong today in "+repo.BaselineFile)
	expiresFlag(cmd, &flags.expires)
	boundsFlags(cmd, &flags.bounds)
	return cmd
}

func initialise(cmd *cobra.Command, dir string, flags initFlags) error {
	if flags.baseline && flags.dry {
		return errors.New("--baseline and --dry-run do not go together: `kgate baseline --dry-run` prints one")
	}
	now := time.Now()
	expires, err := lastDay(flags.expires, now)
	if err != nil {
		return err
	}
	repository, err := repo.OpenBare(dir)
	if err != nil {
		return err
	}
	names := []string{repo.ConfigFile}
	if flags.baseline {
		names = append(names, repo.BaselineFile)
	}
	for _, name := range names {
		if err := absent(repository, name, flags.force || flags.dry); err != nil {
			if flags.baseline && name == repo.ConfigFile {
				err = fmt.Errorf("%w; `kgate baseline` records what is wrong today beside the one that is there", err)
			}
			return err
		}
	}
	var p proposal.Proposal
	if err := flags.bounds.within(cmd.Context(), func(ctx context.Context) (err error) {
		p, err = proposal.Make(ctx, repository, gate.Options{Version: versionName()})
		return err
	}); err != nil {
		return err
	}
	if flags.dry {
		_, err := io.WriteString(cmd.OutOrStdout(), p.Text)
		return err
	}
	config, err := repo.ParseConfig(repo.ConfigFile, []byte(p.Text))
	if err != nil {
		return err
	}
	if expires.IsZero() {
		expires = defaultExpiry(config, now)
	} else if err := withinTerm(expires, config, now); err != nil {
		return err
	}
	if err := writeHere(repository, repo.ConfigFile, p.Text); err != nil {
		return err
	}
	say := func(format string, args ...any) error {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
		return err
	}
	if err := say("%s written: %s, %s; %s without it, %s with it", repo.ConfigFile, plural(len(p.After.Asked), "target"),
		plural(p.After.Objects(), "object"), verdictOf(p.Before), verdictOf(p.After)); err != nil {
		return err
	}
	const most = 10
	for _, failure := range p.After.Errors[:min(len(p.After.Errors), most)] {
		first, _, _ := strings.Cut(failure.Message, "\n")
		failure.Message = "cannot check: " + first
		if err := say("%s", failure); err != nil {
			return err
		}
	}
	if more := len(p.After.Errors) - most; more > 0 {
		if err := say("%d more cannot be checked: `kgate validate` says why", more); err != nil {
			return err
		}
	}
	if !flags.baseline {
		return nil
	}
	return record(repository, p.After, expires, say)
}

// verdictOf is what a run says, in few words.
func verdictOf(r report.Report) string {
	said := plural(r.Count(check.Error), "error") + ", " + plural(r.Count(check.Warning), "warning")
	if n := len(r.Errors); n > 0 {
		said += fmt.Sprintf(", %d not checked", n)
	}
	return said
}

// absent refuses to replace a file that nobody said may be.
func absent(repository *repo.Repo, name string, force bool) error {
	_, err := fs.Lstat(repository.FS, name)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && force:
		return nil
	case err == nil:
		return fmt.Errorf("%s is there already: --force replaces it, --dry-run prints another one", filepath.Join(repository.Dir, name))
	}
	return err
}

// writeHere writes a file at the top of a repository, whole or not at all, and through no link.
func writeHere(repository *repo.Repo, name, text string) error {
	o := output{file: filepath.Join(repository.Dir, name), within: checkout(repository.Dir)}
	dir, err := o.dir()
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() { _ = dir.Close() }() // it was only read
	temporary := o.temporary() + rand.Text()
	if err := o.replace(dir, temporary, []byte(text)); err != nil {
		_ = dir.Remove(temporary) // the first error is the one to tell
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func expiresFlag(cmd *cobra.Command, expires *string) {
	cmd.Flags().StringVar(expires, "expires", "", "last day of the baseline, as 2027-03-31 (default: in half a year, or as soon as longestExemption says)")
	_ = cmd.RegisterFlagCompletionFunc("expires", cobra.NoFileCompletions) // the flag exists
}

// lastDay is the day that a flag names; zero for none.
func lastDay(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return day, fmt.Errorf("--expires %s: it is a day like 2027-03-31", text)
	}
	if now.After(day.AddDate(0, 0, 1)) {
		return day, fmt.Errorf("--expires %s: the day is over", text)
	}
	return day, nil
}

// withinTerm refuses a day that is later than an exemption may have.
func withinTerm(day time.Time, config repo.Config, now time.Time) error {
	if latest := config.LatestExpiry(now); day.After(latest) {
		return fmt.Errorf("--expires %s: the last day that it may be today is %s", day.Format(time.DateOnly), latest.Format(time.DateOnly))
	}
	return nil
}

// record writes the baseline of a run.
func record(repository *repo.Repo, r report.Report, expires time.Time, say func(string, ...any) error) error {
	b := baselineOf(r, expires)
	if err := writeHere(repository, repo.BaselineFile, repo.BaselineText(b)); err != nil {
		return err
	}
	return tellRecorded(r, b, say)
}

func baselineOf(r report.Report, expires time.Time) check.Baseline {
	var findings []check.Finding
	for _, f := range r.Findings {
		if !strings.HasPrefix(f.Check, "exemption/") { // what is wrong with exemptions is mended, not recorded
			findings = append(findings, f)
		}
	}
	return check.Baseline{Expires: expires, Entries: check.Record(findings)}
}

func tellRecorded(r report.Report, b check.Baseline, say func(string, ...any) error) error {
	n := 0
	for _, e := range b.Entries {
		n += e.Count * len(e.Targets)
	}
	err := say("%s written: %s in %d entries, until %s", repo.BaselineFile, plural(n, "finding"), len(b.Entries), b.Expires.Format(time.DateOnly))
	if len(r.Errors) > 0 {
		err = errors.Join(err, say("what could not be checked is not recorded, and keeps runs from a verdict: %d, which `kgate validate` names", len(r.Errors)))
	}
	return err
}
