package postgrestest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestURLGivesFreshDatabases(t *testing.T) {
	ctx := t.Context()
	for range 2 {
		conn := connect(t, postgrestest.URL(t))
		if _, err := conn.Exec(ctx, "CREATE TABLE only_here ()"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKillCutsConnectionsAndKeepsWhatWasCommitted(t *testing.T) {
	ctx := t.Context()
	server := postgrestest.Start(t)
	url := server.URL(t)
	conn := connect(t, url)
	if _, err := conn.Exec(ctx, "CREATE TABLE kept AS SELECT 7 AS n"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, "BEGIN; INSERT INTO kept VALUES (8)"); err != nil {
		t.Fatal(err)
	}
	server.Kill(t)
	if _, err := conn.Exec(ctx, "COMMIT"); err == nil {
		t.Fatal("a connection outlived the server")
	}
	if c, err := pgx.Connect(ctx, url); err == nil {
		t.Fatal("a killed server accepts a connection", c.Close(ctx))
	}
	server.Restart(t)
	var n, count int
	if err := connect(t, url).QueryRow(ctx, "SELECT max(n), count(*) FROM kept").Scan(&n, &count); err != nil {
		t.Fatal(err)
	}
	if n != 7 || count != 1 {
		t.Errorf("after the crash: %d rows up to %d, want 1 up to 7", count, n)
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
