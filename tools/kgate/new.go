package main

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/kgate-dev/gitops/tools/internal/changeset"
	"github.com/kgate-dev/gitops/tools/internal/renaming"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
	"github.com/kgate-dev/gitops/tools/internal/twin"
)

// serviceGroup is the API group of the object that says what a service is called and where it listens.
const serviceGroup = "kgate"

type newFlags struct {
	like         string
	dry          bool
	image        string
	port         int
	metricsPort  int
	environments []string
	with         []string
	bounds       bounds
}

func newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Make another service, environment or region, wired and judged before it is written",
		Args:  noArguments,
		Long: "Make another service, environment or region after one that the repository has: its folders with kustomizations, and an entry\n" +
			"beside each of its entries: in kustomizations, in AppProjects and windows, in kgate.yaml. The layout is the one that is there.\n\n" +
			"The result is judged before anything is written: where it would have findings that there are not today, they are printed, and\n" +
			"nothing is written. All files are written, or none. Review them with `git diff`; `git add` them.\n\n" +
			"Exit codes: 0 done, 1 refused for what the result would have, 2 could not.",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newServiceCommand(), newEnvironmentCommand(), newRegionCommand())
	return cmd
}

func (f *newFlags) register(cmd *cobra.Command, like string) {
	cmd.Flags().StringVar(&f.like, "like", "", like)
	cmd.Flags().BoolVar(&f.dry, "dry-run", false, "name the files, judge them, and write nothing")
	_ = cmd.RegisterFlagCompletionFunc("like", cobra.NoFileCompletions) // the flag exists
	boundsFlags(cmd, &f.bounds)
}

func newServiceCommand() *cobra.Command {
	var flags newFlags
	cmd := &cobra.Command{
		Use:   "service NAME --image REPOSITORY:TAG",
		Short: "Make another service, or bring one to further environments",
		Long: "Make a service after another one: a folder beside each of its folders, with its name and namespace, the image, and an entry\n" +
			"wherever that service has one. What is special about it, such as probes, resources and configuration, is what the other one has,\n" +
			"to be edited.\n\n" +
			"--with names components that it shall take beside those that the other one takes, which stay. Each comes as another service of\n" +
			"the repository has it: entries and patches of kustomizations, values of local objects, and what kgate.yaml says of its objects.\n" +
			"A canary gets no requests until there is a version to try.\n\n" +
			"A service that is there comes to further environments by --environments, with the version that runs in the one that kgate.yaml\n" +
			"says versions come from: its folders there are made after those of a service that takes the same components, and nothing that\n" +
			"it has is changed. `kgate promote --check` holds that version to soak and freezes as any other.",
		Example: "  kgate new service payments --image ghcr.io/shop/payments:1.0.0 --port 8080 --environments dev,staging\n" +
			"  kgate new service payments --image ghcr.io/shop/payments:1.0.0 --with canary,database\n" +
			"  kgate new service payments --image ghcr.io/shop/payments:1.0.0 --like go-otlp-app --dry-run\n" +
			"  kgate new service payments --environments prod    # payments is there already, and not in prod",
		Args:        cobra.ExactArgs(1),
		Annotations: map[string]string{writesHere: "."},
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, port := range []string{"port", "metrics-port"} {
				if f := cmd.Flags().Lookup(port); f.Changed && f.Value.String() == "0" {
					return fmt.Errorf("--%s 0: a port is 1 to 65535", port)
				}
			}
			return makeNew(cmd, renaming.Service, args[0], flags, false)
		},
	}
	flags.register(cmd, "service to take after (default: of those in most of the environments, the smallest that a service object names)")
	f := cmd.Flags()
	f.StringVar(&flags.image, "image", "", "image with its tag, as ghcr.io/shop/payments:1.0.0, or with tag and digest")
	f.IntVar(&flags.port, "port", 0, "port of requests, spec.ports.http of the service object (default: that of the other one)")
	f.IntVar(&flags.metricsPort, "metrics-port", 0, "port of metrics, spec.ports.metrics of the service object (default: that of the other one)")
	f.StringSliceVar(&flags.with, "with", nil, "components that it takes as well, by the names of their folders, as canary,database")
	f.StringSliceVar(&flags.environments, "environments", nil, "environments of kgate.yaml that get it (default: all that have the other one, for a service that is new)")
	return cmd
}

