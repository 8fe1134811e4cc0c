package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// kgateVerdict is the part of kgate's report that says what it did.
type kgateVerdict struct {
	Summary struct {
		Targets, Objects, Errors, Warnings, Exempted int
	}
	Findings []struct {
		Check  string
		Object struct{ Name string }
	}
}

// runKgate validates the overlays; checks are those to run, all without any.
func (c *contest) runKgate(ctx context.Context, repository string, checks ...string) (measurement, kgateVerdict, error) {
	var verdict kgateVerdict
	args := []string{"validate", "--output", "json"}
	for _, check := range checks {
		args = append(args, "--checks", check)
	}
	args = append(args, overlays...)
	m, out, err := execute(ctx, repository, []int{0, 1}, c.kgate, args...)
	if err == nil {
		err = json.Unmarshal(out, &verdict)
	}
	return m, verdict, err
}

const (
	stageKustomize   = "kustomize build"
	stageKubeconform = "kubeconform -strict"
	stageConftest    = "conftest test"
)

var stageNames = []string{stageKustomize, stageKubeconform, stageConftest}

// pipelineVerdict is what the three tools said of one overlay.
type pipelineVerdict struct {
	rendered int      // objects that kustomize printed
	valid    int      // of all versions together
	invalid  []string // names of objects
	judged   int      // objects that conftest evaluated, counted once a rule
	denials  []string // as denial makes them, sorted
}

func denial(pkg, message string) string { return pkg + ": " + message }

// runPipeline does the same as runKgate by a process a step. Together, the overlays run side by side, and so do
// kubeconform and conftest once their overlay is rendered.
func (c *contest) runPipeline(ctx context.Context, repository string, overlays []string, together bool) (measurement, []pipelineVerdict, map[string]measurement, error) {
	var (
		total    measurement
		mu       sync.Mutex
		stages   = map[string]measurement{}
		verdicts = make([]pipelineVerdict, len(overlays))
		errs     = make([]error, len(overlays))
		count    = func(stage string, m measurement) {
			mu.Lock()
			defer mu.Unlock()
			s := stages[stage]
			s.join(m)
			stages[stage] = s
			total.join(m)
		}
	)
	begin := time.Now()
	each(together, len(overlays), func(i int) {
		verdicts[i], errs[i] = c.pipe(ctx, repository, overlays[i], together, count)
	})
	total.wall = time.Since(begin)
	for i, err := range errs {
		if err != nil {
			return total, nil, nil, fmt.Errorf("pipeline: %s: %w", overlays[i], err)
		}
	}
	return total, verdicts, stages, nil
}

func (c *contest) pipe(ctx context.Context, repository, overlay string, together bool, count func(string, measurement)) (v pipelineVerdict, err error) {
	m, rendered, err := execute(ctx, repository, []int{0}, c.kustomize, "build", overlay)
	if err != nil {
		return v, err
	}
	begin := time.Now()
	file := filepath.Join(c.dir, filepath.Base(overlay)+".yaml")
	if err := os.WriteFile(file, rendered, 0o600); err != nil {
		return v, err
	}
	m.wall += time.Since(begin)
	count(stageKustomize, m)
	v.rendered = len(kinds(rendered))

	steps := []func() error{func() error {
		args := []string{"test", "--output", "json", "--policy", filepath.Join(c.dir, rulesDir), "--data", filepath.Join(c.dir, relationsFile)}
		for _, namespace := range c.plan.Namespaces {
			args = append(args, "--namespace", namespace)
		}
		m, out, err := execute(ctx, repository, []int{0, 1}, c.conftest, append(args, file)...)
		if err != nil {
			return err
		}
		count(stageConftest, m)
		var results []struct {
			Namespace string
			Successes int
			Failures  []struct{ Msg string }
		}
		if err := json.Unmarshal(out, &results); err != nil {
			return fmt.Errorf("conftest: %w", err)
		}
		for _, r := range results {
			v.judged += r.Successes
			for _, f := range r.Failures {
				v.denials = append(v.denials, denial(r.Namespace, f.Msg))
			}
		}
		slices.Sort(v.denials)
		return nil
	}}
	var mu sync.Mutex
	for _, minor := range c.plan.Minors {
		steps = append(steps, func() error {
			m, out, err := execute(ctx, repository, []int{0, 1}, c.kubeconform, "-strict", "-summary", "-output", "json",
				"-schema-location", filepath.Join(c.dir, schemasDir, minor, schemaTemplate), file)
			if err != nil {
				return err
			}
			count(stageKubeconform, m)
			var result struct {
				Resources []struct{ Name, Status string }
				Summary   struct{ Valid, Invalid, Errors, Skipped int }
			}
			if err := json.Unmarshal(out, &result); err != nil {
				return fmt.Errorf("kubeconform: %w", err)
			}
			if result.Summary.Errors > 0 || result.Summary.Skipped > 0 {
				return fmt.Errorf("kubeconform could not check every object:\n%s", out)
			}
			mu.Lock()
			defer mu.Unlock()
			v.valid += result.Summary.Valid
			for _, r := range result.Resources {
				v.invalid = append(v.invalid, r.Name)
			}
			return nil
		})
	}
	errs := make([]error, len(steps))
	each(together, len(steps), func(i int) { errs[i] = steps[i]() })
	for _, err := range errs {
		if err != nil {
			return v, err
		}
	}
	return v, nil
}

// each calls do for every index, at once or in order.
func each(together bool, n int, do func(int)) {
	var group sync.WaitGroup
	for i := range n {
		if together {
			group.Go(func() { do(i) })
		} else {
			do(i)
		}
	}
	group.Wait()
}

// kinds lists the objects in what kustomize prints, which begins the lines of an object's own fields in the first
// column.
func kinds(rendered []byte) []string {
	var found []string
	for line := range bytes.Lines(rendered) {
		if kind, ok := bytes.CutPrefix(line, []byte("kind: ")); ok {
			found = append(found, string(bytes.TrimSpace(kind)))
		}
	}
	return found
}
