package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// maxProfile keeps the repository, and every build, from carrying a profile that says no more for its size.
const maxProfile = 300_000

// writeProfile loads the service as a day does, as fast as it goes, and takes its CPU profile meanwhile.
func writeProfile(ctx context.Context, out io.Writer, length time.Duration, clients int) (err error) {
	s, err := newStand()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	// Built without the former profile: what is inlined by it would be missing from the new one.
	path, err := s.build(ctx, "app", "off", "./service")
	if err != nil {
		return err
	}
	p, err := s.start(ctx, on, path, "PROFILING=true")
	if err != nil {
		return err
	}
	m := &maker{}
	if _, err := attack(ctx, p, m, 0, clients, warmUp/3); err != nil {
		return err
	}
	type answer struct {
		status int
		body   []byte
		err    error
	}
	profile := make(chan answer, 1)
	go func() {
		// The server's write timeout, 30 s, bounds one profile.
		status, body, err := get(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", p.metrics, int(length.Seconds())))
		profile <- answer{status, body, err}
	}()
	metrics, err := attack(ctx, p, m, 0, clients, length+time.Second)
	if err != nil {
		return err
	}
	got := <-profile
	if err := s.stopPrograms(); err != nil {
		return err
	}
	switch {
	case got.err != nil:
		return fmt.Errorf("take the profile: %w", got.err)
	case got.status != http.StatusOK:
		return fmt.Errorf("take the profile: %d %s", got.status, got.body)
	case len(got.body) > maxProfile:
		return fmt.Errorf("the profile has %d bytes, more than %d: profile for a shorter time", len(got.body), maxProfile)
	case s.sink.spans.Load() == 0 || s.sink.records.Load() == 0 || s.sink.points.Load() == 0:
		return errors.New("no telemetry arrived, so its cost is not in the profile")
	}
	if err := os.WriteFile(profileFile, got.body, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: %d bytes, from %d requests in %s; %d spans, %d log records and %d metrics arrived meanwhile\n", profileFile,
		len(got.body), metrics.Requests, length, s.sink.spans.Load(), s.sink.records.Load(), s.sink.points.Load())
	return err
}
