package coverage

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/revision"
)

// deployment is a directory of the repository that an object brings to a cluster.
type deployment struct {
	claim
	dir        string
	namespaces []string // that it is brought to, each once; "" where the object says none
	made       string   // the Application that it is of, where an ApplicationSet has it and that can be told; else ""
	called     string   // the target that it is, of an Application's charts; "" for the directory
}

// miss is why a part of a deployment is not checked.
type miss struct {
	part string // a file or a directory below the deployment's; "" for all of it
	why  string
}

// names are what `unread` may name to accept a miss.
func (d deployment) names(m miss) []string {
	names := []string{cmp.Or(m.part, d.dir)}
	if d.file != "" {
		names = append(names, d.file)
	}
	return names
}

// faults are a fault for each reason why parts are missed.
func (d deployment) faults(misses []miss) []fault {
	var faults []fault
	parts := map[string][]string{}
	for _, m := range misses {
		if parts[m.why] == nil {
			f := d.where
			f.check, f.message, f.limit = deployed.Name, m.why, m.why == helm || m.why == jsonnet
			faults = append(faults, f)
		}
		parts[m.why] = append(parts[m.why], m.part)
	}
	for i, f := range faults {
		with := ""
		if p := parts[f.message]; p[0] != "" {
			with = " with " + p[0]
			if len(p) > 1 {
				with += fmt.Sprintf(" and %d more", len(p)-1)
			}
		}
		faults[i].message = fmt.Sprintf("%s deploys %s%s, %s", d.by, named(d.dir), with, f.message)
	}
	return faults
}

const (
	notRead  = "which no target reads"
	changed  = "which no target renders as it is: kustomizations that read it change it"
	helm     = "a Helm chart, which no target renders"
	jsonnet  = "which no target reads: kgate evaluates no Jsonnet"
	dontRead = "which cannot be read"
)

// missed tells what of a deployment no target renders as it is deployed; nothing where there is nothing to deploy.
func (t *tree) missed(ctx context.Context, d deployment, read reading) []miss {
	if !t.walked[d.dir] {
		if err := t.walk(ctx, d.dir); err != nil {
			return []miss{{why: dontRead}}
		}
	}
	asRoot := func(dir, part string) []miss {
		switch {
		case read.unchanged[dir]:
			return nil
		case read.layers[dir]:
			return []miss{{part, changed}}
		}
		return []miss{{part, notRead}}
	}
	switch {
	case d.plainly:
	case t.roots[d.dir] != "":
		return asRoot(d.dir, "")
	case read.charts[d.dir]:
		return nil
	case d.isChart(t):
		return []miss{{why: helm}}
	}
	var misses []miss
	nested := map[string]bool{} // roots: "a-b" stands between "a" and "a/c"
	takes := d.takes()
	for _, dir := range t.within(d.dir, d.recursive) {
		if t.withinAny(dir, nested) {
			continue
		}
		if t.roots[dir] != "" && dir != d.dir && !d.plainly {
			nested[dir] = true
			misses = append(misses, asRoot(dir, dir)...)
			continue
		}
		for _, file := range t.manifests[dir] {
			switch name := t.realFile(file); {
			case read.unchanged[name], !takes(strings.TrimPrefix(file, d.dir+"/")):
			case path.Ext(file) == ".jsonnet":
				misses = append(misses, miss{file, jsonnet})
			case !t.holdsObject(file):
			case read.files[name]:
				misses = append(misses, miss{file, changed})
			default:
				misses = append(misses, miss{file, notRead})
			}
		}
	}
	if d.recursive {
		for _, file := range t.passedOver(d.dir) {
			if !read.files[t.realFile(file)] && takes(strings.TrimPrefix(file, d.dir+"/")) && t.holdsObject(file) {
				misses = append(misses, miss{file, notRead})
			}
		}
	}
	return misses
}

// isChart reports a directory that is rendered by Helm: Flux takes what lies there as it stands.
func (d deployment) isChart(t *tree) bool { return t.charts[d.dir] && d.source == "" }

