package metrics

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// The forms of an encoded sketch. The shorter one is written, so that equal
// sketches encode to equal bytes.
const (
	// listForm has each register in use as one byte, gap<<4|rank, or as a zero
	// byte, the gap as a uvarint, and the rank where one of the two is too big.
	listForm = 1
	// nibbleForm has the smallest rank, then for each register half a byte:
	// its rank above the smallest; 15 means that the rank is in the list of
	// exceptions behind, in order.
	nibbleForm = 2

	// nibbleSize is the size of a sketch in nibbleForm without exceptions.
	nibbleSize = 2 + registers/2
)

func (s *Sketch) appendBinary(b []byte) []byte {
	if s.dense == nil {
		return s.appendList(append(b, listForm))
	}
	// A list takes at least a byte for each register in use, which is soon counted.
	size := 1 + s.used()
	if size <= nibbleSize {
		size = s.listSize()
	}
	if size > nibbleSize {
		start := len(b)
		b = s.appendNibbles(append(b, nibbleForm))
		if n := len(b) - start; n < size || n < s.listSize() {
			return b
		}
		b = b[:start]
	}
	return s.appendList(append(b, listForm))
}

// used returns the number of registers of a dense sketch that are in use.
func (s *Sketch) used() (n int) {
	for at := 0; at < registers; at += 8 {
		n += bits.OnesCount64(inUse(binary.LittleEndian.Uint64(s.dense[at:])))
	}
	return n
}

// inUse returns a word with the top bit of each byte that is not 0. Ranks are less
// than 128.
func inUse(ranks uint64) uint64 { return (ranks + 0x7f7f7f7f7f7f7f7f) & 0x8080808080808080 }

// each yields the registers in use of a dense sketch, and their ranks.
func (s *Sketch) each(yield func(register uint32, rank uint8) bool) {
	for at := 0; at < registers; at += 8 {
		ranks := binary.LittleEndian.Uint64(s.dense[at:])
		for left := inUse(ranks); left != 0; left &= left - 1 {
			i := bits.TrailingZeros64(left) &^ 7
			if !yield(uint32(at+i/8), uint8(ranks>>i)) {
				return
			}
		}
	}
}

// listSize returns the size of a dense sketch in listForm.
func (s *Sketch) listSize() int {
	size, next := 1, uint32(0)
	for register, rank := range s.each {
		switch gap := register - next; {
		case gap < 16 && rank < 16:
			size++
		case gap < 128:
			size += 3
		default:
			size += 4
		}
		next = register + 1
	}
	return size
}

func (s *Sketch) appendList(b []byte) []byte {
	next := uint32(0)
	emit := func(register uint32, rank uint8) {
		gap := register - next
		next = register + 1
		if gap < 16 && rank < 16 {
			b = append(b, byte(gap)<<4|rank)
			return
		}
		b = binary.AppendUvarint(append(b, 0), uint64(gap))
		b = append(b, rank)
	}
	for _, e := range s.sparse {
		emit(e>>8, uint8(e))
	}
	if s.dense != nil {
		for register, rank := range s.each {
			emit(register, rank)
		}
	}
	return b
}

func (s *Sketch) appendNibbles(b []byte) []byte {
	low, high := s.dense[0], s.dense[0]
	for _, rank := range s.dense {
		low, high = min(low, rank), max(high, rank)
	}
	b = append(b, low)
	for i := 0; i < registers; i += 2 {
		b = append(b, min(s.dense[i]-low, 15)<<4|min(s.dense[i+1]-low, 15))
	}
	if high-low < 15 {
		return b
	}
	for _, rank := range s.dense {
		if rank-low >= 15 {
			b = append(b, rank)
		}
	}
	return b
}

func decodeSketch(b []byte) (*Sketch, error) {
	r := decoder{b: b}
	s := &Sketch{}
	switch r.byte() {
	case listForm:
		s.decodeList(&r)
	case nibbleForm:
		s.decodeNibbles(&r)
	default:
		r.fail()
	}
	if r.err != nil {
		return nil, r.err
	}
	return s, nil
}

func (s *Sketch) decodeList(r *decoder) {
	var few [maxSparse]uint32 // cloned once, in the size that is needed
	register, n := uint64(0), 0
	for len(r.b) > 0 {
		gap, rank := uint64(r.b[0]>>4), r.b[0]&15
		if r.b[0] != 0 {
			r.b = r.b[1:]
		} else {
			r.byte()
			gap, rank = r.uvarint(), r.byte()
		}
		register += gap
		if r.err != nil || gap >= registers || register >= registers || rank == 0 || rank > maxRank {
			r.fail()
			return
		}
		switch { // ascending: no search
		case s.dense != nil:
			s.dense[register] = rank
		case n < maxSparse:
			few[n] = uint32(register)<<8 | uint32(rank)
			n++
		default:
			s.sparse = few[:]
			s.densify()
			s.dense[register] = rank
		}
		register++
	}
	if s.dense == nil {
		s.sparse = slices.Clone(few[:n])
	}
}

func (s *Sketch) decodeNibbles(r *decoder) {
	low := r.byte()
	if len(r.b) < registers/2 || low > maxRank {
		r.fail()
		return
	}
	s.densify()
	packed := r.b[:registers/2]
	r.b = r.b[registers/2:]
	high := uint8(0)
	for i, p := range packed {
		s.dense[2*i], s.dense[2*i+1] = low+p>>4, low+p&15
		high = max(high, p>>4, p&15)
	}
	if high == 15 {
		s.decodeExceptions(r, low+15)
	}
	if high < 15 && low+high > maxRank || len(r.b) > 0 {
		r.fail()
	}
}

// decodeExceptions reads the ranks of the registers that have the value mark.
func (s *Sketch) decodeExceptions(r *decoder, mark uint8) {
	for i, rank := range s.dense {
		if rank == mark {
			rank = r.byte()
		}
		if rank > maxRank {
			r.fail()
			return
		}
		s.dense[i] = rank
	}
}
