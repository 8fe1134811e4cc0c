package policy

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// claim is a package that a source has.
type claim struct {
	source int // index of the source
	file   string
	path   ast.Ref
}

// claims are the packages of sources. A package belongs to the first source that has it: Rego joins what several files
// say of one package, so that two lines of a later source could switch off what an earlier one checks.
type claims []claim

// add notes the package of a module, or says why it cannot be that source's. Whatever a rule is called, and however many
// steps its head has, it lies below its module's package: a package is another's as well when it holds one of the other's
// or lies in one.
func (c *claims) add(source int, file string, module *ast.Module) error {
	path := module.Package.Path
	for _, other := range *c {
		if other.source == source {
			continue
		}
		var relation string
		switch {
		case path.Equal(other.path):
			relation = "is that of"
		case path.HasPrefix(other.path):
			relation = "lies in that of"
		case other.path.HasPrefix(path):
			relation = "holds that of"
		default:
			continue
		}
		return fmt.Errorf("%s:%d: the package %s %s %s: one's own rules may use what is there and add nothing to it; "+
			"give this file a directory and a package with a name of their own", file, module.Package.Location.Row, packageName(module), relation, other.file)
	}
	*c = append(*c, claim{source, file, path})
	return nil
}

var directoryName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// verifyDirectory refuses a directory whose name a package would not have as it stands, such as one with a dot.
func verifyDirectory(file, dir string) error {
	for name := range strings.SplitSeq(dir, "/") {
		if dir != "." && !directoryName.MatchString(name) {
			return fmt.Errorf("%s: the directory is called %q: groups and rules have lower-case letters, digits and _ in their names, a letter first", file, name)
		}
	}
	return nil
}
