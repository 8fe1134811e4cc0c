package danger

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/distribution/reference"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

var imageBackwards = &check.Check{
	Name:  "danger/image-backwards",
	Title: "No version goes backwards",
	Doc: "An older version after a newer one is a rollback, or a branch that was cut before the last release and takes it back unseen. What the newer version wrote, a schema of a database above " +
		"all, the older one may not read. Compared are tags of one image that begin with a version, versions of charts and those that operators run; what stands behind the numbers of a version is not.",
	Fix:      "Rebase the change on what is released, or exempt a rollback that is meant.",
	Severity: check.Warning, Scope: check.Update, Origin: "kgate",
	References: []string{"https://semver.org/#spec-item-11"},
	Was:        imageBackwardsWas, Bad: imageBackwardsBad, Good: imageBackwardsGood,
	Run: each(func(s *scene) { s.versions(func(old, new version) bool { return new.less(old) }, "older version") }),
}

var majorStep = &check.Check{
	Name:  "danger/major-step",
	Title: "No new major version comes unseen",
	Doc: "A major version says of itself that it is not compatible: data that is written anew, options that are gone. It deserves a look at its notes of release, and mostly a change of its own. " +
		"Compared are tags of one image, versions of charts and those that operators run. Years, and numbers of builds without a dot, are no major versions.",
	Fix:      "Read the notes of the release, take a backup of what holds data, and exempt the step with who did.",
	Severity: check.Warning, Scope: check.Update, Origin: "kgate",
	References: []string{"https://semver.org/#spec-item-8"},
	Was:        majorStepWas, Bad: majorStepBad, Good: majorStepGood,
	Run: each(func(s *scene) {
		s.versions(func(old, new version) bool {
			return old.dotted && new.dotted && new.numbers[0] > old.numbers[0] && new.numbers[0] < 1000
		}, "major version")
	}),
}

var imageSource = &check.Check{
	Name:  "danger/image-source",
	Title: "No image comes from elsewhere, or less exactly",
	Doc: "Another registry, or another owner on it, is somebody else's build under the same name. A digest that is dropped leaves it to the registry which image a tag is, " +
		"at each start of a pod. Compared are the images of containers by the container's name; k8s.gcr.io is registry.k8s.io by its old name.",
	Fix:      "Keep the digest, and let a tool that updates images write both. Exempt a move to another registry, with who looked at it.",
	Severity: check.Warning, Scope: check.Update, Origin: "kgate",
	References: []string{"https://kubernetes.io/docs/concepts/containers/images/#image-names"},
	Was:        imageSourceWas, Bad: imageSourceBad, Good: imageSourceGood,
	Run: each(lookAtSources),
}

// version is a version as far as it is numbers.
type version struct {
	text    string
	numbers []int64
	dotted  bool
}

// A number without a dot may be where a commit begins: 1234567, 123456a or, after the number of a build, 5.1a2b3c. It is a version
// where it is short or a date, and nothing follows that a commit has.
var (
	versionText = regexp.MustCompile(`^v?(\d{1,9}(?:\.\d{1,9}){1,3})(?:$|[-+_.~].*$|(?:alpha|beta|rc|b|a)\d*$)`)
	numberText  = regexp.MustCompile(`^v?(\d{1,6}|20\d{6})(?:$|[-+_~].*$|\.\d+$|(?:alpha|beta|rc)\d*$)`)
)

// parseVersion reads the numbers of a version; false for what is none, such as a word or a commit.
func parseVersion(text string) (version, bool) {
	match := versionText.FindStringSubmatch(text)
	dotted := match != nil
	if !dotted {
		match = numberText.FindStringSubmatch(text)
	}
	if match == nil {
		return version{}, false
	}
	v := version{text: text, dotted: dotted}
	for number := range strings.SplitSeq(match[1], ".") {
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return version{}, false
		}
		v.numbers = append(v.numbers, n)
	}
	return v, true
}

// less compares versions that are written as exactly as each other: 1.27 may be later than 1.27.3.
func (v version) less(than version) bool {
	for i := range min(len(v.numbers), len(than.numbers)) {
		if v.numbers[i] != than.numbers[i] {
			return v.numbers[i] < than.numbers[i]
		}
	}
	return false
}

