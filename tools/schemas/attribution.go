package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// licences are those, by their SPDX names, under which a source may be: Apache-2.0, as this repository is, and MIT, whose text
// NOTICE has to repeat.
var licences = []string{"Apache-2.0", "MIT"}

// An attribution is what the repository says of the rights in what it embeds: its LICENSE, and its NOTICE, which names
// every source and has the text of every other licence.
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
	top := s.key() + "/"
	licensed := false
	for _, entry := range archive.File {
		name, _ := strings.CutPrefix(entry.Name, top)
		name = strings.TrimSuffix(strings.TrimSuffix(name, ".md"), ".txt")
		if name != "LICENSE" && name != "NOTICE" {
			continue
		}
		content, err := readEntry(entry)
		if err != nil {
			return err
		}
		noticed := strings.Contains(words(a.notice), words(string(content)))
		switch {
		case name == "LICENSE" && s.Licence == "Apache-2.0" && terms(string(content)) != terms(a.license):
			return fmt.Errorf("%s: its LICENSE is another than ours: ask whether what is made of it may be embedded, and say under which licence in NOTICE", s.key())
		case name == "LICENSE" && s.Licence != "Apache-2.0" && !noticed:
			return fmt.Errorf("%s: our NOTICE has not the text of its LICENSE, %s: copy it below the line of the module", s.key(), s.Licence)
		case name == "LICENSE" && s.Licence == "MIT" && !strings.Contains(words(string(content)), "Permission is hereby granted, free of charge"):
			return fmt.Errorf("%s: its LICENSE is not that of MIT", s.key())
		case name == "LICENSE":
			licensed = true
		case !noticed:
			return fmt.Errorf("%s: it has a NOTICE that ours lacks: copy it below the line of the module", s.key())
		}
	}
	if !licensed {
		return errors.New(s.key() + ": it has no LICENSE: nothing that is made of it may be embedded")
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
