package telemetry

import (
	"regexp"
	"runtime"
	"strconv"
	"testing"
)

// What the kernel counts for this process can be scraped, and says what it must.
func TestProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	text := scrape(t, setup(t, options("127.0.0.1:1")), "text/plain")
	value := func(series string) float64 {
		found := regexp.MustCompile(`(?m)^` + series + ` (\S+)$`).FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("no %s in\n%s", series, text)
		}
		v, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	open, most := value("process_unix_file_descriptor_count"), value("process_unix_file_descriptor_limit")
	if open < 3 || open > most {
		t.Errorf("%v files open, of %v", open, most)
	}
	if resident, virtual := value("process_memory_usage_bytes"), value("process_memory_virtual_bytes"); resident < 1<<20 || resident > virtual {
		t.Errorf("%v bytes resident of %v", resident, virtual)
	}
	if threads := value("process_thread_count"); threads < 1 {
		t.Errorf("%v threads", threads)
	}
	if value("process_uptime_seconds") < 0 || value(`process_cpu_time_seconds_total\{cpu_mode="user"\}`) < 0 || value(`process_cpu_time_seconds_total\{cpu_mode="system"\}`) < 0 {
		t.Error("time runs backwards")
	}
}
