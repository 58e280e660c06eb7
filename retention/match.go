package retention

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cut is what stands at the end of a text that was shortened.
const cut = "…"

// minCut is the length from which the beginning of a value is taken for it.
const minCut = 8

// is reports whether a value of a rejected row is the subject, or the beginning
// of it if it was shortened.
func matches(value, subject string) bool {
	value = strings.TrimSpace(value)
	for _, s := range spellings(subject) {
		if value == s {
			return true
		}
		if begin, shortened := strings.CutSuffix(value, cut); shortened && len(begin) >= minCut && strings.HasPrefix(s, begin) {
			return true
		}
	}
	return false
}

// names reports whether a text has the subject in it as a word of its own, or
// the beginning of it where it was shortened.
func mentions(text, subject string) bool {
	for _, s := range spellings(subject) {
		for at := 0; ; {
			i := strings.Index(text[at:], s)
			if i < 0 {
				break
			}
			if i += at; isBoundary(text[:i], text[i+len(s):]) {
				return true
			}
			at = i + 1
		}
		if endsWithPrefix(text, s) {
			return true
		}
	}
	return false
}

// spellings are the ways in which the ingest package may write a value.
func spellings(subject string) []string {
	quoted := strconv.Quote(subject)
	if quoted = quoted[1 : len(quoted)-1]; quoted != subject {
		return []string{subject, quoted}
	}
	return []string{subject}
}

// begins reports whether what stands before a cut is the beginning of s.
func endsWithPrefix(text, s string) bool {
	for before, rest, found := strings.Cut(text, cut); found; before, rest, found = strings.Cut(rest, cut) {
		for n := min(len(s), len(before)); n >= minCut; n-- {
			if strings.HasSuffix(before, s[:n]) && isBoundary(before[:len(before)-n], "") {
				return true
			}
		}
	}
	return false
}

// edge reports whether a word may begin after one text and end before another.
func isBoundary(before, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(before)
	next, _ := utf8.DecodeRuneInString(after)
	return (before == "" || !isWord(last)) && (after == "" || !isWord(next))
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }
