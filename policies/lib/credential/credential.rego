# METADATA
# scope: package
# title: What a credential looks like
# description: |
#   Three kinds of evidence: shapes that nothing but a credential has (a private key, a provider's
#   token, a URL with a password), keys that name one with a literal value beside them, and the same
#   written as text (INI, properties, connection strings, SQL). A reference, a path or a mask is no
#   literal. Messages never repeat the value.
package policies.lib.credential

# METADATA
# description: what is in a text that has the unmistakable shape of a credential, a set of phrases
shapes(text) := {title |
	some title, pattern in _shapes
	regex.match(pattern, text)
} | {"a URL with a password" | _has_password_url(text)}

_shapes := {
	"a private key": `-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----`,
	"a private key in base64": `LS0tLS1CRUdJTiB(SU0EgUFJJVkFU|QUklWQVRF|FQyBQUklWQV|PUEVOU1NI|FTkNSWVBU)`,
	"an AWS access key": `\b(AKIA|ASIA)[0-9A-Z]{16}\b`,
	"a GitHub token": `\b(gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{22})`,
	"a GitLab token": `\bglpat-[0-9A-Za-z_-]{20}`,
	"a Slack token": `\bxox[abeoprs]-[0-9A-Za-z-]{10}`,
	"a Slack webhook": `hooks\.slack\.com/services/T[0-9A-Z]{8,}/B[0-9A-Z]{8,}/[0-9A-Za-z]{20}`,
	"a Google API key": `\bAIza[0-9A-Za-z_-]{35}`,
	"a Stripe key": `\b[rs]k_live_[0-9A-Za-z]{16}`,
	"an npm token": `\bnpm_[0-9A-Za-z]{36}`,
	"a Vault token": `\bhv[bs]\.[0-9A-Za-z_-]{24}`,
	"a JSON Web Token": `\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}`,
}

# METADATA
# description: |
#   Whether a text may hold one of the shapes: one pass that misses none, so that a whole object can
#   be asked as JSON before each of its strings is. Plain substrings, which are found much faster
#   than patterns.
may_have_shape(text) if {
	some mark in _marks
	contains(text, mark)
}

may_have_shape(text) if {
	contains(text, "://")
	contains(text, "@")
}

_marks := [
	"AIza", "AKIA", "ASIA", "LS0tLS1CRUdJTiB", "PRIVATE KEY", "_live_", "eyJ", "ghp_", "gho_", "ghr_", "ghs_", "ghu_",
	"github_pat_", "glpat-", "hooks.slack.com", "hvb.", "hvs.", "npm_", "xox",
]

_has_password_url(text) if {
	some [_, user, password] in regex.find_all_string_submatch_n(`[A-Za-z][0-9A-Za-z+.-]*://([^\s/:@"'<>\[\]]*):([^\s/@?#"'<>]+)@`, text, -1)
	not _is_reference(password)
	not _is_mask(password)
	not _stand_in(user, password)
}

# How documentation and comments of scripts write such a URL.
_stand_in(_, password) if lower(password) == "token"

_stand_in(user, password) if {
	lower(user) in {"user", "username"}
	lower(password) in {"pass", "password"}
}

# METADATA
# description: whether a key (of a map, a variable, a flag) names a credential
is_sensitive(key) if {
	is_string(key)
	regex.match(_sensitive, key)
	not regex.match(`(?i)(pull|existing|tls|/[\w.-]*)[-_.]?secret$`, key)
}

_sensitive := `(?i)(password|passwd|passphrase|[-_.]pwd|(^|[-_.])pass|secret|token|credentials|authorization|(api|access|account|auth|encryption|license|master|private|secret|shared|signing)[-_.]?key)$`

_is_password_key(key) if regex.match(`(?i)(password|passwd|passphrase|pwd|pass)$`, key)

# METADATA
# description: |
#   Whether a value beside a sensitive key is the credential itself. Beside a password everything
#   that is written out is; a token, a secret or a key is often the name of one ("db-credentials")
#   or a setting ("bearer"), which is none.
is_literal(key, value) if {
	is_number(value)
	_is_password_key(key)
}

is_literal(key, value) if {
	is_string(value)
	text := regex.replace(trim_space(value), `(?i)^(bearer|basic|token)\s+`, "")
	text != ""
	not _is_reference(text)
	not _is_mask(text)
	not _is_path(text)
	not _is_setting(text)
	not _is_prose(text)
	not _is_name(key, text)
	not _is_placeholder(text)
}

