// Package watch tells which paths below some directories change, as they change. A burst is one batch, and no change is
// lost while nobody takes batches.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Batch is what changed since the batch before.
type Batch struct {
	// Paths are the files, links and directories that came, went or were written to, sorted. A directory that came is
	// followed by all that is in it; of one that went, only the directory itself is named.
	Paths []string
	// All says that changes were lost: anything may be different.
	All bool
	// Err says why watching ended. No batch follows.
	Err error
}

// How long a batch waits for more. An editor writes a file, renames it and touches its backup within a few
// milliseconds; a checkout of another branch takes longer, and its end must not be waited for without end.
const (
	quiet = 25 * time.Millisecond
	most  = 250 * time.Millisecond
)

// Directories watches trees until the context ends, which closes the channel. Directories whose name skip accepts are
// left out with all that is in them. Symbolic links are seen, not followed. What changes after the call is told.
func Directories(ctx context.Context, dirs []string, skip func(name string) bool) (<-chan Batch, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch for changes: %w", err)
	}
	t := &tree{watcher: watcher, skip: skip, watched: map[string]bool{}}
	for _, dir := range dirs {
		if _, err := t.add(dir); err != nil {
			return nil, errors.Join(err, watcher.Close())
		}
	}
	changes, batches := make(chan change), make(chan Batch)
	go func() {
		defer func() { _ = watcher.Close() }() // nothing was written
		t.translate(ctx, dirs, changes)
	}()
	go gather(ctx, changes, batches)
	return batches, nil
}

// change is one event: a path, or that events were lost, or that there will be no more.
type change struct {
	path string
	lost bool
	err  error
}

// gather makes batches of changes: one is offered once nothing more has come for a while, or its first change is old.
// Until somebody takes it, it grows.
func gather(ctx context.Context, changes <-chan change, batches chan<- Batch) {
	defer close(batches)
	var (
		paths = map[string]bool{}
		lost  bool
		first time.Time
		ready <-chan time.Time
		out   chan<- Batch
		batch Batch
	)
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-changes:
			if c.err != nil {
				select {
				case batches <- Batch{Err: c.err}:
				case <-ctx.Done():
				}
				return
			}
			if len(paths) == 0 && !lost {
				first = time.Now()
			}
			if c.lost {
				lost = true
			} else {
				paths[c.path] = true
			}
			if out == nil {
				ready = time.After(min(quiet, most-time.Since(first)))
			} else {
				batch = Batch{Paths: slices.Sorted(maps.Keys(paths)), All: lost}
			}
		case <-ready:
			ready, out = nil, batches
			batch = Batch{Paths: slices.Sorted(maps.Keys(paths)), All: lost}
		case out <- batch:
			paths, lost, out = map[string]bool{}, false, nil
		}
	}
}

// tree keeps a watch on every directory: systems watch directories one by one.
type tree struct {
	watcher *fsnotify.Watcher
	skip    func(string) bool
	watched map[string]bool
}

// add watches a directory and those in it, and lists all that it found there. What comes into a directory between its
// watch and its listing is told twice; the other way round it would be missed.
func (t *tree) add(dir string) (found []string, err error) {
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name != dir {
			return nil // gone again, which is told
		}
		if err != nil {
			return err
		}
		found = append(found, name)
		if !entry.IsDir() {
			return nil
		}
		if name != dir && t.skip(entry.Name()) {
			return fs.SkipDir
		}
		err = t.watcher.Add(name)
		switch {
		case errors.Is(err, fs.ErrNotExist) && name != dir:
			return fs.SkipDir
		case errors.Is(err, syscall.ENOSPC):
			return fmt.Errorf("%s: the system watches no more directories for this user: raise fs.inotify.max_user_watches", name)
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		}
		t.watched[name] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("watch for changes: %w", err)
	}
	return found, nil
}

// forget ends the watches of a directory that is gone from its place, and of those that were in it. After a rename they
// would go on telling of their new place under the old name.
func (t *tree) forget(dir string) {
	if !t.watched[dir] {
		return
	}
	for name := range t.watched {
		if name == dir || strings.HasPrefix(name, dir+string(filepath.Separator)) {
			_ = t.watcher.Remove(name) // mostly gone with the directory
			delete(t.watched, name)
		}
	}
}

// translate turns the system's events into changes.
func (t *tree) translate(ctx context.Context, dirs []string, changes chan<- change) {
	send := func(c change) bool {
		select {
		case changes <- c:
			return c.err == nil
		case <-ctx.Done():
			return false
		}
	}
	come := func(dir string) bool {
		found, err := t.add(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return true // gone again, which is told
		}
		if err != nil {
			return send(change{err: err})
		}
		for _, name := range found {
			if !send(change{path: name}) {
				return false
			}
		}
		return true
	}
	for {
		select {
		case <-ctx.Done():
			return
		case err, open := <-t.watcher.Errors:
			switch {
			case !open:
				return
			case !errors.Is(err, fsnotify.ErrEventOverflow):
				send(change{err: fmt.Errorf("watch for changes: %w", err)})
				return
			}
			// Directories may have come unseen.
			for _, dir := range dirs {
				if !come(dir) {
					return
				}
			}
			if !send(change{lost: true}) {
				return
			}
		case event, open := <-t.watcher.Events:
			if !open {
				return
			}
			if event.Op&^fsnotify.Chmod == 0 || t.skip(filepath.Base(event.Name)) {
				continue // a new mode or time changes no content
			}
			if event.Has(fsnotify.Remove) || event.Has(fsnotify.Rename) {
				t.forget(event.Name)
			}
			info, err := os.Lstat(event.Name)
			dir := err == nil && info.IsDir()
			switch {
			case dir && event.Has(fsnotify.Create):
				if !come(event.Name) {
					return
				}
			case dir && event.Op == fsnotify.Write:
				// Some systems tell of a directory what they also tell of the file in it.
			default:
				if !send(change{path: event.Name}) {
					return
				}
			}
		}
	}
}
