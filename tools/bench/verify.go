package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

func (c *contest) load() error {
	text, err := os.ReadFile(filepath.Join(c.dir, planFile))
	if err == nil {
		err = json.Unmarshal(text, &c.plan)
	}
	c.stages = map[string]*series{}
	return err
}

// agrees says whether kgate judged all that there is, and exempted at least what conftest denies.
func (p plan) agrees(v kgateVerdict) error {
	objects, denials := 0, 0
	for _, o := range p.Overlays {
		objects += o.Objects
		denials += len(o.Denials)
	}
	if s := v.Summary; s.Targets != len(p.Overlays) || s.Objects != objects || s.Exempted+len(v.Findings) < denials {
		return fmt.Errorf("kgate judged %d targets with %d objects and denied %d times; there are %d, %d and at least %d",
			s.Targets, s.Objects, s.Exempted+len(v.Findings), len(p.Overlays), objects, denials)
	}
	return nil
}

func (e expectation) agrees(v pipelineVerdict, versions int) error {
	switch {
	case v.rendered != e.Objects:
		return fmt.Errorf("kustomize printed %d objects, kgate renders %d", v.rendered, e.Objects)
	case len(v.invalid) > 0:
		return fmt.Errorf("kubeconform refuses %s", strings.Join(v.invalid, ", "))
	case v.valid != e.Objects*versions:
		return fmt.Errorf("kubeconform took %d objects for valid, of %d in %d versions", v.valid, e.Objects, versions)
	case !slices.Equal(v.denials, e.Denials):
		return fmt.Errorf("conftest denies\n  %s\nthe same rules in kgate\n  %s", strings.Join(v.denials, "\n  "), strings.Join(e.Denials, "\n  "))
	case v.judged == 0:
		return errors.New("conftest passed no object")
	}
	return nil
}

// broken is an object that schemas and rules must both refuse. Its kind is one that the overlays have, so that
// there is a schema for it.
const broken = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: bench-control
  namespace: go-otlp-app
spec:
  noSuchField: true
  selector:
    matchLabels: {app: bench-control}
  template:
    metadata:
      labels: {app: bench-control}
    spec:
      containers:
        - name: app
          image: example.invalid/app:latest
`

// control breaks a copy of the first overlay and wants both sides to see it: a side that stopped looking would be
// fast.
func (c *contest) control(ctx context.Context) error {
	copied := filepath.Join(c.dir, "repository")
	for _, part := range []string{"base", "overlays"} {
		if err := os.CopyFS(filepath.Join(copied, part), os.DirFS(part)); err != nil {
			return err
		}
	}
	config, err := os.ReadFile("kgate.yaml")
	if err == nil {
		err = write(filepath.Join(copied, "kgate.yaml"), config)
	}
	if err == nil {
		err = addResource(filepath.Join(copied, overlays[0]), "bench-control.yaml", broken)
	}
	if err != nil {
		return err
	}
	const name = "bench-control"
	_, own, err := c.runKgate(ctx, copied)
	if err != nil {
		return err
	}
	var bySchema, byRule int
	for _, f := range own.Findings {
		if f.Object.Name == name {
			if strings.HasPrefix(f.Check, "schema/") {
				bySchema++
			} else {
				byRule++
			}
		}
	}
	if bySchema == 0 || byRule == 0 {
		return fmt.Errorf("kgate has %d schema and %d rule findings about %s", bySchema, byRule, name)
	}
	_, verdicts, _, err := c.runPipeline(ctx, copied, overlays[:1], false)
	if err != nil {
		return err
	}
	if v := verdicts[0]; !slices.Contains(v.invalid, name) || len(v.denials) <= len(c.plan.Overlays[0].Denials) {
		return fmt.Errorf("of %s, kubeconform refuses %q and conftest denies %d times, as often as without it", name, v.invalid, len(v.denials))
	}
	return nil
}

func addResource(dir, file, content string) error {
	name := filepath.Join(dir, "kustomization.yaml")
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	kustomization := map[string]any{}
	if err := yaml.Unmarshal(text, &kustomization); err != nil {
		return &fs.PathError{Op: "parse", Path: name, Err: err}
	}
	resources, _ := kustomization["resources"].([]any)
	kustomization["resources"] = append(resources, file)
	if text, err = yaml.Marshal(kustomization); err != nil {
		return err
	}
	return errors.Join(write(name, text), write(filepath.Join(dir, file), []byte(content)))
}
