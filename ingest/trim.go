package ingest

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// isBlank reports whether s has nothing that can be seen.
func isBlank(s string) bool { return trim(s) == "" }

// trim drops white space and characters without width at both ends: what is
// left is the value that its author saw.
func trim(s string) string {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	if len(s) == 0 || s[0] < utf8.RuneSelf && s[len(s)-1] < utf8.RuneSelf {
		return s
	}
	return strings.TrimFunc(s, isInvisible)
}

func isSpace(c byte) bool { return c == ' ' || c-'\t' <= '\r'-'\t' }

// isInvisible reports whether a character is white space of Unicode, or has no
// width: joiners, byte order marks, and the marks of a direction of writing.
func isInvisible(c rune) bool {
	switch {
	case c < utf8.RuneSelf:
		return isSpace(byte(c))
	case c >= 0x200B && c <= 0x200F, c >= 0x202A && c <= 0x202E, c >= 0x2060 && c <= 0x206F, c == 0xFEFF, c == 0x180E, c == 0x061C, c == 0x00AD:
		return true
	}
	return unicode.IsSpace(c)
}

// Fold returns a key that is the same for values that look alike: that differ
// only in case, in spaces, or in characters that cannot be seen.
func Fold(s string) string {
	return strings.Map(func(c rune) rune {
		if isInvisible(c) {
			return -1
		}
		return c
	}, strings.ToLower(s))
}

// null is how databases export a value that is missing.
const null = `\N`

// isNullID reports whether an event id is a word for none. As a value of
// another column such a word may be meant.
func isNullID(s string) bool {
	switch len(s) {
	case 3:
		return strings.EqualFold(s, "nil") || strings.EqualFold(s, "nan") || strings.EqualFold(s, "n/a")
	case 4:
		return strings.EqualFold(s, "null") || strings.EqualFold(s, "none") || strings.EqualFold(s, "#n/a")
	}
	return false
}

// Clean returns a value as an event has it: without white space and characters
// without width around it, and "" for the \N of databases.
func Clean(s string) string { return clean(s) }

// clean returns a value as it counts: without what surrounds it, and nothing
// where it says that it is missing.
func clean(s string) string {
	if s = trim(s); s == null {
		return ""
	}
	return s
}
