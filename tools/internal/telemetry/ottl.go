package telemetry

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

// The grammar of OTTL, as grammar.go of pkg/ottl 1.4.1 has it. Its own parser comes with its functions, which cost a cold build
// a minute and a half: what is read here are words and brackets, which paths are named and which functions are called.

// ottl is what a statement or a condition names.
type ottl struct {
	paths  [][]string
	calls  []string
	lambda bool // it has names of its own
}

// ottlToken is a word of a statement, and where it begins.
type ottlToken struct {
	kind ottlKind
	text string
	at   int
}

type ottlKind int

const (
	ottlEnd ottlKind = iota
	ottlName
	ottlWord // and, or, not, nil, true, false
	ottlString
	ottlNumber
	ottlBytes
	ottlComparison
	ottlArrow
	ottlPunctuation
)

var ottlTokens = []struct {
	kind    ottlKind
	pattern *regexp.Regexp
}{
	{ottlBytes, regexp.MustCompile(`^0x[a-fA-F0-9]+`)},
	{ottlNumber, regexp.MustCompile(`^(?:\d+\.\d*|\d*\.\d+)(?:[eE][-+]?\d+)?`)},
	{ottlNumber, regexp.MustCompile(`^\d+`)},
	{ottlString, regexp.MustCompile(`^"(?:\\.|[^\\"])*"`)},
	{ottlComparison, regexp.MustCompile(`^(?:==|!=|>=|<=|=>|>|<)`)},
	{ottlPunctuation, regexp.MustCompile(`^[-+*/=(){}:,.\[\]]`)},
	{ottlName, regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*`)},
}

func lexOTTL(text string) ([]ottlToken, error) {
	var tokens []ottlToken
next:
	for at := 0; at < len(text); {
		rest := text[at:]
		if trimmed := strings.TrimLeftFunc(rest, unicode.IsSpace); trimmed != rest {
			at += len(rest) - len(trimmed)
			continue
		}
		for _, rule := range ottlTokens {
			word := rule.pattern.FindString(rest)
			if word == "" {
				continue
			}
			kind := rule.kind
			switch {
			case word == "=>":
				kind = ottlArrow
			case kind == ottlName && slices.Contains([]string{"and", "or", "not", "nil", "true", "false"}, word):
				kind = ottlWord
			}
			tokens = append(tokens, ottlToken{kind, word, at})
			at += len(word)
			continue next
		}
		if rest[0] == '"' {
			return nil, fmt.Errorf("a text stays open at character %d", runesIn(text, at)+1)
		}
		return nil, fmt.Errorf("unexpected %q at character %d", string([]rune(rest)[0]), runesIn(text, at)+1)
	}
	return append(tokens, ottlToken{kind: ottlEnd, at: len(text)}), nil
}

func runesIn(text string, end int) int { return len([]rune(text[:end])) }

// parseOTTL reads a statement, or a condition.
func parseOTTL(text string, condition bool) (ottl, error) {
	tokens, err := lexOTTL(text)
	if err != nil {
		return ottl{}, err
	}
	p := &ottlParser{tokens: tokens}
	ok := false
	if condition {
		ok = p.boolean()
	} else {
		ok = p.statement()
	}
	if !ok || p.peek().kind != ottlEnd {
		far := tokens[min(max(p.far, p.next), len(tokens)-1)]
		if far.kind == ottlEnd {
			return ottl{}, fmt.Errorf("it ends too early")
		}
		return ottl{}, fmt.Errorf("unexpected %q at character %d", far.text, runesIn(text, far.at)+1)
	}
	return p.found, nil
}

// ottlParser goes forward and, where a bracket may open two things, back. far is as far as it came.
type ottlParser struct {
	tokens    []ottlToken
	next, far int
	depth     int
	found     ottl
}

// deepest is how many brackets may be open.
const deepest = 64

func (p *ottlParser) peek() ottlToken { return p.tokens[p.next] }

func (p *ottlParser) take() ottlToken {
	token := p.tokens[p.next]
	if token.kind != ottlEnd {
		p.next++
	}
	p.far = max(p.far, p.next)
	return token
}

func (p *ottlParser) is(text string) bool {
	token := p.peek()
	if token.kind != ottlString && token.text == text {
		p.take()
		return true
	}
	return false
}

// try goes back where what it tries is not there.
func (p *ottlParser) try(what func() bool) bool {
	next, paths, calls, lambda := p.next, len(p.found.paths), len(p.found.calls), p.found.lambda
	if p.depth >= deepest {
		return false
	}
	p.depth++
	ok := what()
	p.depth--
	if !ok {
		p.next, p.found.paths, p.found.calls, p.found.lambda = next, p.found.paths[:paths], p.found.calls[:calls], lambda
	}
	return ok
}

func (p *ottlParser) statement() bool {
	first := p.peek()
	if first.kind != ottlName || !unicode.IsLower([]rune(first.text)[0]) || !p.try(p.call) {
		return false
	}
	if p.is("where") {
		return p.boolean()
	}
	return true
}

func (p *ottlParser) boolean() bool {
	for {
		if !p.term() {
			return false
		}
		if !p.is("or") {
			return true
		}
	}
}

func (p *ottlParser) term() bool {
	for {
		p.is("not")
		if !p.try(p.comparison) && !p.try(p.constant) && !p.try(func() bool { return p.is("(") && p.boolean() && p.is(")") }) {
			return false
		}
		if !p.is("and") {
			return true
		}
	}
}

func (p *ottlParser) comparison() bool {
	if !p.value() {
		return false
	}
	if p.peek().kind != ottlComparison {
		return false
	}
	p.take()
	return p.value()
}

func (p *ottlParser) constant() bool {
	return p.is("true") || p.is("false") || isUpper(p.peek()) && p.call()
}

func isUpper(token ottlToken) bool {
	return token.kind == ottlName && unicode.IsUpper([]rune(token.text)[0])
}

// call is a function with its arguments, and keys of what it returns.
func (p *ottlParser) call() bool {
	name := p.take()
	if name.kind != ottlName || !p.is("(") {
		return false
	}
	p.found.calls = append(p.found.calls, name.text)
	if !p.is(")") {
		for {
			if !p.try(func() bool { return p.peek().kind == ottlName && p.take().text != "" && p.is("=") && p.value() }) && !p.try(p.value) {
				return false
			}
			if p.is(")") {
				break
			}
			if !p.is(",") {
				return false
			}
		}
	}
	return p.keys()
}

func (p *ottlParser) keys() bool {
	for p.is("[") {
		if p.peek().kind == ottlString {
			p.take()
		} else if !p.math() {
			return false
		}
		if !p.is("]") {
			return false
		}
	}
	return true
}

func (p *ottlParser) value() bool {
	switch token := p.peek(); {
	case token.kind == ottlString, token.kind == ottlBytes:
		p.take()
		return true
	case token.kind == ottlWord && token.text != "not" && token.text != "and" && token.text != "or":
		p.take()
		return true
	case token.text == "{":
		return p.try(p.mapping)
	case token.text == "[":
		return p.try(p.list)
	case token.text == "(" && p.try(p.function):
		return true
	}
	return p.try(p.math)
}

// function is a lambda: what it calls its parameters is no path.
func (p *ottlParser) function() bool {
	if !p.is("(") {
		return false
	}
	for !p.is(")") {
		if p.take().kind != ottlName || !p.is(",") && p.peek().text != ")" {
			return false
		}
	}
	if p.peek().kind != ottlArrow {
		return false
	}
	p.take()
	p.found.lambda = true
	return p.try(func() bool {
		return p.value() && p.peek().kind != ottlComparison && p.peek().text != "and" && p.peek().text != "or"
	}) || p.try(p.boolean)
}

func (p *ottlParser) list() bool {
	p.take()
	if p.is("]") {
		return true
	}
	for {
		if !p.value() {
			return false
		}
		if p.is("]") {
			return true
		}
		if !p.is(",") {
			return false
		}
	}
}

func (p *ottlParser) mapping() bool {
	p.take()
	for !p.is("}") {
		if p.peek().kind == ottlString {
			p.take()
		} else if !p.literal() {
			return false
		}
		if !p.is(":") || !p.value() {
			return false
		}
		p.is(",")
	}
	return true
}

func (p *ottlParser) math() bool {
	for {
		if !p.is("+") {
			p.is("-")
		}
		if !p.try(func() bool { return p.is("(") && p.math() && p.is(")") }) && !p.literal() {
			return false
		}
		if !p.is("+") && !p.is("-") && !p.is("*") && !p.is("/") {
			return true
		}
	}
}

// literal is a number, a call, a path, or a name in capitals, which stands for a number or a function.
func (p *ottlParser) literal() bool {
	switch token := p.peek(); {
	case token.kind == ottlNumber:
		p.take()
		return true
	case token.kind != ottlName:
		return false
	case p.tokens[p.next+1].text == "(" && p.tokens[p.next+1].kind == ottlPunctuation:
		return p.try(p.call)
	case isUpper(token):
		p.take()
		return true
	}
	return p.path()
}

func (p *ottlParser) path() bool {
	var path []string
	for {
		token := p.take()
		if token.kind != ottlName {
			return false
		}
		path = append(path, token.text)
		if !p.keys() {
			return false
		}
		if !p.is(".") {
			break
		}
	}
	p.found.paths = append(p.found.paths, path)
	return true
}

// ottlFields are the fields of each context, and what may follow them, as contexts of pkg/ottl 1.4.1 have them; nil is nothing.
var ottlFields = sync.OnceValue(func() map[string]shape {
	id := shape{"string": nil}
	buckets := shape{"offset": nil, "bucket_counts": nil}
	resource := shape{"attributes": nil, "dropped_attributes_count": nil, "schema_url": nil, "cache": nil}
	scope := shape{"name": nil, "version": nil, "attributes": nil, "dropped_attributes_count": nil, "schema_url": nil, "cache": nil}
	return map[string]shape{
		"resource": resource, "scope": scope, "instrumentation_scope": scope,
		"log": {
			"time_unix_nano": nil, "observed_time_unix_nano": nil, "time": nil, "observed_time": nil, "severity_number": nil, "severity_text": nil,
			"body": {"string": nil}, "attributes": nil, "dropped_attributes_count": nil, "flags": nil, "trace_id": id, "span_id": id,
			"event_name": nil, "cache": nil,
		},
		"span": {
			"trace_id": id, "span_id": id, "trace_state": nil, "parent_span_id": id, "name": nil, "kind": {"string": nil, "deprecated_string": nil},
			"start_time_unix_nano": nil, "end_time_unix_nano": nil, "start_time": nil, "end_time": nil, "attributes": nil,
			"dropped_attributes_count": nil, "events": nil, "dropped_events_count": nil, "links": nil, "dropped_links_count": nil,
			"status": {"code": nil, "message": nil}, "flags": nil, "cache": nil,
		},
		"spanevent": {"time_unix_nano": nil, "time": nil, "name": nil, "attributes": nil, "dropped_attributes_count": nil, "event_index": nil, "cache": nil},
		"metric": {
			"name": nil, "description": nil, "unit": nil, "type": nil, "aggregation_temporality": nil, "is_monotonic": nil, "data_points": nil,
			"metadata": nil, "cache": nil,
		},
		"datapoint": {
			"attributes": nil, "start_time_unix_nano": nil, "time_unix_nano": nil, "start_time": nil, "time": nil, "value_double": nil,
			"value_int": nil, "exemplars": nil, "flags": nil, "count": nil, "sum": nil, "bucket_counts": nil, "explicit_bounds": nil,
			"scale": nil, "zero_count": nil, "positive": buckets, "negative": buckets, "quantile_values": nil, "cache": nil,
		},
	}
})

// ottlOthers are contexts of which no fields are known here.
func ottlOthers() []string {
	return []string{"profile", "profilesample", "profile_sample", "exemplar", "otelcol", "cache"}
}

// pathFault says what is wrong with a path in a statement of a context, "" for one that paths have to say themselves. Of a
// Collector that is newer, only what is nearly a field is wrong.
func pathFault(path []string, context string, newer bool) string {
	fields := ottlFields()
	name, rest := path[0], path[1:]
	known, isContext := fields[name]
	written := name
	switch {
	case isContext && len(rest) > 0:
		written, name, rest = name+"."+rest[0], rest[0], rest[1:]
	case isContext || slices.Contains(ottlOthers(), name):
		return ""
	case context == "":
		contexts := append(keysOf(fields), ottlOthers()...)
		if meant := spelling.Slip(name, contexts); meant != "" {
			return fmt.Sprintf("%q is no context; did you mean `%s`?", name, meant)
		}
		if newer {
			return ""
		}
		return fmt.Sprintf("the path %s does not begin with a context, as log, span or resource, and no `context` is given", strings.Join(path, "."))
	default:
		if known = fields[context]; known == nil {
			return ""
		}
	}
	below, ok := known[name]
	if !ok {
		meant := spelling.Slip(name, keysOf(known))
		if meant == "" && newer {
			return ""
		}
		return fmt.Sprintf("there is no path %s%s", written, question(meant))
	}
	// What follows a field without fields is not looked at.
	if below == nil || len(rest) == 0 {
		return ""
	}
	if _, ok := below[rest[0]]; !ok {
		meant := spelling.Slip(rest[0], keysOf(below))
		if meant == "" && newer {
			return ""
		}
		return fmt.Sprintf("there is no path %s.%s%s", written, rest[0], question(meant))
	}
	return ""
}

func question(meant string) string {
	if meant == "" {
		return ""
	}
	return "; did you mean `" + meant + "`?"
}

func keysOf[V any](of map[string]V) []string {
	var keys []string
	for key := range of {
		keys = append(keys, key)
	}
	return keys
}

// ottlFunctions are those of pkg/ottl 1.4.1 and of the processors transform and filter of that release.
var ottlFunctions = sync.OnceValue(func() []string {
	return strings.Fields(`
		Base64Decode Base64Encode Bool Coalesce CommunityID Concat ContainsValue ConvertAttributesToElementsXML ConvertCase ConvertTextToElementsXML Day
		Decode Double Duration ExtractGrokPatterns ExtractPatterns FNV Format FormatTime GetXML HasPrefix HasSuffix Hex Hour Hours Index
		InsertXML Int IsBool IsDouble IsEmpty IsInCIDR IsInt IsList IsMap IsMatch IsRootSpan IsString IsValidLuhn Keys Len Log MD5
		Microseconds Milliseconds Minute Minutes Month Murmur3Hash Murmur3Hash128 Nanosecond Nanoseconds Now ParseCSV ParseInt ParseJSON
		ParseKeyValue ParseSeverity ParseSimplifiedXML ParseXML ProfileID RemoveXML SHA1 SHA256 SHA512 Second Seconds SliceToMap Sort SpanID
		Split String Substring Time ToCamelCase ToKeyValueString ToLowerCase ToSnakeCase ToUpperCase TraceID Trim TrimPrefix TrimSuffix
		TruncateTime URL UUID UUIDv7 Unix UnixMicro UnixMilli UnixNano UnixSeconds UserAgent Values Weekday XXH128 XXH3 Year
		append clear delete_index delete_key delete_matching_keys flatten keep_keys keep_matching_keys limit merge_maps replace_all_matches
		replace_all_patterns replace_match replace_pattern set stringify_all truncate_all
		ParseCEF ParseCLF ParseELF ParseLEEF HasAttrKeyOnDatapoint HasAttrOnDatapoint aggregate_on_attribute_value aggregate_on_attributes
		convert_exponential_histogram_to_histogram convert_gauge_to_sum convert_sum_to_gauge convert_summary_count_val_to_sum
		convert_summary_quantile_val_to_gauge convert_summary_sum_val_to_sum copy_metric drop extract_count_metric extract_sum_metric
		merge_histogram_buckets scale_metric set_semconv_span_name unroll`)
})

// ottlFault says what is wrong with a statement, or a condition.
func ottlFault(text, context string, condition, newer bool) string {
	found, err := parseOTTL(text, condition)
	if err != nil {
		return "it does not parse: " + err.Error()
	}
	functions := ottlFunctions()
	for _, name := range found.calls {
		if !slices.Contains(functions, name) {
			if meant := spelling.Slip(name, functions); meant != "" {
				return fmt.Sprintf("there is no function %s%s", name, question(meant))
			}
		}
	}
	if found.lambda {
		return ""
	}
	for _, path := range found.paths {
		if fault := pathFault(path, context, newer); fault != "" {
			return fault
		}
	}
	return ""
}
