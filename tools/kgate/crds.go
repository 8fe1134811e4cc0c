package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	schemas "github.com/kgate-dev/gitops/tools/internal/schema"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

func crdsFlag(cmd *cobra.Command, paths *[]string) {
	cmd.Flags().StringArrayVar(paths, "crds", nil, "file, directory or glob of further CustomResourceDefinitions (repeatable)")
}

func crdsCommand() *cobra.Command {
	var output string
	var given []string
	var restrictor loadRestrictor
	var limits bounds
	cmd := &cobra.Command{
		Use:   "crds [GROUP|KIND|GROUP/KIND...]",
		Short: "List the definitions of custom kinds that kgate knows, and where from",
		Long: "List what defines custom kinds: what targets of the repository render, what `crds` in kgate.yaml and --crds name, and\n" +
			"kgate's catalogue. Of a kind the first line judges; an object of a version that the catalogue's first release does not\n" +
			"serve is judged by the next one that does. A version with (deprecated) works and will not for ever.",
		Example: "  kgate crds\n  kgate crds external-secrets.io\n  kgate crds Certificate --output json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return unknownFormat(output, "text", "json")
			}
			stdout, stderr := terminal.NewStream(cmd.OutOrStdout()), terminal.NewStream(cmd.ErrOrStderr())
			return limits.within(cmd.Context(), func(ctx context.Context) error {
				return listDefinitions(ctx, args, gate.Options{CRDs: given, Bare: true, LoadRestrictionsNone: restrictor.none}, output, stdout, stderr)
			})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format, text or json")
	crdsFlag(cmd, &given)
	restrictor.flag(cmd)
	boundsFlags(cmd, &limits)
	cmd.AddCommand(crdsAddCommand())
	return cmd
}

