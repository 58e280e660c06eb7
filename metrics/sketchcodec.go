package metrics

import "encoding/binary"

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
	size := s.listSize()
	if size > nibbleSize {
		start := len(b)
		b = s.appendNibbles(append(b, nibbleForm))
		if len(b)-start < size {
			return b
		}
		b = b[:start]
	}
	return s.appendList(append(b, listForm))
}

// listSize returns the size of a dense sketch in listForm.
func (s *Sketch) listSize() int {
	size, next := 1, 0
	for i, rank := range s.dense {
		if rank == 0 {
			continue
		}
		switch gap := i - next; {
		case gap < 16 && rank < 16:
			size++
		case gap < 128:
			size += 3
		default:
			size += 4
		}
		next = i + 1
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
		for i, rank := range s.dense {
			if rank > 0 {
				emit(uint32(i), rank)
			}
		}
	}
	return b
}

func (s *Sketch) appendNibbles(b []byte) []byte {
	low := s.dense[0]
	for _, rank := range s.dense {
		low = min(low, rank)
	}
	b = append(b, low)
	for i := 0; i < registers; i += 2 {
		b = append(b, min(s.dense[i]-low, 15)<<4|min(s.dense[i+1]-low, 15))
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
	register := uint64(0)
	for len(r.b) > 0 {
		c := r.byte()
		gap, rank := uint64(c>>4), c&15
		if c == 0 {
			gap, rank = r.uvarint(), r.byte()
		}
		register += gap
		if r.err != nil || gap >= registers || register >= registers || rank == 0 || rank > maxRank {
			r.fail()
			return
		}
		if s.dense == nil && len(s.sparse) < maxSparse { // ascending: no search
			s.sparse = append(s.sparse, uint32(register)<<8|uint32(rank))
		} else {
			s.raise(uint32(register), rank)
		}
		register++
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
	for i := range s.dense {
		d := packed[i/2] >> 4
		if i%2 == 1 {
			d = packed[i/2] & 15
		}
		rank := low + d
		if d == 15 {
			rank = r.byte()
		}
		if rank > maxRank {
			r.fail()
			return
		}
		s.dense[i] = rank
	}
	if len(r.b) > 0 {
		r.fail()
	}
}
