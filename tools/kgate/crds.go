package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

func crdsFlag(cmd *cobra.Command, paths *[]string) {
	cmd.Flags().StringArrayVar(paths, "crds", nil, "file, directory or glob of further CustomResourceDefinitions (repeatable)")
}

func crdsCommand() *cobra.Command {
	var output string
	var given []string
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
				return fmt.Errorf("--output %s: the formats are text, json", output)
			}
			stdout, stderr := terminal.NewStream(cmd.OutOrStdout()), terminal.NewStream(cmd.ErrOrStderr())
			return limits.within(cmd.Context(), func(ctx context.Context) error { return listDefinitions(ctx, args, given, output, stdout, stderr) })
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format, text or json")
	crdsFlag(cmd, &given)
	boundsFlags(cmd, &limits)
	cmd.AddCommand(crdsAddCommand())
	return cmd
}

func listDefinitions(ctx context.Context, filters, given []string, output string, stdout, stderr io.Writer) (err error) {
	repository, _, err := gate.Locate(ctx, nil, "")
	if err != nil {
		return err
	}
	g, err := gate.Open(ctx, repository, gate.Options{CRDs: given, Bare: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	all, failed := g.Defined(ctx)
	all = slices.DeleteFunc(all, func(d gate.Defined) bool {
		return len(filters) > 0 && !slices.ContainsFunc(filters, func(f string) bool {
			return f == d.Group || strings.EqualFold(f, d.Kind) || strings.EqualFold(f, d.Group+"/"+d.Kind)
		})
	})
	if output == "json" {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if all == nil {
			all = []gate.Defined{}
		}
		err = encoder.Encode(all)
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
		err = fmt.Errorf("nothing defines %s: `kgate crds add FILE` takes its definition into the repository", strings.Join(filters, ", "))
	}
	if failed != nil {
		tell(stderr, failed)
		return errReported
	}
	return err
}

func crdsAddCommand() *cobra.Command {
	return &cobra.Command{
		Annotations: map[string]string{writesHere: "."},

		Use:   "add FILE|-",
		Short: "Take CustomResourceDefinitions into the repository",
		Long: "Take the CustomResourceDefinitions of a file or of standard input, such as `kubectl get crds -o yaml` prints them, into the\n" +
			"directory that `crds` in kgate.yaml names, a file each, without status, managedFields and kubectl's annotations. Where\n" +
			"kgate.yaml names none, `crds: [crds]` is added to it, and nothing else in it moves. What is no definition, or is one that\n" +
			"an API server refuses, is named with its line, and nothing is written.",
		Example: "  kgate crds add operator/crds.yaml\n  kubectl get crds -o yaml | kgate crds add -",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("crds add takes one file, or - for standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return addDefinitions(cmd.Context(), args[0], cmd.InOrStdin(), terminal.NewStream(cmd.OutOrStdout()))
		},
	}
}

// addDefinitions checks everything before it writes anything.
func addDefinitions(ctx context.Context, from string, stdin io.Reader, stdout io.Writer) error {
	text, err := readAll(from, stdin)
	if err != nil {
		return err
	}
	name := from
	if from == "-" {
		name = "standard input"
	}
	files, err := definitionFiles(name, text)
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
	for _, f := range files {
		at := path.Join(dir, f.name)
		said := "added"
		if have, err := root.ReadFile(filepath.FromSlash(at)); err == nil {
			if said = "replaced"; bytes.Equal(have, f.text) {
				said = "unchanged"
			}
		}
		if said != "unchanged" {
			if err := writeHere(repository, at, string(f.text)); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(stdout, "%s: %s %s\n", at, said, f.of); err != nil {
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
}

// definitionFiles are the files of the definitions in a text. What is no definition is an error with its line, for all at once.
func definitionFiles(name string, text []byte) ([]definitionFile, error) {
	documents, err := manifest.ParseDocuments(name, text)
	if err != nil {
		return nil, err
	}
	kinds := definition.New()
	var files []definitionFile
	var errs []error
	for _, document := range documents {
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
			f := definitionFile{object.Name + ".yaml", definition.Defines(object).String(), written}
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
