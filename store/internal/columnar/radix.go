package columnar

import (
	"math/bits"
	"slices"
)

const (
	radixBits = 11
	radixMask = 1<<radixBits - 1
)

// radixSort sorts v by the bits above codeBits; the order of equal ones stays.
// It returns the sorted values, which may be in the memory of spare, and the
// other memory.
func radixSort(v, spare []uint64) (sorted, other []uint64) {
	spare = slices.Grow(spare[:0], len(v))[:len(v)]
	var all uint64
	for _, x := range v {
		all |= x
	}
	for shift := codeBits; shift < bits.Len64(all); shift += radixBits {
		var next [1 << radixBits]uint32
		for _, x := range v {
			next[x>>shift&radixMask]++
		}
		sum := uint32(0)
		for i, n := range next {
			next[i] = sum
			sum += n
		}
		for _, x := range v {
			to := &next[x>>shift&radixMask]
			spare[*to] = x
			*to++
		}
		v, spare = spare, v
	}
	return v, spare
}
