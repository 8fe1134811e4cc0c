package terminal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
)

// Capture leads to a stream what libraries write on their own, to os.Stdout, to os.Stderr, and with the standard logger,
// each line behind a label. Kustomize prints its warnings in this way, and some quote a manifest. It is for main alone,
// for it changes what the whole process shares; main keeps the files that it needs. release waits until everything is
// written, and undoes it.
//
// What the Go runtime says of a crash does not come by here.
func Capture(to *Stream, label string) (release func(), err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("capture what libraries print: %w", err)
	}
	out := &labelled{to, label}
	stdout, stderr, logger, flags := os.Stdout, os.Stderr, log.Writer(), log.Flags()
	os.Stdout, os.Stderr = write, write
	log.SetOutput(out) // not by the pipe: log.Fatal waits for nobody
	log.SetFlags(0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		out.relay(read)
	}()
	return func() {
		os.Stdout, os.Stderr = stdout, stderr
		log.SetOutput(logger)
		log.SetFlags(flags)
		_ = write.Close()
		<-done
		_ = read.Close()
	}, nil
}

// labelled writes lines of others.
type labelled struct {
	to    io.Writer
	label string
}

func (l *labelled) Write(p []byte) (int, error) {
	_, err := io.WriteString(l.to, l.label+Message(string(p))+"\n")
	return len(p), err
}

// longestLine is how many bytes of a line are read at a time; a longer one comes out as several.
const longestLine = 16 << 10

// relay copies lines until there are no more.
func (l *labelled) relay(from io.Reader) {
	reader := bufio.NewReaderSize(from, longestLine)
	for {
		line, err := reader.ReadSlice('\n')
		if strings.TrimSpace(string(line)) != "" {
			_, _ = l.Write(line) // nobody is left to tell
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}
