package policy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// What rules of one's own may be and take. The largest built-in file has 10 kB, and the slowest built-in rule takes
// milliseconds for an overlay.
const (
	maxFileSize = 256 << 10 // bytes of a file
	maxSize     = 4 << 20   // bytes of a source's files together
	maxNesting  = 500       // nodes of a rule's syntax tree, one in the other; the deepest built-in rule has 26

	longest    = 30 * time.Second // that a rule, or a test, may take for one input; also that compiling may
	maxMemory  = 1 << 30          // bytes that the live heap may grow meanwhile
	testMemory = 4 << 30          // the same of all tests together, of which several run at a time and are traced
	grace      = 1 * time.Second  // that a builtin has to end when it is told to

	maxDenials = 10_000  // of a rule for one input
	maxMessage = 4 << 10 // bytes of a message that are kept
	maxSteps   = 1_000   // of a path
	maxWith    = 1_000   // paths beside a denial's own
)

// withheld are builtins that depend on their arguments alone and that rules have not all the same.
var withheld = map[string]bool{
	// They follow references to files and URLs.
	"json.match_schema": true, "json.verify_schema": true,
	// They cannot be told to end, and a short argument can keep them busy for ever or fill the memory.
	"bits.lsh": true, "graph.reachable_paths": true, "regex.globs_match": true, "strings.render_template": true,
	"graphql.is_valid": true, "graphql.parse": true, "graphql.parse_and_verify": true, "graphql.parse_query": true,
	"graphql.parse_schema": true, "graphql.schema_is_valid": true, "rego.parse_module": true,
	// Keys, certificates and tokens: no rule of manifests needs a signature, and what they hold does not belong in git.
	"providers.aws.sign_req": true, "crypto.parse_private_keys": true,
}

func isWithheld(name string) bool {
	return withheld[name] || strings.HasPrefix(name, "crypto.x509.") || strings.HasPrefix(name, "io.jwt.")
}

// readRule reads a file of a source, whose size it asks first: a device or a pipe has no end.
func readRule(source Source, name string) (string, error) {
	text, err := manifest.ReadFile(source.FS, name, path.Join(source.Name, name), maxFileSize)
	return string(text), err
}

// verifyNesting refuses a rule with values, operators or else branches nested too deep. The parser bears more than the
// compiler, which takes minutes for a sum of a hundred thousand terms and cannot be told to end; and Go ends a process
// whose stack overflows.
func verifyNesting(file string, module *ast.Module) error {
	for _, rule := range module.Rules {
		depth, deepest := 0, 0
		ast.NewBeforeAfterVisitor(
			func(any) bool { depth++; deepest = max(deepest, depth); return false },
			func(any) { depth-- },
		).Walk(rule)
		if deepest > maxNesting {
			return fmt.Errorf("%s:%d: %s is nested too deep: give its parts names of their own", file, rule.Location.Row, rule.Head.Ref())
		}
	}
	return nil
}

// exceeded says that a rule took more than it may.
type exceeded string

func (e exceeded) Error() string { return string(e) }

// limited is a context that ends when something takes longer than patience or more memory than it may; the cause is
// then an exceeded. What is in use is looked at now and then, and not at all of what is over quickly.
func limited(ctx context.Context, patience time.Duration, memory uint64) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	begun := time.Now()
	const interval = 20 * time.Millisecond
	watch := func() {
		before := liveHeap()
		for ticker := time.NewTicker(interval); ; {
			select {
			case <-done:
				ticker.Stop()
				return
			case <-ticker.C:
			}
			switch {
			case time.Since(begun) > patience:
				cancel(exceeded(fmt.Sprintf("it takes longer than %s", patience)))
			case liveHeap() > before+memory:
				cancel(exceeded(fmt.Sprintf("it takes more than %d MB of memory", memory>>20)))
			}
		}
	}
	timer := time.AfterFunc(interval, watch)
	return ctx, func() {
		timer.Stop()
		close(done)
		cancel(nil)
	}
}

// liveHeap is what the last garbage collection found in use, in bytes.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}

// contain runs f until it is done, or ctx has ended and f does not hear of it: it may be in a builtin that cannot be told
// to end, and goes on beside what is left of the run. A panic in f is an error.
func contain[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		value, err := recovered(f)
		done <- answer{value, err}
	}()
	var a answer
	select {
	case a = <-done:
	case <-ctx.Done():
		select {
		case a = <-done:
		case <-time.After(grace):
			a.err = context.Cause(ctx)
		}
	}
	if over, ok := errors.AsType[exceeded](context.Cause(ctx)); ok && a.err != nil {
		a.err = over
	}
	return a.value, a.err
}

// recovered turns a panic of f into an error that says where.
func recovered[T any](f func() (T, error)) (value T, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("a fault of the Rego engine: %v, %s", fault, place(debug.Stack()))
		}
	}()
	return f()
}

// place is the function that a stack's panic came from.
func place(stack []byte) string {
	_, after, _ := bytes.Cut(stack, []byte("panic("))
	lines := strings.Split(string(after), "\n")
	if len(lines) < 3 {
		return "somewhere"
	}
	name, _, _ := strings.Cut(lines[2], "(0x")
	return "in " + name
}

// cut shortens a text of which a line is shown.
func cut(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	end := maxMessage
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes in all)", text[:end], len(text))
}

// brief shows a value in a message. A value that holds others is named by its type: it may hold one of them a million
// times.
func brief(value ast.Value) string {
	switch value := value.(type) {
	case nil:
		return "missing"
	case ast.String:
		return cut(string(value))
	case ast.Null, ast.Boolean, ast.Number:
		return cut(value.String())
	}
	name := ast.ValueName(value)
	if strings.ContainsAny(name[:1], "aeiou") {
		return "an " + name
	}
	return "a " + name
}
