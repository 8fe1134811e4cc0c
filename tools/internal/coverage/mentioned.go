package coverage

import (
	"context"
	"regexp"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

var (
	kindLine = regexp.MustCompile(`(?m)\bkind['"]?:[ \t]*['"]?([A-Za-z]+)`)
	madeLine = regexp.MustCompile(`(?m)\b(?:targetN|n)amespace['"]?:[ \t]*['"]?([a-z0-9][-a-z0-9]*)`)
	toldTo   = regexp.MustCompile(`(?i)createNamespace(=|['"]?:[ \t]*)true`)
	nameLine = regexp.MustCompile(`(?m)\bname['"]?:[ \t]*['"]?([a-z0-9][-a-z0-9.]*)`)
)

// Mentioned are the objects that files of the repository may hold which no target of a run reads, by kind and name, each with
// those files. That they do is not said: it takes any kind and any name of one file together.
func Mentioned(ctx context.Context, r *repo.Repo, read func(file string) bool) (map[check.Reference][]string, error) {
	t, err := look(ctx, r)
	if err != nil {
		return nil, err
	}
	mentioned := map[check.Reference][]string{}
	note := func(file string, generated ...string) {
		if read(file) {
			return
		}
		text, err := t.files.ReadFile(file)
		if err != nil {
			return
		}
		kinds := map[string]bool{}
		for _, kind := range generated {
			kinds[kind] = true
		}
		for _, m := range kindLine.FindAllSubmatch(text, -1) {
			kinds[string(m[1])] = true
		}
		names := map[string]bool{}
		for _, m := range nameLine.FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
		if toldTo.Match(text) {
			for _, m := range madeLine.FindAllSubmatch(text, -1) {
				is := check.Reference{Kind: "Namespace", Name: string(m[1])}
				mentioned[is] = append(mentioned[is], file)
			}
		}
		for kind := range kinds {
			for name := range names {
				is := check.Reference{Kind: kind, Name: name}
				mentioned[is] = append(mentioned[is], file)
			}
		}
	}
	for _, dir := range t.dirs {
		for _, file := range t.manifests[dir] {
			note(file)
		}
		if t.roots[dir] != "" {
			note(t.roots[dir], "ConfigMap", "Secret")
		}
	}
	return mentioned, nil
}
