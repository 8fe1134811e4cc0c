package check

import (
	"slices"
	"strings"
)

// ExampleFile is one file of an example.
type ExampleFile struct {
	Name, Text string
	Line       int // of the example that is the file's first
}

// ExampleFiles takes a check's Bad or Good apart. A comment `# file: NAME` begins a file; without one the documents are
// those of a single file of manifests. Comments above the first are on the example as a whole.
func ExampleFiles(example string) []ExampleFile {
	var files []ExampleFile
	current := ExampleFile{Name: "example.yaml", Line: 1}
	number := 0
	var text []string
	end := func() {
		if len(text) > 0 && text[len(text)-1] == "---" {
			text = text[:len(text)-1] // it parts two files, not two documents
		}
		if len(text) > 0 {
			current.Text = strings.Join(text, "\n") + "\n"
			files = append(files, current)
		}
	}
	for line := range strings.Lines(example) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if name, ok := strings.CutPrefix(line, "# file: "); ok {
			if current.Line > 1 || slices.ContainsFunc(text, func(line string) bool { return line != "" && line[0] != '#' }) {
				end()
			}
			current, text = ExampleFile{Name: strings.TrimSpace(name), Line: number + 1}, nil
			continue
		}
		text = append(text, line)
	}
	end()
	return files
}