// passedOver are the manifests below a directory in folders that kgate looks into nowhere else, such as .x and node_modules:
// what takes all that is below takes them too.
func (t *tree) passedOver(from string) []string {
	var files []string
	_ = fs.WalkDir(t.fs, from, func(p string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil, entry.IsDir() && strings.EqualFold(entry.Name(), ".git"):
			return fs.SkipDir
		case !entry.IsDir() && slices.ContainsFunc(strings.Split(path.Dir(p), "/"), repo.PassedOver) && repo.IsManifestFile(p):
			files = append(files, p)
		}
		return nil
	})
	return files
}

// realFile is a file as it is called without links.
func (t *tree) realFile(file string) string {
	dir, base, err := t.files.CleanedAbs(file)
	if err != nil || base == "" {
		return file
	}
	return strings.TrimPrefix(path.Join(string(dir), base), "/")
}

func (t *tree) holdsObject(file string) bool {
	documents, err := t.files.Documents(file)
	return err != nil || slices.ContainsFunc(documents, repo.IsObject)
}

// ofTests reports a directory that only tests read, by what Go and others call it, or as a suite of kuttl or Chainsaw lies in it: what
// lies there deploys nothing, and is no target that kgate proposes.
func (t *tree) ofTests(dir string) bool {
	return slices.Contains(strings.Split(dir, "/"), "testdata") || t.withinAny(dir, t.suites)
}

// suiteFile is what files are called that a suite alone has: what kuttl and Chainsaw hold a cluster to, and what they go by.
var suiteFile = regexp.MustCompile(`^(\d+-(assert|errors?)|kuttl-test|chainsaw-test)\.ya?ml$`)

// deployments are what the objects of targets deploy from the repository, and those of manifests that no target reads.
func (t *tree) deployments(targets []*check.Target, read map[string]bool) []deployment {
	var claims []claim
	for _, target := range targets {
		for _, object := range target.Objects {
			locate := func(path manifest.Path) manifest.Position { return target.Origin(object, path).Position }
			if isDelivery(object) {
				t.telling = append(t.telling, teller{object: object, target: target, locate: locate})
			}
			if source, url := sourceAt(object); url != "" {
				t.urls[source], t.branches[source] = url, branchOf(object)
			}
			for _, c := range claimsOf(object) {
				c.where.object = check.Field{Target: target, Object: object, Path: c.field}
				c.object, c.locate = object, locate
				claims = append(claims, c)
			}
		}
	}
	for _, dir := range t.dirs {
		if t.ofTests(dir) {
			continue
		}
		for _, file := range t.manifests[dir] {
			if read[file] {
				continue
			}
			tell := func() (written, error) { return t.written(file), nil }
			var told written
			if t.linked[file] { // what it leads to may be another file on the other side
				told, _ = repo.Kept(t.repository, writtenIn(file), tell)
			} else {
				told, _ = repo.KeptBeside(t.repository, file, writtenIn(file), tell)
			}
			if len(told.tellers)+len(told.claims) > 0 || told.unread {
				t.claiming = append(t.claiming, file)
			}
			t.telling = append(t.telling, told.tellers...)
			for source, url := range told.urls {
				if t.urls[source] == "" {
					t.urls[source], t.branches[source] = url, told.branches[source]
				}
			}
			claims = append(claims, told.claims...)
		}
	}
	t.claims, t.sources = claims, nil
	t.calling = t.called()
	var all []deployment
	own := t.ownRepositories(claims)
	for _, c := range claims {
		all = append(all, t.resolve(c, own)...)
	}
	return all
}

