package ingest

import (
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// decode returns the text of r as UTF-8 without byte order mark, and the name
// of its encoding. A byte order mark is believed before what the caller says.
func decode(r *replay, said *Encoding) (io.Reader, string) {
	switch head := r.head; {
	case bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")):
		r.head = head[3:]
	case bytes.HasPrefix(head, []byte("\xFF\xFE")):
		r.head = head[2:]
		return &utf16Reader{in: r, order: binary.LittleEndian}, utf16Name
	case bytes.HasPrefix(head, []byte("\xFE\xFF")):
		r.head = head[2:]
		return &utf16Reader{in: r, order: binary.BigEndian}, utf16Name
	case said.Decode != nil:
		return said.Decode(r), said.Name
	case said.Name != "":
	case everyOther(head, 1):
		return &utf16Reader{in: r, order: binary.LittleEndian}, utf16Name
	case everyOther(head, 0):
		return &utf16Reader{in: r, order: binary.BigEndian}, utf16Name
	}
	return r, utf8Name
}

// everyOther reports whether head begins with ASCII in UTF-16: of the first
// bytes, those at even or odd places are NUL and the others are not.
func everyOther(head []byte, zero int) bool {
	head = head[:min(len(head)&^1, 32)]
	for i, c := range head {
		if (c == 0) != (i&1 == zero) {
			return false
		}
	}
	return len(head) >= 8
}

// utf16Reader turns UTF-16 into UTF-8. Half a surrogate pair becomes the three
// bytes that stand for it in no valid UTF-8, and half a unit at the end 0xFF,
// so that the row they are in is rejected.
type utf16Reader struct {
	in    io.Reader
	order binary.ByteOrder
	err   error
	raw   []byte // not decoded yet
	out   []byte // decoded and not handed out yet
	store []byte // the array of out
}

// Read implements io.Reader.
func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.err != nil && len(u.raw) == 0 {
			return 0, u.err
		}
		u.decode()
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *utf16Reader) decode() {
	const units = 4 << 10
	if cap(u.raw) == 0 {
		u.raw = make([]byte, 0, 2*units)
		u.store = make([]byte, 0, 3*units)
	}
	if u.err == nil {
		n, err := readFull(u.in, u.raw[len(u.raw):cap(u.raw)])
		u.raw, u.err = u.raw[:len(u.raw)+n], err
	}
	raw, out := u.raw, u.store[:0]
	for len(raw) >= 2 {
		var used int
		out, used = u.appendRune(out, raw)
		if used == 0 {
			break
		}
		raw = raw[used:]
	}
	if len(raw) == 1 && isEOF(u.err) {
		out, raw = append(out, 0xFF), nil
	}
	if u.err != nil && !isEOF(u.err) {
		raw = nil // the input broke off: what follows does not count
	}
	u.raw = u.raw[:copy(u.raw[:cap(u.raw)], raw)]
	u.out = out
}

// appendRune decodes one rune and returns how many bytes of raw it took: 0
// when the other half of a pair is still to come.
func (u *utf16Reader) appendRune(out, raw []byte) ([]byte, int) {
	c := rune(u.order.Uint16(raw))
	if !utf16.IsSurrogate(c) {
		return utf8.AppendRune(out, c), 2
	}
	if len(raw) < 4 && u.err == nil {
		return out, 0
	}
	if len(raw) >= 4 {
		if full := utf16.DecodeRune(c, rune(u.order.Uint16(raw[2:]))); full != utf8.RuneError {
			return utf8.AppendRune(out, full), 4
		}
	}
	return append(out, 0xE0|byte(c>>12), 0x80|byte(c>>6)&0x3F, 0x80|byte(c)&0x3F), 2
}
