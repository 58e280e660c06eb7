package ingest

import (
	"io"
	"strings"
	"unicode/utf8"
)

// Encoding is how the text of an input is written as bytes. The zero value
// means UTF-8, or UTF-16 that begins with a byte order mark or looks like it.
// Package charset has others.
type Encoding struct {
	// Name is the name that ReadAs says, such as windows-1252. With a Name and
	// no Decode, the input is UTF-8.
	Name string
	// Decode returns the text of an input as UTF-8, with U+FFFD in place of
	// bytes that mean nothing; a row that has one is rejected. An input that
	// begins with a byte order mark is not decoded by it.
	Decode func(io.Reader) io.Reader
}

const (
	utf8Name  = "utf-8"
	utf16Name = "utf-16"
	// windows1252 is what most files are that are not UTF-8.
	windows1252 = "windows-1252"
)

// oldText collects what values that are not UTF-8 say about the encoding.
type oldText struct {
	foreign int64 // values that are not UTF-8
	unlike  int64 // those of them that are not Windows-1252, and values with characters of UTF-8
}

// badText returns what is wrong with the bytes of a value, or "".
func (r *Reader) badText(s string) string {
	switch {
	case !utf8.ValidString(s):
		r.foreign++
		if !isWindows1252(s) {
			r.unlike++
		}
		return "is not valid UTF-8"
	case r.decoded && strings.Contains(s, "\uFFFD"):
		return "has bytes that mean nothing in " + r.encoding
	case strings.IndexByte(s, 0) >= 0:
		return "has a NUL byte"
	}
	if r.foreign+r.unlike == 0 && !isASCIIString(s) {
		r.unlike++
	}
	return ""
}

// isText reports whether badText has nothing to say of s.
func (r *Reader) isText(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 && (!r.decoded || !strings.Contains(s, "\uFFFD"))
}

func isASCIIString(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c >= utf8.RuneSelf }) < 0
}

// isWindows1252 reports whether all bytes of s mean something in Windows-1252.
func isWindows1252(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case 0x81, 0x8D, 0x8F, 0x90, 0x9D:
			return false
		}
	}
	return true
}

// EncodingHint returns the name of the encoding that rejected values seem to
// have: windows-1252 if it fits all that are not UTF-8, and none that was read
// has characters beyond ASCII. Else it returns "".
func (r *Reader) EncodingHint() string {
	if r.foreign > 0 && r.unlike == 0 && r.encoding == utf8Name {
		return windows1252
	}
	return ""
}
