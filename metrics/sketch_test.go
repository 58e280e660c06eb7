package metrics

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

// The ways of a sketch that look at eight registers at once count and merge as
// those do that look at each.
func TestASketchCountsAndMergesEachRegister(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	some := func(n int) *Sketch {
		s := &Sketch{}
		for range n {
			s.Add(strconv.Itoa(rng.IntN(1 << 30)))
		}
		return s
	}
	for _, n := range []int{0, 1, maxSparse, maxSparse + 1, 300, 3000, 40_000} {
		for _, m := range []int{0, 5, 100, 2000, 40_000} {
			a, b := some(n), some(m)
			b.raise(uint32(rng.IntN(registers)), maxRank)
			var want [registers]uint8
			for _, s := range []*Sketch{a, b} {
				dense := s.Clone()
				if dense.dense == nil {
					dense.densify()
				}
				for i, rank := range dense.dense {
					want[i] = max(want[i], rank)
				}
			}
			a.Merge(b)
			var count [maxRank + 1]float64
			for _, rank := range want {
				count[rank]++
			}
			if got := a.countRanks(); got != count {
				t.Errorf("%d and %d strings: %v registers by rank, want %v", n, m, got, count)
			}
			if a.dense == nil {
				a.densify()
			}
			if *a.dense != want {
				t.Errorf("%d and %d strings: the merged registers are not the greater ones", n, m)
			}
			back, err := decodeSketch(a.appendBinary(nil))
			if err == nil && back.dense == nil {
				back.densify()
			}
			if err != nil || *back.dense != want {
				t.Errorf("%d and %d strings: decoded otherwise, %v", n, m, err)
			}
		}
	}
}
