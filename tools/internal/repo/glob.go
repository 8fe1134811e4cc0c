package repo

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Limits on a glob of kgate.yaml. A pattern is tried against every directory and every target: what it costs grows with
// the alternatives that its braces make together, and with each ** as often as there are directories.
const (
	maxGlobLength       = 1024 // bytes; a path of Linux has 4096
	maxGlobAlternatives = 256  // patterns that the braces stand for
	maxGlobDoublestars  = 3
	maxGlobVisits       = 100_000 // directories that one glob looks into, links followed
)

// costly says why a valid glob may not be tried; "" when it may.
func costly(glob string) string {
	if len(glob) > maxGlobLength {
		return fmt.Sprintf("has %d bytes; the limit is %d", len(glob), maxGlobLength)
	}
	if n := strings.Count(glob, "**"); n > maxGlobDoublestars {
		return fmt.Sprintf("has ** %d times; the limit is %d", n, maxGlobDoublestars)
	}
	if n, _ := alternatives(glob, false); n > maxGlobAlternatives {
		return fmt.Sprintf("stands for more than %d patterns once its braces are written out", maxGlobAlternatives)
	}
	return ""
}

// alternatives is for how many patterns a glob stands, at most one above the limit, and what follows the braces that it is
// inside of.
func alternatives(glob string, inside bool) (n int, rest string) {
	total, here := 0, 1
	for glob != "" {
		c := glob[0]
		glob = glob[1:]
		switch {
		case c == '\\' && glob != "":
			glob = glob[1:]
		case c == '{':
			var within int
			within, glob = alternatives(glob, true)
			here = min(here*within, maxGlobAlternatives+1)
		case c == ',' && inside:
			total, here = min(total+here, maxGlobAlternatives+1), 1
		case c == '}' && inside:
			return min(total+here, maxGlobAlternatives+1), glob
		}
	}
	return min(total+here, maxGlobAlternatives+1), ""
}

// Directories lists the directories that a glob of kgate.yaml names, in no order. A ** follows no link, as links lead around in circles;
// without one a pattern is only so deep.
func Directories(ctx context.Context, root fs.FS, pattern string) ([]string, error) {
	base, rest := doublestar.SplitPattern(pattern)
	if !strings.ContainsAny(rest, `*?[{\`) {
		if info, err := fs.Stat(root, path.Clean(pattern)); err != nil || !info.IsDir() {
			return nil, nil
		}
		return []string{path.Clean(pattern)}, nil
	}
	endless := strings.Contains(rest, "**")
	deepest := strings.Count(rest, "/") + 1
	var found []string
	visits := 0
	var visit func(dir, below string, depth int) error
	visit = func(dir, below string, depth int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if visits++; visits > maxGlobVisits {
			return fmt.Errorf("it looks into more than %d directories: write a pattern that begins with the name of one", maxGlobVisits)
		}
		if depth > 0 && doublestar.MatchUnvalidated(rest, below) || depth == 0 && endless && doublestar.MatchUnvalidated(rest, "") {
			found = append(found, dir)
		}
		if depth == deepest && !endless {
			return nil
		}
		entries, err := fs.ReadDir(root, dir)
		if err != nil {
			return nil // what cannot be read holds no target, as a glob of a shell has it
		}
		for _, entry := range entries {
			name := path.Join(dir, entry.Name())
			if entry.Type()&fs.ModeSymlink != 0 {
				info, err := fs.Stat(root, name)
				if err != nil || !info.IsDir() {
					continue
				}
				if endless {
					if below := path.Join(below, entry.Name()); doublestar.MatchUnvalidated(rest, below) {
						found = append(found, name)
					}
					continue
				}
			} else if !entry.IsDir() {
				continue
			}
			if err := visit(name, path.Join(below, entry.Name()), depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return found, visit(path.Clean(base), "", 0)
}
