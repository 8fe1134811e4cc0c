package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// warmUp is how long a process takes to have met every request, filled its pools and collected garbage a few times.
const warmUp = 15 * time.Second

// watchMemory loads the service steadily and prints what its resident memory does, second by second.
func watchMemory(ctx context.Context, out io.Writer, length time.Duration, rate int) (err error) {
	s, err := newStand()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	path, err := s.build(ctx, "app", "auto", "./service")
	if err != nil {
		return err
	}
	p, err := s.start(ctx, on, path)
	if err != nil {
		return err
	}
	m := &maker{}
	const clients = 32
	if _, err := attack(ctx, p, m, rate, clients, warmUp); err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	samples := make(chan []float64)
	go func() {
		var all []float64
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-watching.Done():
				samples <- all
				return
			case <-tick.C:
				if bytes, err := p.resident(); err == nil {
					all = append(all, bytes)
				}
			}
		}
	}()
	metrics, err := attack(ctx, p, m, rate, clients, length)
	stop()
	all := <-samples
	if err != nil {
		return err
	}
	if len(all) < 3 {
		return errors.New("too short to say anything")
	}
	third := len(all) / 3
	of := func(part []float64) float64 { return median(part, func(i int) float64 { return part[i] }) / 1e6 }
	_, err = fmt.Fprintf(out, "%d requests in %s, p99 %.2f ms; resident: %.1f MB in the first third, %.1f MB in the last, %.1f MB at most, %+.1f kB/s\n",
		metrics.Requests, length, ms(metrics.Latencies.P99), of(all[:third]), of(all[len(all)-third:]), maximum(all)/1e6, slope(all)/1e3)
	return err
}

func maximum(all []float64) (most float64) {
	for _, v := range all {
		most = max(most, v)
	}
	return most
}

// slope is the change from one value to the next, by least squares.
func slope(all []float64) float64 {
	n := float64(len(all))
	var x, y, xx, xy float64
	for i, v := range all {
		x += float64(i)
		y += v
		xx += float64(i) * float64(i)
		xy += float64(i) * v
	}
	return (n*xy - x*y) / (n*xx - x*x)
}
