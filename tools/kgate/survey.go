package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

func surveyCommand() *cobra.Command {
	var output string
	var limits bounds
	cmd := &cobra.Command{
		Use:   "survey [DIR...]",
		Short: "Say how far kgate gets with a repository: roots, kinds and findings, in numbers",
		Long: "Say how far kgate gets with the repositories in directories, or the one around the working directory: how many of its roots\n" +
			"render, how many of its custom objects are of kinds that kgate's catalogue or the repository defines, how many roots are\n" +
			"without an error, and what keeps the others from it. It exits with 0 whatever it finds, and with 2 where a directory cannot be\n" +
			"looked at or there is nothing in it to find, when it has said how far it gets with the others.",
		Example: "  kgate survey\n  kgate survey --output markdown ../a ../b",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch output {
			case "text", "markdown", "json":
			default:
				return unknownFormat(output, "text", "markdown", "json")
			}
			if len(args) == 0 {
				args = []string{"."}
			}
			stdout := terminal.NewStream(cmd.OutOrStdout())
			return limits.within(cmd.Context(), func(ctx context.Context) error { return survey(ctx, args, output, stdout) })
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format, text, markdown or json")
	boundsFlags(cmd, &limits)
	return cmd
}

// surveyed is a survey with the name of its repository.
type surveyed struct {
	Repository string `json:"repository"`
	gate.Survey
}

func survey(ctx context.Context, dirs []string, output string, stdout io.Writer) error {
	var all []surveyed
	var errs []error
	for _, dir := range dirs {
		s, err := surveyOf(ctx, dir)
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", dir, err))
			continue
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return errors.Join(errs...)
	}
	return errors.Join(append(errs, writeSurveys(all, output, stdout))...)
}

func surveyOf(ctx context.Context, dir string) (surveyed, error) {
	repository, err := repo.Open(dir)
	if err != nil {
		return surveyed{}, err
	}
	s, err := gate.Look(ctx, repository)
	return surveyed{filepath.Base(repository.Dir), s}, err
}

func writeSurveys(all []surveyed, output string, stdout io.Writer) error {
	if output == "json" {
		return printJSON(stdout, all)
	}
	if output == "markdown" {
		if _, err := fmt.Fprintln(stdout, "| repository | roots | rendered | custom objects | of kinds in the catalogue | defined there | unknown | roots without an error |\n|---|---|---|---|---|---|---|---|"); err != nil {
			return err
		}
	}
	for _, s := range all {
		if err := s.write(stdout, output == "markdown"); err != nil {
			return err
		}
	}
	return nil
}

func (s surveyed) write(w io.Writer, markdown bool) error {
	custom := s.Catalogue.Objects + s.Own.Objects + s.Unknown.Objects
	if markdown {
		_, err := fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d | %d | %d |\n", s.Repository, s.Roots, s.Rendered, custom, s.Catalogue.Objects, s.Own.Objects, s.Unknown.Objects, s.Clean)
		return err
	}
	_, err := fmt.Fprintf(w, "%s\n  roots     %d, of which %d render and %d are without an error\n  objects   %d, of which %d of custom kinds: %d of %d kinds in the catalogue, %d of %d that are defined here, %d of %d that nobody defines\n  errors    %d\n  warnings  %d\n",
		s.Repository, s.Roots, s.Rendered, s.Clean, s.Objects, custom, s.Catalogue.Objects, s.Catalogue.Kinds, s.Own.Objects, s.Own.Kinds, s.Unknown.Objects, s.Unknown.Kinds, s.Errors, s.Warnings)
	if err != nil {
		return err
	}
	for _, list := range []struct {
		title  string
		counts []gate.Count
	}{{"errors by check", s.Checks}, {"kinds that nobody defines", s.UnknownKinds}, {"not rendered, or not checked", s.Refused}} {
		if len(list.counts) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "  %s\n", list.title); err != nil {
			return err
		}
		const most = 10
		for i, c := range list.counts {
			if i == most {
				if _, err := fmt.Fprintf(w, "         and %d more\n", len(list.counts)-most); err != nil {
					return err
				}
				break
			}
			if _, err := fmt.Fprintf(w, "    %4d %s\n", c.Count, terminal.Line(c.What)); err != nil {
				return err
			}
		}
	}
	return nil
}
