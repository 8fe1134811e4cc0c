package pgxtelemetry

import (
	"slices"
	"strings"
)

// statement is what telemetry says of a SQL text, by
// https://opentelemetry.io/docs/specs/semconv/db/database-spans/#generating-a-summary-of-the-query.
type statement struct {
	summary    string // each operation with its tables, at most maxSummary bytes: "INSERT keys SELECT releases"
	operation  string // the first one, "INSERT"
	collection string // the first table that is written, else the first that is read, "" without one
}

// maxSummary is how long the conventions let a summary be.
const maxSummary = 255

// summarize reads SQL as the service writes it. What a WITH names is no table, and WITH is no operation. It never fails: of
// what it does not know, the first word remains.
func summarize(sql string) statement {
	tokens := tokenize(sql)
	s := &summarizer{tokens: tokens, named: namedQueries(tokens), levels: []level{{}}}
	for s.at = 0; s.at < len(tokens); s.at++ {
		s.step()
	}
	return s.statement()
}

// part is one operation of a text and its tables.
type part struct {
	operation string
	tables    []string
}

// level is what stands between two parentheses.
type level struct {
	part int  // index of the operation that it belongs to, plus one; 0 for none: a FROM here is a function's
	from bool // a comma separates tables
}

type summarizer struct {
	tokens []string
	at     int
	named  map[string]bool
	parts  []part
	levels []level
	within bool // a statement has begun and not ended
}

func (s *summarizer) word(offset int) string {
	if i := s.at + offset; i >= 0 && i < len(s.tokens) {
		return strings.ToUpper(s.tokens[i])
	}
	return ""
}

func (s *summarizer) level() *level { return &s.levels[len(s.levels)-1] }

func (s *summarizer) begin(operation string) {
	s.parts = append(s.parts, part{operation: operation})
	*s.level() = level{part: len(s.parts)}
	s.within = true
}

func (s *summarizer) step() {
	switch word := s.word(0); word {
	case ";":
		s.levels, s.within = []level{{}}, false
	case "(":
		s.levels = append(s.levels, level{})
	case ")":
		if len(s.levels) > 1 {
			s.levels = s.levels[:len(s.levels)-1]
		}
	case ",":
		if s.level().from {
			s.table(1)
		}
	case "WITH":
		s.within = true
	case "SELECT", "INSERT", "DELETE", "MERGE":
		s.begin(word)
	case "UPDATE":
		// FOR UPDATE, FOR NO KEY UPDATE and DO UPDATE are clauses.
		if before := s.word(-1); before != "FOR" && before != "KEY" && before != "DO" {
			s.begin(word)
			s.table(1)
		}
	case "INTO", "JOIN":
		s.table(1)
	case "FROM", "USING":
		if s.level().part > 0 && s.word(-1) != "DISTINCT" {
			s.level().from = true
			s.table(1)
		}
	case "WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT", "OFFSET", "FETCH", "FOR", "SET", "RETURNING", "VALUES", "UNION", "INTERSECT", "EXCEPT":
		s.level().from = false
		if !s.within {
			s.begin(word)
		}
	default:
		if s.within || !isName(word) {
			return
		}
		kind := s.word(1)
		if kind != "TABLE" && kind != "INDEX" && kind != "VIEW" {
			s.begin(word)
			return
		}
		s.begin(word + " " + kind)
		s.at++
		s.table(1)
	}
}

// table adds the table that begins offset tokens on, unless it is none.
func (s *summarizer) table(offset int) {
	for slices.Contains([]string{"ONLY", "LATERAL", "IF", "NOT", "EXISTS"}, s.word(offset)) {
		offset++
	}
	i := s.at + offset
	if i >= len(s.tokens) || !isName(s.tokens[i]) || s.word(offset) == "SELECT" {
		return
	}
	// After a table that is read comes no parenthesis, after a function one does.
	if s.word(offset+1) == "(" && slices.Contains([]string{"FROM", "USING", "JOIN", ","}, s.word(0)) {
		return
	}
	n := s.level().part
	if n == 0 || s.named[strings.ToLower(s.tokens[i])] {
		return
	}
	p := &s.parts[n-1]
	if !slices.Contains(p.tables, s.tokens[i]) {
		p.tables = append(p.tables, s.tokens[i])
	}
}