// namesake is a fault where a path of another repository, known by its name alone, is here as well, and no target renders it as it is.
func (t *tree) namesake(ctx context.Context, c claim, read reading, own map[string]bool) (fault, bool) {
	if c.artifact || !t.isForeign(c.url(t)) {
		return fault{}, false
	}
	var dirs []string
	for _, candidate := range t.standsFor(c, own) {
		real, here := t.real(candidate.dir)
		if here && real != "." && !slices.Contains(dirs, real) && len(t.missed(ctx, deployment{claim: c, dir: real}, read)) > 0 {
			dirs = append(dirs, real)
		}
	}
	if len(dirs) == 0 {
		return fault{}, false
	}
	said := dirs[0]
	if len(dirs) > 1 {
		said += fmt.Sprintf(", and %d more,", len(dirs)-1)
	}
	f := c.where
	f.check, f.limit = deployed.Name, true
	f.message = fmt.Sprintf("%s deploys %s of %s, which is not what git's remotes call this repository: what is here under that path is not checked", c.by, said, nameOf(c.url(t)))
	return f, true
}

// lost are the paths of Flux Kustomizations that are not here although their GitRepository is this one. Call it after deployments.
func (t *tree) lost() []claim {
	own := t.ownSources()
	var all []claim
	for _, c := range t.claims {
		if !own[c.source] || !c.tellsPath() || c.artifact {
			continue
		}
		if _, ok := t.real(c.path); !ok {
			all = append(all, c)
		}
	}
	return all
}

// sourceAt is a source of Flux, called as claims call it, and its URL; the URL is empty for other objects. A Bucket has an endpoint.
func sourceAt(object *manifest.Object) (source, url string) {
	if object.Group() != "source.toolkit.fluxcd.io" {
		return "", ""
	}
	source = object.Namespace + "/" + object.Name
	switch object.Kind {
	case "GitRepository":
		return source, manifest.TextAt(object.Value, "spec", "url")
	case "OCIRepository", "Bucket":
		return object.Kind + " " + source, cmp.Or(manifest.TextAt(object.Value, "spec", "url"), manifest.TextAt(object.Value, "spec", "endpoint"))
	}
	return "", ""
}

// branchOf is what of a repository a GitRepository takes; "" for the branch that most call main.
func branchOf(object *manifest.Object) string {
	ref, _ := manifest.At(object.Value, "spec", "ref").(map[string]any)
	if branch := manifest.TextAt(ref, "branch"); len(ref) == 0 || len(ref) == 1 && (branch == "main" || branch == "master") {
		return ""
	}
	return fmt.Sprint(ref)
}

// isElsewhere reports a source of Flux that is another branch of this repository, which nobody here knows: no path that it has is here.
func (t *tree) isElsewhere(source string) bool {
	branch := t.branches[source]
	if branch == "" || !t.isOurs(t.urls[source]) {
		return false
	}
	return !slices.ContainsFunc(t.claims, func(c claim) bool {
		_, here := t.real(c.path)
		return c.tellsPath() && here && !c.artifact && t.branches[c.source] == branch && t.isOurs(t.urls[c.source])
	})
}

// calling is what git's names for this repository tell of the URLs that something deploys from.
type calling struct {
	names  []string        // that git has, of its remotes
	used   bool            // something that deploys takes its source by one of them: then what has another name is another repository
	shared map[string]bool // names that nevertheless may be this repository's
}

