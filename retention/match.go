package retention

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cut is the end of a text that was shortened.
const cut = "…"

// minCut is the length from which the beginning of a value identifies it.
const minCut = 8

// matches reports whether a value of a rejected row is the subject, or its
// beginning if the value was shortened.
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

// mentions reports whether a text contains the subject as a whole word, or its
// beginning where the text was shortened.
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

// spellings returns the ways in which package ingest may write a value.
func spellings(subject string) []string {
	quoted := strconv.Quote(subject)
	if quoted = quoted[1 : len(quoted)-1]; quoted != subject {
		return []string{subject, quoted}
	}
	return []string{subject}
}

// endsWithPrefix reports whether the text before a cut ends with a beginning of
// s.
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

// isBoundary reports whether a word may begin after one text and end before
// another.
func isBoundary(before, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(before)
	next, _ := utf8.DecodeRuneInString(after)
	return (before == "" || !isWord(last)) && (after == "" || !isWord(next))
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }
