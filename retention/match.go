package retention

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/eventmetrics/eventmetrics/ingest"
)

const (
	// cut is the end of a text that was shortened.
	cut = "…"
	// minCut is the length in bytes from which the beginning of a value
	// identifies it.
	minCut = 8
	// minMangled is the number of letters and digits in ASCII from which a value
	// is recognized although its other characters were lost.
	minMangled = 3
)

// finder finds a subject in values and texts.
type finder struct {
	subject string
	// mangled is the subject as it is in texts that were not valid UTF-8, "" if
	// too little of it is left.
	mangled string
}

func newFinder(subject string) finder { return finder{subject, mangle(subject)} }

// is reports whether a value is the subject, or its beginning if the value was
// shortened.
func (f *finder) is(value string) bool {
	for _, v := range readings(value) {
		v = ingest.Clean(v)
		if v == f.subject || f.mangled != "" && v == f.mangled {
			return true
		}
		if begin, shortened := strings.CutSuffix(v, cut); shortened && len(begin) >= minCut && strings.HasPrefix(f.subject, begin) {
			return true
		}
	}
	return false
}

// in reports whether a text has the subject as a word of its own, or its
// beginning where the text was shortened.
func (f *finder) in(text string) bool {
	for _, t := range readings(text) {
		if hasWord(t, f.subject) || f.mangled != "" && hasWord(t, f.mangled) || endsWithPrefix(t, f.subject) {
			return true
		}
	}
	return false
}

// hasWord reports whether a text contains a word that no letter or digit
// continues. Parts of a file name are often joined by underscores, so these
// continue nothing.
func hasWord(text, word string) bool {
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return false
		}
		i += at
		if isBoundary(text[:i], word) && isBoundary(word, text[i+len(word):]) {
			return true
		}
		at = i + 1
	}
}

// endsWithPrefix reports whether the text before a cut ends with a beginning of
// a word.
func endsWithPrefix(text, word string) bool {
	for before, rest, found := strings.Cut(text, cut); found; before, rest, found = strings.Cut(rest, cut) {
		for n := min(len(word), len(before)); n >= minCut; n-- {
			if strings.HasSuffix(before, word[:n]) && isBoundary(before[:len(before)-n], word) {
				return true
			}
		}
	}
	return false
}

// isBoundary reports whether two texts that follow each other are no one word.
func isBoundary(before, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(before)
	next, _ := utf8.DecodeRuneInString(after)
	return before == "" || after == "" || !isWord(last) || !isWord(next)
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// mangle replaces what is not ASCII as strings.ToValidUTF8 does in texts of
// other encodings.
func mangle(s string) string {
	var b strings.Builder
	words, lost := 0, false
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
			if isWord(r) {
				words++
			}
		case !lost:
			b.WriteRune(utf8.RuneError)
		}
		lost = r >= utf8.RuneSelf
	}
	if words < minMangled || words == len(s) || b.String() == s {
		return ""
	}
	return b.String()
}