func newEnvironmentCommand() *cobra.Command {
	var flags newFlags
	cmd := &cobra.Command{
		Use:   "environment NAME --like ENVIRONMENT",
		Short: "Make another environment",
		Long: "Make an environment after another one: its folders, its entry in kgate.yaml with bounds and with what it is promoted from, and\n" +
			"an entry wherever the other one has one. Versions and sizes are those of the other one, to be edited.",
		Example:     "  kgate new environment qa --like staging",
		Args:        cobra.ExactArgs(1),
		Annotations: map[string]string{writesHere: "."},
		RunE: func(cmd *cobra.Command, args []string) error {
			return makeNew(cmd, renaming.Environment, args[0], flags, false)
		},
	}
	flags.register(cmd, "environment to take after")
	return cmd
}

func newRegionCommand() *cobra.Command {
	var flags newFlags
	cmd := &cobra.Command{
		Use:   "region NAME --like ENVIRONMENT",
		Short: "Make another region of an environment",
		Long: "Make an environment whose folders build on those of another one: a version that is promoted there, and whatever else changes,\n" +
			"comes with it; what is to differ is patched in the region. It has a cluster and an entry in kgate.yaml of its own, and an entry\n" +
			"wherever the other one has one. Where a region shall be promoted alone, make an environment.",
		Example:     "  kgate new region prod-eu --like prod",
		Args:        cobra.ExactArgs(1),
		Annotations: map[string]string{writesHere: "."},
		RunE: func(cmd *cobra.Command, args []string) error {
			return makeNew(cmd, renaming.Environment, args[0], flags, true)
		},
	}
	flags.register(cmd, "environment to build on")
	return cmd
}

// makeNew makes what one of the commands is asked for.
func makeNew(cmd *cobra.Command, kind renaming.Kind, name string, flags newFlags, thin bool) error {
	return flags.bounds.within(cmd.Context(), func(ctx context.Context) error {
		repository, err := repo.Open(".")
		if err != nil {
			return err
		}
		plan, err := planNew(ctx, repository, kind, name, flags, thin)
		if err != nil {
			return err
		}
		stdout := terminal.NewStream(cmd.OutOrStdout())
		if err := settle(ctx, repository, &plan.Set, flags.dry, stdout); err != nil {
			return err
		}
		return plan.tell(stdout, flags.dry)
	})
}

// newPlan is what is to be written.
type newPlan struct {
	*twin.Made
	wish twin.Wish
	next []string // what is left to a person
}

