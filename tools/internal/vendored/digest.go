package vendored

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Limits of one copy.
const (
	MaxFiles = 20_000
	MaxBytes = 256 << 20
)

// Content is what a copy is made of: files by their path in it, and links by theirs.
type Content struct {
	Files map[string][]byte
	Links map[string]string
}

// Digest is one text that stands for all of a content: "sha256:" and the hash of a line for each file and link, in the order
// of their paths.
func (c Content) Digest() string {
	lines := map[string]string{}
	for name, content := range c.Files {
		sum := sha256.Sum256(content)
		lines[name] = fmt.Sprintf("file %s %q\n", hex.EncodeToString(sum[:]), name)
	}
	for name, to := range c.Links {
		lines[name] = fmt.Sprintf("link %q %q\n", to, name)
	}
	names := make([]string, 0, len(lines))
	for name := range lines {
		names = append(names, name)
	}
	slices.Sort(names)
	sum := sha256.New()
	for _, name := range names {
		sum.Write([]byte(lines[name]))
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// Digest is that of what lies in a directory of a tree.
func Digest(root fs.FS, dir string) (string, error) {
	content, err := Read(root, dir)
	if err != nil {
		return "", err
	}
	return content.Digest(), nil
}

// Read is what lies in a directory of a tree, which has to be one and no link.
func Read(root fs.FS, dir string) (Content, error) {
	content := Content{Files: map[string][]byte{}, Links: map[string]string{}}
	at := ""
	for part := range strings.SplitSeq(dir, "/") {
		at = path.Join(at, part)
		info, err := fs.Lstat(root, at)
		switch {
		case err != nil:
			return content, err
		case info.Mode()&fs.ModeSymlink != 0:
			return content, fmt.Errorf("%s is a symbolic link, and copies lie in the repository itself: delete the link and run `%s`", at, Run)
		case !info.IsDir():
			return content, fmt.Errorf("%s is no directory", at)
		}
	}
	var bytes int64
	err := fs.WalkDir(root, dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		within := strings.TrimPrefix(name, dir+"/")
		switch {
		case entry.IsDir():
			return nil
		case len(content.Files)+len(content.Links) >= MaxFiles:
			return fmt.Errorf("it has more than %d files", MaxFiles)
		case entry.Type()&fs.ModeSymlink != 0:
			to, err := fs.ReadLink(root, name)
			if err != nil {
				return err
			}
			content.Links[within] = to
		case entry.Type().IsRegular():
			text, err := manifest.ReadFile(root, name, name, manifest.MaxFileSize)
			if err != nil {
				return err
			}
			if bytes += int64(len(text)); bytes > MaxBytes {
				return fmt.Errorf("it has more than %d MB", MaxBytes>>20)
			}
			content.Files[within] = text
		default:
			return fmt.Errorf("%s is neither a file nor a link", name)
		}
		return nil
	})
	return content, err
}

// Check refuses content that no copy may have, and what does not lie in it: paths that some file system takes for others,
// links that leave it, files that are too large.
func (c Content) Check() error {
	if len(c.Files)+len(c.Links) > MaxFiles {
		return fmt.Errorf("it has more than %d files", MaxFiles)
	}
	folded := map[string]string{}
	directories := map[string]bool{}
	all := 0
	names := make([]string, 0, len(c.Files)+len(c.Links))
	for name, content := range c.Files {
		if len(content) > manifest.MaxFileSize {
			return fmt.Errorf("%s has %d MB; the limit is %d MB", name, len(content)>>20, manifest.MaxFileSize>>20)
		}
		if all += len(content); all > MaxBytes {
			return fmt.Errorf("it has more than %d MB", MaxBytes>>20)
		}
		names = append(names, name)
	}
	for name := range c.Links {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := checkPath(name); err != nil {
			return err
		}
		for at := name; at != "."; at = path.Dir(at) {
			key := strings.ToLower(at)
			if other, ok := folded[key]; ok && other != at {
				return fmt.Errorf("%s and %s are one file where letter case does not count", other, at)
			}
			folded[key] = at
			if at != name {
				directories[at] = true
			}
		}
	}
	for _, name := range names {
		if directories[name] {
			return fmt.Errorf("%s is a file and a directory", name)
		}
	}
	for _, name := range names {
		if _, ok := c.Links[name]; ok {
			if _, err := c.follow(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkPath refuses a path that is not one everywhere.
func checkPath(name string) error {
	if !fs.ValidPath(name) || name == "." || len(name) > 1024 {
		return fmt.Errorf("%q is no path in a copy", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case IsGit(part):
			return fmt.Errorf("%s: a name of git's own in a copy", name)
		case len(part) > 255, strings.ContainsAny(part, "\\:*?\"<>|"), strings.HasSuffix(part, "."), strings.HasSuffix(part, " "),
			strings.ContainsFunc(part, func(r rune) bool { return r < 0x20 || r == 0x7f || r == 0xfffd }):
			return fmt.Errorf("%q is no path on every file system", name)
		}
	}
	return nil
}

var errLeadsOut = errors.New("a symbolic link leads out of the copy")

// follow resolves a link, step by step as a file system does.
func (c Content) follow(name string) (string, error) {
	const most = 40
	at := "."
	rest := strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		step := rest[0]
		rest = rest[1:]
		switch step {
		case "", ".":
			continue
		case "..":
			if at == "." {
				return "", fmt.Errorf("%s: %w", name, errLeadsOut)
			}
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, step)
		to, ok := c.Links[next]
		if !ok {
			at = next
			continue
		}
		if links++; links > most {
			return "", fmt.Errorf("%s: more than %d symbolic links", name, most)
		}
		if path.IsAbs(to) || strings.ContainsAny(to, "\\:\x00") {
			return "", fmt.Errorf("%s: %w", name, errLeadsOut)
		}
		rest = append(strings.Split(to, "/"), rest...)
	}
	return at, nil
}

// IsGit reports whether a name is that of git's own folder, on whatever file system: those of Windows and macOS take other
// letter case, a short name, what follows a colon, blanks and dots at the end and invisible characters for the same.
func IsGit(name string) bool {
	name = strings.Map(func(r rune) rune {
		if r >= 0x200c && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x206a && r <= 0x206f || r == 0xfeff {
			return -1
		}
		return r
	}, name)
	name, _, _ = strings.Cut(name, ":")
	name = strings.TrimRight(name, ". ")
	return strings.EqualFold(name, ".git") || strings.EqualFold(name, "git~1")
}