func listDefinitions(ctx context.Context, filters []string, options gate.Options, output string, stdout, stderr io.Writer) (err error) {
	repository, _, err := gate.Locate(ctx, nil, "")
	if err != nil {
		return err
	}
	g, err := gate.Open(ctx, repository, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	all, failed := g.Defined(ctx)
	var names []string
	for _, d := range all {
		names = append(names, d.Group, d.Kind, d.Group+"/"+d.Kind)
	}
	all = slices.DeleteFunc(all, func(d gate.Defined) bool {
		return len(filters) > 0 && !slices.ContainsFunc(filters, func(f string) bool {
			return f == d.Group || strings.EqualFold(f, d.Kind) || strings.EqualFold(f, d.Group+"/"+d.Kind)
		})
	})
	if output == "json" {
		if all == nil {
			all = []gate.Defined{}
		}
		err = printJSON(stdout, all)
	} else {
		table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
		for _, d := range all {
			var versions []string
			for _, v := range d.Versions {
				if v.Deprecated {
					v.Name += " (deprecated)"
				}
				versions = append(versions, v.Name)
			}
			from := d.Release
			switch {
			case d.Source == "rendered":
				from = d.At + ", rendered by " + d.Target
			case d.Source == "given":
				from = d.At
			case d.Pinned:
				from += ", named in kgate.yaml"
			}
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", d.Group, d.Kind, strings.Join(versions, ", "), from) // Flush returns the error
		}
		err = table.Flush()
	}
	if err == nil && len(all) == 0 && len(filters) > 0 {
		meant := ""
		for _, filter := range filters {
			// Who writes cert-manager means what is in its group, whatever else is spelt like it.
			begins := func(d string) bool {
				return strings.HasPrefix(d, strings.ToLower(filter)+".") && !strings.Contains(d, "/")
			}
			if i := slices.IndexFunc(names, begins); i >= 0 && meant == "" {
				meant = "; did you mean `" + names[i] + "`?"
			}
			meant = cmp.Or(meant, spelling.Meant(filter, names))
		}
		err = fmt.Errorf("nothing defines %s: `kgate crds add FILE` takes its definition into the repository%s", strings.Join(filters, ", "), meant)
		if own := schemas.Own(filters[0]); len(filters) == 1 && len(own) > 0 {
			err = fmt.Errorf("%s is Kubernetes' own (%s), which kgate knows without a definition: `kgate crds` lists custom kinds", filters[0], strings.Join(own, ", "))
		}
	}
	if failed != nil {
		tell(stderr, errors.Join(failed, err))
		return errReported
	}
	return err
}

func crdsAddCommand() *cobra.Command {
	var as, scope string
	cmd := &cobra.Command{
		Annotations: map[string]string{writesHere: "."},

		Use:   "add FILE|-",
		Short: "Take CustomResourceDefinitions into the repository",
		Long: "Take the CustomResourceDefinitions of a file or of standard input, such as `kubectl get crds -o yaml` prints them, into the\n" +
			"directory that `crds` in kgate.yaml names, a file each, without status, managedFields and kubectl's annotations. Where\n" +
			"kgate.yaml names none, `crds: [crds]` is added to it, and nothing else in it moves. What is no definition, or is one that\n" +
			"an API server refuses, is named with its line, and nothing is written.\n\n" +
			"A JSON schema as kubeconform's openapi2jsonschema makes them is taken in as a definition of its one version. It knows\n" +
			"neither the scope of its kind nor, mostly, the kind: --scope and --as say them. Versions of one kind come into one file.",
		Example: "  kgate crds add operator/crds.yaml\n  kubectl get crds -o yaml | kgate crds add -\n" +
			"  kgate crds add widget_v1.json --as example.com/v1/Widget --scope Namespaced",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("crds add takes one file, or - for standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			given, err := parseSchemaKind(as, scope)
			if err != nil {
				return err
			}
			return addDefinitions(cmd.Context(), args[0], given, cmd.InOrStdin(), terminal.NewStream(cmd.OutOrStdout()))
		},
	}
	cmd.Flags().StringVar(&as, "as", "", "of what kind a JSON schema is: GROUP/VERSION/KIND")
	cmd.Flags().StringVar(&scope, "scope", "", "scope of the kind of a JSON schema: Namespaced or Cluster")
	return cmd
}

// schemaKind is what a JSON schema does not say of its kind; empty where nobody did.
type schemaKind struct {
	schema.GroupVersionKind
	scope string
}

func parseSchemaKind(as, scope string) (schemaKind, error) {
	given := schemaKind{scope: scope}
	if as != "" {
		parts := strings.Split(as, "/")
		if len(parts) != 3 || slices.Contains(parts, "") {
			return given, fmt.Errorf("--as %s: write group, version and kind, such as example.com/v1/Widget", as)
		}
		given.GroupVersionKind = schema.GroupVersionKind{Group: parts[0], Version: parts[1], Kind: parts[2]}
	}
	if scopes := []string{"Namespaced", "Cluster"}; scope != "" && !slices.Contains(scopes, scope) {
		return given, fmt.Errorf("--scope %s: the scopes are %s", scope, strings.Join(scopes, " and "))
	}
	return given, nil
}

// addDefinitions checks everything before it writes anything.
func addDefinitions(ctx context.Context, from string, given schemaKind, stdin io.Reader, stdout io.Writer) error {
	text, err := readAll(from, stdin)
	if err != nil {
		return err
	}
	name := from
	if from == "-" {
		name = "standard input"
	}
	files, err := definitionFiles(name, text, given)
	if err != nil {
		return err
	}
	repository, _, err := gate.Locate(ctx, nil, "")
	if err != nil {
		return err
	}
	dir, config, err := definitionsDir(repository)
	if err != nil {
		return err
	}
	if repo.InGit(dir) {
		return &manifest.SyntaxError{Position: repository.Config.CRDs[0].Source, Message: "crds: " + dir + " leads into .git, which holds no definitions: name a directory beside it"}
	}
	root, err := os.OpenRoot(repository.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(filepath.FromSlash(dir), 0o755); err != nil {
		return fmt.Errorf("make the directory %s: %w: where a link stands in its place, name another one under `crds` in %s", dir, err, repo.ConfigFile)
	}
	said := make([]string, len(files))
	for i, f := range files {
		at := path.Join(dir, f.name)
		said[i] = "added"
		if have, err := root.ReadFile(filepath.FromSlash(at)); err == nil {
			if files[i], err = f.beside(at, have); err != nil {
				return err
			}
			if said[i] = "replaced"; bytes.Equal(have, files[i].text) {
				said[i] = "unchanged"
			}
		}
	}
	for i, f := range files {
		at := path.Join(dir, f.name)
		if said[i] != "unchanged" {
			if err := writeHere(repository, at, string(f.text)); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(stdout, "%s: %s %s\n", at, said[i], f.of); err != nil {
			return err
		}
	}
	if config == nil {
		return nil
	}
	if err := writeHere(repository, repo.ConfigFile, string(config)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s: crds names %s\n", repo.ConfigFile, dir)
	return err
}

func readAll(from string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if from != "-" {
		file, err := os.Open(from)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is not there: name a file of definitions, or - for standard input, as `kubectl get crds -o yaml | kgate crds add -`", from)
		}
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, largestImport+1))
	if err == nil && len(text) > largestImport {
		err = fmt.Errorf("%s has more than %d MB: import it in parts", from, largestImport>>20)
	}
	return text, err
}

// largestImport is enough for every definition of a large cluster.
const largestImport = 64 << 20

type definitionFile struct {
	name, of string
	text     []byte
	made     map[string]any // the definition, where it was made from a JSON schema
}

// fromSchema says what a definition is that was made from a JSON schema, so that nobody applies it.
const fromSchema = "# Made by `kgate crds add` from a JSON schema, for kgate: plural and storage are made up. Not for a cluster.\n"

// beside is the file where there is one already: what was made from JSON schemas of other versions stays in it.
func (f definitionFile) beside(at string, have []byte) (definitionFile, error) {
	if f.made == nil {
		return f, nil
	}
	if !bytes.HasPrefix(have, []byte(fromSchema)) {
		return f, fmt.Errorf("%s: it holds a definition that was not made from a JSON schema, and says more than one can: remove it first, if the schema shall count", at)
	}
	there, err := oneObject(at, have)
	if err != nil {
		return f, err
	}
	if faults, err := definition.New().Faults(there); err != nil || len(faults) > 0 {
		return f, errors.Join(fmt.Errorf("%s: an API server refuses what it holds: remove it, and take the schemas of all versions in anew", at), err)
	}
	return f.with(versionsOf(there.Value))
}

// with is the file with versions that were there before its own, which count where both have one.
func (f definitionFile) with(versions []any) (definitionFile, error) {
	for _, version := range versionsOf(f.made) {
		if i := slices.IndexFunc(versions, func(v any) bool { return nameOfVersion(v) == nameOfVersion(version) }); i >= 0 {
			versions[i] = version
		} else {
			versions = append(versions, version)
		}
	}
	for i, v := range versions {
		v.(map[string]any)["storage"] = i == len(versions)-1 // a definition has one
	}
	f.made["spec"].(map[string]any)["versions"] = versions
	written, err := yaml.Marshal(f.made)
	f.text = append([]byte(fromSchema), written...)
	return f, err
}

func nameOfVersion(version any) string {
	of, _ := version.(map[string]any)
	name, _ := of["name"].(string)
	return name
}

func versionsOf(crd map[string]any) []any {
	spec, _ := crd["spec"].(map[string]any)
	versions, _ := spec["versions"].([]any)
	return versions
}

// schemaFile is the file of the definition that a JSON schema is taken in as.
func schemaFile(document manifest.Document, from definition.JSONSchema, given schemaKind) (definitionFile, error) {
	refuse := func(at manifest.Position, format string, args ...any) error {
		return &manifest.SyntaxError{Position: at, Message: fmt.Sprintf(format, args...)}
	}
	here := manifest.Position{File: document.File, Line: document.Line}
	of, known := from.Kind()
	switch {
	case !known && given.Kind == "":
		return definitionFile{}, refuse(here, "a JSON schema that does not say of which kind it is: add --as GROUP/VERSION/KIND, such as example.com/v1/Widget")
	case !known:
		of = given.GroupVersionKind
	case given.Kind != "" && given.GroupVersionKind != of:
		return definitionFile{}, refuse(here, "the JSON schema says that it is of %s/%s, and --as says another kind: leave it out", of.GroupVersion(), of.Kind)
	}
	if given.scope == "" {
		return definitionFile{}, refuse(here, "a JSON schema does not say whether objects of %s are in namespaces: add --scope Namespaced or --scope Cluster", of.Kind)
	}
	made, err := from.Definition(of, given.scope)
	if fault := (*definition.SchemaFault)(nil); errors.As(err, &fault) {
		at, _ := document.Locate(fault.Path, nil)
		return definitionFile{}, refuse(at, "%v", fault)
	}
	if err != nil {
		return definitionFile{}, err
	}
	written, err := yaml.Marshal(made)
	if err != nil {
		return definitionFile{}, err
	}
	object, err := oneObject(document.File, written)
	if err != nil {
		return definitionFile{}, err
	}
	faults, err := definition.New().Faults(object)
	if err != nil {
		return definitionFile{}, err
	}
	if len(faults) > 0 {
		return definitionFile{}, refuse(here, "an API server refuses the definition that the schema makes: %s: %s", manifest.Path(faults[0].Path), faults[0].Message)
	}
	return definitionFile{object.Name + ".yaml", definition.Defines(object).String(), append([]byte(fromSchema), written...), made}, nil
}

func oneObject(name string, text []byte) (*manifest.Object, error) {
	documents, err := manifest.ParseDocuments(name, text)
	if err != nil {
		return nil, err
	}
	objects, err := documents[0].Objects()
	if err != nil {
		return nil, err
	}
	return objects[0], nil
}

// definitionFiles are the files of the definitions in a text. What is no definition is an error with its line, for all at once.
func definitionFiles(name string, text []byte, given schemaKind) ([]definitionFile, error) {
	documents, err := manifest.ParseDocuments(name, text)
	if err != nil {
		return nil, err
	}
	kinds := definition.New()
	var files []definitionFile
	var errs []error
	for _, document := range documents {
		from, ok, err := jsonSchema(document)
		if err == nil && ok {
			var f definitionFile
			if f, err = schemaFile(document, from, given); err == nil {
				files, err = joinSchema(files, f, manifest.Position{File: document.File, Line: document.Line})
			}
		}
		if err != nil {
			errs = append(errs, err)
		}
		if err != nil || ok {
			continue
		}
		objects, err := document.Objects()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, object := range objects {
			refuse := func(format string, args ...any) {
				errs = append(errs, &manifest.SyntaxError{Position: object.Source, Message: fmt.Sprintf(format, args...)})
			}
			value := bare(object.Value)
			of := definition.KindOf(object)
			if of.GroupKind() != definition.Kind {
				refuse("%s is no %s: give definitions and nothing else", object.ID, definition.Kind.Kind)
				continue
			}
			if of.Version != "v1" {
				refuse("%s is of %s, which Kubernetes 1.22 removed: take it from a release of the operator that has %s/v1", object.ID, object.APIVersion, of.Group)
				continue
			}
			faults, err := kinds.Faults(object)
			if err != nil {
				refuse("%v", err)
				continue
			}
			if len(faults) > 0 {
				refuse("an API server refuses %s: %s: %s", object.ID, manifest.Path(faults[0].Path), faults[0].Message)
				continue
			}
			written, err := yaml.Marshal(value)
			if err != nil {
				refuse("%v", err)
				continue
			}
			f := definitionFile{name: object.Name + ".yaml", of: definition.Defines(object).String(), text: written}
			if slices.ContainsFunc(files, func(other definitionFile) bool { return other.name == f.name }) {
				refuse("%s is there twice", object.ID)
				continue
			}
			files = append(files, f)
		}
	}
	if len(errs) == 0 && len(files) == 0 {
		errs = append(errs, fmt.Errorf("%s holds no %s", name, definition.Kind.Kind))
	}
	return files, errors.Join(errs...)
}

// joinSchema adds the file of a JSON schema: one of another version of the same kind is in the same file.
func joinSchema(files []definitionFile, f definitionFile, at manifest.Position) ([]definitionFile, error) {
	i := slices.IndexFunc(files, func(other definitionFile) bool { return other.name == f.name })
	if i < 0 {
		return append(files, f), nil
	}
	refuse := func(format string, args ...any) ([]definitionFile, error) {
		return files, &manifest.SyntaxError{Position: at, Message: fmt.Sprintf(format, args...)}
	}
	before := files[i].made
	if before == nil {
		return refuse("%s is there twice, as a definition and as a JSON schema", f.of)
	}
	version := nameOfVersion(versionsOf(f.made)[0])
	if slices.ContainsFunc(versionsOf(before), func(v any) bool { return nameOfVersion(v) == version }) {
		return refuse("%s of %s is there twice", version, f.of)
	}
	joined, err := f.with(versionsOf(before))
	files[i] = joined
	return files, err
}

// jsonSchema is the JSON schema that a document is; false where it is none.
func jsonSchema(document manifest.Document) (definition.JSONSchema, bool, error) {
	text, err := document.JSON()
	if err != nil {
		return definition.JSONSchema{}, false, err
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return definition.JSONSchema{}, false, err
	}
	s, ok := definition.AsJSONSchema(value)
	return s, ok, nil
}

// bare is a definition without what a cluster and its clients keep in it.
func bare(value map[string]any) map[string]any {
	kept := map[string]any{}
	for _, key := range []string{"apiVersion", "kind", "spec"} {
		if v, ok := value[key]; ok {
			kept[key] = v
		}
	}
	metadata, _ := value["metadata"].(map[string]any)
	of := map[string]any{"name": metadata["name"]}
	if labels, ok := metadata["labels"].(map[string]any); ok && len(labels) > 0 {
		of["labels"] = labels
	}
	annotations := map[string]any{}
	if all, ok := metadata["annotations"].(map[string]any); ok {
		for key, v := range all {
			if !strings.HasPrefix(key, "kubectl.kubernetes.io/") {
				annotations[key] = v
			}
		}
	}
	if len(annotations) > 0 {
		of["annotations"] = annotations
	}
	kept["metadata"] = of
	return kept
}

// definitionsDir is the directory that `crds` in kgate.yaml names, and the text of kgate.yaml where it has to name one first.
func definitionsDir(repository *repo.Repo) (dir string, config []byte, err error) {
	if repository.Dir == "" {
		return "", nil, errors.New("crds add writes into a repository, and there is none here")
	}
	for _, given := range repository.Config.CRDs {
		if info, err := os.Stat(filepath.Join(repository.Dir, filepath.FromSlash(given.Path))); err == nil && info.IsDir() {
			return path.Clean(given.Path), nil, nil
		}
	}
	if all := repository.Config.CRDs; len(all) > 0 {
		return "", nil, &manifest.SyntaxError{Position: all[0].Source, Message: "crds names no directory to take definitions into: add one that is there"}
	}
	const dirAdded = "crds"
	text, err := os.ReadFile(filepath.Join(repository.Dir, repo.ConfigFile))
	switch {
	case errors.Is(err, os.ErrNotExist):
		text = []byte("apiVersion: " + repo.ConfigVersion + "\n")
	case err != nil:
		return "", nil, err
	case len(text) > 0 && text[len(text)-1] != '\n':
		text = append(text, '\n')
	}
	text = append(text, "crds: ["+dirAdded+"]\n"...)
	if added, err := repo.ParseConfig(repo.ConfigFile, text); err != nil || len(added.CRDs) != 1 {
		return "", nil, fmt.Errorf("%s: add `crds: [%s]` to it by hand, and run this again: it is written so that a line at its end is none of it", repo.ConfigFile, dirAdded)
	}
	return dirAdded, text, nil
}