# $VAR, $1, `command`, %s, {}, $key-of-a-secret and $secret:key (Argo CD), ${VAR}, $(VAR), $__file{path}, {{ template }}, %(var)s, %VAR%,
# <placeholder>, <<PLACEHOLDER>>, {PLACEHOLDER}, #{PLACEHOLDER}#, __PLACEHOLDER__, !tag of YAML, scheme:path, op://vault/item/field,
# what Ansible has encrypted
_is_reference(text) if regex.match(`^op://|^\$ANSIBLE_VAULT;|^\x60|^%[dqsv]$|^\{\d*\}$|\$\w*[{(]|^\$([A-Za-z_]\w*|[\d*@])$|^\$[a-z]+([-.][a-z]+)*(:[\w.-]+)?$|\{\{|^%\(\w+\)s$|^%\w+%$|^<+[^<>]*>+$|^#?\{[A-Za-z_][\w.-]*\}#?$|^__[A-Za-z]\w*__$|^![A-Za-z][\w.-]*\s|^(vault|ref\+\w+|env|file|secret|arn|projects):?(/|:)`, text)

_is_mask(text) if regex.match(`(?i)^(\*+|x{3,}|\.{3,}|…|\[?redacted\]?)$`, text)

_is_path(text) if regex.match(`^(\.{0,2}|~)/[\w./@-]*$|^[\w./-]+\.(crt|env|json|jwt|key|pem|txt|ya?ml)$|^https?://`, text)

_is_setting(text) if lower(text) in {
	"auto", "basic", "bearer", "disable", "disabled", "enable", "enabled", "false", "generate", "include", "jwt",
	"no", "none", "null", "off", "omit", "on", "opaque", "optional", "required", "same-origin",
	"true", "yes", "~",
}

# Somebody has still to write the credential.
_is_placeholder(text) if regex.match(`(?i)^(not[-_ ]set|placeholder|re?place[-_ ]?me|set[-_ ]?me|tbd|todo|(enter|insert|your)[-_ ].*)$`, text)

_is_prose(text) if regex.match(`\S\s+\S+\s+\S`, text)

# What a form calls its field, "New password", "Forgot Password?".
_is_prose(text) if regex.match(`(?i)^\pL+ (password|secret|token)\W?$`, text)

_is_name(key, text) if {
	not _is_password_key(key)
	regex.match(`^[a-z]+\d{0,2}([-_./]([a-z]+\d{0,2}|\d{1,2}))+$|^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$|^\d{1,6}[a-z]{0,2}$`, text)
}

# METADATA
# description: the sensitive keys that have a literal value somewhere in a structure, as dotted paths
in_structure(value) := _fields_in(nodes) | _variables_in(nodes) if {
	nodes := [[path, node] |
		walk(value, [path, node])
		is_object(node)
	]
}

_fields_in(nodes) := {_dotted(array.concat(path, [key])) |
	some [path, node] in nodes
	some key, leaf in node
	is_sensitive(key)
	is_literal(key, leaf)
}

# A list of {name, value}, the way Kubernetes writes environment variables.
_variables_in(nodes) := {_dotted(path) |
	some [path, node] in nodes
	is_sensitive(node.name)
	is_literal(node.name, node.value)
}

_dotted(path) := concat(".", [sprintf("%v", [part]) | some part in path])

# METADATA
# description: |
#   The same of values that a chart is given, each as [path, name]. What one does with a value is not known: beside a
#   password what is written out counts, beside other keys ("secret", "token", which often hold a name) only what is
#   plainly random. Below secretKeys, envFromSecret and their like, and beside existingSecret, stand names of Secrets and
#   of their keys.
in_values(values) := {[array.concat(path, [key]), key] |
	some [path, node] in _mappings(values)
	some key, leaf in node
	is_sensitive(key)
	_is_given(key, leaf, path, node)
} | {[array.concat(path, ["value"]), node.name] |
	some [path, node] in _mappings(values)
	is_sensitive(node.name)
	_is_given(node.name, node.value, path, node)
}

_mappings(values) := {[path, node] |
	walk(values, [path, node])
	is_object(node)
}

# METADATA
# description: |
#   Whether a single value that a chart is given by the path of its key, auth.password=…, is a credential.
is_value(key, value) if {
	parts := split(key, ".")
	last := parts[count(parts) - 1]
	is_sensitive(last)
	_is_given(last, value, array.slice(parts, 0, count(parts) - 1), {})
}

_is_given(_, value, path, _) if {
	_is_random(value)
	not _below(path, `(?i)encrypted|annotations$|labels$`)
}

