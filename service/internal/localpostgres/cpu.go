package localpostgres

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/procfs"
)

// clockTick is the unit of times in proc_pid_stat(5), on every architecture that Go knows.
const clockTick = 10 * time.Millisecond

// CPU is the processor time that the server has used so far, with that of all its processes, also of those that have ended.
// It is known on Linux alone.
func (s *Server) CPU() (time.Duration, error) {
	s.mu.Lock()
	p := s.process
	s.mu.Unlock()
	if p == nil {
		return 0, errors.New("read the processor time of PostgreSQL: it is down")
	}
	processes, err := procfs.AllProcs()
	if err != nil {
		return 0, fmt.Errorf("read the processor time of PostgreSQL: %w", err)
	}
	own := p.cmd.Process.Pid
	var ticks int
	for _, process := range processes {
		stat, err := process.Stat()
		switch {
		case err != nil: // it has ended meanwhile
		case stat.PID == own:
			ticks += int(stat.UTime) + int(stat.STime) + stat.CUTime + stat.CSTime
		case stat.PPID == own:
			ticks += int(stat.UTime) + int(stat.STime)
		}
	}
	return time.Duration(ticks) * clockTick, nil
}
