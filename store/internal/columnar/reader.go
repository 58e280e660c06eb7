package columnar

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrCorrupt means that bytes are not a block, or not the block that follows
// those before.
var ErrCorrupt = errors.New("columnar: corrupt block")

// reader reads from b until an error, then reads zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrCorrupt, what)
	}
	r.b = nil
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail("ends early")
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("number")
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail("number")
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads a number that must not be above most.
func (r *reader) count(most int, what string) int {
	v := r.uvarint()
	if most < 0 || v > uint64(most) {
		r.fail(what)
		return 0
	}
	return int(v)
}

// take returns the next n bytes.
func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail("ends early")
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

// text reads a length and returns a copy of as many bytes.
func (r *reader) text() string {
	return string(r.take(r.count(len(r.b), "length of a text")))
}

func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}
