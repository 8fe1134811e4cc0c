// Package policies embeds the Rego rules that kgate holds manifests to: one directory a rule, with its tests
// beside it.
package policies

import "embed"

// FS holds lib and every group of rules.
//
//go:embed */*/*.rego
var FS embed.FS
