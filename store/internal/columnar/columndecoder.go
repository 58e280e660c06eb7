package columnar

// columnDecoder keeps the dictionary of one column.
type columnDecoder struct {
	numbers []uint64
	texts   []string
	size    int // bytes of texts
}

// decode reads a column of n values, with 1 <= n <= maxRows.
func (c *columnDecoder) decode(r *reader, n int, d *Decoder) []string {
	out := make([]string, n)
	switch r.byte() {
	case formNumbers:
		f := r.numberFormat()
		numbers := d.values[:n]
		r.ints(numbers)
		f.format(out, numbers)
	case formNumberCodes:
		c.decodeNumberCodes(r, out, d)
	case formTextCodes:
		c.decodeTextCodes(r, out, d)
	case formTexts:
		r.texts(out, d.values[:n])
	default:
		r.fail("form of strings")
	}
	return out
}

// codes reads codes below known.
func (r *reader) codes(out []uint64, known int) bool {
	r.ints(out)
	for _, code := range out {
		if code >= uint64(known) {
			r.fail("code")
			return false
		}
	}
	return r.err == nil
}

func (c *columnDecoder) decodeNumberCodes(r *reader, out []string, d *Decoder) {
	if r.byte() == 1 {
		c.numbers, c.texts, c.size = c.numbers[:0], nil, 0
	}
	f := r.numberFormat()
	fresh := d.values[:r.count(min(len(out), maxCodes-len(c.numbers)), "size of a dictionary")]
	r.ints(fresh)
	c.numbers = append(c.numbers, fresh...)
	codes := d.codes[:len(out)]
	if !r.codes(codes, len(c.numbers)) {
		return
	}
	numbers := d.values[:len(out)]
	for i, code := range codes {
		numbers[i] = c.numbers[code]
	}
	f.format(out, numbers)
}

func (c *columnDecoder) decodeTextCodes(r *reader, out []string, d *Decoder) {
	if r.byte() == 1 {
		c.numbers, c.texts, c.size = nil, nil, 0
	}
	n := r.count(min(len(out), maxCodes-len(c.texts)), "size of a dictionary")
	if n > 0 {
		fresh := make([]string, n)
		c.size += r.texts(fresh, d.values[:n])
		c.texts = append(c.texts, fresh...)
	}
	if c.size > maxDictText {
		r.fail("size of a dictionary")
		return
	}
	codes := d.codes[:len(out)]
	if !r.codes(codes, len(c.texts)) {
		return
	}
	for i, code := range codes {
		out[i] = c.texts[code]
	}
}

// texts reads lengths and bytes and returns the number of bytes. The strings
// share one piece of memory.
func (r *reader) texts(out []string, lengths []uint64) int {
	r.ints(lengths)
	size := uint64(0)
	for _, n := range lengths {
		if size += n; n > uint64(len(r.b)) || size > uint64(len(r.b)) {
			r.fail("length of a string")
			return 0
		}
	}
	text := string(r.take(int(size)))
	start := uint64(0)
	for i, n := range lengths {
		out[i] = text[start : start+n]
		start += n
	}
	return int(size)
}