// planNew works out what is to be written, and judges nothing.
func planNew(ctx context.Context, repository *repo.Repo, kind renaming.Kind, name string, flags newFlags, thin bool) (*newPlan, error) {
	wish := twin.Wish{Like: renaming.Name{Kind: kind, Old: flags.like, New: name}, Thin: thin}
	listed, err := repository.Listed(ctx)
	if err != nil {
		return nil, err
	}
	files := twin.Files{FS: repository.FS, Listed: listed, Root: repo.IsKustomizationFile, Wired: []string{repo.ConfigFile}, Skip: upstreamOf(listed),
		Environment: func(dir string) string {
			if e := repository.Config.Environment(dir); e != nil {
				return e.Name
			}
			return ""
		}}
	for _, e := range repository.Config.Environments {
		files.Environments = append(files.Environments, e.Name)
	}
	if !renaming.Label(name) {
		return nil, fmt.Errorf("%q is no name of one: it is a DNS label that begins with a letter, as payments-api", name)
	}
	if err := apart(files, kind, name); err != nil {
		return nil, err
	}
	if kind == renaming.Environment {
		err = knownEnvironment(repository.Config, "--like", flags.like)
		if err == nil && slices.ContainsFunc(repository.Config.Environments, func(e repo.Environment) bool { return e.Name == name }) {
			err = fmt.Errorf("%s has an environment %s already: choose another name", repo.ConfigFile, name)
		}
	} else if there := placesOf(repository.Config, files, name, nil); len(there) > 0 && len(flags.environments) > 0 {
		return planFurther(ctx, repository, files, name, there, flags)
	} else if err = others(repository.Config, name); err == nil {
		if err = fresh(repository.Config, name, there, flags); err != nil {
			return nil, err
		}
		wish.Like.Old, wish.Without, err = likeService(repository, files, name, flags)
	}
	if err != nil {
		return nil, err
	}
	made, err := twin.Make(files, wish)
	if err != nil {
		return nil, err
	}
	if err := takeComponents(made, files, wish.Like, flags.with); err != nil {
		return nil, err
	}
	plan := &newPlan{Made: made, wish: wish}
	listens, err := furnish(made, files, flags)
	if err != nil {
		return nil, err
	}
	plan.next = append(listens, plan.left(repository.Config)...)
	return plan, nil
}

// apart refuses a service that is called as an environment, and the other way round: folders are known by these names.
func apart(files twin.Files, kind renaming.Kind, name string) error {
	if kind == renaming.Service {
		if slices.Contains(files.Environments, name) {
			return fmt.Errorf("%s is an environment of %s: choose another name", name, repo.ConfigFile)
		}
		return nil
	}
	services, err := servicesOf(files)
	if err == nil && slices.Contains(services, name) {
		err = fmt.Errorf("there is a service %s: choose another name", name)
	}
	return err
}

// others refuses a service whose namespace would be that of somebody else.
func others(config repo.Config, name string) error {
	if slices.Contains([]string{"default", "kube-system", "kube-public", "kube-node-lease"}, name) {
		return fmt.Errorf("%s is a namespace that every cluster has: choose another name", name)
	}
	for _, e := range config.External {
		if e.Kind == "Namespace" && e.Name == name {
			return fmt.Errorf("%s is a namespace of %s, as %s says: choose another name", name, e.Provider, e.Source)
		}
	}
	return nil
}

// takeComponents gives a new service the components that --with names, each as the first service that takes it has it.
func takeComponents(made *twin.Made, files twin.Files, like renaming.Name, with []string) error {
	if len(with) == 0 {
		return nil
	}
	services, err := servicesOf(files)
	if err != nil {
		return err
	}
	components, err := twin.Components(files, services)
	if err != nil {
		return err
	}
	var names []string
	for _, c := range components {
		names = append(names, c.Name)
	}
	for _, name := range with {
		i := slices.IndexFunc(components, func(c twin.Component) bool { return c.Name == name })
		switch {
		case len(components) == 0:
			return fmt.Errorf("--with %s: no service takes a Kustomize Component", name)
		case i < 0:
			return fmt.Errorf("--with %s: no service takes such a component, but %s%s", name, strings.Join(names, ", "), spelling.Meant(name, names))
		case slices.Contains(components[i].Takes, like.Old):
			continue // the new service has it already
		}
		if err := made.Take(files, components[i], renaming.Name{Kind: renaming.Service, Old: components[i].Takes[0], New: like.New}); err != nil {
			return fmt.Errorf("--with %s: %w", name, err)
		}
	}
	return nil
}

// upstreamOf tells the files of kgate itself in a copy of its repository.
func upstreamOf(listed []string) func(string) bool {
	if !renaming.IsCopy(listed) {
		return nil
	}
	return func(name string) bool {
		top, _, _ := strings.Cut(name, "/")
		return slices.Contains(renaming.Upstream(), top)
	}
}

