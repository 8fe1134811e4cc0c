package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

type baselineFlags struct {
	force      bool
	dry        bool
	prune      bool
	expires    string
	restrictor loadRestrictor
	bounds     bounds
}

func baselineCommand() *cobra.Command {
	var flags baselineFlags
	cmd := &cobra.Command{
		Use:   "baseline",
		Short: "Record what is wrong today, so that only what is new fails",
		Long: "Record what a run over every target finds in " + repo.BaselineFile + ", beside " + repo.ConfigFile + ". From then on it passes, until\n" +
			"the baseline's last day, and every report counts it; anything else counts as before. An entry names a check, an object, a\n" +
			"field and targets, and no line, so that edits elsewhere leave it as it is.\n\n" +
			"What is mended is a warning until its entry is gone: --prune takes it out. After the last day everything counts again.\n" +
			"What could not be rendered or checked is never recorded: nobody knows what is wrong with it.",
		Example:     "  kgate baseline\n  kgate baseline --prune\n  kgate baseline --force --expires 2027-03-31",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{writesHere: ""},
		RunE:        func(cmd *cobra.Command, _ []string) error { return recordBaseline(cmd, flags) },
	}
	f := cmd.Flags()
	f.BoolVar(&flags.force, "force", false, "record anew over the one that is there")
	f.BoolVar(&flags.dry, "dry-run", false, "print it, and write nothing")
	f.BoolVar(&flags.prune, "prune", false, "take out what is mended, and add nothing")
	expiresFlag(cmd, &flags.expires)
	flags.restrictor.flag(cmd)
	boundsFlags(cmd, &flags.bounds)
	return cmd
}

func recordBaseline(cmd *cobra.Command, flags baselineFlags) error {
	now := time.Now()
	expires, err := lastDay(flags.expires, now)
	if err != nil {
		return err
	}
	if flags.prune && (flags.force || !expires.IsZero()) {
		return errors.New("--prune takes neither --force nor --expires: it adds nothing and moves no day")
	}
	repository, err := repo.Open(".")
	if err != nil {
		return err
	}
	before, err := repository.Baseline(now)
	switch {
	case err != nil && !flags.force:
		return err
	case flags.prune && before == nil:
		return fmt.Errorf("there is no %s to take something out of", repo.BaselineFile)
	}
	if !flags.prune {
		if err := absent(repository, repo.BaselineFile, flags.force || flags.dry); err != nil {
			return err
		}
		if expires.IsZero() {
			expires = defaultExpiry(repository.Config, now)
		} else if err := withinTerm(expires, repository.Config, now); err != nil {
			return err
		}
	}
	var out report.Report
	if err := flags.bounds.within(cmd.Context(), func(ctx context.Context) (err error) {
		g, err := gate.Open(ctx, repository, gate.Options{Version: versionName(), NoBaseline: !flags.prune, LoadRestrictionsNone: flags.restrictor.none})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, g.Close()) }()
		out, err = g.Run(ctx)
		return err
	}); err != nil {
		return err
	}
	b := baselineOf(out, expires)
	if flags.prune {
		b = *before
		b.Entries = before.Without(out.Mended)
	}
	if flags.dry {
		_, err := io.WriteString(cmd.OutOrStdout(), repo.BaselineText(b))
		return err
	}
	if err := writeHere(repository, repo.BaselineFile, repo.BaselineText(b)); err != nil {
		return err
	}
	return tellRecorded(out, b, func(format string, args ...any) error {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
		return err
	})
}

// defaultExpiry is half a year from now, or the last day that an exemption may have.
func defaultExpiry(config repo.Config, now time.Time) time.Time {
	day := repo.Config{LongestExemption: repo.Term{Months: 6}}.LatestExpiry(now)
	if latest := config.LatestExpiry(now); latest.Before(day) {
		return latest
	}
	return day
}
