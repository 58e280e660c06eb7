package columnar

import "encoding/binary"

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// appendPlanned appends codes in their shortest form.
func appendPlanned(dst []byte, codes []uint64, e *Encoder) []byte {
	plan := planInts(codes)
	return plan.appendInts(dst, codes, e.scratch)
}

func (c *columnEncoder) encodeTexts(dst []byte, values []string, e *Encoder) []byte {
	lengths, size := e.lengths(values)
	plain := planInts(lengths)
	if codes, known, ok := c.textCodes(values, size, plain.cost+8*size, e); ok {
		dst = append(dst, formTextCodes, flag(known == 0))
		dst = c.appendFresh(dst, known, e)
		return appendPlanned(dst, codes, e)
	}
	dst = append(dst, formTexts)
	dst = plain.appendInts(dst, lengths, e.scratch)
	for _, s := range values {
		dst = append(dst, s...)
	}
	return dst
}

// appendFresh appends the strings of the dictionary from number known on.
func (c *columnEncoder) appendFresh(dst []byte, known int, e *Encoder) []byte {
	d := c.texts
	dst = binary.AppendUvarint(dst, uint64(d.n-known))
	if d.n == known {
		return dst
	}
	lengths := e.values[:d.n-known]
	for i := range lengths {
		lengths[i] = uint64(d.ends[known+i] - d.start(known+i))
	}
	plan := planInts(lengths)
	dst = plan.appendInts(dst, lengths, e.scratch)
	return append(dst, d.text[d.start(known):]...)
}

// textCodes returns codes for the strings and the number of strings that the
// dictionary had before, if a dictionary is worth it.
func (c *columnEncoder) textCodes(values []string, size, plainCost int, e *Encoder) (codes []uint64, known int, ok bool) {
	if c.texts != nil && !c.texts.reserve(len(values), size, &e.budget) {
		c.dropTexts(&e.budget)
	}
	first := c.texts == nil
	if first && !c.tryTexts(len(values), size, e) {
		return nil, 0, false
	}
	d := c.texts
	known = d.n
	held := d.memory()
	codes = e.codes[:len(values)]
	d.encode(codes, values)
	e.budget.left -= d.memory() - held
	plan := planInts(codes)
	cost := plan.cost + 8*(d.memory()-held)
	if first && cost > plainCost && !worthwhile(len(values), d.n, plainCost) {
		c.dropTexts(&e.budget)
		c.waits = pause
		return nil, 0, false
	}
	c.judge(plainCost-cost, d.n-known, len(values))
	return codes, known, true
}

func (c *columnEncoder) tryTexts(n, size int, e *Encoder) bool {
	if c.waits--; c.waits > 0 {
		return false
	}
	d := newTextDict()
	if !d.reserve(n, size, &e.budget) {
		return false
	}
	c.texts = d
	return true
}

// memory is the size of the strings; the table is accounted for by reserve.
func (d *textDict) memory() int { return len(d.text) + 4*len(d.ends) }

func (c *columnEncoder) dropTexts(b *budget) {
	if d := c.texts; d != nil {
		b.give(8*len(d.table) + d.memory())
		c.texts = nil
	}
}

func (c *columnEncoder) dropNumbers(b *budget) {
	if d := c.numbers; d != nil {
		b.give(8 * len(d.table))
		c.numbers = nil
	}
}
