package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// measurement is what one process, or several that do one task, took.
type measurement struct {
	wall, cpu time.Duration
	memory    int64 // bytes, of the largest process
}

func (m *measurement) join(other measurement) {
	m.wall += other.wall
	m.cpu += other.cpu
	m.memory = max(m.memory, other.memory)
}

// execute runs a command in a directory and returns its standard output. An exit code that is not among those
// expected is an error.
func execute(ctx context.Context, dir string, expected []int, name string, args ...string) (measurement, []byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	begin := time.Now()
	err := cmd.Run()
	m := measurement{wall: time.Since(begin)}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return m, nil, err
	}
	if code := cmd.ProcessState.ExitCode(); !slices.Contains(expected, code) {
		return m, nil, fmt.Errorf("%s: exit code %d\n%s%s", cmd, code, stdout.Bytes(), stderr.Bytes())
	}
	m.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	m.memory, err = peak(cmd.ProcessState.SysUsage())
	return m, stdout.Bytes(), err
}

func peak(usage any) (int64, error) {
	u, ok := usage.(*syscall.Rusage)
	if !ok {
		return 0, errors.New("this system does not tell the peak memory of a process")
	}
	return int64(u.Maxrss) * maxrssUnit, nil
}

// series is the same task over the rounds.
type series []measurement

func (s *series) add(m measurement) { *s = append(*s, m) }

func wall(m measurement) float64   { return m.wall.Seconds() * 1000 }
func cpu(m measurement) float64    { return m.cpu.Seconds() * 1000 }
func memory(m measurement) float64 { return float64(m.memory) / 1e6 }

func (s *series) sorted(of func(measurement) float64) []float64 {
	var values []float64
	for _, m := range *s {
		values = append(values, of(m))
	}
	slices.Sort(values)
	return values
}

func (s *series) least(of func(measurement) float64) float64 { return s.sorted(of)[0] }
func (s *series) most(of func(measurement) float64) float64  { v := s.sorted(of); return v[len(v)-1] }

func (s *series) median(of func(measurement) float64) float64 {
	v := s.sorted(of)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
