package oracle

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf16"

	"golang.org/x/text/encoding/htmlindex"
)

// broken stands for bytes that are no text: it is as long as U+FFFD, and not
// valid UTF-8.
const broken = "\xed\xa0\x80"

// endsInCR reports whether the lines of a text end in CR. One CR at the very end
// makes no line.
func endsInCR(text string) bool {
	start := text[:min(len(text), 4<<10)]
	i := strings.IndexByte(start, '\r')
	return i >= 0 && i < len(start)-1 && !strings.Contains(start, "\n")
}

// swap exchanges CR and LF, so that a text whose lines end in CR can be read as
// one whose lines end in LF, and its values can be written as they were.
func swap(s string) string {
	return strings.NewReplacer("\r", "\n", "\n", "\r").Replace(s)
}

// decode returns the text of an input as UTF-8, and the name of its encoding.
func decode(input []byte, name string) (text, encoding string) {
	switch {
	case bytes.HasPrefix(input, []byte("\xef\xbb\xbf")):
		return string(input[3:]), "utf-8"
	case bytes.HasPrefix(input, []byte("\xff\xfe")):
		return fromUTF16(input[2:], binary.LittleEndian), "utf-16"
	case bytes.HasPrefix(input, []byte("\xfe\xff")):
		return fromUTF16(input[2:], binary.BigEndian), "utf-16"
	case name != "" && name != "utf-8":
		e, err := htmlindex.Get(name)
		if err != nil {
			panic(err)
		}
		decoded, err := e.NewDecoder().Bytes(input)
		if err != nil {
			panic(err)
		}
		return strings.ReplaceAll(string(decoded), "\ufffd", broken), name
	case name == "" && alternates(input, 1):
		return fromUTF16(input, binary.LittleEndian), "utf-16"
	case name == "" && alternates(input, 0):
		return fromUTF16(input, binary.BigEndian), "utf-16"
	}
	return string(input), "utf-8"
}

// alternates reports whether every other byte of the first 32 is NUL, from an
// index on, and none between them.
func alternates(input []byte, zero int) bool {
	n := min(len(input)/2*2, 32)
	for i := range n {
		if (input[i] == 0) != (i%2 == zero) {
			return false
		}
	}
	return n >= 8
}

func fromUTF16(input []byte, order binary.ByteOrder) string {
	var units []uint16
	for len(input) >= 2 {
		units = append(units, order.Uint16(input))
		input = input[2:]
	}
	var b strings.Builder
	for i := 0; i < len(units); i++ {
		c := rune(units[i])
		if utf16.IsSurrogate(c) {
			c = -1
			if i+1 < len(units) {
				if pair := utf16.DecodeRune(rune(units[i]), rune(units[i+1])); pair != unicode.ReplacementChar {
					c = pair
					i++
				}
			}
		}
		if c < 0 {
			b.WriteString(broken)
		} else {
			b.WriteRune(c)
		}
	}
	if len(input) > 0 {
		b.WriteByte(0xff)
	}
	return b.String()
}

// unseen reports whether a character is white space or has no width.
func unseen(c rune) bool {
	switch {
	case unicode.Is(unicode.White_Space, c):
		return true
	case c == '\u00ad', c == '\u061c', c == '\u180e', c == '\ufeff',
		c >= '\u200b' && c <= '\u200f', c >= '\u202a' && c <= '\u202e', c >= '\u2060' && c <= '\u206f':
		return true
	}
	return false
}

func trim(s string) string { return strings.TrimFunc(s, unseen) }

// value returns what a value means: nothing if it is missing.
func value(s string) string {
	if s = trim(s); s == `\N` {
		return ""
	}
	return s
}

// id returns what an event id means.
func id(s string) string {
	switch s = value(s); strings.ToLower(s) {
	case "null", "nil", "nan", "none", "n/a", "#n/a":
		return ""
	}
	return s
}

// named returns the name of a column, however it is spelled.
func named(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case unicode.Is(unicode.White_Space, c):
			return ' '
		case unseen(c):
			return -1
		case unicode.SimpleFold(c) == c:
			return c
		}
		least := c
		for next := unicode.SimpleFold(c); next != c; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return unicode.ToLower(least)
	}, trim(s))
}