// versioned are fields with the version of what an operator runs or of a chart.
func versioned(o *manifest.Object) []manifest.Path {
	switch {
	case o.Group() == "elasticsearch.k8s.elastic.co", is(o, "kibana.k8s.elastic.co", "Kibana"), o.Group() == "mongodbcommunity.mongodb.com", o.Group() == "monitoring.coreos.com":
		return []manifest.Path{fields("spec", "version")}
	case is(o, "kafka.strimzi.io", "Kafka"):
		return []manifest.Path{fields("spec", "kafka", "version")}
	case is(o, "acid.zalan.do", "postgresql"):
		return []manifest.Path{fields("spec", "postgresql", "version")}
	case is(o, "helm.toolkit.fluxcd.io", "HelmRelease"):
		return []manifest.Path{fields("spec", "chart", "spec", "version")}
	case is(o, "argoproj.io", "Application") && manifest.TextAt(o.Value, "spec", "source", "chart") != "":
		return []manifest.Path{fields("spec", "source", "targetRevision")}
	}
	return nil
}

// images are fields with the image of what an operator runs.
func images(o *manifest.Object) []manifest.Path {
	if is(o, "postgresql.cnpg.io", "Cluster") {
		return []manifest.Path{fields("spec", "imageName")}
	}
	return nil
}

// eachImage visits the images of a pair, by container, and those that an operator runs.
func eachImage(p check.Pair, visit func(who string, path manifest.Path, old, new image)) {
	compare := func(who string, from, to manifest.Path) {
		old, had := parseImage(manifest.TextAt(p.Old.Value, from...))
		new, has := parseImage(manifest.TextAt(p.New.Value, to...))
		if had && has && known(p, from, to) {
			visit(who, to, old, new)
		}
	}
	containers(p, func(old, new part, had bool) {
		if had {
			compare(fmt.Sprintf("container %q of %s", new.name, title(p.New)), below(old.path, "image"), below(new.path, "image"))
		}
	})
	for _, path := range images(p.New) {
		compare(title(p.New), path, path)
	}
}

// image is a reference to one, taken apart.
type image struct {
	text, repository, registry, owner, tag, digest string
}

func parseImage(text string) (image, bool) {
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return image{}, false
	}
	i := image{text: text, repository: named.Name(), registry: reference.Domain(named)}
	if i.registry == "k8s.gcr.io" { // what registry.k8s.io was called
		i.registry = "registry.k8s.io"
	}
	if owner, _, nested := strings.Cut(reference.Path(named), "/"); nested {
		i.owner = owner
	}
	if tagged, ok := named.(reference.Tagged); ok {
		i.tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		i.digest = digested.Digest().String()
	}
	return i, true
}

func (s *scene) versions(worse func(old, new version) bool, what string) {
	for _, p := range s.changed() {
		eachImage(p, func(who string, path manifest.Path, was, is image) {
			old, had := parseVersion(was.tag)
			new, has := parseVersion(is.tag)
			if was.repository == is.repository && had && has && worse(old, new) {
				s.at(p.New, path, "%s: %s runs %s: %s → %s", what, who, is.repository, old.text, new.text)
			}
		})
		for _, path := range versioned(p.New) {
			old, had := parseVersion(fmt.Sprint(manifest.At(p.Old.Value, path...)))
			new, has := parseVersion(fmt.Sprint(manifest.At(p.New.Value, path...)))
			if had && has && known(p, path, path) && worse(old, new) {
				s.at(p.New, path, "%s: %s has %s: %s → %s", what, title(p.New), path, old.text, new.text)
			}
		}
	}
}

func lookAtSources(s *scene) {
	for _, p := range s.changed() {
		eachImage(p, func(who string, path manifest.Path, old, new image) {
			switch {
			case old.registry != new.registry:
				s.at(p.New, path, "another registry: %s runs an image of %s → %s", who, old.repository, new.repository)
			case old.owner != new.owner && old.owner != "" && new.owner != "":
				s.at(p.New, path, "another owner of the image: %s runs one of %s → %s", who, old.repository, new.repository)
			}
			if old.digest != "" && new.digest == "" {
				s.at(p.New, path, "digest dropped: %s runs %s: %s → %s", who, new.repository, old.digest, named(new.tag))
			}
		})
	}
}
