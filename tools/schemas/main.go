// Command schemas writes the bundles of JSON schemas and of
// CustomResourceDefinitions that kgate embeds.
//
// It reads OpenAPI and CustomResourceDefinition files out of pinned Go modules
// and needs nothing else: the same sources give the same bytes.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("schemas", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("bundle", filepath.Join("..", "internal", "schema", "bundle"), "`directory` of the bundle of schemas")
	definitions := flags.String("definitions", filepath.Join("..", "internal", "admission", "custom", "bundle"), "`directory` of the bundle of CustomResourceDefinitions")
	check := flags.Bool("check", false, "write nothing; fail if the bundle differs from what would be written")
	record := flags.String("record-sums", "", "write the sums of the downloaded modules into the lists in `directory` and stop; to be reviewed like any change of a go.sum")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() != 0 {
		fmt.Fprintf(stderr, "schemas: unexpected argument %q\n", flags.Arg(0))
		return 2
	}
	var err error
	switch {
	case *record != "":
		err = recordSums(ctx, *record)
	default:
		var made bundles
		made, err = generate(ctx)
		for _, b := range []struct {
			dir   string
			files map[string][]byte
		}{{*dir, made.schemas}, {*definitions, made.definitions}} {
			if err != nil {
				break
			}
			if *check {
				err = compare(b.dir, b.files)
			} else {
				err = write(b.dir, b.files)
			}
			if err == nil {
				for _, name := range slices.Sorted(maps.Keys(b.files)) {
					fmt.Fprintf(stdout, "%8d  %s\n", len(b.files[name]), filepath.Join(b.dir, name))
				}
			}
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "schemas: %v\n", err)
		return 1
	}
	return 0
}

// recordSums writes the sums of what was downloaded into the files that list it.
func recordSums(ctx context.Context, dir string) error {
	for name, text := range map[string]string{"kubernetes.txt": kubernetesFile, "operators.txt": operatorsFile} {
		listed, err := sourcesOf(name, text)
		if err != nil {
			return err
		}
		zips, err := download(ctx, listed)
		if err != nil {
			return err
		}
		var recorded strings.Builder
		for line := range strings.Lines(text) {
			if fields := strings.Fields(line); len(fields) > 2 && strings.HasPrefix(fields[2], "h1:") {
				version, _, _ := strings.Cut(fields[1], "/")
				sum, err := dirhash.HashZip(zips[fields[0]+"@"+version], dirhash.Hash1)
				if err != nil {
					return err
				}
				line = strings.Replace(line, fields[2], sum, 1)
			}
			recorded.WriteString(line)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(recorded.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// bundles are the files of the two bundles by name: the JSON schemas of every
// kind, and the CustomResourceDefinitions as they are.
type bundles struct{ schemas, definitions map[string][]byte }

func generate(ctx context.Context) (bundles, error) {
	fail := func(err error) (bundles, error) { return bundles{}, err }
	sources, err := sources()
	if err != nil {
		return fail(err)
	}
	ours, err := readAttribution(filepath.Join("..", ".."))
	if err != nil {
		return fail(err)
	}
	zips, err := download(ctx, sources)
	if err != nil {
		return fail(err)
	}
	var (
		records, customRecords []record
		minors                 []release
		crds                   []crd
		definitions            []sourced
	)
	for _, s := range sources {
		files, r, err := read(s, zips[s.key()])
		if err != nil {
			return fail(err)
		}
		if err := ours.verify(s, zips[s.key()]); err != nil {
			return fail(err)
		}
		if s.Module == kubernetes {
			records = append(records, r)
			for _, f := range files {
				defs, kinds, err := builtin(f.Content)
				if err != nil {
					return fail(fmt.Errorf("%s: %s: %w", s.key(), f.Path, err))
				}
				minors = append(minors, release{minor(s.Version), defs, kinds})
			}
			continue
		}
		customRecords = append(customRecords, r)
		schemas := slices.Contains(schemaModules, s.Module)
		if schemas {
			records = append(records, r)
		}
		for _, f := range files {
			whole, err := parseDefinitions(f.Content)
			if err != nil {
				return fail(fmt.Errorf("%s: %s: %w", s.key(), f.Path, err))
			}
			for _, definition := range whole {
				definitions = append(definitions, sourced{definition, s.release()})
			}
			if schemas {
				found, err := parseCRDs(f.Content)
				if err != nil {
					return fail(fmt.Errorf("%s: %s: %w", s.key(), f.Path, err))
				}
				crds = append(crds, found...)
			}
		}
	}
	extensions, err := extensionsOf("extensions.txt", extensionsFile)
	if err != nil {
		return fail(err)
	}
	filled, err := filledOf("filled.txt", filledFile)
	if err != nil {
		return fail(err)
	}
	if err := extend(definitions, slices.Concat(extensions, filled)); err != nil {
		return fail(err)
	}
	custom, kinds, err := customResources(crds)
	if err != nil {
		return fail(err)
	}
	for _, m := range minors {
		m.definitions[customMeta] = metadataOf(m.definitions[objectMeta])
		for name, schema := range custom {
			m.definitions[name] = schema
		}
		for k, name := range kinds {
			if _, taken := m.kinds[k]; taken {
				return fail(fmt.Errorf("%s is both built in and a custom resource", k))
			}
			m.kinds[k] = name
		}
	}
	var made bundles
	if made.schemas, err = pack(minors, records); err != nil {
		return fail(err)
	}
	if made.definitions, err = packDefinitions(definitions, customRecords); err != nil {
		return fail(err)
	}
	return made, nil
}

func write(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return compare(dir, files)
}

// compare also refuses files that the generator does not write: they would be
// embedded without a source.
func compare(dir string, files map[string][]byte) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, known := files[e.Name()]; !known {
			return fmt.Errorf("%s: not part of the bundle", filepath.Join(dir, e.Name()))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		have, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if !bytes.Equal(have, files[name]) {
			return fmt.Errorf("%s differs from what the pinned sources give; run `make schemas` and commit", filepath.Join(dir, name))
		}
	}
	return nil
}
