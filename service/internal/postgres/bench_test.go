package postgres

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// BenchmarkRecord records new releases, as many at once as there are processors, without and with a key.
func BenchmarkRecord(b *testing.B) {
	for name, key := range map[string]string{"plain": "", "keyed": "key-%d"} {
		b.Run(name, func(b *testing.B) {
			s := migrated(b)
			var n atomic.Int64
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					d := draft("api", 2*time.Minute)
					d.Version = fmt.Sprint(i)
					k := key
					if k != "" {
						k = fmt.Sprintf(key, i)
					}
					if _, _, err := s.Record(b.Context(), d, k); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkEnvironments reads what runs in 20 places, after a short and a hundredfold history: the cost is that of the places.
func BenchmarkEnvironments(b *testing.B) {
	for _, history := range []int{200, 20_000} {
		b.Run(fmt.Sprint(history), func(b *testing.B) {
			s := migrated(b)
			if _, err := s.pool.Exec(b.Context(), "ALTER TABLE releases DISABLE TRIGGER USER"); err != nil {
				b.Fatal(err)
			}
			if _, err := s.pool.Exec(b.Context(), `INSERT INTO releases
				SELECT gen_random_uuid(), 'svc-' || i % 10, CASE WHEN i % 20 < 10 THEN 'dev' ELSE 'prod' END, 'stable', '1.' || i,
					'abcdef0', 'ann', 'succeeded', NULL, at, at, at, at
				FROM generate_series(1, $1::int) i, LATERAL (SELECT '2020-01-01Z'::timestamptz + i * interval '1 h' AS at) x`, history); err != nil {
				b.Fatal(err)
			}
			if _, err := s.pool.Exec(b.Context(), "INSERT INTO release_facets SELECT DISTINCT service, environment, track, kind, outcome FROM releases"); err != nil {
				b.Fatal(err)
			}
			if _, err := s.pool.Exec(b.Context(), "ANALYZE releases"); err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if running, err := s.RunningAt(b.Context(), release.RunningFilter{}); err != nil || len(running) != 20 {
						b.Errorf("%d places, %v", len(running), err)
						return
					}
				}
			})
		})
	}
}
