package manifest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// sealedFile is a file that SOPS encrypted as a whole: YAML or JSON with a field `sops`, which is also what becomes of a file of
// bytes; a dotenv file; INI. All that its rules do not leave in plain is encrypted.
type sealedFile struct {
	notes  map[string]any // what SOPS says of it
	values []sealedValue
	sealed int      // how many of the values are encrypted
	aside  []string // comments in plain
}

// sealedValue is one that is in a file, under a key of a mapping or below it.
type sealedValue struct {
	path   []string
	value  any
	listed bool // it is in a list
}

// IsSealedFile reports whether a text is a file that SOPS encrypted as a whole.
func IsSealedFile(text string) bool {
	_, ok := sealedFileOf(text)
	return ok
}

// HasSealed reports whether a text is YAML or JSON in which SOPS encrypted something: objects, of which each is judged by itself.
func HasSealed(text string) bool {
	file, ok := parseSealed(text)
	return ok && isSealed(file.notes) && file.sealed > 0
}

func sealedFileOf(text string) (*sealedFile, bool) {
	file, ok := parseSealed(text)
	if !ok || !isSealed(file.notes) {
		return nil, false
	}
	rules, _ := rulesOf(file.notes)
	plain := file.plain()
	for _, v := range plain {
		if rules.encrypts(v.path) {
			return nil, false
		}
	}
	return file, len(plain) == 0 || file.sealed > 0
}

// plain are the values that are not encrypted. SOPS encrypts no empty text.
func (f *sealedFile) plain() []sealedValue {
	var plain []sealedValue
	for _, v := range f.values {
		if text, isText := v.value.(string); v.value == nil || isText && (text == "" || isEncrypted(text) != "") {
			continue
		}
		plain = append(plain, v)
	}
	return plain
}

// rest is what a Secret or a ConfigMap holds in place of the file: what its rules leave in plain, which in a ConfigMap is judged as
// any other text. A Secret may hold it, unless it is called a credential.
func (f *sealedFile) rest(kind string, encoded bool) (string, bool) {
	plain := f.plain()
	aside := slices.ContainsFunc(f.aside, tellsCredential)
	if kind == "Secret" {
		for _, v := range plain {
			if isCredential(v.path, v.value) {
				return "", false
			}
		}
		return Sealed(encoded), !aside
	}
	if aside {
		return "", false
	}
	if len(plain) == 0 {
		return Sealed(encoded), true
	}
	var lines strings.Builder
	for _, v := range plain {
		text, err := json.Marshal(v.value)
		if err != nil {
			return "", false
		}
		if value, isText := v.value.(string); isText && !strings.ContainsAny(value, "\"\\") {
			text = []byte(value)
		}
		fmt.Fprintf(&lines, "%s: %s\n", v.path[len(v.path)-1], text)
	}
	if encoded {
		return base64.StdEncoding.EncodeToString([]byte(lines.String())), true
	}
	return lines.String(), true
}

var (
	credentialName = regexp.MustCompile(`(?i)pass(w|phrase|$)|pwd|secret|token|credential|authorization|(api|access|account|auth|encryption|license|master|private|shared|signing)[-_.]?key`)
	credentialLine = regexp.MustCompile(`(?i)(passw\w*|passphrase|pwd|secret\w*|token|credentials?|(?:public )?key)["']?\s*[:=]\s*(\S.*)`)
	aboutOne       = regexp.MustCompile(`(?i)((existing|pull|tls)[-_.]?secrets?|names?|refs?|path|file)$`)
	noCredential   = regexp.MustCompile(`^["']?(<[^<>]*>|\$\{?\w*\}?|\*+|age1[0-9a-z]{58}|[0-9A-F]{40}|(arn:|projects/|https://)[^\s@]*)["']?$|\S\s+\S+\s+\S`)
	privateKey     = regexp.MustCompile(`-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY`)
)

// isCredential reports a value in plain that may be a credential: it is called one, and is no switch or name of another thing.
func isCredential(path []string, value any) bool {
	if _, isSwitch := value.(bool); isSwitch {
		return false
	}
	text := fmt.Sprint(value)
	if privateKey.MatchString(text) {
		return true
	}
	return text != "" && credentialName.MatchString(strings.Join(path, ".")) && !aboutOne.MatchString(path[len(path)-1])
}

// tellsCredential reports a comment that may hold a credential, and not who may read what is encrypted, or where to look.
func tellsCredential(comment string) bool {
	if privateKey.MatchString(comment) {
		return true
	}
	told := credentialLine.FindStringSubmatch(comment)
	return told != nil && !noCredential.MatchString(strings.TrimSpace(told[2]))
}

