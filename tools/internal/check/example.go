package check

import "strings"

// ExampleFile is one file of an example.
type ExampleFile struct{ Name, Text string }

// ExampleFiles takes a check's Bad or Good apart. A comment `# file: NAME` begins a file; without one the documents are
// those of a single file of manifests.
func ExampleFiles(example string) []ExampleFile {
	var files []ExampleFile
	current := ExampleFile{Name: "example.yaml"}
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
		line = strings.TrimRight(line, "\n")
		if name, ok := strings.CutPrefix(line, "# file: "); ok {
			end()
			current, text = ExampleFile{Name: strings.TrimSpace(name)}, nil
			continue
		}
		text = append(text, line)
	}
	end()
	return files
}
