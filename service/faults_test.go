package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
)

// giveUp is how long a test waits for what must come. Nothing depends on how much sooner it comes.
const giveUp = time.Minute

// Ten thousand clients that keep their connections and ask nothing cost no other client its answer.
func TestIdleConnections(t *testing.T) {
	held := 10_000
	const besides = 500 // files that are open anyhow, and what the requests of the test need
	if most := raiseFiles(t); most < uint64(held+besides) {
		message := fmt.Sprintf("a process may open %d files here, which holds %d idle connections and not %d: raise the limit (ulimit -n)",
			most, int(most)-besides, held)
		if os.Getenv("CI") == "true" || most < 2*besides {
			t.Fatal(message)
		}
		t.Log(message)
		held = int(most) - besides
	}
	s := startWith(t, postgrestest.URL(t), "server:\n  idle_timeout: 30m\n", "OTEL_SDK_DISABLED=true")
	s.until("ready", s.ready)
	address := strings.TrimPrefix(s.api, "http://")
	before, routines := footprint(), runtime.NumGoroutine()

	// The clients are a process of their own: both ends here would need twice the files, and blur the memory.
	clients := exec.Command(os.Args[0])
	clients.Env = append(os.Environ(), holdVariable+"="+address, "CONNECTIONS="+strconv.Itoa(held))
	clients.Stderr = os.Stderr
	commands, err := clients.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := clients.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := clients.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	defer func() {
		if !ended {
			_ = clients.Process.Kill()
			_ = clients.Wait()
		}
	}()
	said := bufio.NewScanner(answers)
	if !said.Scan() || said.Text() != fmt.Sprintf("held %d", held) {
		t.Fatalf("the clients say %q", said.Text())
	}

	// A hundredth is left for routines that ran before and have ended since.
	if grown := runtime.NumGoroutine() - routines; grown < held-held/100 {
		t.Errorf("the service has %d goroutines more for %d connections: they are not open", grown, held)
	}
	t.Logf("%d idle connections: %.1f KiB each (%s)", held, float64(footprint()-before)/float64(held)/1024, kindOfBuild)
	for i := range 50 {
		if status, body := s.ask(http.MethodPost, s.api+"/v1/releases", draft(fmt.Sprintf("1.0.%d", i), "succeeded")); status != http.StatusCreated {
			t.Fatalf("beside the idle ones: %d %s", status, body)
		}
		if status, body := s.ask(http.MethodGet, s.api+"/v1/environments", ""); status != http.StatusOK {
			t.Fatalf("beside the idle ones: %d %s", status, body)
		}
	}

	// And each of them is still served.
	if _, err := io.WriteString(commands, "ask again\n"); err != nil {
		t.Fatal(err)
	}
	if !said.Scan() || said.Text() != fmt.Sprintf("answered %d", held) {
		t.Errorf("the clients say %q", said.Text())
	}
	if code := s.end(); code != 0 {
		t.Errorf("exit %d with idle connections", code)
	}
	_ = commands.Close()
	err = clients.Wait()
	ended = true
	if err != nil {
		t.Errorf("the clients: %v", err)
	}
}

// raiseFiles lets this process open as many files as it may, and returns how many that is.
func raiseFiles(t *testing.T) uint64 {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < limit.Max {
		limit.Cur = limit.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}
	return limit.Cur
}

