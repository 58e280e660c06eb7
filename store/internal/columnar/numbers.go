package columnar

import (
	"encoding/binary"
	"strings"
)

// maxDigits is the number of digits up to which every decimal number fits.
const maxDigits = 18

// maxPrefix is the greatest length of a prefix. It bounds what a corrupt block
// can blow up to.
const maxPrefix = 64

// numberFormat is the common form of strings that are a prefix and a decimal
// number, such as C000123.
type numberFormat struct {
	prefix string
	// width is the number of digits; 0 means that it varies and that there are
	// no leading zeros.
	width int
}

// detectFormat finds the form that all values have in common, if there is one.
func detectFormat(values []string) (numberFormat, bool) {
	prefix := values[0]
	width := len(prefix)
	for _, s := range values[1:] {
		if len(s) != width {
			width = -1
		}
		if !strings.HasPrefix(s, prefix) {
			prefix = prefix[:commonLen(prefix, s)]
			if !isDigits(values[0][len(prefix):]) {
				return numberFormat{}, false // and will not be with a shorter prefix
			}
		}
	}
	prefix = strings.TrimRight(prefix, digits)
	f := numberFormat{prefix: prefix}
	if width > 0 {
		f.width = width - len(prefix)
	}
	if f.width > maxDigits || len(prefix) > maxPrefix || width == len(prefix) {
		return f, false
	}
	return f, true
}

const digits = "0123456789"

func isDigits(s string) bool { return strings.Trim(s, digits) == "" }

func commonLen(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// parseAll reads all values in this form into out and reports whether all of
// them have it.
func (f *numberFormat) parseAll(out []uint64, values []string) bool {
	out = out[:len(values)]
	for i, s := range values {
		if !strings.HasPrefix(s, f.prefix) {
			return false
		}
		number := s[len(f.prefix):]
		if !f.allows(number) {
			return false
		}
		v, ok := parseDigits(number)
		if !ok {
			return false
		}
		out[i] = v
	}
	return true
}

func (f *numberFormat) allows(digits string) bool {
	if f.width > 0 {
		return len(digits) == f.width
	}
	return len(digits) == 1 || len(digits) > 1 && len(digits) <= maxDigits && digits[0] != '0'
}

func parseDigits(s string) (uint64, bool) {
	var v uint64
	for len(s) >= 8 {
		w, ok := parse8(load8(s))
		if !ok {
			return 0, false
		}
		v = v*100_000_000 + w
		s = s[8:]
	}
	if len(s) >= 4 {
		w, ok := parse8(load4to7(s))
		return v*tens[len(s)] + w, ok
	}
	for i := range len(s) {
		d := uint64(s[i] - '0')
		if d > 9 {
			return 0, false
		}
		v = v*10 + d
	}
	return v, true
}

func load8(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// load4to7 returns the bytes of s, with as many zeros before them as make eight.
func load4to7(s string) uint64 {
	last := s[len(s)-4:]
	first := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
	zeros := 8 * (8 - len(s))
	low := first<<zeros | 0x30303030&(1<<zeros-1)
	return low&0xffffffff | uint64(last[0])<<32 | uint64(last[1])<<40 | uint64(last[2])<<48 | uint64(last[3])<<56
}

// tens are powers of ten.
var tens = [8]uint64{1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000}

// parse8 reads eight digits at once: first all are checked, then neighbours
// are joined to numbers of two, four and eight digits.
func parse8(w uint64) (uint64, bool) {
	const zeros, high = 0x3030303030303030, 0xf0f0f0f0f0f0f0f0
	if (w&high)|((w+0x0606060606060606)&high)>>4 != zeros|zeros>>4 {
		return 0, false
	}
	w -= zeros
	w = w*10 + w>>8
	return ((w&0x000000ff000000ff)*(100+1_000_000<<32) + (w>>16&0x000000ff000000ff)*(1+10_000<<32)) >> 32, true
}

const pairs = "00010203040506070809" +
	"10111213141516171819" +
	"20212223242526272829" +
	"30313233343536373839" +
	"40414243444546474849" +
	"50515253545556575859" +
	"60616263646566676869" +
	"70717273747576777879" +
	"80818283848586878889" +
	"90919293949596979899"

// appendNumber appends prefix and digits of v, which is below 10 to the power
// of width if the width is fixed.
func (f *numberFormat) appendNumber(dst []byte, v uint64) []byte {
	dst = append(dst, f.prefix...)
	var digits [20]byte
	i := len(digits)
	for v >= 10 {
		i -= 2
		copy(digits[i:], pairs[v%100*2:v%100*2+2])
		v /= 100
	}
	if v > 0 || i == len(digits) {
		i--
		digits[i] = byte('0' + v)
	}
	for pad := f.width - (len(digits) - i); pad > 0; pad-- {
		dst = append(dst, '0')
	}
	return append(dst, digits[i:]...)
}

func (f *numberFormat) append(dst []byte) []byte {
	dst = appendText(dst, f.prefix)
	return binary.AppendUvarint(dst, uint64(f.width))
}

func (r *reader) numberFormat() numberFormat {
	f := numberFormat{prefix: r.text(), width: r.count(maxDigits, "width of a number")}
	if len(f.prefix) > maxPrefix {
		r.fail("prefix of a number")
	}
	return f
}

// format writes the strings that stand for values to out. They share one piece
// of memory.
func (f *numberFormat) format(out []string, values []uint64) {
	arena := make([]byte, 0, len(values)*(len(f.prefix)+max(f.width, 8)))
	ends := make([]uint32, len(values))
	for i, v := range values {
		arena = f.appendNumber(arena, v)
		ends[i] = uint32(len(arena))
	}
	cut(out, string(arena), ends)
}

// cut splits text at the given ends.
func cut(out []string, text string, ends []uint32) {
	start := uint32(0)
	for i, end := range ends {
		out[i] = text[start:end]
		start = end
	}
}
