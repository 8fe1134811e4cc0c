// Package admission says what the API server itself would say of an object that is applied: the server's own code,
// in process and without a cluster. Kubernetes' kinds are typed, decoded, defaulted and validated by package builtin,
// custom resources by package custom.
package admission

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/admission/builtin"
	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/admission/typed"
	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// A Violation is one reason for which the server refuses an object.
type Violation struct {
	Path    manifest.Path
	Message string // the server's
	Note    string // to follow the message: which definition says so, where several define the kind
}

// Server judges objects as an API server does. It is safe for concurrent use.
type Server struct {
	builtin func() *builtin.Server
	types   *typed.Types
	kinds   *definition.Kinds
	targets cache.Cache[*check.Target, *contents]
	// What policies ask about Kubernetes' own kinds.
	interfaces func() admission.ObjectInterfaces

	verdicts cache.Cache[subject, []Violation]
}

// subject is what a verdict depends on: what defines an object's kind, and its JSON.
type subject struct {
	definitions string
	text        manifest.Digest
}

// Forget drops what it knows of a target, but for its verdicts on objects. It must not be called while the target is judged.
func (s *Server) Forget(target *check.Target) {
	s.targets.Forget(target)
}

// Sweep forgets what it knows of objects and targets that no run since the last Sweep had. It must not be called during
// a run.
func (s *Server) Sweep() {
	s.targets.Sweep()
	s.verdicts.Sweep()
}

// New returns a Server that judges custom resources by the definitions that kinds finds. What a kind needs is read when the
// first object of it is judged.
func New(kinds *definition.Kinds) *Server {
	server := sync.OnceValue(builtin.New)
	return &Server{
		builtin: server, types: typed.New(), kinds: kinds,
		interfaces: sync.OnceValue(func() admission.ObjectInterfaces { return server().Interfaces() }),
	}
}

// Version is the version of the Kubernetes code that judges, "v1.37.2".
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "k8s.io/kubernetes" {
				return m.Version
			}
		}
	}
	return "unknown" // a test binary has no build information
}

// judgeCustom judges a custom resource by what defines its kind. What is wrong with a rendered definition is reported where it
// is judged itself.
func (s *Server) judgeCustom(ctx context.Context, kind schema.GroupVersionKind, object *manifest.Object, known *definition.Known) ([]Violation, bool, error) {
	found, err := known.For(ctx, kind.GroupKind())
	if err != nil || !found.Knows(kind) {
		return nil, false, err
	}
	faults, err := found.Validate(ctx, object.Value)
	return violationsOf(faults), true, err
}

func violationsOf(faults []custom.Fault) []Violation {
	var violations []Violation
	for _, f := range faults {
		violations = append(violations, Violation{Path: f.Path, Message: f.Message, Note: f.Note})
	}
	return violations
}

// Judge returns why the server would refuse the object, and whether it is of a kind that the server can be asked
// about. Target, which may be nil, is what it is applied with: definitions of its kind that stand there, or that the target
// knows of, judge the object too, and never loosen a kind that is known without them. As the server does, it stops at the
// first stage that refuses: what cannot be typed is not validated.
func (s *Server) Judge(ctx context.Context, object *manifest.Object, target *check.Target) (violations []Violation, known bool, err error) {
	kind := kindOf(object)
	if err := ctx.Err(); err != nil {
		return nil, true, err
	}
	defer activity.Begin(ctx, "asking the API server's code about the %s", object.ID)()
	defer func() {
		if err != nil {
			err = fmt.Errorf("ask Kubernetes %s: %w", Version(), err)
		}
	}()
	if len(object.JSON) > custom.LargestRequest {
		return []Violation{{Message: fmt.Sprintf("Request entity too large: limit is %d", custom.LargestRequest)}}, true, nil
	}
	if refused := custom.Excessive(object.Value); refused != nil {
		return violationsOf(refused), true, nil
	}
	kinds, err := s.kinds.Of(target)
	if err != nil {
		return nil, true, err
	}
	defines := kind.GroupKind() == definition.Kind
	if defines && kind.Version != "v1" {
		return nil, false, nil
	}
	server := s.builtin()
	if !defines && !server.Knows(kind) {
		return s.judgeCustom(ctx, kind, object, kinds)
	}
	// A version that is gone from the server but not from its code has no type. That it is gone is for
	// schema/known-kind to report, in every Kubernetes version that is targeted.
	served, err := s.types.Knows(kind)
	if err != nil {
		return nil, true, err
	}
	if served {
		faults, err := s.types.Check(kind, object.Value)
		if err != nil {
			return nil, true, err
		}
		for _, f := range faults {
			path, message := splitTyped(f.Error(), object.Value)
			violations = append(violations, Violation{Path: path, Message: message})
		}
	}
	if len(violations) > 0 {
		return violations, true, nil
	}
	if defines {
		if f := builtin.Unappliable(object.Value); f != nil {
			return []Violation{{Path: f.Path, Message: f.Message}}, true, nil
		}
		violations, err := s.judgeDefinition(object, kinds)
		return violations, true, err
	}
	refused, err := server.Validate(ctx, kind, object.Value)
	if err != nil {
		return nil, true, err
	}
	for _, f := range refused {
		violations = append(violations, Violation{Path: f.Path, Message: f.Message})
	}
	return violations, true, nil
}

