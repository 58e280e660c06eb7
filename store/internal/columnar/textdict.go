package columnar

import "hash/maphash"

// maxDictText is the greatest number of bytes of all strings of a dictionary.
const maxDictText = 4 << 20

// textDict gives codes to strings. Its table has bits of the hash and the code
// plus one in each slot; the strings are in one piece of memory of its own.
type textDict struct {
	n     int
	table []uint64
	seed  maphash.Seed
	text  []byte
	ends  []uint32
}

// newTextDict returns an empty dictionary. Its seed is new, so that no sender can
// choose strings that collide.
func newTextDict() *textDict { return &textDict{seed: maphash.MakeSeed()} }

// reserve makes room for n more strings of the given size in all and reports
// whether they may come.
func (d *textDict) reserve(n, size int, b *budget) bool {
	if d.n+n > maxCodes || len(d.text)+size > maxDictText {
		return false
	}
	need := tableSize(d.n + n)
	if need <= len(d.table) {
		return true
	}
	if !b.take(8 * (need - len(d.table))) {
		return false
	}
	d.table = make([]uint64, need)
	for code := range d.n {
		h := maphash.Bytes(d.seed, d.text[d.start(code):d.ends[code]])
		i := uint(h) & uint(need-1)
		for d.table[i] != 0 {
			i = (i + 1) & uint(need-1)
		}
		d.table[i] = h&^codeMask | uint64(code+1)
	}
	return true
}

func (d *textDict) start(code int) uint32 {
	if code == 0 {
		return 0
	}
	return d.ends[code-1]
}

// encode replaces strings by codes, for which reserve has made room. Strings
// that are new get the next codes in the order in which they come.
func (d *textDict) encode(codes []uint64, values []string) {
	mask := uint(len(d.table) - 1)
	for i, s := range values {
		h := maphash.String(d.seed, s)
		at := uint(h) & mask
		for {
			entry := d.table[at]
			if entry == 0 {
				codes[i] = uint64(d.n)
				d.add(s)
				d.table[at] = h&^codeMask | uint64(d.n)
				break
			}
			code := entry&codeMask - 1
			if (entry^h)>>codeBits == 0 && string(d.text[d.start(int(code)):d.ends[code]]) == s {
				codes[i] = code
				break
			}
			at = (at + 1) & mask
		}
	}
}

func (d *textDict) add(s string) {
	d.text = append(d.text, s...)
	d.ends = append(d.ends, uint32(len(d.text)))
	d.n++
}
