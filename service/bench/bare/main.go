// Bare is what the service is measured against: net/http and pgx, the same two statements on the same pool, the same
// JSON, and nothing else. It checks no token and no field, limits nothing, logs nothing and measures nothing.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kgate-dev/gitops/service/internal/release"
)

func main() {
	if err := serve(os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

// serve gets the pool's size in the URL and the statements from the service that it is compared with.
func serve(getenv func(string) string) error {
	pool, err := pgxpool.New(context.Background(), getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer pool.Close()
	selectRunning, insertRelease := getenv("SELECT_RUNNING"), getenv("INSERT_RELEASE")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /v1/environments", func(w http.ResponseWriter, r *http.Request) {
		rows, err := pool.Query(r.Context(), selectRunning, "", "", "", "", "", time.Now(), 101)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		running, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r release.Running, err error) {
			err = row.Scan(&r.Service, &r.Environment, &r.Track, &r.Version, &r.Revision, &r.Since, &r.ReleaseID)
			r.Since = r.Since.UTC()
			return r, err
		})
		answer(w, http.StatusOK, map[string]any{"running": running}, err)
	})
	mux.HandleFunc("POST /v1/releases", func(w http.ResponseWriter, r *http.Request) {
		var d release.Draft
		if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		id := newID()
		now := time.Now().UTC().Truncate(time.Microsecond)
		_, err := pool.Exec(r.Context(), insertRelease, id, d.Service, d.Environment, d.Track, d.Version, d.Revision, d.Actor,
			d.Outcome, d.CommittedAt, d.StartedAt, d.FinishedAt, d.FinishedAt, now, nil, nil, nil, nil)
		w.Header().Set("Location", "/v1/releases/"+id)
		answer(w, http.StatusCreated, release.Release{ID: id, Draft: d, SucceededAt: d.FinishedAt, RecordedAt: now}, err)
	})
	return http.ListenAndServe("127.0.0.1:"+getenv("SERVER_PORT"), mux)
}

func answer(w http.ResponseWriter, status int, v any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