func (s *summarizer) statement() statement {
	var out statement
	if len(s.parts) == 0 {
		return out
	}
	out.operation = s.parts[0].operation
	texts := []string{}
	for _, p := range s.parts {
		text := strings.Join(append([]string{p.operation}, p.tables...), " ")
		if len(p.tables) == 0 || slices.Contains(texts, text) {
			continue
		}
		if len(texts) == 0 {
			out.operation = p.operation
		}
		if out.collection == "" {
			out.collection = p.tables[0]
		}
		texts = append(texts, text)
	}
	for _, p := range s.parts {
		if p.operation != "SELECT" && len(p.tables) > 0 {
			out.collection = p.tables[0]
			break
		}
	}
	if len(texts) == 0 {
		out.summary = out.operation
	}
	for _, text := range texts {
		if len(out.summary)+1+len(text) > maxSummary {
			break // between two operations, never within a name
		}
		out.summary = strings.TrimPrefix(out.summary+" "+text, " ")
	}
	return out
}

// namedQueries are the names that WITH gives, in lower case: name AS (, name (columns) AS MATERIALIZED (.
func namedQueries(tokens []string) map[string]bool {
	names := map[string]bool{}
	upper := func(i int) string {
		if i < 0 || i >= len(tokens) {
			return ""
		}
		return strings.ToUpper(tokens[i])
	}
	if !slices.ContainsFunc(tokens, func(t string) bool { return strings.EqualFold(t, "WITH") }) {
		return names
	}
	for i := range tokens {
		if upper(i) != "AS" {
			continue
		}
		next := i + 1
		for upper(next) == "NOT" || upper(next) == "MATERIALIZED" {
			next++
		}
		if upper(next) != "(" {
			continue
		}
		name := i - 1
		if upper(name) == ")" {
			for name > 0 && upper(name) != "(" {
				name--
			}
			name--
		}
		if name >= 0 {
			names[strings.ToLower(tokens[name])] = true
		}
	}
	return names
}

// tokenize returns the names, words and punctuation of a text, without its literals, parameters and comments.
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html
func tokenize(sql string) (tokens []string) {
	for i := 0; i < len(sql); {
		rest := sql[i:]
		switch c := sql[i]; {
		case strings.HasPrefix(rest, "--"):
			i += until(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			i += until(rest, "*/")
		case c == '\'':
			i += 1 + until(rest[1:], "'")
		case c == '$' && len(dollar(rest)) > 0:
			tag := dollar(rest)
			i += len(tag) + until(rest[len(tag):], tag)
		case c == '$':
			i++
			for i < len(sql) && sql[i] >= '0' && sql[i] <= '9' {
				i++
			}
		case c == '"' || startsName(c):
			length := nameLength(rest)
			tokens = append(tokens, rest[:length])
			i += length
		case c == '(' || c == ')' || c == ',' || c == ';':
			tokens = append(tokens, rest[:1])
			i++
		case c >= '0' && c <= '9':
			for i < len(sql) && (sql[i] == '.' || startsName(sql[i]) || sql[i] >= '0' && sql[i] <= '9') {
				i++
			}
		default:
			i++
		}
	}
	return tokens
}

// until is the length of s up to and with end, or of all of it.
func until(s, end string) int {
	if i := strings.Index(s, end); i >= 0 {
		return i + len(end)
	}
	return len(s)
}

// dollar is the tag that a dollar-quoted string begins with, "" where s begins none.
func dollar(s string) string {
	end := strings.IndexByte(s[1:], '$') + 1
	if end == 0 || end > 1 && !startsName(s[1]) || strings.ContainsFunc(s[1:end], func(r rune) bool { return r > 127 || !inName(byte(r)) }) {
		return ""
	}
	return s[:end+1]
}

func startsName(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 }

func inName(c byte) bool { return startsName(c) || c >= '0' && c <= '9' }

// isName reports whether a token is a name or a word, and no punctuation.
func isName(token string) bool { return token != "" && (token[0] == '"' || startsName(token[0])) }

// nameLength is the length of the name at the beginning of s, which may be quoted and qualified: "a b".c.
func nameLength(s string) (n int) {
	for {
		if s[n] == '"' {
			n += 1 + until(s[n+1:], `"`)
		} else {
			for n < len(s) && (inName(s[n]) || s[n] == '$') {
				n++
			}
		}
		if n+1 >= len(s) || s[n] != '.' || s[n+1] != '"' && !startsName(s[n+1]) {
			return n
		}
		n++
	}
}
