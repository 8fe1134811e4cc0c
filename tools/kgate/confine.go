package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/confinement"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// confined is the key of a context whose command lines confine the process. The tests' have none: they run many in one
// process.
type confined struct{}

// confine makes command lines of a context confine the process.
func confine(ctx context.Context) context.Context {
	return context.WithValue(ctx, confined{}, &confinement.Confinement{})
}

// enterConfinement takes from the process what few commands need: programs, sockets, and writing
// elsewhere than where reports go.
func enterConfinement(cmd *cobra.Command) error {
	state, ok := cmd.Context().Value(confined{}).(*confinement.Confinement)
	if !ok {
		return nil
	}
	if reaches(cmd) {
		*state = confinement.Confinement{Lacking: "this command fetches"}
		return nil
	}
	var writable []string
	if flag := cmd.Flags().Lookup("output"); flag != nil && flag.Value.Type() == "stringArray" {
		texts, err := cmd.Flags().GetStringArray("output")
		if err != nil {
			return err
		}
		outputs, err := parseOutputs(texts)
		if err != nil {
			return err
		}
		for _, o := range outputs {
			if o.file != "" {
				writable = append(writable, filepath.Dir(o.file), o.file)
			}
		}
	}
	if flag := cmd.Flags().Lookup("pr-body"); flag != nil && flag.Changed {
		writable = append(writable, filepath.Dir(flag.Value.String()), flag.Value.String())
	}
	if where, writes := cmd.Annotations[writesHere]; writes {
		if where == "" {
			where = append(cmd.Flags().Args(), ".")[0]
		}
		dir, err := repo.Resolve(where)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is not there: name the directory of a repository, or run `%s` in it", where, cmd.CommandPath())
		}
		if err != nil {
			return err
		}
		writable = append(writable, checkout(dir))
	}
	*state = confinement.Enter(writable)
	return nil
}

// confinementOf says what holds the process.
func confinementOf(ctx context.Context) string {
	if state, ok := ctx.Value(confined{}).(*confinement.Confinement); ok {
		return state.String()
	}
	return fmt.Sprint(confinement.Confinement{Lacking: "not entered"})
}
