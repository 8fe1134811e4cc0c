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
#   states: fact
#   scope: object
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

# What SOPS has encrypted reads as JSON that holds nothing. It leaves what is empty as it is.
_sealed(contents) if {
	is_object(contents)
	every value in contents {
		value in (_placeholders | {""})
	}
	some field in ["data", "stringData"]
	some value in obj_lib.at(input, [field], {})
	value in _placeholders
}

_placeholders := {"{}", "e30="}