// footprint is the memory of this process that holds something.
func footprint() uint64 {
	runtime.GC()
	runtime.GC() // what the first one only finalized
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

const holdVariable = "HOLD_CONNECTIONS_TO"

// holdConnections is the process of the clients: it opens connections, asks once over each and keeps them; told to
// on standard input, it asks once more over each.
func holdConnections(address string) error {
	n, err := strconv.Atoi(os.Getenv("CONNECTIONS"))
	if err != nil {
		return err
	}
	conns := make([]net.Conn, n)
	each := func(do func(i int) error) error {
		var group sync.WaitGroup
		failed := make(chan error, n)
		for worker := range 32 {
			group.Go(func() {
				for i := worker; i < n; i += 32 {
					if err := do(i); err != nil {
						failed <- err
						return
					}
				}
			})
		}
		group.Wait()
		close(failed)
		return <-failed
	}
	ask := func(i int) error {
		if err := conns[i].SetDeadline(time.Now().Add(giveUp)); err != nil {
			return err
		}
		if _, err := io.WriteString(conns[i], "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			return err
		}
		response, err := http.ReadResponse(bufio.NewReader(conns[i]), nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK || response.Close {
			return fmt.Errorf("got %s", response.Status)
		}
		return nil
	}
	if err := each(func(i int) (err error) {
		if conns[i], err = net.DialTimeout("tcp", address, giveUp); err != nil {
			return err
		}
		return ask(i)
	}); err != nil {
		return err
	}
	fmt.Println("held", n)
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		if err := each(ask); err != nil {
			return err
		}
		fmt.Println("answered", n)
	}
	return commands.Err()
}

// Who sends or reads slowly is cut off, however steadily.
func TestSlowClients(t *testing.T) {
	s := startWith(t, postgrestest.URL(t), "server:\n  read_timeout: 1s\n  write_timeout: 1s\n", "REQUEST_TIMEOUT=1s")
	s.until("ready", s.ready)

	t.Run("header", func(t *testing.T) {
		conn := s.dial(t)
		send(t, conn, "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ")
		stop := trickle(conn)
		defer stop()
		if answer, err := io.ReadAll(conn); len(answer) > 0 || timedOut(err) {
			t.Errorf("got %q, %v; want the end of the connection", answer, err)
		}
	})
	t.Run("body", func(t *testing.T) {
		conn := s.dial(t)
		send(t, conn, "POST /v1/releases HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 60000\r\nAuthorization: Bearer "+token+"\r\n\r\n{")
		stop := trickle(conn)
		defer stop()
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		holdProblem(t, response, http.StatusRequestTimeout)
	})
	t.Run("reader", func(t *testing.T) {
		conn := s.dial(t)
		// Nothing of the answers is read, so that they fill the buffers of both ends; then the service waits in vain.
		request := strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n", 100)
		for {
			if _, err := io.WriteString(conn, request); timedOut(err) {
				t.Fatal("a client that does not read is not cut off")
			} else if err != nil {
				return
			}
		}
	})
	if status, body := s.ask(http.MethodGet, s.api+"/v1/environments", ""); status != http.StatusOK {
		t.Errorf("after the slow ones: %d %s", status, body)
	}
}

// dial opens a connection that a test reads and writes by itself, within giveUp.
func (s *service) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.api, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(giveUp)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

// trickle writes a byte now and then, until it is stopped or cut off.
func trickle(conn net.Conn) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if _, err := io.WriteString(conn, " "); err != nil {
					return
				}
			}
		}
	})
	return func() { cancel(); group.Wait() }
}

func timedOut(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// holdProblem fails t where the answer is not a problem document of this status.
func holdProblem(t *testing.T, response *http.Response, status int) {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var problem struct {
		Status int
		Detail string
	}
	if err := json.Unmarshal(body, &problem); err != nil || response.StatusCode != status || problem.Status != status || problem.Detail == "" ||
		response.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %s %q, want a problem with status %d", response.Status, body, status)
	}
}

