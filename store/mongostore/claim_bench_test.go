//go:build unix

package mongostore_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// perClaim is the number of fingerprints of a call, as the Service has them.
const perClaim = 65_536

// BenchmarkClaim claims new rows when KNOWNROWS are known already, and a few
// rows that are known among a few: the test server, unlike MongoDB, compares
// each that is looked for with all that there are.
func BenchmarkClaim(b *testing.B) {
	known := benchRows
	if rows := os.Getenv("KNOWNROWS"); rows != "" {
		var err error
		if known, err = strconv.Atoi(rows); err != nil {
			b.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	fps := make([]store.Fingerprint, benchRows)
	b.Run("known/rows=10000", func(b *testing.B) {
		st := opened(b, testenv.Mongo(b))
		somePrints(rng, fps[:10_000])
		claimed(b, st, batchID(0), fps[:10_000])
		for i := 1; b.Loop(); i++ {
			claimed(b, st, batchID(i), fps[:200])
		}
		b.ReportMetric(200*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run(fmt.Sprintf("new/rows=%d", known), func(b *testing.B) {
		st := opened(b, testenv.Mongo(b))
		for done := 0; done < known; done += len(fps) {
			somePrints(rng, fps)
			claimed(b, st, batchID(done), fps)
		}
		b.ResetTimer()
		perRow(b, func(i int) {
			somePrints(rng, fps)
			claimed(b, st, batchID(known+i+1), fps)
		})
	})
}

func somePrints(rng *rand.Rand, fps []store.Fingerprint) {
	for i := range fps {
		binary.LittleEndian.PutUint64(fps[i][:8], rng.Uint64())
		binary.LittleEndian.PutUint64(fps[i][8:], rng.Uint64())
	}
}

// claimed commits a batch that has claimed fps.
func claimed(b *testing.B, st *mongostore.Store, id string, fps []store.Fingerprint) {
	b.Helper()
	w, err := st.Begin(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	for part := range slices.Chunk(fps, perClaim) {
		if _, err := st.Claim(b.Context(), id, part); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := w.Commit(b.Context(), store.Batch{Created: time.Now()}, nil); err != nil {
		b.Fatal(err)
	}
}