_is_given(key, value, path, node) if {
	_is_password_key(key)
	is_literal(key, value)
	not regex.match(`^[\w.-]+(/[\w.-]+)+$|^[A-Z]+(_[A-Z0-9]+)+$|^ENC\[`, sprintf("%v", [value]))
	not _below(path, `(?i)secret|keys?$|refs?$|^(from|existing|encrypted|external_?secret|remote|mapping)|annotations$|labels$`)
	not _names_secret(node)
}

_below(path, pattern) if {
	some part in path
	is_string(part)
	regex.match(pattern, part)
}

_names_secret(node) if {
	some key, value in node
	regex.match(`(?i)(secret|secret_?name|secret_?ref)$`, key)
	is_string(value)
	value != ""
}

# Base64 or hex of some length: letters of both cases and several digits.
_is_random(value) if {
	is_string(value)
	regex.match(`^[A-Za-z0-9+/_]{20,}={0,2}$`, value)
	regex.match(`(\d.*){3}`, value)
	regex.match(`[a-z]`, value)
	regex.match(`[A-Z]`, value)
}

_is_random(value) if {
	is_string(value)
	regex.match(`^([0-9a-f]{32,}|[0-9A-F]{32,})$`, value)
}

# METADATA
# description: |
#   The sensitive keys that have a literal value in a text: YAML or JSON by its structure, any other
#   text by its lines, and connection strings and SQL in both. Comments are not configuration.
in_text(text) := _in_program(text) if {
	_may_name_one(text)
	_is_program(text)
} else := union({_in_document(part) | some part in _documents(text)}) | _inline(text) if {
	_may_name_one(text)
} else := set()

# Most files name no credential at all: a dashboard of ten thousand lines is then not parsed.
_may_name_one(text) if regex.match(`(?i)pass|pwd|secret|token|credentials|authorization|key|identified`, text)

_in_document(text) := in_structure(value) if {
	value := _structure(text)
} else := _in_lines(text)

_documents(text) := regex.split(`(?m)^---\s*$`, text)

_structure(text) := value if {
	told := _told(text)
	yaml.is_valid(told)
	value := yaml.unmarshal(told)
	_is_composite(value)
}

# What a program makes of a tag of its own is not what stands behind it: !secret name, !env_var NAME.
_told(text) := regex.replace(text, `(?m)([:-][ \t]+)(![A-Za-z][\w.-]*)[ \t]+[^\n#,{}\[\]|>]+`, `$1"<$2>"`) if {
	contains(text, " !")
} else := text

_is_composite(value) if is_object(value)

_is_composite(value) if is_array(value)

_in_lines(text) := {key |
	some [_, key, value] in regex.find_all_string_submatch_n(`(?m)^[ \t]*(?:export[ \t]+|-[ \t]+)?["']?([\w.-]+)["']?[ \t]*[:=][ \t]*(.*?),?[ \t]*$`, text, -1)
	is_sensitive(key)
	not _is_code(value)
	is_literal(key, trim(value, `"'`))
} | {key |
	some [_, key, value] in regex.find_all_string_submatch_n(`(?m)^[ \t]*([\w.-]+)[ \t]+(\S+)[ \t]*$`, text, -1)
	_is_password_key(key)
	is_sensitive(key)
	is_literal(key, value)
}

# Source code of another language than a shell's: a line as no configuration has one, or what is imported and then called.
# YAML may hold code, and stays YAML.
_is_program(text) if {
	_reads_as_program(text)
	not _has_structure(text)
}

_reads_as_program(text) if {
	regex.match(_program_line, text)
	not regex.match(`^#!.*\b(ba|da|k|z)?sh\b`, text)
}

_reads_as_program(text) if {
	regex.match(`(?m)^import [\w.]+( as \w+|(, *[\w.]+)+)?[ \t]*$`, text)
	regex.match(`\w\(.*\)`, text)
}

# Python and Ruby; JavaScript; Go and Java; Lua, Perl and PHP; what a script says that it is for.
_program_line := concat("|", [
	`(?m)^(from [\w.]+ import |(async )?def \w+ *\(|class \w+.*[:{][ \t]*$|if __name__ ==)`,
	`(?m)^((export |default )*(const |let \w+ = |var \w+ = |class \w)|import .* from ["']|(module\.)?exports[. =])`,
	`(?m)^(package [\w.]+;?[ \t]*$|func [\w(]|import \(|import [\w.]+\.\*?\w*;|(public|private|protected) (static |final )*(class|enum|interface|void) )`,
	`(?m)^(local function |local \w+ = |require ["'(]|use (strict|warnings|\w+::\w+)|<\?php)`,
	`^#!.*\b(bun|deno|lua|node|perl|php|python|ruby)`,
])

_has_structure(text) if {
	some document in _documents(text)
	_structure(document)
}

