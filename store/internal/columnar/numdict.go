package columnar

import (
	"math/bits"
	"slices"
)

const (
	// codeBits is the part of a slot of a dictionary's table that holds the
	// code; the rest holds the number, or bits of the hash of the string.
	codeBits = 21
	// maxCodes is the greatest number of values in a dictionary.
	maxCodes = 1<<codeBits - 2
	codeMask = 1<<codeBits - 1
	// maxNumber is the greatest number that a dictionary of numbers can hold.
	maxNumber = 1<<(64-codeBits) - 2
)

// numberDict gives codes to numbers. Its table has the number plus one and the
// code in each slot, so that a look-up touches one cache line.
type numberDict struct {
	format numberFormat
	n      int
	table  []uint64
	shift  uint

	fresh   []uint64 // new numbers of the block, in order of their codes
	slots   []uint32 // where they are in the table
	order   []uint64
	spare   []uint64
	reverse []uint32
}

const fibonacci = 0x9e3779b97f4a7c15

func (d *numberDict) home(v uint64) uint { return uint(v * fibonacci >> d.shift) }

// reserve makes room for n more numbers and reports whether they may come.
func (d *numberDict) reserve(n int, b *budget) bool {
	if d.n+n > maxCodes {
		return false
	}
	need := tableSize(d.n + n)
	if need <= len(d.table) {
		return true
	}
	if !b.take(8 * (need - len(d.table))) {
		return false
	}
	old := d.table
	d.table = make([]uint64, need)
	d.shift = uint(64 - bits.TrailingZeros(uint(need)))
	for _, entry := range old {
		if entry != 0 {
			d.table[d.free(entry>>codeBits-1)] = entry
		}
	}
	return true
}

// tableSize is a power of two of which n entries fill three quarters at most.
func tableSize(n int) int {
	return 1 << bits.Len(uint(max(n+n/3, 1<<10)))
}

func (d *numberDict) free(v uint64) uint {
	mask := uint(len(d.table) - 1)
	i := d.home(v)
	for d.table[i] != 0 {
		i = (i + 1) & mask
	}
	return i
}

// encode replaces numbers by codes, for which reserve has made room. Numbers
// that are new get the next codes in ascending order, so that their
// differences are small.
func (d *numberDict) encode(codes, values []uint64) {
	d.fresh, d.slots = d.fresh[:0], d.slots[:0]
	known := uint64(d.n)
	mask := uint(len(d.table) - 1)
	for i, v := range values {
		at := d.home(v)
		for {
			entry := d.table[at]
			if entry>>codeBits == v+1 {
				codes[i] = entry & codeMask
				break
			}
			if entry == 0 {
				codes[i] = known + uint64(len(d.fresh))
				d.table[at] = (v+1)<<codeBits | codes[i]
				d.fresh = append(d.fresh, v)
				d.slots = append(d.slots, uint32(at))
				break
			}
			at = (at + 1) & mask
		}
	}
	d.n += len(d.fresh)
	if !slices.IsSorted(d.fresh) {
		d.sortFresh(codes[:len(values)], known)
	}
}

// sortFresh gives the new numbers codes again, in ascending order.
func (d *numberDict) sortFresh(codes []uint64, known uint64) {
	n := len(d.fresh)
	d.order = slices.Grow(d.order[:0], n)[:n]
	d.reverse = slices.Grow(d.reverse[:0], n)[:n]
	for i, v := range d.fresh {
		d.order[i] = v<<codeBits | uint64(i)
	}
	d.order, d.spare = radixSort(d.order, d.spare)
	for i, o := range d.order {
		from := o & codeMask
		d.reverse[from] = uint32(i)
		d.fresh[i] = o >> codeBits
		d.table[d.slots[from]] = (d.fresh[i]+1)<<codeBits | known + uint64(i)
	}
	for i, code := range codes {
		if code >= known {
			codes[i] = known + uint64(d.reverse[code-known])
		}
	}
}
