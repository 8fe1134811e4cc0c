package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/spelling"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// color is when to write colour.
type color struct {
	when string
	no   bool // the older flag, which says never
}

// colors are what --color takes. With auto, colour is for terminals that know it, unless NO_COLOR is set.
var colors = [...]string{"always", "auto", "never"}

func colorFlags(cmd *cobra.Command, c *color) {
	cmd.Flags().StringVar(&c.when, "color", "auto", "when to write colour, "+strings.Join(colors[:], ", ")+"; auto is on a terminal, unless NO_COLOR is set or TERM is dumb")
	cmd.Flags().BoolVar(&c.no, "no-color", false, "never write colour, as --color never")
	_ = cmd.RegisterFlagCompletionFunc("color", cobra.FixedCompletions(slices.Clone(colors[:]), cobra.ShellCompDirectiveNoFileComp)) // the flag exists
}

// check refuses what says nothing, or both.
func (c color) check() error {
	switch {
	case !slices.Contains(colors[:], c.when):
		return fmt.Errorf("--color %s: it is one of %s%s", c.when, strings.Join(colors[:], ", "), spelling.Meant(c.when, colors[:]))
	case c.no && c.when == "always":
		return errors.New("--color always and --no-color do not go together: leave one out")
	}
	return nil
}

// on says whether to write colour, and has the stream let it pass.
func (c color) on(w io.Writer) bool {
	stream := terminal.NewStream(w)
	switch {
	case c.no || c.when == "never":
		return false
	case c.when == "always":
		stream.AllowColor()
		return true
	}
	return os.Getenv("NO_COLOR") == "" && stream.Moves()
}