// called tells it. A URL that nothing deploys from tells nothing. Where more of the directories that are here are deployed by another
// name, that is one more name of this repository: of a mirror, or of what a fork was made of. One directory may be called alike by chance.
func (t *tree) called() calling {
	c := calling{names: t.repository.Remotes(), shared: map[string]bool{}}
	if c.names == nil {
		return c
	}
	taken, own := map[string]map[string]bool{}, map[string]bool{} // directories that are here, by name, and by any of git's
	take := func(url string, dirs ...string) {
		name := nameOf(url)
		if name == "" {
			return
		}
		if c.has(name) {
			c.used = true
			for _, dir := range dirs {
				own[dir] = true
			}
			return
		}
		if taken[name] == nil {
			taken[name] = map[string]bool{}
		}
		for _, dir := range dirs {
			taken[name][dir] = true
		}
	}
	for _, one := range t.claims {
		var dirs []string
		known := c.has(nameOf(one.url(t)))
		if dir, ok := clean(one.path); ok && (known || dir != ".") && !parameter.MatchString(one.path) && !one.artifact {
			if real, here := t.real(dir); here && (known || t.hasManifests(real)) {
				dirs = append(dirs, real)
			}
		}
		take(one.url(t), dirs...)
		for _, p := range one.found {
			first, _, _ := strings.Cut(strings.TrimPrefix(p.glob, "./"), "/")
			if strings.ContainsAny(first, wildcards) && !c.has(nameOf(p.repository)) {
				take(p.repository)
			} else {
				take(p.repository, t.fitting(p)...)
			}
		}
	}
	for name, dirs := range taken {
		c.shared[name] = len(dirs) > max(1, len(own))
	}
	return c
}

// has reports one of the names that git has.
func (c calling) has(name string) bool {
	return slices.ContainsFunc(c.names, func(own string) bool { return revision.SameName(own, name) })
}

// url is that of the repository that a claim takes its path from; "" where nothing here says it.
func (c claim) url(t *tree) string { return cmp.Or(c.repository, t.urls[c.source]) }

// nameOf is what the repository of a URL is called; "" where parameters make it, or where the URL has no name to tell it by.
func nameOf(url string) string {
	if strings.ContainsAny(url, "{$") {
		return ""
	}
	return revision.Name(url)
}

// isForeign reports the URL of a repository that is known to be another one, because it has a name that this one has not.
func (t *tree) isForeign(url string) bool {
	name := nameOf(url)
	return t.calling.used && name != "" && !t.calling.has(name) && !t.calling.shared[name]
}

// isOurs reports the URL of a repository that is known to be this one.
func (t *tree) isOurs(url string) bool {
	return t.calling.used && t.calling.has(nameOf(url))
}

// isAnother reports the URL of a repository that is known to be another one, also where only paths tell: none of its own is here, while
// those of another URL are, or git has another name for what is here. A path that is misspelt makes no other repository.
func (t *tree) isAnother(url string, own map[string]bool) bool {
	name := nameOf(url)
	switch {
	case name == "" || own[revision.Origin(url)]:
		return false
	case t.isForeign(url):
		return true
	case t.calling.names != nil:
		return !t.calling.has(name) && !t.calling.shared[name]
	}
	known := false
	is := func(ours string) bool {
		known = known || nameOf(ours) != ""
		return revision.SameName(nameOf(ours), name)
	}
	for ours := range own {
		if is(ours) {
			return false
		}
	}
	for source, ours := range t.ownSources() {
		if ours && is(t.urls[source]) {
			return false
		}
	}
	return known
}

// ownSources are the sources of Flux that are this repository, or are made of it, as far as their Kustomizations tell: paths from one are
// here, and no fewer than are not. Any repository has a top, which tells nothing. Call it when the claims are known.
func (t *tree) ownSources() map[string]bool {
	if t.sources != nil {
		return t.sources
	}
	here, missing := map[string]int{}, map[string]int{}
	for _, c := range t.claims {
		if !c.tellsPath() || !c.artifact && t.isForeign(t.urls[c.source]) {
			continue
		}
		_, ok := t.real(c.path)
		if c.artifact {
			ok = t.inArtifact(c, c.path) != ""
		}
		if ok || !c.artifact && t.isOurs(t.urls[c.source]) && !t.isElsewhere(c.source) {
			here[c.source]++
		} else {
			missing[c.source]++
		}
	}
	t.sources = map[string]bool{}
	for source, n := range here {
		t.sources[source] = n >= missing[source]
	}
	return t.sources
}

// tellsPath reports a claim of a Flux Kustomization that says in full which path below the top it has.
func (c claim) tellsPath() bool {
	return c.source != "" && c.path != "." && !parameter.MatchString(c.path) && !strings.Contains(c.path, "${")
}

