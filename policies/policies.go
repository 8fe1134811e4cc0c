// Package policies embeds the Rego rules that kgate holds manifests to: one directory a rule, with its examples and its
// tests beside it.
package policies

import "embed"

// FS holds lib and every group of rules.
//
//go:embed */*/*.rego */*/bad.yaml */*/good.yaml
var FS embed.FS
