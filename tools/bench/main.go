// Command bench times a cold `kgate validate` against the same work done by kustomize, kubeconform and conftest, and `kgate diff`
// against a worktree, kustomize and dyff.
//
// Both sides render the same overlays, hold the objects to the same schemas and to the same object rules, in turns
// within one run. Where the two differ, the pipeline has the easier task: it gets no overlay or repository rules,
// because conftest has no input for them, no rule tests to parse, and schemas that lie ready on disk.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// prepareCommand is the first argument of the process that writes what the pipeline needs. It is a process of its
// own because Linux hands a parent's size on to the peak memory of a child: what measures must stay small.
const prepareCommand = "prepare"

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var err error
	if len(args) > 0 && args[0] == prepareCommand {
		err = prepare(ctx, args[1:])
	} else {
		err = compare(ctx, args, stdout, stderr)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 2
	}
	fmt.Fprintln(stderr, "bench:", err)
	return 1
}

// overlays are what is validated, from the root of the repository.
var overlays = []string{"overlays/dev", "overlays/staging", "overlays/prod"}

func compare(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	kgate := flags.String("kgate", "bin/kgate", "the kgate `binary`")
	tools := flags.String("tools", ".cache/bin", "`directory` of kustomize, kubeconform, conftest and dyff")
	only := flags.String("only", "", "validate or diff: leave the other out")
	rounds := flags.Int("rounds", 10, "how often each side runs")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp
	}
	if flags.NArg() > 0 || *rounds < 1 {
		return errors.New("it takes no arguments, and at least one round")
	}
	c, d := &contest{rounds: *rounds}, &duel{rounds: *rounds}
	for path, name := range map[*string]string{
		&c.kgate: *kgate, &c.kustomize: filepath.Join(*tools, "kustomize"),
		&c.kubeconform: filepath.Join(*tools, "kubeconform"), &c.conftest: filepath.Join(*tools, "conftest"),
		&d.dyff: filepath.Join(*tools, "dyff"),
	} {
		if *path, err = filepath.Abs(name); err != nil {
			return err
		}
		if _, err := os.Stat(*path); err != nil {
			return fmt.Errorf("%w (`make bench` builds it)", err)
		}
	}
	if c.dir, err = os.MkdirTemp("", "kgate-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(c.dir)) }()
	if *only != "diff" {
		if err := c.run(ctx, stdout, stderr); err != nil {
			return err
		}
	}
	if *only == "validate" {
		return nil
	}
	d.kgate, d.kustomize = c.kgate, c.kustomize
	if err := d.prepare(ctx, c.dir); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if err := d.run(ctx, stderr); err != nil {
		return err
	}
	return d.report(stdout)
}

// run times kgate validate against the pipeline.
func (c *contest) run(ctx context.Context, stdout, stderr io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	preparation := exec.CommandContext(ctx, self, prepareCommand, c.dir)
	preparation.Stderr = stderr
	if err := preparation.Run(); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if err := c.load(); err != nil {
		return err
	}
	if err := c.control(ctx); err != nil {
		return fmt.Errorf("control run on a broken copy: %w", err)
	}
	for i := range c.rounds {
		fmt.Fprintf(stderr, "round %d of %d\n", i+1, c.rounds)
		if err := c.round(ctx); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
	}
	return c.report(stdout)
}

// contest is both sides and what was measured of them.
type contest struct {
	kgate, kustomize, kubeconform, conftest string // absolute paths

	dir    string // temporary
	rounds int
	plan   plan

	own      series // kgate
	without  series // kgate without the API server's code
	inTurn   series // the pipeline, one process after the other
	together series // the pipeline, everything at once that can be
	stages   map[string]*series
}

func (c *contest) round(ctx context.Context) error {
	for _, way := range []struct {
		to     *series
		checks []string
	}{{&c.own, nil}, {&c.without, []string{"!admission"}}} {
		m, verdict, err := c.runKgate(ctx, ".", way.checks...)
		if err != nil {
			return err
		}
		if err := c.plan.agrees(verdict); err != nil {
			return err
		}
		way.to.add(m)
	}
	for _, way := range []struct {
		to       *series
		together bool
	}{{&c.inTurn, false}, {&c.together, true}} {
		m, verdicts, stages, err := c.runPipeline(ctx, ".", overlays, way.together)
		if err != nil {
			return err
		}
		for i, verdict := range verdicts {
			if err := c.plan.Overlays[i].agrees(verdict, len(c.plan.Minors)); err != nil {
				return fmt.Errorf("pipeline: %s: %w", overlays[i], err)
			}
		}
		way.to.add(m)
		if !way.together {
			for name, m := range stages {
				if c.stages[name] == nil {
					c.stages[name] = &series{}
				}
				c.stages[name].add(m)
			}
		}
	}
	return nil
}

func (c *contest) report(w io.Writer) error {
	objects, denials := 0, 0
	for _, o := range c.plan.Overlays {
		objects += o.Objects
		denials += len(o.Denials)
	}
	var text strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	line("kgate validate %s", strings.Join(overlays, " "))
	line("  %d objects, schemas of Kubernetes %s, %d rounds, %d CPUs, %s", objects, strings.Join(c.plan.Minors, " and "), c.rounds, runtime.NumCPU(), runtime.Version())
	line("  rules: kgate %d of object and overlay scope; conftest the %d of object scope (%d denials on each side, exempted in kgate.yaml)", c.plan.Rules, len(c.plan.Namespaces), denials)
	line("")
	line("  %-34s %9s %19s %9s %9s", "", "median", "least to most", "CPU", "memory")
	row := func(name string, s *series) {
		line("  %-34s %7.0fms %8.0f to %6.0fms %7.0fms %7.0fMB", name, s.median(wall), s.least(wall), s.most(wall), s.median(cpu), s.most(memory))
	}
	row("kgate, cold", &c.own)
	row("  without the API server's code", &c.without)
	row("pipeline, one after the other", &c.inTurn)
	for _, name := range stageNames {
		row("  "+name, c.stages[name])
	}
	row("pipeline, as parallel as it gets", &c.together)
	line("")
	for _, way := range []struct {
		name string
		s    *series
	}{{"one after the other", &c.inTurn}, {"as parallel as it gets", &c.together}} {
		least, most := extremes(*way.s, c.own)
		line("  kgate is %.1f times as fast as the pipeline %s (rounds: %.1f to %.1f; CPU time: %.1f times)",
			way.s.median(wall)/c.own.median(wall), way.name, least, most, way.s.median(cpu)/c.own.median(cpu))
	}
	least, most := extremes(c.own, c.without)
	line("  with the API server's code it takes %.2f times as long as without (rounds: %.2f to %.2f; CPU time: %.2f times)",
		c.own.median(wall)/c.without.median(wall), least, most, c.own.median(cpu)/c.without.median(cpu))
	line("  memory is the largest process: kgate %.0f MB, the pipeline %.0f MB", c.own.most(memory), max(c.inTurn.most(memory), c.together.most(memory)))
	_, err := io.WriteString(w, text.String())
	return err
}

// extremes are the least and the greatest ratio of the times of two series, round by round.
func extremes(of, to series) (least, most float64) {
	ratios := make([]float64, len(of))
	for i := range ratios {
		ratios[i] = wall(of[i]) / wall(to[i])
	}
	return slices.Min(ratios), slices.Max(ratios)
}
