package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kgate-dev/gitops/tools/internal/gate"
)

// bounds are the flags of a run's limits.
type bounds struct {
	timeout time.Duration
	memory  quantity
}

const (
	// defaultTimeout is above what a thousand targets take, and below the patience of a CI job.
	defaultTimeout = 5 * time.Minute
	// defaultMemory is half of what the smaller hosted runners have, and twice what a thousand targets with tens of
	// thousands of findings take.
	defaultMemory quantity = 4 << 30
	// leastMemory is what kgate needs for itself.
	leastMemory = 256 << 20
)

func boundsFlags(cmd *cobra.Command, b *bounds) {
	cmd.Flags().DurationVar(&b.timeout, "timeout", defaultTimeout, "longest that a run may take, as 90s or 10m; 0 for no limit")
	b.memory = defaultMemory
	cmd.Flags().Var(&b.memory, "memory", "most memory that a run may fill, as 512Mi or 4Gi, at least 256Mi; 0 for no limit")
	for _, name := range []string{"timeout", "memory"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // fails only for a flag that does not exist
	}
}

// quantity is a number of bytes as Kubernetes writes it, 512Mi; 0 is no limit.
type quantity int64

func (q *quantity) String() string {
	return resource.NewQuantity(int64(*q), resource.BinarySI).String()
}
func (q *quantity) Type() string { return "quantity" }

// Set reads a flag.
func (q *quantity) Set(text string) error {
	parsed, err := resource.ParseQuantity(text)
	if bytes := parsed.Value(); err != nil || bytes < 0 || bytes > 0 && bytes < leastMemory {
		return fmt.Errorf("it is a quantity like 512Mi or 4Gi, at least 256Mi, or 0 for no limit")
	}
	*q = quantity(parsed.Value())
	return nil
}

func (b bounds) limits() gate.Limits { return gate.Limits{Timeout: b.timeout, Memory: int64(b.memory)} }

// within runs work within the limits.
func (b bounds) within(ctx context.Context, work func(context.Context) error) error {
	return b.limits().Within(ctx, work)
}