// What is no HTTP, or too much of it, is refused before a handler sees it, and hurts nobody else.
func TestMalformedHTTP(t *testing.T) {
	s := start(t, postgrestest.URL(t))
	s.until("ready", s.ready)
	post := "POST /v1/releases HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAuthorization: Bearer " + token + "\r\n"
	for _, c := range []struct {
		name, request string
		status        int
	}{
		{"no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
		{"one word", "GET\r\n\r\n", 400},
		{"no host", "GET /healthz HTTP/1.1\r\n\r\n", 400},
		{"two hosts", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		{"version to come", "GET /healthz HTTP/7.0\r\nHost: a\r\n\r\n", 505},
		{"space in a name", "GET /healthz HTTP/1.1\r\nHost: a\r\nX y: z\r\n\r\n", 400},
		{"NUL in a value", "GET /healthz HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", 400},
		{"control character in the path", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"broken escape", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"long header", "GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", 431},
		{"many headers", "GET /healthz HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 16<<10) + "\r\n", 431},
		{"long path", "GET /" + strings.Repeat("x", 64<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", 431},
		{"two lengths", post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400},
		{"negative length", post + "Content-Length: -1\r\n\r\n", 400},
		{"no number for a length", post + "Content-Length: 2x\r\n\r\n{}", 400},
		{"unknown coding", post + "Transfer-Encoding: gzip\r\n\r\n{}", 501},
		{"broken chunk", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400},
		{"long body", post + "Content-Length: 70000\r\n\r\n" + strings.Repeat(" ", 70000), 413},
		{"long body in chunks", post + "Transfer-Encoding: chunked\r\n\r\n11170\r\n" + strings.Repeat(" ", 70000) + "\r\n0\r\n\r\n", 413},
		{"no JSON", post + "Content-Length: 4\r\n\r\nnull", 422},
		{"half of JSON", post + "Content-Length: 8\r\n\r\n{\"a\": [1", 400},
		{"deep JSON", post + "Content-Length: 60000\r\n\r\n" + strings.Repeat("[", 60000), 400},
		{"no text", post + "Content-Length: 4\r\n\r\n\xff\xfe\xfd\xfc", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := s.dial(t)
			// The service may answer and close before it has read all that is too much.
			go func() { _, _ = io.WriteString(conn, c.request) }()
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != c.status {
				t.Errorf("got %s, want %d", response.Status, c.status)
			}
		})
	}
	if status, body := s.ask(http.MethodPost, s.api+"/v1/releases", draft("1.0.0", "succeeded")); status != http.StatusCreated {
		t.Errorf("after all that: %d %s", status, body)
	}
	if text := s.stdout.String(); strings.Contains(text, "panic") {
		t.Errorf("something panicked:\n%s", text)
	}
}

// A request that finds its table locked is told so when its time is up, by an answer that arrives although the
// server's own timeouts are no longer, and its query does not go on.
func TestRequestTimeoutReachesTheQuery(t *testing.T) {
	for _, c := range []struct{ name, settings string }{
		{"timeouts as they are", ""},
		{"equal timeouts", "server:\n  read_timeout: 1s\n  write_timeout: 1s\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			database := postgrestest.URL(t)
			s := startWith(t, database, c.settings, "REQUEST_TIMEOUT=1s")
			s.until("ready", s.ready)
			lock, err := pgx.Connect(t.Context(), database)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = lock.Close(context.WithoutCancel(t.Context())) }()
			transaction, err := lock.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := transaction.Exec(t.Context(), "LOCK TABLE releases IN ACCESS EXCLUSIVE MODE"); err != nil {
				t.Fatal(err)
			}

			// 504 is REQUEST_TIMEOUT's; the statement's own timeouts, five seconds and more, would answer 503.
			for _, path := range []string{"/v1/environments", "/v1/releases", "/v1/dora"} {
				holdProblem(t, s.send(t, http.MethodGet, path, ""), http.StatusGatewayTimeout)
			}
			holdProblem(t, s.send(t, http.MethodPost, "/v1/releases", draft("1.0.0", "succeeded")), http.StatusGatewayTimeout)
			response := s.send(t, http.MethodGet, "/", "")
			if page, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusGatewayTimeout || !bytes.Contains(page, []byte("</html>")) {
				t.Errorf("the page answers %s %q %v", response.Status, page, err)
			}

			s.until("rid of its queries", func() bool {
				var left int
				// Not by the connection that locks: a snapshot of activity lasts as long as its transaction.
				watch, err := pgx.Connect(t.Context(), database)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = watch.Close(t.Context()) }()
				if err := watch.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
					WHERE datname = current_database() AND application_name = 'go-otlp-app' AND state <> 'idle'`).Scan(&left); err != nil {
					t.Fatal(err)
				}
				return left == 0
			})
			if err := transaction.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			if status, body := s.ask(http.MethodGet, s.api+"/v1/releases", ""); status != http.StatusOK || !strings.Contains(body, `"releases":[]`) {
				t.Errorf("with the lock gone: %d %s; nothing was acknowledged, so nothing may be recorded", status, body)
			}
		})
	}
}

// send is ask with the whole answer.
func (s *service) send(t *testing.T, method, path, body string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.api+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if response.Header.Get("Retry-After") == "" {
		t.Errorf("%s %s: no Retry-After", method, path)
	}
	return response
}
