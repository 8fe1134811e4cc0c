package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/report"
)

// output is one report to write: a format, and a file or else standard output.
type output struct {
	format string
	file   string
	write  report.Format
}

// parseOutputs reads --output: `text`, `sarif=out.sarif`. Two reports never go to one place.
func parseOutputs(flags []string) ([]output, error) {
	var outputs []output
	for _, flag := range flags {
		format, file, toFile := strings.Cut(flag, "=")
		write, ok := report.Formats()[format]
		switch {
		case !ok:
			return nil, fmt.Errorf("--output %s: the formats are %s", flag, strings.Join(report.Names(), ", "))
		case toFile && file == "":
			return nil, fmt.Errorf("--output %s: name a file, or leave out the = for standard output", flag)
		}
		for _, other := range outputs {
			if toFile && other.file != "" && filepath.Clean(other.file) == filepath.Clean(file) || !toFile && other.file == "" {
				return nil, fmt.Errorf("--output %s: %s is written there already: give one of them a file, as %s=FILE", flag, other.format, format)
			}
		}
		if toFile {
			// Told now, not when everything is checked and the report is lost.
			if info, err := os.Stat(filepath.Dir(file)); err != nil {
				return nil, fmt.Errorf("--output %s: %w: make the folder first", flag, err)
			} else if !info.IsDir() {
				return nil, fmt.Errorf("--output %s: %s is no folder", flag, filepath.Dir(file))
			}
		}
		outputs = append(outputs, output{format, file, write})
	}
	return outputs, nil
}

// writeReports writes every report that was asked for, as many as can be written.
func writeReports(outputs []output, r report.Report, stdout io.Writer, options report.Options) error {
	var errs []error
	for _, o := range outputs {
		var err error
		if o.file == "" {
			err = o.write(stdout, r, options)
		} else {
			err = o.toFile(r, options)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("write the %s report: %w", o.format, err))
		}
	}
	return errors.Join(errs...)
}

// toFile writes a file whole or not at all: whoever reads it next must not take half a report for all of it.
func (o output) toFile(r report.Report, options report.Options) (err error) {
	var text bytes.Buffer
	if err := o.write(&text, r, report.Options{Verbose: options.Verbose}); err != nil {
		return err
	}
	if info, err := os.Stat(o.file); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(o.file, text.Bytes(), 0o644) // a pipe or a device, which nothing can take the place of
	}
	temporary, err := os.CreateTemp(filepath.Dir(o.file), o.temporary()+"*")
	if named := (*fs.PathError)(nil); errors.As(err, &named) {
		named.Path = o.file // the one that was asked for
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary.Name()) // the first error is the one to tell
		}
	}()
	_, err = temporary.Write(text.Bytes())
	if err = errors.Join(err, temporary.Chmod(0o644), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), o.file)
}

// temporary is how the names of files begin that become the output's.
func (o output) temporary() string { return "." + filepath.Base(o.file) + "-" }

// writes reports whether a path is the output's file, or one that becomes it.
func (o output) writes(path string) bool {
	if o.file == "" {
		return false
	}
	dir, err := resolved(filepath.Dir(o.file))
	name := filepath.Base(path)
	return err == nil && filepath.Dir(path) == dir && (name == filepath.Base(o.file) || strings.HasPrefix(name, o.temporary()))
}
