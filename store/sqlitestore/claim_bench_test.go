package sqlitestore_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// perClaim is the number of fingerprints of a call, as the Service has them.
const perClaim = 65_536

// somePrints fills fingerprints with the next random numbers.
func somePrints(rng *rand.Rand, fps []store.Fingerprint) {
	for i := range fps {
		binary.LittleEndian.PutUint64(fps[i][:8], rng.Uint64())
		binary.LittleEndian.PutUint64(fps[i][8:], rng.Uint64())
	}
}

// knownRows is the number of rows that the benchmark of Claim begins with:
// KNOWNROWS, or a million.
func knownRows(b *testing.B) int {
	b.Helper()
	rows := os.Getenv("KNOWNROWS")
	if rows == "" {
		return 1_000_000
	}
	n, err := strconv.Atoi(rows)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkClaim claims new rows, and rows that are known, when many are known
// already, of batches of a million.
func BenchmarkClaim(b *testing.B) {
	known := knownRows(b)
	path := filepath.Join(b.TempDir(), "events.db")
	st := opened(b, path)
	fps := make([]store.Fingerprint, perClaim)
	rng := testRand()
	start := time.Now()
	for done := 0; done < known; {
		claimed(b, st, strconv.Itoa(done), func(claim func([]store.Fingerprint)) {
			for end := min(known, done+1_000_000); done < end; done += perClaim {
				somePrints(rng, fps)
				claim(fps)
			}
		})
	}
	b.Logf("%d rows at %.0f rows/s", known, float64(known)/time.Since(start).Seconds())
	size := fileSize(b, path)
	for what, seed := range map[string]*rand.Rand{"new": rand.New(rand.NewPCG(3, 4)), "known": testRand()} {
		b.Run(fmt.Sprintf("%s/rows=%d", what, known), func(b *testing.B) {
			claimed(b, st, what+strconv.Itoa(b.N), func(claim func([]store.Fingerprint)) {
				for b.Loop() {
					somePrints(seed, fps)
					claim(fps)
				}
			})
			b.ReportMetric(float64(b.N*perClaim)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(size)/float64(known), "B/known")
		})
	}
}

// claimed commits a batch that has claimed what use says.
func claimed(b *testing.B, st *sqlitestore.Store, id string, use func(claim func([]store.Fingerprint))) {
	b.Helper()
	w, err := st.Begin(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	use(func(fps []store.Fingerprint) {
		if _, err := st.Claim(b.Context(), id, fps); err != nil {
			b.Fatal(err)
		}
	})
	if _, err := w.Commit(b.Context(), store.Batch{Created: time.Now()}, nil); err != nil {
		b.Fatal(err)
	}
}

// fileSize returns the size of a file whose log was written back.
func fileSize(b *testing.B, path string) int64 {
	b.Helper()
	execute(b, direct(b, path), "PRAGMA wal_checkpoint(TRUNCATE)")
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}
