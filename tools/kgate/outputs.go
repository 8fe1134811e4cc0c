package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// output is one report to write: a format, and a file or else standard output.
type output struct {
	format string
	file   string // "" is standard output
	write  report.Format
	within string // the checkout whose links are nobody's to follow; see confine
}

// printJSON prints what --output json lists.
func printJSON(w io.Writer, list any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(list)
}

// parseOutputs reads --output: `text`, `sarif=out.sarif`. Two reports never go to one place.
func parseOutputs(flags []string) ([]output, error) {
	var outputs []output
	for _, flag := range flags {
		format, file, toFile := strings.Cut(flag, "=")
		write, ok := report.Formats()[format]
		switch {
		case !ok:
			return nil, unknownFormat(flag, report.Names()...)
		case toFile && file == "":
			return nil, fmt.Errorf("--output %s: name a file, or leave out the = for standard output", flag)
		}
		if slices.Contains([]string{"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}, filepath.Clean(file)) {
			toFile, file = false, "" // where it leads may be a file, and that is not to be replaced
		}
		for _, other := range outputs {
			if toFile && other.file != "" && filepath.Clean(other.file) == filepath.Clean(file) || !toFile && other.file == "" {
				return nil, fmt.Errorf("--output %s: %s is written there already: give one of them a file, as %s=FILE", flag, other.format, format)
			}
		}
		if toFile {
			// Told now, not when everything is checked and the report is lost.
			if info, err := os.Stat(filepath.Dir(file)); err != nil {
				if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
					err = failed.Err
				}
				return nil, fmt.Errorf("--output %s: the folder %s: %w: make it first", flag, filepath.Dir(file), err)
			} else if !info.IsDir() {
				return nil, fmt.Errorf("--output %s: %s is no folder", flag, filepath.Dir(file))
			}
		}
		outputs = append(outputs, output{format: format, file: file, write: write})
	}
	return outputs, nil
}

// writeReports writes every report that was asked for, as many as can be written before the context ends.
func writeReports(ctx context.Context, outputs []output, r report.Report, stdout *terminal.Stream, options report.Options) error {
	var errs []error
	for _, o := range outputs {
		var err error
		switch {
		case o.file != "":
			err = o.toFile(ctx, r, options)
		case o.format == "github":
			err = o.write(until{ctx, stdout.Unguarded()}, r, options) // commands are what it is for
		default:
			err = o.write(until{ctx, stdout}, r, options)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("write the %s report: %w", o.format, err))
		}
	}
	return errors.Join(errs...)
}

// until is a writer that ends with a context: what is left of a report is for nobody then.
type until struct {
	ctx context.Context
	to  io.Writer
}

func (u until) Write(text []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.to.Write(text)
}

// toFile writes a file whole or not at all: whoever reads it next must not take half a report for all of it. What is
// there is replaced, a link too, and never written through; only a pipe or a device that the user names is written into.
func (o output) toFile(ctx context.Context, r report.Report, options report.Options) error {
	var text bytes.Buffer
	if err := o.write(until{ctx, &text}, r, report.Options{Verbose: options.Verbose, Now: options.Now, SourceURL: options.SourceURL}); err != nil {
		return err
	}
	dir, err := o.dir()
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }() // it was only read
	if o.special() {
		return o.into(text.Bytes())
	}
	temporary := o.temporary() + rand.Text()
	if err := o.replace(dir, temporary, text.Bytes()); err != nil {
		_ = dir.Remove(temporary) // the first error is the one to tell
		if named := (*fs.PathError)(nil); errors.As(err, &named) {
			return fmt.Errorf("open %s: %w", o.file, named.Err) // the one that was asked for
		}
		if named := (*os.LinkError)(nil); errors.As(err, &named) {
			return fmt.Errorf("open %s: %w", o.file, named.Err)
		}
		return err
	}
	return nil
}

// replace writes a new file and gives it the name of the output.
func (o output) replace(dir *os.Root, temporary string, text []byte) error {
	if info, err := dir.Lstat(filepath.Base(o.file)); err == nil && info.IsDir() {
		return fmt.Errorf("open %s: is a directory", o.file)
	}
	file, err := dir.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	return dir.Rename(temporary, filepath.Base(o.file))
}

// temporary is how the names of files begin that become the output's.
func (o output) temporary() string { return "." + filepath.Base(o.file) + "-" }

// writes reports whether a path is the output's file, or one that becomes it.
func (o output) writes(path string) bool {
	if o.file == "" {
		return false
	}
	dir, err := repo.Resolve(filepath.Dir(o.file))
	name := filepath.Base(path)
	return err == nil && filepath.Dir(path) == dir && (name == filepath.Base(o.file) || strings.HasPrefix(name, o.temporary()))
}
