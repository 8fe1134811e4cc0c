package twin

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Listens is where what was copied names a port that is another one now.
type Listens struct {
	Port int // as it was

	// Written are the lines that say the new one now, Left those of which nobody can tell whether they mean it.
	Written, Left []Mention
}

var (
	// A flag, up to its value.
	flagName = regexp.MustCompile(`^--?[A-Za-z][A-Za-z0-9_.-]*`)
	// A flag or variable that says where a process itself listens: --backend-port and UPSTREAM_ADDR are about others.
	portName = regexp.MustCompile(`^(?i)(?:-{0,2})(?:(?:port|addr|address|listen|bind|http|web|server|metrics|prometheus|telemetry|app|api|service)(?:[-_.]|$))+$`)
	portWord = regexp.MustCompile(`(?i)port|addr|listen|bind`)
	// What stands before a port where one listens.
	anyHost = regexp.MustCompile(`^(?:(?:0\.0\.0\.0|127\.0\.0\.1|localhost|\*|\[::1?\])?:)?$`)
	// A line that may be about a port; what of it has the number is looked at apart.
	portLine = regexp.MustCompile(`(?i)port|addr|listen|bind|url|host`)
)

// MovePorts has the commands, arguments and variables of copied containers say other ports, by the old ones, where they plainly say
// where the process listens: --port=9898, --listen 0.0.0.0:9898. What else names an old port is told, as Left.
func (m *Made) MovePorts(moved map[int]int) ([]Listens, error) {
	var all []Listens
	for _, was := range slices.Sorted(maps.Keys(moved)) {
		all = append(all, Listens{Port: was})
	}
	for _, file := range m.Set.Written() {
		if m.Copied[file] == "" {
			continue
		}
		lines := portLines{changed: map[int][]int{}, named: map[int][]int{}}
		if extension := path.Ext(file); extension == ".yaml" || extension == ".yml" {
			if _, err := m.edit(file, func(e *entering, document *yaml.Node) ([]change, error) {
				return e.movePorts(document, moved, lines), nil
			}); err != nil {
				return nil, err
			}
		}
		raw, _ := m.Set.Text(file)
		for i := range all {
			l := &all[i]
			line := 0
			for text := range strings.Lines(string(raw)) {
				line++
				mention := Mention{File: file, Was: line, Is: line}
				if slices.Contains(lines.changed[l.Port], line) {
					l.Written = append(l.Written, mention)
				}
				if slices.Contains(lines.named[l.Port], line) || !lines.isChanged(line) && saysPort(text, l.Port) {
					l.Left = append(l.Left, mention)
				}
			}
		}
	}
	return all, nil
}

// portLines are lines of a file by an old port: those that say the new one now, and those of commands and arguments that still say it.
type portLines struct{ changed, named map[int][]int }

// isChanged reports whether a line says some new port, which may be another one's old one.
func (p portLines) isChanged(line int) bool {
	for _, lines := range p.changed {
		if slices.Contains(lines, line) {
			return true
		}
	}
	return false
}

// saysPort reports whether a line has a number as that of a port.
func saysPort(line string, port int) bool {
	number := strconv.Itoa(port)
	if !hasNumber(line, number) {
		return false
	}
	return portLine.MatchString(line) || regexp.MustCompile(`[\w\]*:]:`+number+`\b|^\s*- *["']?:?`+number+`["']?\s*$`).MatchString(line)
}

func hasNumber(text, number string) bool {
	return regexp.MustCompile(`(^|[^\w.])` + number + `($|[^\w.%])`).MatchString(text)
}

// listens reports whether a flag or a variable is called as one that says where its process listens.
func listens(name string) bool { return portName.MatchString(name) && portWord.MatchString(name) }

// movePorts are the changes of a document whose containers say where they listen, and their lines.
func (e *entering) movePorts(document *yaml.Node, moved map[int]int, lines portLines) (changes []change) {
	move := func(n *yaml.Node, prefix string) (done bool) {
		// The number is what ends it, alone or behind an address.
		value, ok := strings.CutPrefix(n.Value, prefix)
		number := value[strings.LastIndexByte(value, ':')+1:]
		was, err := strconv.Atoi(number)
		to, wanted := moved[was]
		if !ok || err != nil || !wanted || !anyHost.MatchString(strings.TrimSuffix(value, number)) {
			return false
		}
		begin, err := e.offset(n)
		if err != nil {
			return false
		}
		within := strings.Index(e.line(n.Line - 1)[begin-e.lines[n.Line-1]:], n.Value)
		if within < 0 || within > 1 {
			return false // it is written over several lines, or with escapes
		}
		end := begin + within + len(n.Value)
		changes = append(changes, change{end - len(number), end, strconv.Itoa(to)})
		lines.changed[was] = append(lines.changed[was], n.Line)
		return true
	}
	name := func(n *yaml.Node) {
		first := n.Line
		if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			first++
		}
		for was := range moved {
			for i, text := range strings.Split(n.Value, "\n") {
				if hasNumber(text, strconv.Itoa(was)) {
					lines.named[was] = append(lines.named[was], first+i)
				}
			}
		}
	}
	visit(document, func(n *yaml.Node) {
		for _, key := range []string{"command", "args"} {
			list := at(n, key)
			if list == nil || list.Kind != yaml.SequenceNode {
				continue
			}
			flag := ""
			for _, argument := range list.Content {
				if argument.Kind != yaml.ScalarNode {
					flag = ""
					continue
				}
				is := flagName.FindString(argument.Value)
				value := strings.HasPrefix(argument.Value[len(is):], "=")
				done := false
				switch {
				case is != "" && value && listens(is):
					done = move(argument, is+"=")
				case is == "" && flag != "":
					done = move(argument, "")
				}
				if flag = ""; is == argument.Value && listens(is) {
					flag = is
				}
				if !done {
					name(argument)
				}
			}
		}
		for _, variable := range items(at(n, "env")) {
			called, value := at(variable, "name"), at(variable, "value")
			if called == nil || value == nil || value.Kind != yaml.ScalarNode || !portWord.MatchString(called.Value) {
				continue
			}
			if !listens(called.Value) || !move(value, "") {
				name(value)
			}
		}
	})
	slices.SortFunc(changes, func(a, b change) int { return a.begin - b.begin })
	return changes
}