// knownEnvironment refuses one that kgate.yaml does not name.
func knownEnvironment(config repo.Config, flag, name string) error {
	var names []string
	for _, e := range config.Environments {
		names = append(names, e.Name)
	}
	switch {
	case len(names) == 0:
		return fmt.Errorf("%s names no environments: `kgate init` proposes some, and `kgate config-schema` says how they are written", repo.ConfigFile)
	case name == "":
		return fmt.Errorf("%s: name an environment of %s: %s", flag, repo.ConfigFile, strings.Join(names, ", "))
	case !slices.Contains(names, name):
		return fmt.Errorf("%s %s: %s names no such environment, but %s%s", flag, name, repo.ConfigFile, strings.Join(names, ", "), spelling.Meant(name, names))
	}
	return nil
}

// likeService is the service to take after, and the environments that are left out.
func likeService(repository *repo.Repo, files twin.Files, name string, flags newFlags) (like string, without []string, err error) {
	services, err := servicesOf(files)
	if err != nil {
		return "", nil, err
	}
	if slices.Contains(services, name) {
		return "", nil, fmt.Errorf("there is a service %s already: choose another name", name)
	}
	like = flags.like
	switch {
	case like == "" && len(services) == 0:
		return "", nil, fmt.Errorf("--like: name the service to take after, by the folder that it has, as --like shop for base/shop: the default is a service that an object of apiVersion %s/v1 and kind Service names, and this repository has none", serviceGroup)
	case like == "":
		like = services[0]
		for _, other := range services[1:] {
			if len(placesOf(repository.Config, files, other, flags.environments)) > len(placesOf(repository.Config, files, like, flags.environments)) {
				like = other
			}
		}
	case len(services) > 0 && !slices.Contains(services, like):
		return "", nil, fmt.Errorf("--like %s: there is no such service, but %s%s", like, strings.Join(services, ", "), spelling.Meant(like, services))
	}
	for _, environment := range flags.environments {
		if err := knownEnvironment(repository.Config, "--environments", environment); err != nil {
			return "", nil, err
		}
	}
	if all := placesOf(repository.Config, files, like, nil); len(all) > 0 {
		for _, environment := range flags.environments {
			if !slices.Contains(all, environment) {
				return "", nil, fmt.Errorf("--environments %s: the service %s is in %s alone: name another one with --like", environment, like, strings.Join(all, ", "))
			}
		}
	}
	for _, e := range repository.Config.Environments {
		if len(flags.environments) > 0 && !slices.Contains(flags.environments, e.Name) {
			without = append(without, e.Name)
		}
	}
	return like, without, nil
}

// placesOf are the environments of those wanted, of all where none is named, in which a service has a folder.
func placesOf(config repo.Config, files twin.Files, service string, wanted []string) (places []string) {
	for _, e := range config.Environments {
		if len(wanted) > 0 && !slices.Contains(wanted, e.Name) {
			continue
		}
		if slices.ContainsFunc(files.Listed, func(name string) bool {
			folders := strings.Split(path.Dir(name), "/")
			return slices.Contains(folders, service) && slices.Contains(folders, e.Name)
		}) {
			places = append(places, e.Name)
		}
	}
	return places
}