# In a program only what stands in quotes is written out: anything else is the name of a value, a type, a call. What is
# called as the key is, such as CONF_PASSWORD = "password", says under which name something is found.
_in_program(text) := {key |
	some [_, key, double, single, back] in regex.find_all_string_submatch_n(_assignment, _code(text), -1)
	value := concat("", [double, single, back])
	is_sensitive(key)
	is_literal(key, value)
	not endswith(_letters(key), _letters(value))
} | {key |
	some [_, key, value] in regex.find_all_string_submatch_n(`[?&]([\w.-]+)=([^\s&#'"]+)`, _code(text), -1)
	is_sensitive(key)
	is_literal(key, value)
}

# A key, the type that it may be declared with, and what is written in quotes. \x60 is the quote of templates.
_assignment := `(?m)(?:^|[^\w.-])["']?(\w[\w.-]*)["']?\]?[ \t]*(?::[ \t]*[A-Za-z_][\w.\[\]| ]*)?(?::=|=>|[:=])[ \t]*[rRbBuU]{0,2}(?:"([^"\n]*)"|'([^'\n]*)'|\x60([^\x60\n]*)\x60)`

_code(text) := regex.replace(text, `(?m)^[ \t]*(#|//|\*|--).*$`, "")

_letters(text) := regex.replace(lower(text), `[^a-z0-9]`, "")

# What a program makes of other values: a bracket that opens, a call, an element.
_is_code(value) if regex.match(`^[\[{(]$|^(await|lambda|new) |^[A-Za-z_]\w*(\.\w+)*(\(.*\)|\[.*\])`, value)

# METADATA
# description: |
#   Passwords in the middle of a text: password=… of a connection string or a shell line, ?token=…
#   of a URL, PASSWORD '…' of SQL. A line of words is a message of a form. Only what is a password
#   outside a URL: {token="x"} is how PromQL selects a label.
inline(text) := _in_program(text) if {
	_may_name_one(text)
	_reads_as_program(text)
} else := _inline(text) if {
	_may_name_one(text)
} else := set()

_inline(text) := ({key |
	some [_, key, double, single, plain] in regex.find_all_string_submatch_n(`(?i)(?:^|[\s;&?,'"-])((?:\w[\w.-]*)?(?:password|passwd|passphrase|_pwd|_pass))[ \t]*=[ \t]*(?:"([^"\n]*)"|'([^'\n]*)'|['"]?([^\s;&,'"]+))`, uncommented, -1)
	not _is_code(plain)
	is_literal(key, concat("", [double, single, plain]))
} | {key |
	some [_, key, value] in regex.find_all_string_submatch_n(`[?&]([\w.-]+)=([^\s&#'"]+)`, text, -1)
	is_sensitive(key)
	is_literal(key, value)
}) | {key |
	some [_, key, value] in regex.find_all_string_submatch_n(`(?i)\b(password|identified by)\s+'([^']+)'`, uncommented, -1)
	is_literal("password", value)
} if {
	uncommented := regex.replace(text, `(?m)^[ \t]*([#;].*|[\w.-]+[ \t]*=[ \t]*\p{Lu}\pL*( [\pL'’]+[,.?!:;]*)+[ \t]*)$`, "")
}

# METADATA
# description: |
#   Where a text of several lines holds a shape, as {"line": n}: the first line with it. Empty where no line has it by itself.
line_of_shape(text, shape) := {"line": min(lines)} if {
	lines := {number |
		some index, line in _lines(text)
		may_have_shape(line)
		shape in shapes(line)
		number := index + 1
	}
	lines != set()
} else := {}

# METADATA
# description: |
#   The same of a key that in_text or inline found, which a line calls by its last part. Empty where nobody could tell
#   which line it is: another key ends in the same, or a structure has several such lines.
line_of_key(text, key) := {"line": min(lines)} if {
	count({other | some other in in_text(text); _last(other) == _last(key)}) == 1
	program := {true | _is_program(text)} != set()
	lines := {number |
		some index, line in _lines(text)
		contains(line, _last(key))
		some found in _in_line(line, program)
		_last(found) == _last(key)
		number := index + 1
	}
	_is_plain(text, lines)
} else := {}

_in_line(line, true) := _in_program(line)

_in_line(line, false) := _in_lines(line) | _inline(line)

_is_plain(_, lines) if count(lines) == 1

_is_plain(text, lines) if {
	count(lines) > 1
	not _structure(text)
}

_lines(text) := split(text, "\n") if {
	contains(text, "\n")
} else := []

_last(key) := regex.replace(key, `^.*\.`, "")
