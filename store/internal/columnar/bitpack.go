package columnar

import "encoding/binary"

// packedSize returns the number of bytes of n values of the given width.
func packedSize(n int, width uint) int {
	return (n*int(width) + 7) / 8
}

// appendPacked appends the low width bits of each value, lowest bit first.
func appendPacked(dst []byte, values []uint64, width uint) []byte {
	if width == 0 {
		return dst
	}
	end := len(dst) + packedSize(len(values), width)
	var acc uint64
	var used uint
	for _, v := range values {
		acc |= v << used
		used += width
		if used >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, acc)
			used -= 64
			acc = v >> (width - used)
		}
	}
	dst = binary.LittleEndian.AppendUint64(dst, acc)
	return dst[:end]
}

// unpack reads len(out) values of the given width from src, which must have
// packedSize bytes.
func unpack(out []uint64, src []byte, width uint) {
	if width == 0 {
		clear(out)
		return
	}
	mask := ^uint64(0) >> (64 - width)
	fast := 0
	if width <= 56 && len(src) >= 8 {
		fast = min(len(out), (len(src)-8)*8/int(width)+1)
	}
	pos := uint(0)
	for i := range out[:fast] {
		out[i] = binary.LittleEndian.Uint64(src[pos>>3:]) >> (pos & 7) & mask
		pos += width
	}
	for i := fast; i < len(out); i++ {
		out[i] = unpackOne(src, pos, width)
		pos += width
	}
}

// unpackOne reads one value bit range byte by byte, for the end of a column
// and for very wide values.
func unpackOne(src []byte, pos, width uint) uint64 {
	var v uint64
	for got := uint(0); got < width; {
		b := uint64(src[pos>>3]) >> (pos & 7)
		n := 8 - pos&7
		v |= b << got
		got += n
		pos += n
	}
	return v & (^uint64(0) >> (64 - width))
}
