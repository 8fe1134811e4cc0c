package localpostgres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
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
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		return 0, errors.New("read the processor time of PostgreSQL: there is no /proc")
	}
	own := strconv.Itoa(p.cmd.Process.Pid)
	var ticks int64
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		// The name, in parentheses, may hold blanks. What follows begins with field 3.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		parent := fields[1]
		var counted []string
		switch {
		case filepath.Base(filepath.Dir(file)) == own:
			counted = fields[11:15] // utime, stime, cutime, cstime
		case parent == own:
			counted = fields[11:13]
		}
		for _, f := range counted {
			n, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read the processor time of PostgreSQL: %w", err)
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * clockTick, nil
}
