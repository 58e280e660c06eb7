// Package clip shortens text, and says what is text.
package clip

import (
	"strings"
	"unicode/utf8"
)

// Text returns at most about limit bytes of s as valid UTF-8 without NUL. It
// shares no memory with s.
func Text(s string, limit int) string {
	if len(s) > limit {
		cut := limit
		for cut > limit-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return strings.Clone(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", ""))
}

// IsText reports whether s is valid UTF-8 without NUL: what a store can keep.
func IsText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
