package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// watchTargets writes the reports of a watch until the context ends. It returns what the last one says.
func watchTargets(ctx context.Context, watch gate.Watch, flags validateFlags, w *writer) error {
	progress := &progress{w: w.stderr}
	watch.Options, watch.Limits = flags.options(w.outputs, progress), flags.bounds.limits()
	watch.Ignored = func(path string) bool {
		return slices.ContainsFunc(w.outputs, func(o output) bool { return o.writes(path) })
	}
	verdict := errReported // an interrupted first run has checked nothing
	err := watch.Run(ctx, func(event gate.Event) error {
		switch event := event.(type) {
		case gate.Opened:
			return keepWithin(w.outputs, event.Repository.Dir)
		// Editors that read the output take what is said of changes and of runs for the beginning and the end of a run.
		case gate.Changed:
			_, _ = fmt.Fprintf(w.stderr, "kgate: %s\n", terminal.Line(event.What))
		case gate.Judged:
			progress.clear()
			w.stdout.Clear()
			verdict = flags.bounds.within(ctx, func(ctx context.Context) error { return w.write(ctx, event.Report) })
			if ctx.Err() != nil { // an interrupt ends the watch with what its last run found
				verdict = w.verdict(event.Report)
				return nil
			}
			if verdict != nil && !errors.Is(verdict, errFindings) && !errors.Is(verdict, errReported) {
				return verdict // the report cannot be written
			}
			_, _ = fmt.Fprintf(w.stderr, "kgate: %d of %d targets rendered, %d ms; watching for changes\n",
				event.Rendered, event.Targets, time.Since(event.Began).Milliseconds())
		}
		return nil
	})
	if err != nil {
		return err
	}
	return verdict
}
