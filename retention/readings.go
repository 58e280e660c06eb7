package retention

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// readings returns a text and what it says if it is taken for what the texts of
// rejected rows often are: CSV with doubled quotes, text with escapes as in JSON
// or Go, and text in Windows-1252.
func readings(text string) []string {
	all := []string{text}
	for _, read := range []func(string) string{undouble, unescape, fromWindows} {
		for _, t := range all {
			if other := read(t); other != t {
				all = append(all, other)
			}
		}
	}
	return all
}

func undouble(s string) string { return strings.ReplaceAll(s, `""`, `"`) }

// escapes are those of one letter, in JSON or Go.
var escapes = map[byte]string{
	'n': "\n", 't': "\t", 'r': "\r", 'b': "\b", 'f': "\f", 'v': "\v", 'a': "\a", '"': `"`, '\'': "'", '\\': `\`, '/': "/",
}

// unescape replaces the escapes of JSON and Go. What is none stays.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for s != "" {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i+1 == len(s) {
			break
		}
		b.WriteString(s[:i])
		s = s[i:]
		text, n := unescapeOne(s)
		b.WriteString(text)
		s = s[n:]
	}
	return b.String() + s
}

// unescapeOne returns what the escape at the start of s stands for, and its
// length.
func unescapeOne(s string) (string, int) {
	if text, ok := escapes[s[1]]; ok {
		return text, 2
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[1]]
	code, ok := hexAt(s, digits)
	switch {
	case !ok:
		return s[:1], 1
	case digits == 2:
		return string([]byte{byte(code)}), 4
	}
	if utf16.IsSurrogate(code) && len(s) > 6 && s[6] == '\\' {
		low, ok := hexAt(s[6:], digits)
		if pair := utf16.DecodeRune(code, low); ok && pair != utf8.RuneError {
			return string(pair), 12
		}
	}
	return string(code), 2 + digits
}

// hexAt returns the number in the hexadecimal digits after an escape's letter.
func hexAt(s string, digits int) (rune, bool) {
	if digits == 0 || len(s) < 2+digits {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:2+digits], 16, 32)
	return rune(n), err == nil
}

// windows has the characters of the bytes from 0x80 to 0x9F in Windows-1252.
// Those above are the characters of the same number.
var windows = []rune("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ")

// fromWindows reads the bytes that are not UTF-8 as Windows-1252.
func fromWindows(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch c := s[i]; {
		case r != utf8.RuneError || strings.HasPrefix(s[i:], "\uFFFD"):
			b.WriteRune(r)
		case c < 0xA0:
			b.WriteRune(windows[c-0x80])
		default:
			b.WriteRune(rune(c))
		}
	}
	return b.String()
}
