package pgxtelemetry

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSummarize(t *testing.T) {
	for _, c := range []struct {
		sql  string
		want statement
	}{
		{"SELECT id FROM releases WHERE id = $1", statement{"SELECT releases", "SELECT", "releases"}},
		{"select id from releases r where id = $1 for update", statement{"SELECT releases", "SELECT", "releases"}},
		{"SELECT 1", statement{"SELECT", "SELECT", ""}},
		{"SELECT releases_lock($1, $2)", statement{"SELECT", "SELECT", ""}},
		{"begin isolation level read committed", statement{"BEGIN", "BEGIN", ""}},
		{"commit", statement{"COMMIT", "COMMIT", ""}},
		{"SET LOCAL statement_timeout = 0", statement{"SET", "SET", ""}},
		{"SHOW transaction_read_only", statement{"SHOW", "SHOW", ""}},
		{"-- why\n/* SELECT x FROM comments */ DELETE FROM keys WHERE a = 'SELECT x FROM literals'", statement{"DELETE keys", "DELETE", "keys"}},
		{"INSERT INTO idempotency_keys (key, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING", statement{"INSERT idempotency_keys", "INSERT", "idempotency_keys"}},
		{"INSERT INTO a(x) VALUES (1) ON CONFLICT (x) DO UPDATE SET x = excluded.x RETURNING x", statement{"INSERT a", "INSERT", "a"}},
		{"INSERT INTO shipping_details SELECT * FROM orders", statement{"INSERT shipping_details SELECT orders", "INSERT", "shipping_details"}},
		{"UPDATE releases SET outcome = $2 WHERE id = $1", statement{"UPDATE releases", "UPDATE", "releases"}},
		{"UPDATE a SET x = b.x FROM b WHERE a.id = b.id", statement{"UPDATE a b", "UPDATE", "a"}},
		{"SELECT * FROM a, ONLY b, f(1), LATERAL (SELECT * FROM c) d JOIN e USING (id)", statement{"SELECT a b e SELECT c", "SELECT", "a"}},
		{"SELECT extract(epoch FROM x), a IS DISTINCT FROM b FROM public.releases, \"a b\".\"c\"", statement{`SELECT public.releases "a b"."c"`, "SELECT", "public.releases"}},
		{"WITH x AS (SELECT id FROM releases), y (a, b) AS NOT MATERIALIZED (SELECT 1, 2) SELECT * FROM x, y", statement{"SELECT releases", "SELECT", "releases"}},
		{`WITH RECURSIVE place AS (
			(SELECT service FROM releases ORDER BY service LIMIT 1)
			UNION ALL
			SELECT following.* FROM place CROSS JOIN LATERAL (SELECT r.service FROM releases r LIMIT 1) following
		) SELECT service FROM place`, statement{"SELECT releases", "SELECT", "releases"}},
		{`WITH r AS (INSERT INTO releases (id) VALUES ($1) RETURNING id)
			INSERT INTO release_transitions (release_id) SELECT * FROM r`, statement{"INSERT releases INSERT release_transitions", "INSERT", "releases"}},
		{`WITH old AS MATERIALIZED (SELECT id FROM releases r WHERE started_at < $1), keys AS (
				DELETE FROM idempotency_keys WHERE release_id IN (SELECT id FROM old)
			) DELETE FROM releases WHERE id IN (SELECT id FROM old)`,
			statement{"SELECT releases DELETE idempotency_keys DELETE releases", "SELECT", "idempotency_keys"}},
		{"CREATE TABLE IF NOT EXISTS schema_migrations (version integer)", statement{"CREATE TABLE schema_migrations", "CREATE TABLE", "schema_migrations"}},
		{"CREATE FUNCTION f() RETURNS void AS $b$ SELECT x FROM body; $b$ LANGUAGE sql; ALTER TABLE a ADD b int", statement{"ALTER TABLE a", "ALTER TABLE", "a"}},
		{"LOCK TABLE releases IN ACCESS EXCLUSIVE MODE", statement{"LOCK TABLE releases", "LOCK TABLE", "releases"}},
		{"MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN DELETE", statement{"MERGE a b", "MERGE", "a"}},
		{"", statement{}},
		{"$1 '", statement{}},
	} {
		if got := summarize(c.sql); got != c.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.sql, got, c.want)
		}
	}
}

func TestSummaryIsShort(t *testing.T) {
	var sql strings.Builder
	for i := range 100 {
		sql.WriteString("DELETE FROM table_" + strings.Repeat("x", 1+i%7) + string(rune('a'+i%26)) + ";")
	}
	got := summarize(sql.String())
	if len(got.summary) > maxSummary || len(got.summary) < maxSummary-40 || !strings.HasPrefix(got.summary, "DELETE table_xa DELETE table_xxb") {
		t.Errorf("got %d bytes: %s", len(got.summary), got.summary)
	}
}

func FuzzSummarize(f *testing.F) {
	for _, seed := range []string{"SELECT a FROM b", "WITH x AS (SELECT 1) SELECT * FROM x", "$a$ $a$", `"`, "/*", "((", "a.\"", "$", "1e5.", "FROM", ",,", ")"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		got := summarize(sql)
		if len(got.summary) > maxSummary {
			t.Errorf("%q: a summary of %d bytes", sql, len(got.summary))
		}
		if utf8.ValidString(sql) && !utf8.ValidString(got.summary+got.operation+got.collection) {
			t.Errorf("%q: got %+v", sql, got)
		}
	})
}
