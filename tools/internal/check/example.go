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

// The examples of this package's checks. A date is far enough from another that the test can stand between them.
const (
	exemptedDaemonSet = `---
# file: fluent-bit.yaml
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: fluent-bit
  namespace: logging
spec:
  selector: {matchLabels: {app.kubernetes.io/name: fluent-bit}}
  template:
    metadata: {labels: {app.kubernetes.io/name: fluent-bit}}
    spec:
      containers: [{name: fluent-bit, image: "fluent/fluent-bit:4.0.3"}]
      volumes: [{name: logs, hostPath: {path: /var/log}}]
`
	expiredBad = `# file: kgate.yaml
apiVersion: kgate/v1
exemptions:
  - check: pod/no-host-path
    object: {kind: DaemonSet, namespace: logging, name: fluent-bit}
    reason: Container logs are files of the node
    owner: platform team
    expires: 2025-10-31 # is over
` + exemptedDaemonSet
	expiredGood = `# file: kgate.yaml
apiVersion: kgate/v1
exemptions:
  - check: pod/no-host-path
    object: {kind: DaemonSet, namespace: logging, name: fluent-bit}
    reason: Container logs are files of the node, looked at again in October 2025
    owner: platform team
    expires: 2027-10-31
` + exemptedDaemonSet
	tooLongBad = `# file: kgate.yaml
apiVersion: kgate/v1
exemptions:
  - check: pod/no-host-path
    object: {kind: DaemonSet, namespace: logging, name: fluent-bit}
    reason: Container logs are files of the node
    owner: platform team
    expires: 9999-12-31 # is never
` + exemptedDaemonSet
	tooLongGood = `# file: kgate.yaml
apiVersion: kgate/v1
longestExemption: 1y # as without the key
exemptions:
  - check: pod/no-host-path
    object: {kind: DaemonSet, namespace: logging, name: fluent-bit}
    reason: Container logs are files of the node
    owner: platform team
    expires: 2027-10-31
` + exemptedDaemonSet
	unusedBad = `# file: kgate.yaml
apiVersion: kgate/v1
exemptions:
  - check: pod/no-host-path
    object: {kind: DaemonSet, namespace: logging, name: fluentbit} # is called fluent-bit
    reason: Container logs are files of the node
    owner: platform team
    expires: 2027-10-31
` + exemptedDaemonSet
	unusedGood = `# file: kgate.yaml
apiVersion: kgate/v1
exemptions:
  - check: pod/no-host-path
    object: {kind: DaemonSet, namespace: logging, name: fluent-bit}
    reason: Container logs are files of the node
    owner: platform team
    expires: 2027-10-31
` + exemptedDaemonSet
)
