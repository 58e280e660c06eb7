package metrics

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

const (
	sketchBits = 12
	registers  = 1 << sketchBits
	// maxRank is the greatest value of a register.
	maxRank = 64 - sketchBits + 1
	// maxSparse is the number of registers in use up to which a sketch is a
	// short sorted list; above, it is the full array of 4 KiB.
	maxSparse = 48
)

// Sketch estimates the number of distinct strings added to it, with a standard
// error of 1.6 %. It is a HyperLogLog sketch of 4096 registers (Flajolet et
// al., "HyperLogLog", 2007) over XXH64, read with the improved raw estimator
// of Ertl ("New cardinality estimation algorithms for HyperLogLog sketches",
// 2017), which needs no bias tables and is right for small sets too.
//
// Adding is idempotent, and merging is commutative and associative: a sketch
// depends on nothing but the set of strings. The zero Sketch is empty and
// ready to use. A Sketch is not safe for concurrent use.
type Sketch struct {
	// sparse has register<<8|rank of the registers in use, ascending, as long
	// as dense is nil.
	sparse []uint32
	dense  *[registers]uint8
}

// Add adds a string.
func (s *Sketch) Add(subject string) {
	h := hash64(subject)
	register := uint32(h >> (64 - sketchBits))
	// The lowest bit set stops the count in a hash that ends in zeros.
	rank := uint8(bits.LeadingZeros64(h<<sketchBits|1<<(sketchBits-1)) + 1)
	s.raise(register, rank)
}

func (s *Sketch) raise(register uint32, rank uint8) {
	if s.dense == nil {
		s.raiseSparse(register, rank)
		return
	}
	// Most strings raise nothing, and what is not written stays clean in the
	// caches.
	if rank > s.dense[register%registers] {
		s.dense[register%registers] = rank
	}
}

func (s *Sketch) raiseSparse(register uint32, rank uint8) {
	i, _ := slices.BinarySearch(s.sparse, register<<8)
	if i < len(s.sparse) && s.sparse[i]>>8 == register {
		s.sparse[i] = max(s.sparse[i], register<<8|uint32(rank))
		return
	}
	if len(s.sparse) == maxSparse {
		s.densify()
		s.dense[register] = rank
		return
	}
	s.sparse = slices.Insert(s.sparse, i, register<<8|uint32(rank))
}

func (s *Sketch) densify() {
	s.dense = new([registers]uint8)
	for _, e := range s.sparse {
		s.dense[e>>8] = uint8(e)
	}
	s.sparse = nil
}

// Merge adds all that was added to other. Other is not changed.
func (s *Sketch) Merge(other *Sketch) {
	if s.dense == nil && len(s.sparse) == 0 {
		*s = *other.Clone()
		return
	}
	if other.dense == nil {
		for _, e := range other.sparse {
			s.raise(e>>8, uint8(e))
		}
		return
	}
	if s.dense == nil {
		s.densify()
	}
	for at := 0; at < registers; at += 8 {
		if word := binary.LittleEndian.Uint64(other.dense[at:]); word != 0 {
			binary.LittleEndian.PutUint64(s.dense[at:], maxRanks(binary.LittleEndian.Uint64(s.dense[at:]), word))
		}
	}
}

// maxRanks returns the greater of each two bytes of words. Ranks are less than 128.
func maxRanks(a, b uint64) uint64 {
	const top = 0x8080808080808080
	notLess := ((a | top) - b) & top >> 7 * 0xff // the bytes of a that are not less
	return a&notLess | b&^notLess
}

// Clone returns an independent copy.
func (s *Sketch) Clone() *Sketch {
	c := &Sketch{sparse: slices.Clone(s.sparse)}
	if s.dense != nil {
		dense := *s.dense
		c.dense = &dense
	}
	return c
}

// Bytes returns about how much memory the sketch takes.
func (s *Sketch) Bytes() int64 {
	const self = 48
	if s.dense != nil {
		return self + registers
	}
	return self + 4*int64(cap(s.sparse))
}

// Equal reports whether both sketches are in the same state; nil equals nil
// only. Sketches of equal sets always are.
func (s *Sketch) Equal(other *Sketch) bool {
	if s == nil || other == nil {
		return s == other
	}
	if s.dense == nil || other.dense == nil {
		return s.dense == nil && other.dense == nil && slices.Equal(s.sparse, other.sparse)
	}
	return *s.dense == *other.dense
}

// Estimate returns the estimated number of distinct strings.
func (s *Sketch) Estimate() int64 {
	count := s.countRanks()
	const m = registers
	z := m * tau(1-count[maxRank]/m)
	for k := maxRank - 1; k >= 1; k-- {
		z = 0.5 * (z + count[k])
	}
	z += m * sigma(count[0]/m)
	const alpha = 0.5 / math.Ln2
	return int64(math.Round(alpha * m * m / z))
}

// countRanks returns the number of registers by rank.
func (s *Sketch) countRanks() (count [maxRank + 1]float64) {
	if s.dense == nil {
		count[0] = registers - float64(len(s.sparse))
		for _, e := range s.sparse {
			count[uint8(e)]++
		}
		return count
	}
	// Four counters of each rank, so that equal neighbours do not wait for each other.
	var n [4][64]uint16
	for at := 0; at < registers; at += 8 {
		w := binary.LittleEndian.Uint64(s.dense[at:])
		if w == 0 {
			n[0][0] += 8
			continue
		}
		for range 2 {
			n[0][w&63]++
			n[1][w>>8&63]++
			n[2][w>>16&63]++
			n[3][w>>24&63]++
			w >>= 32
		}
	}
	for rank := range count {
		count[rank] = float64(n[0][rank]) + float64(n[1][rank]) + float64(n[2][rank]) + float64(n[3][rank])
	}
	return count
}

// sigma and tau are the series of Ertl's algorithm 6.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		before := z
		z += x * y
		y += y
		if z == before {
			return z
		}
	}
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		before := z
		y *= 0.5
		z -= (1 - x) * (1 - x) * y
		if z == before {
			return z / 3
		}
	}
}