// servicesOf are the services that objects name, the one with the least text first.
func servicesOf(files twin.Files) ([]string, error) {
	sizes := map[string]int{}
	var names []string
	for _, name := range files.Listed {
		extension := path.Ext(name)
		if extension != ".yaml" && extension != ".yml" || files.Skip != nil && files.Skip(name) {
			continue
		}
		file, err := changeset.Read(files.FS, name)
		if err != nil || !bytes.Contains(file.Text, []byte("kind: Service")) || !bytes.Contains(file.Text, []byte("apiVersion: "+serviceGroup+"/")) {
			continue // it is a link, gone, or says nothing of a service
		}
		var object struct {
			APIVersion string `yaml:"apiVersion"`
			Kind       string
			Metadata   struct{ Name string }
		}
		if err := yaml.Unmarshal(file.Text, &object); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if object.Kind == "Service" && strings.HasPrefix(object.APIVersion, serviceGroup+"/") && object.Metadata.Name != "" {
			names = append(names, object.Metadata.Name)
		}
	}
	for _, service := range names {
		for _, name := range files.Listed {
			if !slices.Contains(strings.Split(path.Dir(name), "/"), service) {
				continue
			}
			if file, err := changeset.Read(files.FS, name); err == nil {
				sizes[service] += len(file.Text)
			}
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if sizes[a] != sizes[b] {
			return sizes[a] - sizes[b]
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(names), nil
}

// furnish gives what is made what the flags say of it; next is what of that is left to a person.
func furnish(made *twin.Made, files twin.Files, flags newFlags) (next []string, err error) {
	if flags.image != "" {
		image, err := twin.ParseImage(flags.image)
		if err != nil {
			return nil, fmt.Errorf("--image: %w", err)
		}
		if err := made.SetImage(files, image, nil); err != nil {
			return nil, fmt.Errorf("--image %s: %w", flags.image, err)
		}
		// Of one version there is nothing to try.
		if err := made.SetLocal(serviceGroup, "Environment", "0", "spec", "canary", "weight"); err != nil {
			return nil, err
		}
	}
	moved := map[int]int{}
	for _, p := range []struct {
		flag, name string
		port       int
	}{{"port", "http", flags.port}, {"metrics-port", "metrics", flags.metricsPort}} {
		switch {
		case p.port == 0:
		case p.port < 0 || p.port > 65535:
			return nil, fmt.Errorf("--%s %d: a port is 1 to 65535", p.flag, p.port)
		case slices.Contains(sidecarPorts(), p.port) && inMesh(files):
			return nil, fmt.Errorf("--%s %d: Istio's sidecar has that port to itself: choose another one", p.flag, p.port)
		default:
			was, err := made.SetPort(serviceGroup, p.name, p.port)
			if err != nil {
				return nil, fmt.Errorf("--%s %d: %w", p.flag, p.port, err)
			}
			if was != 0 && was != p.port {
				moved[was] = p.port
			}
		}
	}
	all, err := made.MovePorts(moved)
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		switch {
		case len(l.Left) > 0:
			var places []string
			for _, left := range l.Left {
				places = append(places, fmt.Sprintf("%s:%d", left.File, left.Is))
			}
			next = append(next, fmt.Sprintf("write %d for %d where the service's own port is meant, at %s", moved[l.Port], l.Port, strings.Join(places, ", ")))
		case len(l.Written) == 0:
			next = append(next, fmt.Sprintf("have the process listen at %d: no file that was copied told it %d", moved[l.Port], l.Port))
		}
	}
	return next, nil
}

// sidecarPorts are those that Istio's sidecar and its agent take in each pod:
// https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio
func sidecarPorts() []int {
	return []int{15000, 15001, 15002, 15004, 15006, 15008, 15020, 15021, 15053, 15090}
}

// inMesh reports whether some manifest of a repository is of Istio.
func inMesh(files twin.Files) bool {
	return slices.ContainsFunc(files.Listed, func(name string) bool {
		if extension := path.Ext(name); extension != ".yaml" && extension != ".yml" || files.Skip != nil && files.Skip(name) {
			return false
		}
		file, err := changeset.Read(files.FS, name)
		return err == nil && bytes.Contains(file.Text, []byte(".istio.io/"))
	})
}

// broken are the environments of a new service whose versions come from one that does not get it.
func (p *newPlan) broken(config repo.Config) (all []string) {
	from := map[string]string{}
	for _, e := range config.Environments {
		if e.Promotion != nil {
			from[e.Name] = e.Promotion.From
		}
	}
	for _, e := range config.Environments {
		before := from[e.Name]
		if before == "" || slices.Contains(p.wish.Without, e.Name) || !slices.Contains(p.wish.Without, before) {
			continue
		}
		chain := []string{e.Name}
		for at := before; at != "" && !slices.Contains(chain, at); at = from[at] {
			chain = append([]string{at}, chain...)
		}
		all = append(all, fmt.Sprintf("%s gets its versions from %s, which has no %s, and `kgate promote --check` refuses that: a service that is new begins in all of them, as --environments %s",
			e.Name, before, p.wish.Like.New, strings.Join(chain, ",")))
	}
	return all
}

// left is what is left to a person.
func (p *newPlan) left(config repo.Config) []string {
	wired := slices.Contains(p.Wired, repo.ConfigFile)
	if p.wish.Like.Kind == renaming.Service {
		next := "edit what is special about it (probes, resources, configuration, alerts)"
		if wired {
			next += ", and provide what kgate.yaml now names as external"
		}
		return append([]string{next, "`git add` the files"}, p.broken(config)...)
	}
	name, like := p.wish.Like.New, p.wish.Like.Old
	next := []string{"look at `git diff`, and at what was taken over: versions, sizes, who owns it, the lists that it is in now"}
	if p.wish.Thin {
		next = []string{"look at `git diff`", fmt.Sprintf("%s renders what %s does until something is patched in its folders", name, like)}
	}
	next = append(next, "`git add` the files")
	if !wired {
		return next
	}
	next = append(next, "register its cluster where the one of "+like+" is")
	if len(config.External) > 0 {
		next = append(next, "provide in it what kgate.yaml names as external")
	}
	var after []string
	for _, e := range config.Environments {
		if e.Promotion != nil && e.Promotion.From == like {
			after = append(after, e.Name)
		}
	}
	if len(after) > 0 && !p.wish.Thin {
		get := "gets its versions"
		if len(after) > 1 {
			get = "get their versions"
		}
		next = append(next, fmt.Sprintf("%s %s from %s still (`promotion.from` in kgate.yaml)", strings.Join(after, " and "), get, like))
	}
	return next
}

// tell says what is made.
func (p *newPlan) tell(w *terminal.Stream, dry bool) error {
	would := ""
	if dry {
		would = "would be "
	}
	var lines []string
	for _, name := range p.Set.Written() {
		from, copied := p.Copied[name]
		switch {
		case !copied && len(p.Given[name]) == 0:
			lines = append(lines, fmt.Sprintf("%s  %schanged", terminal.File(name), would))
		case !copied:
			for _, line := range p.Given[name] {
				lines = append(lines, fmt.Sprintf("%s:%d  %sgiven an entry", terminal.File(name), line, would))
			}
		case from == "":
			lines = append(lines, fmt.Sprintf("%s  %swritten, on top of %s", terminal.File(name), would, p.wish.Like.Old))
		default:
			lines = append(lines, fmt.Sprintf("%s  %swritten, after %s", terminal.File(name), would, terminal.File(from)))
		}
	}
	lines = append(lines, fmt.Sprintf("%s %swritten, %s %sgiven entries; the result validates as the repository does today",
		plural(len(p.Copied), "file"), would, plural(len(p.Wired), "file"), would))
	var mentions []string
	for _, m := range p.Mentions {
		line := m.Is
		if dry {
			line = m.Was
		}
		mentions = append(mentions, fmt.Sprintf("%s:%d", m.File, line))
	}
	if len(mentions) > 0 {
		lines = append(lines, fmt.Sprintf("%s is named elsewhere too, and nothing is added there: %s", p.wish.Like.Old, terminal.Line(strings.Join(mentions, ", "))))
	}
	if !dry {
		lines = append(lines, "next: "+terminal.Line(strings.Join(p.next, "; ")))
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}
