package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kgate-dev/gitops/tools/internal/changeset"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
	"github.com/kgate-dev/gitops/tools/internal/renaming"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
	"github.com/kgate-dev/gitops/tools/internal/twin"
)

// further is a service that comes to environments in which it is not.
type further struct {
	repository *repo.Repo
	files      twin.Files
	name       string
	there      []string // the environments that have it
	wanted     []string
	flags      newFlags
}

// planFurther works out what brings a service that is there to further environments.
func planFurther(ctx context.Context, repository *repo.Repo, files twin.Files, name string, there []string, flags newFlags) (*newPlan, error) {
	f := &further{repository: repository, files: files, name: name, there: there, flags: flags}
	for _, environment := range flags.environments {
		if !slices.Contains(f.wanted, environment) {
			f.wanted = append(f.wanted, environment)
		}
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	services, err := servicesOf(files)
	if err != nil {
		return nil, err
	}
	components, err := twin.Components(files, services)
	if err != nil {
		return nil, err
	}
	like, with, err := f.like(services, components)
	if err != nil {
		return nil, err
	}
	wish := twin.Wish{Like: renaming.Name{Kind: renaming.Service, Old: like, New: name}, Further: true}
	for _, e := range repository.Config.Environments {
		if !slices.Contains(f.wanted, e.Name) {
			wish.Without = append(wish.Without, e.Name)
		}
	}
	sources, err := f.sources(like)
	if err != nil {
		return nil, err
	}
	made, err := twin.Make(files, wish)
	if err != nil {
		return nil, err
	}
	for _, c := range with {
		as := c.Takes[slices.IndexFunc(c.Takes, f.shows)]
		if err := made.Take(files, c, renaming.Name{Kind: renaming.Service, Old: as, New: name}); err != nil {
			return nil, fmt.Errorf("component %s: %w", c.Name, err)
		}
	}
	if err := f.versions(ctx, made, sources); err != nil {
		return nil, err
	}
	// Of one version there is nothing to try.
	if err := made.SetLocal(serviceGroup, "Environment", "0", "spec", "canary", "weight"); err != nil {
		return nil, err
	}
	return &newPlan{Made: made, wish: wish, next: f.next(made, like, sources)}, nil
}

// check refuses what does not go with a service that is there.
func (f *further) check() error {
	for _, of := range []struct {
		flag string
		set  bool
	}{{"port", f.flags.port != 0}, {"metrics-port", f.flags.metricsPort != 0}, {"with", len(f.flags.with) > 0}} {
		if of.set {
			return fmt.Errorf("--%s is of a service that is new, and %s is in %s already: leave the flag out, and edit what it has", of.flag, f.name, strings.Join(f.there, ", "))
		}
	}
	for _, environment := range f.wanted {
		if err := knownEnvironment(f.repository.Config, "--environments", environment); err != nil {
			return err
		}
	}
	for _, environment := range f.wanted {
		if !slices.Contains(f.there, environment) {
			continue
		}
		if missing := f.missing(); len(missing) > 0 {
			return fmt.Errorf("--environments %s: %s is there already; it is not in %s", environment, f.name, strings.Join(missing, ", "))
		}
		return fmt.Errorf("--environments %s: %s is in every environment already", environment, f.name)
	}
	return nil
}

// missing are the environments that lack the service.
func (f *further) missing() []string { return lacking(f.repository.Config, f.there) }

// lacking are the environments of kgate.yaml that are not among some.
func lacking(config repo.Config, there []string) (names []string) {
	for _, e := range config.Environments {
		if !slices.Contains(there, e.Name) {
			names = append(names, e.Name)
		}
	}
	return names
}

// shows reports a service by which it can be seen how one is written in each of the wanted environments.
func (f *further) shows(service string) bool {
	return service != f.name && len(placesOf(f.repository.Config, f.files, service, f.wanted)) == len(f.wanted)
}

// like is the service to take after in the wanted environments, the one whose components are those of the service as far as any is, and
// the components that it lacks.
func (f *further) like(services []string, components []twin.Component) (like string, with []twin.Component, err error) {
	differ := func(service string) (more, less []twin.Component) {
		for _, c := range components {
			switch own, others := slices.Contains(c.Takes, f.name), slices.Contains(c.Takes, service); {
			case others && !own:
				more = append(more, c)
			case own && !others:
				less = append(less, c)
			}
		}
		return more, less
	}
	candidates := slices.DeleteFunc(slices.Clone(services), func(s string) bool { return !f.shows(s) })
	environments := strings.Join(f.wanted, ", ")
	switch {
	case f.flags.like != "" && (len(services) == 0 || slices.Contains(candidates, f.flags.like)):
		candidates = []string{f.flags.like}
	case f.flags.like != "":
		return "", nil, fmt.Errorf("--like %s: no such service is in %s, but %s%s", f.flags.like, environments, strings.Join(candidates, ", "), spelling.Meant(f.flags.like, candidates))
	case len(services) == 0:
		return "", nil, fmt.Errorf("--like: name the service of %s to take after, by the folder that it has there: the default is one that an object of apiVersion %s/v1 and kind Service names, and this repository has none", environments, serviceGroup)
	case len(candidates) == 0:
		return "", nil, fmt.Errorf("no other service is in %s, so nothing shows how one is written there: copy the folders of %s by hand", environments, f.name)
	}
	score := func(service string) int {
		more, less := differ(service)
		return len(more)*1000 + len(less) // what it has too much stands in its folders
	}
	like = candidates[0]
	for _, other := range candidates[1:] {
		if score(other) < score(like) {
			like = other
		}
	}
	_, less := differ(like)
	for _, c := range less {
		if !slices.ContainsFunc(c.Takes, f.shows) {
			continue // its own files say all of it
		}
		with = append(with, c)
	}
	return like, with, nil
}

// source is where the version of an environment comes from.
type source struct {
	from  string // the environment that runs it; "" where --image says it
	upon  string // the environment on whose folders this one builds; it has the version
	owned bool   // the version is written in the environment
}

// sources are those of the wanted environments.
func (f *further) sources(like string) (map[string]source, error) {
	all := map[string]source{}
	for _, environment := range f.wanted {
		upon := f.buildsUpon(environment, like)
		if upon != "" {
			if !slices.Contains(f.there, upon) && !slices.Contains(f.wanted, upon) {
				return nil, fmt.Errorf("%s builds on %s, and %s has no %s: name both, as --environments %s,%s", environment, upon, upon, f.name, upon, environment)
			}
			all[environment] = source{upon: upon}
			continue
		}
		from := environment
		for {
			before := f.promotedFrom(from)
			if before == "" {
				from = ""
				break
			}
			if from = before; slices.Contains(f.there, from) {
				break
			}
			if !slices.Contains(f.wanted, from) {
				return nil, fmt.Errorf("%s gets its versions from %s, which has no %s: bring it there first, in a change before this one", environment, from, f.name)
			}
		}
		switch {
		case from == "" && f.flags.image == "":
			return nil, fmt.Errorf("%s gets its versions from no environment that has %s: say what it runs there, as --image ghcr.io/shop/%s:1.0.0", environment, f.name, f.name)
		case from != "" && f.flags.image != "":
			return nil, fmt.Errorf("--image: %s gets its versions from %s, which has %s: leave the flag out", environment, from, f.name)
		}
		all[environment] = source{from: from, owned: true}
	}
	if f.flags.image != "" && !slices.ContainsFunc(f.wanted, func(e string) bool { return all[e].owned }) {
		return nil, fmt.Errorf("--image: %s has the version of the environment that it builds on: leave the flag out", strings.Join(f.wanted, ", "))
	}
	return all, nil
}

func (f *further) promotedFrom(environment string) string {
	for _, e := range f.repository.Config.Environments {
		if e.Name == environment && e.Promotion != nil {
			return e.Promotion.From
		}
	}
	return ""
}

// of is the environment that a file or a folder is of, by the closest folder that is a target of one or has its name; "" for none.
func (f *further) of(name string) string {
	for dir := name; dir != "."; dir = path.Dir(dir) {
		if e := f.files.Environment(dir); e != "" {
			return e
		}
		if slices.Contains(f.files.Environments, path.Base(dir)) {
			return path.Base(dir)
		}
	}
	return ""
}

// buildsUpon is the environment on whose folders those of a service in an environment build, a region's; "" for none.
func (f *further) buildsUpon(environment, service string) string {
	for _, name := range f.files.Listed {
		if !f.files.Root(path.Base(name)) || !slices.Contains(strings.Split(path.Dir(name), "/"), service) || f.of(path.Dir(name)) != environment {
			continue
		}
		file, err := changeset.Read(f.files.FS, name)
		if err != nil {
			continue // it is a link, or gone
		}
		var kustomization struct{ Resources []string }
		if yaml.Unmarshal(file.Text, &kustomization) != nil {
			continue // whoever renders it says so
		}
		for _, entry := range kustomization.Resources {
			if upon := f.of(path.Join(path.Dir(name), entry)); upon != "" && upon != environment {
				return upon
			}
		}
	}
	return ""
}

// versions gives each environment the version that it gets.
func (f *further) versions(ctx context.Context, made *twin.Made, sources map[string]source) error {
	images := map[string]twin.Image{}
	var table promotion.Table
	for _, environment := range f.wanted {
		s := sources[environment]
		if !s.owned {
			continue
		}
		if s.from == "" {
			image, err := twin.ParseImage(f.flags.image)
			if err != nil {
				return fmt.Errorf("--image: %w", err)
			}
			images[environment] = image
			continue
		}
		if table.Environments == nil {
			var err error
			if table, err = gate.TableOf(ctx, f.repository); err != nil {
				return fmt.Errorf("what runs in %s: %w", s.from, err)
			}
		}
		service, _ := table.Service(f.name)
		place, _ := service.Place(s.from)
		is := place.Stable.Image.Reference
		if !place.Exists() || place.Stable.Chart != nil || is.Tag == "" && is.Digest == "" {
			return fmt.Errorf("what %s runs in %s cannot be told: `kgate status %s` says what is known of it", f.name, s.from, f.name)
		}
		images[environment] = twin.Image{Name: is.Name, Tag: is.Tag, Digest: is.Digest}
	}
	for environment, image := range images {
		if err := made.SetImage(f.files, image, func(name string) bool { return f.of(path.Dir(name)) == environment }); err != nil {
			return fmt.Errorf("%s: %w", environment, err)
		}
	}
	return nil
}

// next is what is left to a person.
func (f *further) next(made *twin.Made, like string, sources map[string]source) []string {
	next := []string{"look at what was taken over from " + like + ": sizes, sampling, quotas"}
	var lost []string
	for _, environment := range f.wanted {
		from := sources[environment].from
		if from == "" || !slices.Contains(f.there, from) {
			continue
		}
		in := renaming.Name{Kind: renaming.Environment, Old: from, New: environment}
		for _, name := range f.files.Listed {
			parts := strings.Split(path.Dir(name), "/")
			if !slices.Contains(parts, f.name) || f.of(path.Dir(name)) != from {
				continue
			}
			if twin := renaming.Replace(name, renaming.Name{Kind: renaming.Service, Old: f.name, New: like}); slices.Contains(f.files.Listed, twin) {
				continue // how that is here, what it is made after has shown
			}
			for i := range parts {
				parts[i] = renaming.Replace(parts[i], in)
			}
			if _, there := made.Set.Text(path.Join(append(parts, path.Base(name))...)); !there && !slices.Contains(lost, name) {
				lost = append(lost, name)
			}
		}
	}
	if len(lost) > 0 {
		next = append(next, "see whether it wants something of "+strings.Join(lost, ", ")+" here too")
	}
	next = append(next, "`git add` the files")
	if slices.ContainsFunc(f.wanted, func(e string) bool { return sources[e].from != "" }) {
		next = append(next, "`kgate promote --check BASE` holds the version to soak and freezes, as any other that comes")
	}
	var regions []string
	for _, environment := range f.missing() {
		if upon := f.buildsUpon(environment, like); upon != "" && slices.Contains(f.wanted, upon) && !slices.Contains(f.wanted, environment) {
			regions = append(regions, environment)
		}
	}
	if len(regions) > 0 {
		next = append(next, fmt.Sprintf("%s has no %s yet, and builds on what has: `kgate new service %s --environments %s`", strings.Join(regions, " and "), f.name, f.name, strings.Join(regions, ",")))
	}
	return next
}

// fresh refuses to make a service anew where one is called so, or where nothing says what it runs.
func fresh(config repo.Config, name string, there []string, flags newFlags) error {
	if missing := lacking(config, there); len(there) > 0 && len(missing) > 0 {
		return fmt.Errorf("%s is in %s already: choose another name, or bring it to further environments, as --environments %s", name, strings.Join(there, ", "), strings.Join(missing, ","))
	}
	if len(there) > 0 {
		return fmt.Errorf("there is a service %s already: choose another name", name)
	}
	if flags.image == "" {
		return errors.New("--image: say what the service runs, as ghcr.io/shop/payments:1.0.0")
	}
	return nil
}
