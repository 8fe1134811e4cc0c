package gate

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/substitution"
)

// leave has what SOPS encrypted as it is written where nobody who deploys the target decrypts. A Secret stays encrypted: what is
// in it is not in the repository, and Flux applies nothing beside it.
func (f *flux) leave(t *Target, builds []build) error {
	sealed := slices.ContainsFunc(t.Objects, func(o *manifest.Object) bool { return o.IsSealed() })
	if !sealed || len(builds) == 0 || slices.ContainsFunc(builds, func(b build) bool { return !b.undecrypted }) || f.decryptsItself(t) {
		return nil
	}
	by := ""
	for _, b := range builds {
		by = cmp.Or(by, b.by)
	}
	t.Objects = slices.Clone(t.Objects)
	for i, object := range t.Objects {
		if !object.IsSealed() {
			continue
		}
		if object.APIVersion == "v1" && (object.Kind == "Secret" || object.Kind == "ConfigMap") {
			annotation := manifest.TextAt(object.Value, "metadata", "annotations", coverage.FluxGroup+"/decrypt")
			if object.Kind == "Secret" && by != "" && !strings.EqualFold(annotation, substitution.Disabled) {
				id, path := object.ID, manifest.Path{"sops"}
				t.Faults = append(t.Faults, check.Fault{
					Check: substitution.DecryptionName, Source: t.Origin(object, path).Position,
					Message: fmt.Sprintf("%s has no spec.decryption, and applies nothing as long as SOPS encrypted Secret %q", by, object.Name),
					In:      &check.Place{Target: t.Path, Object: &id, Path: path},
				})
			}
			continue
		}
		written, err := object.AsWritten()
		if err != nil {
			return err
		}
		t.Objects[i], t.was[written] = written, object
	}
	return nil
}

// decryptsItself reports a target that a generator which decrypts files is a part of.
func (f *flux) decryptsItself(t *Target) bool {
	return slices.ContainsFunc(t.Result.Read, func(name string) bool {
		text, err := f.gate.repository.ReadFile(name)
		return err == nil && (bytes.Contains(text, []byte("viaduct.ai")) || bytes.Contains(text, []byte("goabout.com")))
	})
}

// undecrypted reports whether nobody here has a deployer decrypt. Patched says that another one may.
func undecrypted(d coverage.Deployer, patched bool) bool {
	if d.Object.Group() != coverage.FluxGroup {
		return !strings.Contains(string(d.Object.JSON), "plugin")
	}
	spec, ok := d.Object.Value["spec"].(map[string]any)
	return ok && !patched && spec["decryption"] == nil && !d.Object.Hides(manifest.Path{"spec", "decryption"})
}

// decryptionPatched reports whether what a Kustomization deploys may be given a decryption, other Kustomizations too: by one of
// them, or by what installs Flux.
func (f *flux) decryptionPatched(ctx context.Context, deployers []coverage.Deployer) bool {
	return slices.ContainsFunc(deployers, func(d coverage.Deployer) bool {
		return d.Object.Group() == coverage.FluxGroup && strings.Contains(fmt.Sprint(manifest.At(d.Object.Value, "spec", "patches")), "decryption")
	}) || slices.ContainsFunc(f.targets(ctx), func(path string) bool {
		return f.renderer.Mentions(path, "decryption", "patches", "FluxInstance") || f.renderer.Mentions(path, "decryption", "patches", "instance:")
	})
}