// splitTyped takes the path off the front of a message of structured-merge-diff, such as
// `.spec.containers[name="app"].ports: duplicate entries for key [port=80]`, and turns keys of items into indexes.
func splitTyped(text string, value map[string]any) (manifest.Path, string) {
	var path manifest.Path
	var at any = value
	rest := text
	for rest != "" {
		switch rest[0] {
		case '.':
			end := 1
			for end < len(rest) && rest[end] != '.' && rest[end] != '[' && rest[end] != ':' {
				end++
			}
			key := rest[1:end]
			// A key may hold dots itself; the longest one that the object has is meant.
			if m, ok := at.(map[string]any); ok {
				for name := range m {
					if len(name) > len(key) && strings.HasPrefix(rest[1:], name) {
						key, end = name, 1+len(name)
					}
				}
				at = m[key]
			} else {
				at = nil
			}
			path, rest = append(path, key), rest[end:]
		case '[':
			end := closing(rest)
			if end < 0 {
				return path, rest
			}
			items, _ := at.([]any)
			i := item(items, rest[1:end])
			if i < 0 {
				return path, strings.TrimPrefix(rest[end+1:], ": ")
			}
			path, at, rest = append(path, i), items[i], rest[end+1:]
		case ':':
			return path, strings.TrimSpace(rest[1:])
		default:
			return path, text
		}
	}
	return path, text
}

// closing is the index of the bracket that closes the one at the beginning, strings left out.
func closing(text string) int {
	quoted := false
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quoted:
			i++
		case text[i] == '"':
			quoted = !quoted
		case text[i] == ']' && !quoted:
			return i
		}
	}
	return -1
}

// item finds the item of a list that brackets name: by index, by value (`="a"`) or by keys (`name="a",port=80`).
func item(items []any, name string) int {
	if i, err := strconv.Atoi(name); err == nil {
		if i < len(items) {
			return i
		}
		return -1
	}
	return slices.IndexFunc(items, func(v any) bool {
		if value, ok := strings.CutPrefix(name, "="); ok {
			return literal(v) == value
		}
		m, ok := v.(map[string]any)
		if !ok {
			return false
		}
		for _, pair := range pairs(name) {
			key, value, _ := strings.Cut(pair, "=")
			if have, set := m[key]; set && literal(have) != value {
				return false // what is not set has the default that the name shows
			}
		}
		return true
	})
}

// pairs splits name="a,b",port=80 at the commas outside of strings.
func pairs(text string) []string {
	var out []string
	quoted, begin := false, 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quoted:
			i++
		case text[i] == '"':
			quoted = !quoted
		case text[i] == ',' && !quoted:
			out, begin = append(out, text[begin:i]), i+1
		}
	}
	return append(out, text[begin:])
}

func literal(v any) string {
	if s, ok := v.(string); ok {
		return strconv.Quote(s)
	}
	return fmt.Sprint(v)
}
