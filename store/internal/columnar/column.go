package columnar

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// The forms of a column of strings.
const (
	formNumbers     = 1 // prefix and number
	formNumberCodes = 2 // prefix and number, by dictionary
	formTextCodes   = 3 // by dictionary
	formTexts       = 4 // lengths and bytes
)

const (
	// pause is the number of blocks after which a column whose values are
	// mostly new is tried with a dictionary again.
	pause = 16
	// review is the number of blocks after which a dictionary must have saved
	// something.
	review = 64
)

// columnEncoder chooses, block by block, how to store one column.
type columnEncoder struct {
	format numberFormat // of the last block, if known
	known  bool

	numbers *numberDict
	texts   *textDict
	waits   int // blocks before a dictionary is tried again
	blocks  int // blocks since the last review
	saved   int // bits that the dictionary saved since then
	useless bool
}

// encode appends one column of a block.
func (c *columnEncoder) encode(dst []byte, values []string, e *Encoder) []byte {
	if len(values) == 0 {
		return dst
	}
	if c.useless {
		c.dropNumbers(&e.budget)
		c.dropTexts(&e.budget)
		c.useless, c.waits = false, review
	}
	numbers := e.values[:len(values)]
	if c.parse(numbers, values) {
		c.dropTexts(&e.budget)
		return c.encodeNumbers(dst, numbers, e)
	}
	c.dropNumbers(&e.budget)
	return c.encodeTexts(dst, values, e)
}

// parse tries the form of the last block first.
func (c *columnEncoder) parse(numbers []uint64, values []string) bool {
	if c.known && c.format.parseAll(numbers, values) {
		return true
	}
	c.format, c.known = detectFormat(values)
	c.known = c.known && c.format.parseAll(numbers, values)
	return c.known
}

func (c *columnEncoder) encodeNumbers(dst []byte, numbers []uint64, e *Encoder) []byte {
	plain := planInts(numbers)
	if codes, fresh, ok := c.numberCodes(numbers, &plain, e); ok {
		dst = append(dst, formNumberCodes, flag(c.numbers.n == len(fresh)))
		dst = c.format.append(dst)
		dst = binary.AppendUvarint(dst, uint64(len(fresh)))
		plan := planInts(fresh)
		dst = plan.appendInts(dst, fresh, e.scratch)
		return appendPlanned(dst, codes, e)
	}
	dst = c.format.append(append(dst, formNumbers))
	return plain.appendInts(dst, numbers, e.scratch)
}

// numberCodes returns codes for the numbers and the numbers that are new to
// the dictionary, if a dictionary is worth it.
func (c *columnEncoder) numberCodes(numbers []uint64, plain *intPlan, e *Encoder) (codes, fresh []uint64, ok bool) {
	if c.numbers != nil && c.numbers.format != c.format || slices.Max(numbers) > maxNumber {
		c.dropNumbers(&e.budget)
	}
	if c.numbers != nil && !c.numbers.reserve(len(numbers), &e.budget) {
		c.dropNumbers(&e.budget)
	}
	first := c.numbers == nil
	if first && !c.tryNumbers(numbers, plain, e) {
		return nil, nil, false
	}
	codes = e.codes[:len(numbers)]
	c.numbers.encode(codes, numbers)
	fresh = c.numbers.fresh
	codePlan, freshPlan := planInts(codes), planInts(fresh)
	cost := codePlan.cost + freshPlan.cost
	if first && cost > plain.cost && !worthwhile(len(numbers), len(fresh), plain.cost) {
		c.dropNumbers(&e.budget)
		c.waits = pause
		return nil, nil, false
	}
	c.judge(plain.cost-cost, len(fresh), len(numbers))
	return codes, fresh, true
}

// tryNumbers starts a dictionary unless it is too early or out of memory.
func (c *columnEncoder) tryNumbers(numbers []uint64, plain *intPlan, e *Encoder) bool {
	if c.waits--; c.waits > 0 || plain.cost < 4*len(numbers) || slices.Max(numbers) > maxNumber {
		return false
	}
	d := &numberDict{format: c.format}
	if !d.reserve(len(numbers), &e.budget) {
		return false
	}
	c.numbers = d
	return true
}

// worthwhile guesses from the number of values in a block and the number of
// distinct ones whether a dictionary will save something in the long run: n
// draws from p values repeat a value about n*n/2p times.
func worthwhile(n, distinct, plainCost int) bool {
	if distinct == n {
		return false
	}
	pool := distinct
	if distinct > n/2 {
		pool = n * n / (2 * (n - distinct))
	}
	return pool < maxCodes*2/3 && n*(bits.Len(uint(pool))+2) < plainCost
}

// judge keeps account of what a dictionary saves, and marks one that saves
// nothing, and has met too few values again to save something later, to be
// given up with the next block.
func (c *columnEncoder) judge(saved, fresh, n int) {
	c.saved += saved
	if c.blocks++; c.blocks < review {
		return
	}
	c.useless = c.saved < 0 && fresh > n/2
	c.blocks, c.saved = 0, 0
}