// written is what a file that no target reads tells Argo CD and Flux to deploy.
type written struct {
	claims   []claim
	tellers  []teller          // from wherever
	urls     map[string]string // of the sources of Flux, as claims call them
	branches map[string]string // that they are of
	unread   bool              // it cannot be read, has the words of such an object, and is no template
}

// writtenIn is the key of it.
type writtenIn string

// deploysSomething is how an object begins that does.
var deploysSomething = regexp.MustCompile(`(?m)^apiVersion: *["']?(argoproj\.io|kustomize\.toolkit\.fluxcd\.io)/`)

func isTemplate(data []byte) bool {
	return bytes.Contains(data, []byte("{{")) || bytes.Contains(data, []byte("{%"))
}

// deploysSomething reports a file that holds such an object, and is no template of one.
func (t *tree) deploysSomething(file string) bool {
	data, err := t.files.ReadFile(file)
	return err == nil && deploysSomething.Match(data) && !isTemplate(data)
}

// written reads a file. What cannot be read, such as a template, tells nothing.
func (t *tree) written(file string) (w written) {
	if path.Ext(file) == ".jsonnet" {
		return w
	}
	data, err := t.files.ReadFile(file)
	if err != nil || !mayClaim(data) {
		return w
	}
	documents, err := t.files.Documents(file)
	if err != nil {
		w.unread = deploysSomething.Match(data) && !isTemplate(data)
		return w
	}
	for _, d := range documents {
		if isOther(d) {
			continue
		}
		objects, err := d.Objects()
		if err != nil {
			continue
		}
		items := manifest.Items(d.Node)
		for i, object := range objects {
			at := d
			if len(items) == len(objects) {
				at = d.Item(items[i])
			}
			locate := func(path manifest.Path) manifest.Position {
				position, _ := at.Locate(path, object.Value)
				return position
			}
			if source, url := sourceAt(object); url != "" {
				if w.urls == nil {
					w.urls, w.branches = map[string]string{}, map[string]string{}
				}
				w.urls[source], w.branches[source] = url, branchOf(object)
			}
			if isDelivery(object) {
				w.tellers = append(w.tellers, teller{object: object, file: file, locate: locate})
			}
			for _, c := range claimsOf(object) {
				c.file = file
				c.where.target = file
				c.where.source, _ = at.Locate(c.field, nil)
				c.object, c.locate = object, locate
				w.claims = append(w.claims, c)
			}
		}
	}
	return w
}

// isDelivery reports an object that tells Argo CD or Flux what to deploy, from this repository or from another source. What names no
// source is a patch of one.
func isDelivery(object *manifest.Object) bool {
	switch object.Kind {
	case "Kustomization":
		return object.Group() == FluxGroup && manifest.At(object.Value, "spec", "sourceRef") != nil
	case "Application":
		says := func(field string) bool { return manifest.At(object.Value, "spec", field) != nil }
		return object.Group() == "argoproj.io" && (says("destination") || says("source") || says("sources") || says("sourceHydrator"))
	case "ApplicationSet":
		return object.Group() == "argoproj.io"
	}
	return false
}

// isOther reports a document that is plainly one object of another API: to decode it would tell nothing more.
func isOther(d manifest.Document) bool {
	version := manifest.Lookup(d.Node, "apiVersion")
	return version != nil && version.Kind == yaml.ScalarNode && version.ShortTag() == "!!str" && !mayClaim([]byte(version.Value)) &&
		manifest.Lookup(d.Node, "items") == nil
}

// mayClaim reports whether a text can hold an object that deploys something: it names the API, or is written so that the
// name need not be seen in it.
func mayClaim(data []byte) bool {
	for _, sign := range []string{"argoproj.io", "toolkit.fluxcd.io", `\x`, `\u`, `\U`, "\\\n", "\\\r", "binary"} {
		if bytes.Contains(data, []byte(sign)) {
			return true
		}
	}
	return false
}
