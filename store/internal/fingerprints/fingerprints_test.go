package fingerprints_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/fingerprints"
)

// some returns fingerprints whose bytes are among few, so that many are equal, or
// equal in their first half. The first bytes of all are the same.
func some(rng *rand.Rand, n int) []store.Fingerprint {
	fps := make([]store.Fingerprint, n)
	values := []byte{0, 1, 127, 128, 255}
	for i := range fps {
		for at := 3; at < len(fps[i]); at++ {
			if rng.IntN(4) == 0 {
				fps[i][at] = values[rng.IntN(len(values))]
			}
		}
	}
	return fps
}

func TestDistinctSorts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 3, 300, 5000} {
		fps := some(rng, n)
		if n > 2 {
			fps[n-1] = fps[0]
		}
		want := slices.Clone(fps)
		slices.SortFunc(want, func(a, b store.Fingerprint) int { return bytes.Compare(a[:], b[:]) })
		want = slices.Compact(want)
		sorted, places := fingerprints.Distinct(fps)
		if d := cmp.Diff(want, sorted); d != "" {
			t.Fatalf("%d fingerprints: %s", n, d)
		}
		for i := range fps {
			if sorted[places[i]] != fps[i] {
				t.Fatalf("%d fingerprints: number %d is not at its place", n, i)
			}
		}
	}
}

func TestCompareOrdersByBytes(t *testing.T) {
	fps := some(rand.New(rand.NewPCG(3, 4)), 200)
	for i := range fps {
		for j := range fps {
			if got, want := fingerprints.Compare(&fps[i], &fps[j]), bytes.Compare(fps[i][:], fps[j][:]); got != want {
				t.Fatalf("%x and %x: %d, want %d", fps[i], fps[j], got, want)
			}
		}
	}
}
