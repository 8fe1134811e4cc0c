// Command bench loads the service, with a real PostgreSQL and a receiver for its telemetry, on the loopback interface.
//
// `compare` measures it against a handler that does the same query and nothing else, with and without telemetry, and
// with and without the profile that it is built by, in turns within one run. `memory` watches it under a steady load.
// `growth` fills ledgers of several sizes and prints what a request costs in each. `profile` writes that profile.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// profileFile is where `go build` looks for the profile of package service.
const profileFile = "service/default.pgo"

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench compare|memory|growth|profile, from the root of the repository", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rounds := flags.Int("rounds", 7, "compare: how often each program is loaded with each request")
	turn := flags.Duration("turn", 3*time.Second, "compare, growth: for how long each time")
	clients := flags.Int("clients", 16, "how many connections wait for an answer at any time")
	length := flags.Duration("for", time.Minute, "memory, profile: for how long")
	rate := flags.Int("rate", 300, "memory: requests a second")
	sizes := flags.String("sizes", "10000,200000,1000000", "growth: how many releases the ledgers hold")
	readers := flags.Int("readers", 60, "growth: how many read the measures while releases are recorded")
	if len(args) == 0 {
		flags.Usage()
		return 2
	}
	if err := flags.Parse(args[1:]); err != nil {
		return 2
	}
	var err error
	switch args[0] {
	case "compare":
		err = compare(ctx, stdout, *rounds, *turn, *clients)
	case "memory":
		err = watchMemory(ctx, stdout, *length, *rate)
	case "growth":
		var all []int
		if all, err = numbers(*sizes); err == nil {
			err = growth(ctx, stdout, all, *readers, *turn)
		}
	case "profile":
		err = writeProfile(ctx, stdout, *length, *clients)
	default:
		err = errors.New("there is compare, memory, growth and profile")
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "bench %s: %v\n", args[0], err)
		return 1
	}
	return 0
}

// numbers reads them with commas between.
func numbers(text string) (all []int, err error) {
	for s := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number of releases", s)
		}
		all = append(all, n)
	}
	return all, nil
}