// sealRules are what a file says about which of its values are encrypted.
type sealRules struct {
	plainSuffix, sealedSuffix   string
	plainPattern, sealedPattern *regexp.Regexp
	comments                    bool // comments beside them decide
}

// rulesOf are the rules of a file: it has one, or that of values without one.
// See https://github.com/getsops/sops/blob/main/README.rst#encrypting-only-parts-of-a-file.
func rulesOf(notes map[string]any) (sealRules, bool) {
	var rules sealRules
	said := 0
	text := func(key string) string {
		value, _ := notes[key].(string)
		if value != "" {
			said++
		}
		return value
	}
	pattern := func(key string) *regexp.Regexp {
		value := text(key)
		if value == "" {
			return nil
		}
		compiled, err := regexp.Compile(value)
		if err != nil {
			return regexp.MustCompile(`$.`) // SOPS takes it for one that nothing matches
		}
		return compiled
	}
	rules.plainSuffix, rules.sealedSuffix = text("unencrypted_suffix"), text("encrypted_suffix")
	rules.plainPattern, rules.sealedPattern = pattern("unencrypted_regex"), pattern("encrypted_regex")
	if text("unencrypted_comment_regex") != "" || text("encrypted_comment_regex") != "" {
		rules.comments = true
	}
	if said == 0 {
		rules.plainSuffix = "_unencrypted"
	}
	return rules, said < 2 // SOPS refuses more than one
}

// encrypts reports whether a value has to be encrypted.
func (r sealRules) encrypts(path []string) bool {
	is := r.sealedSuffix == "" && r.sealedPattern == nil && !r.comments
	for _, key := range path {
		switch {
		case r.plainSuffix != "" && strings.HasSuffix(key, r.plainSuffix), r.plainPattern != nil && r.plainPattern.MatchString(key):
			return false
		case r.sealedSuffix != "" && strings.HasSuffix(key, r.sealedSuffix), r.sealedPattern != nil && r.sealedPattern.MatchString(key):
			return true
		}
	}
	return is
}

// note is the name of something that SOPS says of a file in which nothing is within another: of its metadata, as stores/stores.go
// of SOPS has them, in the way in which stores/flatten.go writes them.
var note = regexp.MustCompile(`^(mac|version|lastmodified|shamir_threshold|mac_only_encrypted|(un)?encrypted_(suffix|regex|comment_regex)|` +
	`(key_groups__list_\d+__map_)?(age|pgp|kms|gcp_kms|hckms|azure_kv|hc_vault)__list_\d+__map_` +
	`(recipient|enc|fp|created_at|arn|role|context__map_\w+|aws_profile|resource_id|vault_address|engine_path|key_name|vault_url|name|version|key_id))$`)

// recipientNote is the name of one of a key that is encrypted for somebody.
var recipientNote = regexp.MustCompile(`^(?:key_groups__list_\d+__map_)?(age|pgp|kms|gcp_kms|hckms|azure_kv|hc_vault)__list_\d+__map_enc$`)

// isNote reports whether a key is one with which SOPS describes a file.
func isNote(key, prefix string) bool {
	name, ok := strings.CutPrefix(key, prefix)
	return ok && note.MatchString(name)
}

// notesOf are what values without any within them say of a file, as a field `sops` has it, and whether that is what SOPS writes.
func notesOf(values map[string]string, prefix string) (map[string]any, bool) {
	notes := map[string]any{}
	for key, value := range values {
		name, ok := strings.CutPrefix(key, prefix)
		if !ok || !note.MatchString(name) {
			continue
		}
		if kind := recipientNote.FindStringSubmatch(name); kind != nil {
			list, _ := notes[kind[1]].([]any)
			notes[kind[1]] = append(list, map[string]any{"enc": value})
		} else if !strings.Contains(name, "__") {
			notes[name] = value
		}
	}
	return notes, isSealed(notes)
}

var (
	sealedSection = regexp.MustCompile(`(?m)^\[sops\]\s*$`)
	sealedDotenv  = regexp.MustCompile(`(?m)^sops_mac=ENC\[AES256_GCM,data:`)
)

