// Command conformance compares the verdicts of kgate with those of a real kube-apiserver, which it builds and starts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/kgate-dev/gitops/tools/internal/admission/golden"
)

type options struct {
	root    string
	seed    uint64
	mutants int
	record  bool
	custom  bool
	all     bool
	only    string
	policy  bool
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.root, "root", ".", "the root of the repository")
	flags.Uint64Var(&o.seed, "seed", 1, "what the choice of mutants depends on")
	flags.IntVar(&o.mutants, "mutants", 60, "how many of one object")
	flags.BoolVar(&o.record, "record", false, "write the verdicts to tools/internal/admission/testdata")
	flags.BoolVar(&o.custom, "custom", true, "judge custom resources too")
	flags.BoolVar(&o.all, "all", false, "list disagreements that are explained too")
	flags.StringVar(&o.only, "kind", "", "judge objects of this kind only")
	flags.BoolVar(&o.policy, "policies", false, "ask what ValidatingAdmissionPolicies say, and nothing else")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	compare := o.compare
	if o.policy {
		compare = o.policies
	}
	switch err := compare(ctx, stdout, stderr); {
	case errors.Is(err, errDisagree):
		fmt.Fprintln(stderr, "conformance:", err)
		return 1
	case err != nil:
		fmt.Fprintln(stderr, "conformance:", err)
		return 2
	}
	return 0
}

const testdata = "tools/internal/admission/testdata"

func (o options) compare(ctx context.Context, stdout, stderr io.Writer) (err error) {
	text, err := os.ReadFile(filepath.Join(o.root, testdata, "disagreements.yaml"))
	if err != nil {
		return err
	}
	explained, err := golden.ReadDisagreements(text)
	if err != nil {
		return fmt.Errorf("read disagreements.yaml: %w", err)
	}
	if o.root, err = filepath.Abs(o.root); err != nil {
		return err
	}
	binary, err := build(ctx, o.root)
	if err != nil {
		return err
	}
	fmt.Fprintln(stderr, "starting etcd and kube-apiserver")
	server, err := start(ctx, binary)
	defer server.stop()
	if err != nil {
		return err
	}
	bases, err := own(o.root)
	if err != nil {
		return err
	}
	if o.custom {
		sources, err := modules(ctx, o.root)
		if err != nil {
			return err
		}
		crds, err := definitions(sources)
		if err != nil {
			return err
		}
		if err := server.install(ctx, crds); err != nil {
			return err
		}
		if err := server.discover(ctx); err != nil {
			return err
		}
		samples, err := published(sources, server.resources, 4)
		if err != nil {
			return err
		}
		bases = append(bases, samples...)
	} else if err := server.discover(ctx); err != nil {
		return err
	}
	c, err := newComparison(o, server, explained)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.schemas.Close()) }()
	fmt.Fprintf(stderr, "judging %d objects and their mutants\n", len(bases))
	if err := c.judge(ctx, bases, 8*runtime.NumCPU()); err != nil {
		return err
	}
	c.print(stdout)
	if o.record {
		if err := c.write(filepath.Join(o.root, testdata, "verdicts.jsonl.zst")); err != nil {
			return err
		}
	}
	return c.verdict()
}
