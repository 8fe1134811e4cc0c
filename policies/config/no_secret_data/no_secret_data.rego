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
#   scope: object
#   fix: Let an operator write the Secret (CloudNativePG, External Secrets, Sealed Secrets) and declare it under external in kgate.yaml.
#   locked: true
#   bad: |
#     apiVersion: v1
#     kind: Secret
#     metadata: {name: go-otlp-app-db-app, namespace: go-otlp-app}
#     data:
#       password: WGsycFE5dkI= # base64 is no encryption
#   good: |
#     # file: kgate.yaml
#     apiVersion: kgate/v1
#     external:
#       - kind: Secret
#         namespace: go-otlp-app
#         name: go-otlp-app-db-app
#         provider: CloudNativePG writes it for the Cluster go-otlp-app-db
#     ---
#     # file: database.yaml
#     apiVersion: postgresql.cnpg.io/v1
#     kind: Cluster
#     metadata: {name: go-otlp-app-db, namespace: go-otlp-app}
#     spec:
#       instances: 3
package policies.config.no_secret_data

import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": [field]} if {
	input.kind == "Secret"
	obj_lib.group(input) == ""
	some field in ["data", "stringData"]
	contents := obj_lib.at(input, [field], {})
	contents != {}
	msg := sprintf("%s has its contents in the repository: %s is not empty", [obj_lib.title(input), field])
}
