package columnar

import (
	"encoding/binary"
	"math/bits"
)

// The forms of a column of integers.
const (
	fromSmallest = 0 // each value as its distance from the smallest
	fromPrevious = 1 // each value as its distance from the one before
)

// exceptionBits is about what a value costs that is stored apart, without the
// value itself.
const exceptionBits = 24

// intPlan says how to store a column of integers.
type intPlan struct {
	form  byte
	width uint  // bits of each packed value
	base  int64 // smallest value, or smallest difference
	cost  int   // estimated size in bits
}

// planInts chooses the shortest form of a column. Values are signed; all
// differences wrap around.
func planInts(v []uint64) intPlan {
	if len(v) == 0 {
		return intPlan{}
	}
	smallest, greatest := int64(v[0]), int64(v[0])
	least, most := int64(1<<63-1), int64(-1<<63)
	for i := 1; i < len(v); i++ {
		x := int64(v[i])
		d := x - int64(v[i-1])
		smallest, greatest = min(smallest, x), max(greatest, x)
		least, most = min(least, d), max(most, d)
	}
	p := intPlan{form: fromSmallest, base: smallest}
	widest := bits.Len64(uint64(greatest) - uint64(smallest))
	if len(v) > 1 && bits.Len64(uint64(most)-uint64(least)) <= widest {
		p = intPlan{form: fromPrevious, base: least}
		widest = bits.Len64(uint64(most) - uint64(least))
	}
	p.chooseWidth(v, widest)
	return p
}

// chooseWidth finds the width with the smallest sum of packed values and
// exceptions.
func (p *intPlan) chooseWidth(v []uint64, widest int) {
	p.width, p.cost = uint(widest), len(v)*widest+64
	if widest == 0 {
		return
	}
	count := p.countWidths(v)
	apart := 0
	for w := widest - 1; w >= 0; w-- {
		apart += count[w+1]
		if cost := len(v)*w + apart*(exceptionBits+widest) + 64; cost < p.cost {
			p.width, p.cost = uint(w), cost
		}
	}
}

// countWidths counts the distances by their number of bits. The first value of
// fromPrevious is stored apart and not among them.
func (p *intPlan) countWidths(v []uint64) (count [65]int) {
	base := uint64(p.base)
	if p.form == fromSmallest {
		for _, x := range v {
			count[bits.Len64(x-base)]++
		}
		return count
	}
	for i := 1; i < len(v); i++ {
		count[bits.Len64(v[i]-v[i-1]-base)]++
	}
	return count
}

// appendInts appends v in the form of the plan. Scratch has room for len(v)
// values.
func (p *intPlan) appendInts(dst []byte, v, scratch []uint64) []byte {
	if len(v) == 0 {
		return dst
	}
	dst = append(dst, p.form, byte(p.width))
	dst = binary.AppendVarint(dst, p.base)
	if p.form == fromPrevious {
		dst = binary.AppendVarint(dst, int64(v[0]))
	}
	limit := ^uint64(0)
	if p.width < 64 {
		limit = 1<<p.width - 1
	}
	distances, apart := p.distances(v, scratch, limit)
	dst = binary.AppendUvarint(dst, uint64(apart))
	if apart > 0 {
		dst = appendExceptions(dst, distances, limit)
	}
	return appendPacked(dst, distances, p.width)
}

// distances fills scratch and counts the distances above limit.
func (p *intPlan) distances(v, scratch []uint64, limit uint64) (d []uint64, apart int) {
	base := uint64(p.base)
	if p.form == fromSmallest {
		d = scratch[:len(v)]
		for i, x := range v {
			d[i] = x - base
			if d[i] > limit {
				apart++
			}
		}
		return d, apart
	}
	d = scratch[:len(v)-1]
	for i := range d {
		d[i] = v[i+1] - v[i] - base
		if d[i] > limit {
			apart++
		}
	}
	return d, apart
}

// appendExceptions appends place and value of the distances above limit, and
// sets them to zero.
func appendExceptions(dst []byte, distances []uint64, limit uint64) []byte {
	next := 0
	for i, u := range distances {
		if u > limit {
			dst = binary.AppendUvarint(dst, uint64(i-next))
			dst = binary.AppendUvarint(dst, u)
			distances[i] = 0
			next = i + 1
		}
	}
	return dst
}

// ints reads len(out) values that appendInts wrote.
func (r *reader) ints(out []uint64) {
	if len(out) == 0 {
		return
	}
	form, width := r.byte(), uint(r.byte())
	base := uint64(r.varint())
	distances := out
	if form == fromPrevious {
		out[0] = uint64(r.varint())
		distances = out[1:]
	}
	if form > fromPrevious || width > 64 {
		r.fail("form of integers")
		return
	}
	exceptions := *r
	apart := r.uvarint()
	r.skipExceptions(apart, len(distances))
	packed := r.take(packedSize(len(distances), width))
	if r.err != nil {
		return
	}
	unpack(distances, packed, width)
	exceptions.patch(distances)
	restore(out, base, form)
}

func (r *reader) skipExceptions(apart uint64, n int) {
	if apart > uint64(n) {
		r.fail("number of exceptions")
		return
	}
	next := uint64(0)
	for range apart {
		gap := r.uvarint()
		if next += gap; gap >= uint64(n) || next >= uint64(n) {
			r.fail("place of an exception")
			return
		}
		r.uvarint()
		next++
	}
}

// patch puts the exceptions, which skipExceptions has checked, in their
// places.
func (r *reader) patch(distances []uint64) {
	next := uint64(0)
	for range r.uvarint() {
		next += r.uvarint()
		distances[next] = r.uvarint()
		next++
	}
}

// restore turns distances into values.
func restore(out []uint64, base uint64, form byte) {
	if form == fromSmallest {
		for i := range out {
			out[i] += base
		}
		return
	}
	for i := 1; i < len(out); i++ {
		out[i] += out[i-1] + base
	}
}
