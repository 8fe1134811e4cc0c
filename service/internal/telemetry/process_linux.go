package telemetry

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/procfs"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0/processconv"
	"golang.org/x/sys/unix"
)

// measureProcess measures what the kernel says of this process: CPU time by mode, memory, threads, open files and how many
// may be open, and its age. All of it is three small files of /proc at each collection. Of the host nothing is said: that is
// not this service's to say, and the module of OpenTelemetry that does brings gopsutil.
func measureProcess(m metric.Meter) error {
	self, err := procfs.Self()
	if err != nil {
		return fmt.Errorf("measure the process: %w", err)
	}
	first, err := self.Stat()
	if err != nil {
		return fmt.Errorf("measure the process: %w", err)
	}
	began, err := first.StartTime()
	if err != nil {
		return fmt.Errorf("measure the process: %w", err)
	}
	var o observed
	cpu, err := processconv.NewCPUTime(m)
	o.add(cpu.Inst(), err)
	memory, err := processconv.NewMemoryUsageObservable(m)
	o.add(memory.Inst(), err)
	virtual, err := processconv.NewMemoryVirtualObservable(m)
	o.add(virtual.Inst(), err)
	threads, err := processconv.NewThreadCountObservable(m)
	o.add(threads.Inst(), err)
	files, err := processconv.NewUnixFileDescriptorCountObservable(m)
	o.add(files.Inst(), err)
	// Without a convention: how far the number of open files may go.
	limit, err := m.Int64ObservableUpDownCounter("process.unix.file_descriptor.limit",
		metric.WithDescription("Number of unix file descriptors that the process may have in use."), metric.WithUnit("{file_descriptor}"))
	o.add(limit, err)
	uptime, err := processconv.NewUptimeObservable(m)
	o.add(uptime.Inst(), err)
	if o.err != nil {
		return fmt.Errorf("measure the process: %w", o.err)
	}
	user := metric.WithAttributes(cpu.AttrCPUMode(processconv.CPUModeUser))
	system := metric.WithAttributes(cpu.AttrCPUMode(processconv.CPUModeSystem))
	_, err = m.RegisterCallback(func(_ context.Context, out metric.Observer) error {
		now, err := self.Stat()
		if err != nil {
			return fmt.Errorf("measure the process: %w", err)
		}
		open, err := self.FileDescriptorsLen()
		if err != nil {
			return fmt.Errorf("measure the process: %w", err)
		}
		var most unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &most); err != nil {
			return fmt.Errorf("measure the process: %w", err)
		}
		out.ObserveFloat64(cpu.Inst(), float64(now.UTime)/ticks, user)
		out.ObserveFloat64(cpu.Inst(), float64(now.STime)/ticks, system)
		out.ObserveInt64(memory.Inst(), int64(now.RSS)*int64(os.Getpagesize()))
		out.ObserveInt64(virtual.Inst(), int64(now.VSize))
		out.ObserveInt64(threads.Inst(), int64(now.NumThreads))
		out.ObserveInt64(files.Inst(), int64(open))
		out.ObserveInt64(limit, int64(most.Cur))
		out.ObserveFloat64(uptime.Inst(), max(0, float64(time.Now().UnixNano())/1e9-began))
		return nil
	}, o.all...)
	return err
}

// ticks a second is the unit of CPU times in /proc, USER_HZ: 100 on every architecture that Go runs on.
const ticks = 100

// observed gathers instruments and the first error in making them.
type observed struct {
	all []metric.Observable
	err error
}

func (o *observed) add(instrument metric.Observable, err error) {
	if o.err == nil {
		o.err = err
	}
	o.all = append(o.all, instrument)
}
