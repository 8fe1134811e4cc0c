// Go-otlp-app is a release ledger: it records which version went to which environment, when, by whom and with what
// outcome, and answers what runs where and how well the team delivers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kgate-dev/gitops/service/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// From the first signal on, a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// A command gets the configuration that file and environment give.
type command struct {
	doc string
	run func(ctx context.Context, c *config.Config, stdout io.Writer) error
}

var commands = map[string]command{
	"serve":       {"answer requests until SIGTERM or SIGINT (the default)", serve},
	"migrate":     {"bring the database to the schema of this build, and end", migrate},
	"healthcheck": {"ask the service on this machine whether it lives; exit 1 if not", healthcheck},
}

// defaultConfig is where the image and the Deployment put the file. It may be absent; one that is asked for may not.
const defaultConfig = "/app/configs/app.yaml"

// run executes one command line. 0 is done, 1 failed, 2 could not be understood.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(stderr, format+"\n", args...) }
	name := "serve"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	if name == "version" && len(args) == 0 {
		_, _ = fmt.Fprintln(stdout, describeBuild())
		return 0
	}
	if name == "token" {
		return makeToken(args, time.Now(), stdout, stderr)
	}
	chosen, ok := commands[name]
	if !ok {
		say("there is no command %q; there are healthcheck, migrate, serve, token and version", strings.Join(slices.Concat([]string{name}, args), " "))
		return 2
	}
	flags := flag.NewFlagSet("app "+name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		say("usage: app %s [-config FILE]\n\n%s\n", name, chosen.doc)
		flags.PrintDefaults()
		say("\nSettings of the file, and the variables that override them:\n\n%s", config.Settings())
	}
	file := flags.String("config", "", "YAML `file` (default "+defaultConfig+", if it is there)")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		say("app %s takes no arguments, but got %s", name, strings.Join(flags.Args(), " "))
		return 2
	}
	if *file == "" {
		if _, err := os.Stat(defaultConfig); !errors.Is(err, fs.ErrNotExist) {
			*file = defaultConfig
		}
	}
	c, err := config.Load(*file, environ)
	if err != nil {
		say("%v", err)
		return 2
	}
	if err := chosen.run(ctx, c, stdout); err != nil {
		say("%s: %v", name, err)
		return 1
	}
	return 0
}
