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
	"slices"
	"strings"
	"syscall"

	"golang.org/x/mod/semver"

	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/admission/admissiontest/golden"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/schema"
)

type options struct {
	root    string
	seed    uint64
	mutants int
	record  bool
	all     bool
	only    string
	policy  bool
	updates bool
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
	flags.BoolVar(&o.all, "all", false, "list disagreements that are explained too")
	flags.StringVar(&o.only, "kind", "", "judge objects of this kind only")
	flags.BoolVar(&o.policy, "policies", false, "ask what ValidatingAdmissionPolicies say, and nothing else")
	flags.BoolVar(&o.updates, "updates", false, "ask what the server says to changes of objects that are there, and nothing else")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	compare := o.compare
	if o.policy {
		compare = o.policies
	} else if o.updates {
		compare = o.compareUpdates
	}
	switch err := compare(ctx, stdout, stderr); {
	case errors.Is(err, errDisagree), errors.Is(err, errRefused), errors.Is(err, errMissing), errors.Is(err, errWarnings):
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
	if o.root, err = filepath.Abs(o.root); err != nil {
		return err
	}
	c := &comparison{options: o, admission: admission.New(definition.New())}
	if err := c.readDisagreements(); err != nil {
		return err
	}
	all, err := o.corpus(ctx)
	if err != nil {
		return err
	}
	version, kubernetes, err := pinned(ctx, o.root)
	if err != nil {
		return err
	}
	if c.schemas, err = schema.New([]string{strings.TrimPrefix(semver.MajorMinor(version), "v")}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.schemas.Close()) }()
	swagger, err := os.ReadFile(filepath.Join(kubernetes, "api", "openapi-spec", "swagger.json"))
	if err != nil {
		return err
	}
	if c.kubeconform, err = newKubeconform(swagger, all.crds); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.kubeconform.Close()) }()

	c.server, err = launch(ctx, o.root, version, stderr)
	defer c.server.stop()
	if err != nil {
		return err
	}
	bases, err := all.install(ctx, c.server)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "judging %d objects and their mutants; fixtures hold %s besides\n", len(bases), all.left)
	if err := c.judge(ctx, bases, 4*runtime.NumCPU()); err != nil {
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

// corpus is what is judged, as far as it is known before there is a server.
type corpus struct {
	own     []base
	left    string
	sources []module
	crds    map[string][]byte
}

func (o options) corpus(ctx context.Context) (c corpus, err error) {
	if c.own, c.left, err = own(ctx, o.root); err != nil {
		return c, err
	}
	if c.sources, err = modules(ctx, o.root); err != nil {
		return c, err
	}
	c.crds, err = definitions(c.sources)
	return c, err
}

// install gives a server the definitions, and returns objects of every kind that it serves then.
func (c corpus) install(ctx context.Context, server *cluster) ([]base, error) {
	if err := server.install(ctx, c.crds); err != nil {
		return nil, err
	}
	if err := server.discover(ctx); err != nil {
		return nil, err
	}
	samples, err := published(c.sources, server.resources, 4)
	if err != nil {
		return nil, err
	}
	bases := slices.Concat(c.own, samples)
	others, err := versions(bases, server.resources)
	return append(bases, others...), err
}

func (c *comparison) readDisagreements() error {
	text, err := os.ReadFile(filepath.Join(c.root, testdata, "disagreements.yaml"))
	if err != nil {
		return err
	}
	if c.explained, err = golden.ReadDisagreements(text); err != nil {
		return fmt.Errorf("read disagreements.yaml: %w", err)
	}
	c.used = make([]int, len(c.explained))
	return nil
}
