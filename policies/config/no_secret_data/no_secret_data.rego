# METADATA
# scope: package
# title: No Secret with its contents in git
# description: |
#   A Secret is base64, not encryption: rendered from a repository, its contents are in every clone
#   and every fork of it, and stay there after the file is deleted. An empty Secret that a controller
#   fills, such as a ServiceAccount's token, holds nothing and may be there.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/secrets-good-practices/
# custom:
#   severity: error
#   states: convention
#   standard: error
#   scope: object
#   mentions: Secret
#   fix: Let an operator write the Secret (CloudNativePG, External Secrets, Sealed Secrets) and declare it under external in kgate.yaml.
#   locked: true
package policies.config.no_secret_data

import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": [field]} if {
	input.kind == "Secret"
	obj_lib.group(input) == ""
	some field in ["data", "stringData"]
	contents := obj_lib.at(input, [field], {})
	contents != {}
	not _sealed(contents)
	msg := sprintf("%s has its contents in the repository: %s is not empty", [obj_lib.title(input), field])
}

# Others bring the contents. What SOPS leaves empty holds none.
_sealed(contents) if {
	is_object(contents)
	every value in contents {
		_is_elsewhere(value)
	}
	some field in ["data", "stringData"]
	some value in obj_lib.at(input, [field], {})
	value != ""
	_is_elsewhere(value)
}

# What SOPS has encrypted reads as JSON that holds nothing.
_is_elsewhere(value) if value in {"", "{}", "e30="}

# Placeholders of argocd-vault-plugin and nothing beside them, in base64 too: https://argocd-vault-plugin.readthedocs.io/en/stable/howitworks/
_is_elsewhere(value) if {
	is_string(value)
	object.get(_annotations, "avp.kubernetes.io/ignore", "") != "true"
	some text in ({value} | {decoded | base64.is_valid(value); decoded := base64.decode(value)})
	some placeholder in _placeholders
	rest := regex.replace(text, placeholder, "")
	rest != text
	not regex.match(`[\pL\pN]`, rest)
}

_placeholders contains sprintf(`<path:[^#<>\n]+#[^#<>|\n]+(#[^#<>|\n]+)?%s>`, [_modifiers])

# References to a store, and nothing beside them, which the tool that applies the Secret resolves: of 1Password's `op inject`
# (https://developer.1password.com/docs/cli/secret-reference-syntax/), of vals (https://github.com/helmfile/vals#expression-syntax) and of
# Bank-Vaults' webhook (https://bank-vaults.dev/docs/mutating-webhook/).
_placeholders contains `^\s*(\{\{\s*op://[^/\n{}]+/[^/\n{}]+(/[^/\n{}]+){1,2}\s*\}\}|op://[^/\n]+/[^/\n]+(/[^/\n]+){1,2}?)\s*$`

_placeholders contains `^\s*ref\+[a-z0-9]+://\S+\s*$`

_placeholders contains `^\s*(>>)?vault:[\w./-]+#[^\s#]+(#\d+)?\s*$`

# One without a path is of the Secret's own.
_placeholders contains sprintf(`<(path:[^#<>\n]+#[^#<>|\n]+(#[^#<>|\n]+)?|[^#<>|\n]+)%s>`, [_modifiers]) if _annotations["avp.kubernetes.io/path"]

_modifiers := `( *\| *(base64decode|base64encode|indent|jsonParse|jsonPath|sha256sum|yamlParse)\b[^<>|\n]*)*`

_annotations := obj_lib.at(input, ["metadata", "annotations"], {})