// parseSealed reads a file in which SOPS may have encrypted something.
func parseSealed(text string) (*sealedFile, bool) {
	if !strings.Contains(text, "sops") || !strings.Contains(text, "ENC[AES256_GCM,data:") {
		return nil, false
	}
	var file *sealedFile
	ok := false
	switch {
	case sealedSection.MatchString(text):
		file, ok = parseINI(text)
	case sealedDotenv.MatchString(text):
		file, ok = parseDotenv(text)
	default:
		file, ok = parseSealedTree(text)
	}
	if !ok {
		return nil, false
	}
	for _, v := range file.values {
		if value, isText := v.value.(string); isText && isEncrypted(value) != "" {
			file.sealed++
		}
	}
	return file, true
}

// parseDotenv reads a file of lines KEY=value.
func parseDotenv(text string) (*sealedFile, bool) {
	file, written := &sealedFile{}, map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "#") {
			file.comment(line)
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		switch {
		case line == "":
		case !ok:
			return nil, false
		case isNote(key, "sops_"):
			written[key] = value
		default:
			file.values = append(file.values, sealedValue{path: []string{key}, value: value})
		}
	}
	file.notes, _ = notesOf(written, "sops_")
	return file, true
}

// parseINI reads a file of sections with lines `key = value`.
func parseINI(text string) (*sealedFile, bool) {
	file, written := &sealedFile{}, map[string]string{}
	section := "DEFAULT"
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			continue
		case line[0] == '#' || line[0] == ';':
			file.comment(line)
			continue
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line[1 : len(line)-1]
			continue
		}
		i := strings.IndexAny(line, "=:")
		if i < 0 {
			return nil, false
		}
		key, value := strings.TrimSpace(line[:i]), strings.TrimSpace(line[i+1:])
		if section != "sops" {
			file.values = append(file.values, sealedValue{path: []string{section, key}, value: value})
			continue
		}
		if !note.MatchString(key) {
			return nil, false
		}
		written[key] = value
	}
	file.notes, _ = notesOf(written, "")
	return file, true
}

// parseSealedTree reads YAML or JSON, with all its documents.
func parseSealedTree(text string) (*sealedFile, bool) {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		if json.Valid([]byte(text)) {
			text = strings.ReplaceAll(text, "\t", " ") // between values: within one it is not JSON; YAML has no tabs there
		}
	}
	documents, err := ParseDocuments("", []byte(text))
	if err != nil {
		return nil, false
	}
	file := &sealedFile{}
	for _, d := range documents {
		written, err := d.JSON()
		if err != nil {
			return nil, false
		}
		var content any
		if err := json.Unmarshal(written, &content); err != nil {
			return nil, false
		}
		if content == nil {
			continue
		}
		values, ok := content.(map[string]any)
		if !ok {
			return nil, false
		}
		if notes, ok := values["sops"].(map[string]any); ok && isSealed(notes) {
			if file.notes == nil {
				file.notes = notes
			}
			delete(values, "sops")
		}
		file.add(nil, values, false)
	}
	for line := range strings.Lines(text) {
		if _, comment, ok := strings.Cut(" "+line, " #"); ok {
			file.comment(strings.TrimSpace(comment))
		}
	}
	return file, file.notes != nil
}

// add adds the values of a tree. SOPS knows one by the keys of mappings that it is under.
func (f *sealedFile) add(path []string, value any, listed bool) {
	switch value := value.(type) {
	case map[string]any:
		for key, child := range value {
			f.add(append(path[:len(path):len(path)], key), child, listed)
		}
	case []any:
		for _, child := range value {
			f.add(path, child, true)
		}
	default:
		f.values = append(f.values, sealedValue{path, value, listed})
	}
}

// comment adds a comment that is in plain.
func (f *sealedFile) comment(line string) {
	if isEncrypted(strings.TrimSpace(strings.TrimLeft(line, "#; "))) == "" {
		f.aside = append(f.aside, line)
	}
}

// SealedValues are the keys and the values of an encrypted file with one level of them: dotenv, YAML or JSON. Notes are what SOPS
// says of the file, as an encrypted object has it.
func SealedValues(file string, text []byte) (values map[string]string, notes map[string]any, err error) {
	parsed, ok := parseSealed(string(text))
	if !ok {
		return nil, nil, &SyntaxError{Position{File: file}, "it is not what SOPS writes"}
	}
	values = map[string]string{}
	for _, v := range parsed.values {
		value, isText := v.value.(string)
		if !isText || len(v.path) != 1 || v.listed {
			return nil, nil, &SyntaxError{Position{File: file}, fmt.Sprintf("%s is no text: the file has keys and their values, and nothing within them", v.path[0])}
		}
		values[v.path[0]] = value
	}
	return values, parsed.notes, nil
}
