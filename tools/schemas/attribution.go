package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// An attribution is what the repository says of the rights in what it embeds: its LICENSE, and its NOTICE, which names
// every source as one under the same licence.
type attribution struct{ license, notice string }

func readAttribution(top string) (attribution, error) {
	license, err := os.ReadFile(filepath.Join(top, "LICENSE"))
	if err != nil {
		return attribution{}, err
	}
	notice, err := os.ReadFile(filepath.Join(top, "NOTICE"))
	return attribution{string(license), string(notice)}, err
}

// verify holds what NOTICE says of a source to the source's own LICENSE and NOTICE, as the zip of its module has them. That
// NOTICE names every source is a test of tools/internal/licence, which needs no network.
func (a attribution) verify(s source, zipFile string) error {
	archive, err := zip.OpenReader(zipFile)
	if err != nil {
		return err
	}
	defer archive.Close()
	top := s.Module + "@" + s.Version + "/"
	licensed := false
	for _, entry := range archive.File {
		name, _ := strings.CutPrefix(entry.Name, top)
		if name != "LICENSE" && name != "NOTICE" {
			continue
		}
		content, err := readEntry(entry)
		if err != nil {
			return err
		}
		switch {
		case name == "LICENSE" && terms(string(content)) != terms(a.license):
			return fmt.Errorf("%s@%s: its LICENSE is another than ours: ask whether what is made of it may be embedded, and say under which licence in NOTICE", s.Module, s.Version)
		case name == "LICENSE":
			licensed = true
		case !strings.Contains(words(a.notice), words(string(content))):
			return fmt.Errorf("%s@%s: it has a NOTICE that ours lacks: copy it below the line of the module", s.Module, s.Version)
		}
	}
	if !licensed {
		return errors.New(s.Module + "@" + s.Version + ": it has no LICENSE: nothing that is made of it may be embedded")
	}
	return nil
}

// terms are the words of a licence without its appendix, in which every project has names of its own.
func terms(license string) string {
	text, _, _ := strings.Cut(license, "END OF TERMS AND CONDITIONS")
	return words(text)
}

// words is a text whose lines may be broken and indented in any way.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }
