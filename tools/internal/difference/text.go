package difference

import (
	"regexp"
	"strings"
)

// Line is a line of a text before a change, after it, or of both.
type Line struct {
	Old, New int    // its number in the old and in the new text, from 1; 0 where it is not there
	Words    []Word // what it says: together they are the line, without its end
	Open     bool   // no end of line follows: it is the last one
	Folded   bool   // it is the same, and far from what is not
}

// Text is what the line says.
func (l Line) Text() string {
	var b strings.Builder
	for _, w := range l.Words {
		b.WriteString(w.Text)
	}
	return b.String()
}

// Word is a part of a line. Changed marks, in a line that stands beside another one, what the other does not have.
type Word struct {
	Text    string
	Changed bool
}

// around is how many lines that are the same are shown around one that is not.
const around = 3

// Lines are the lines of two texts: those that are the same once, and of a stretch that is not first the old ones.
func Lines(old, new string) []Line {
	from, to := split(old), split(new)
	ids := map[string]int{}
	number := func(lines []string) []int {
		numbers := make([]int, len(lines))
		for i, line := range lines {
			if _, known := ids[line]; !known {
				ids[line] = len(ids)
			}
			numbers[i] = ids[line]
		}
		return numbers
	}
	var lines []Line
	i, j := 0, 0
	for _, m := range append(common(number(from), number(to)), match{len(from), len(to)}) {
		lines = append(lines, stretch(from[i:m.old], to[j:m.new], i, j)...)
		if i, j = m.old+1, m.new+1; m.old < len(from) {
			text, open := cut(from[m.old])
			lines = append(lines, Line{Old: i, New: j, Words: []Word{{Text: text}}, Open: open})
		}
	}
	fold(lines)
	return lines
}

// split are the lines of a text, each with its end.
func split(text string) []string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		return lines[:len(lines)-1]
	}
	return lines
}

// cut is a line without its end, and whether it had none.
func cut(line string) (text string, open bool) {
	text, ended := strings.CutSuffix(line, "\n")
	return text, !ended
}

// stretch are lines of which all differ. i and j are how many go before.
func stretch(old, new []string, i, j int) []Line {
	removed, added := make([]Line, len(old)), make([]Line, len(new))
	for k, line := range old {
		text, open := cut(line)
		removed[k] = Line{Old: i + k + 1, Words: []Word{{Text: text}}, Open: open}
	}
	for k, line := range new {
		text, open := cut(line)
		added[k] = Line{New: j + k + 1, Words: []Word{{Text: text}}, Open: open}
	}
	for _, m := range ordered(len(old), len(new), largestStretch, func(x, y int) float64 {
		// A line that was indented is the same.
		return likely(overlap(strings.TrimSpace(old[x]), strings.TrimSpace(new[y])))
	}) {
		removed[m.old].Words, added[m.new].Words = Words(removed[m.old].Words[0].Text, added[m.new].Words[0].Text)
	}
	return append(removed, added...)
}

// largestStretch is the number of pairs of lines that are looked at one by one.
const largestStretch = 40000

// likely drops what two lines have in common by chance.
func likely(score float64) float64 {
	if score < 0.4 {
		return 0
	}
	return score
}

// fold marks the lines that are far from what differs.
func fold(lines []Line) {
	near := -around - 1
	for k := range lines {
		if differs(lines[k]) {
			near = k
		}
		lines[k].Folded = k-near > around
	}
	near = len(lines) + around
	for k := len(lines) - 1; k >= 0; k-- {
		if differs(lines[k]) {
			near = k
		}
		lines[k].Folded = lines[k].Folded && near-k > around
	}
}

func differs(l Line) bool { return l.Old == 0 || l.New == 0 }

// token is a word, spaces, or one other character.
var token = regexp.MustCompile(`[\p{L}\p{N}_]+|\s+|(?s:.)`)

// Words are the words of two texts of one line, with those marked that the other does not have. Where hardly anything is the
// same all are.
func Words(old, new string) (was, is []Word) {
	from, to := token.FindAllString(old, -1), token.FindAllString(new, -1)
	ids := map[string]int{}
	number := func(tokens []string) []int {
		numbers := make([]int, len(tokens))
		for i, t := range tokens {
			if _, known := ids[t]; !known {
				ids[t] = len(ids)
			}
			numbers[i] = ids[t]
		}
		return numbers
	}
	keptOld, keptNew := make([]bool, len(from)), make([]bool, len(to))
	same := 0
	for _, m := range common(number(from), number(to)) {
		keptOld[m.old], keptNew[m.new] = true, true
		same += len(strings.TrimSpace(from[m.old]))
	}
	if 5*same < max(len(old), len(new)) {
		clear(keptOld)
		clear(keptNew)
	}
	return marked(from, keptOld), marked(to, keptNew)
}

// marked joins tokens to words. A space between two that changed did too.
func marked(tokens []string, kept []bool) []Word {
	var words []Word
	for i, t := range tokens {
		changed := !kept[i]
		if kept[i] && i > 0 && i+1 < len(tokens) && !kept[i-1] && !kept[i+1] && strings.TrimSpace(t) == "" {
			changed = true
		}
		if n := len(words); n > 0 && words[n-1].Changed == changed {
			words[n-1].Text += t
		} else {
			words = append(words, Word{t, changed})
		}
	}
	return words
}
