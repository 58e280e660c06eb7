package texttable

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Plain returns s with everything that is not printable escaped as in a Go string.
// Unescaped, it could control the terminal or change the direction of text.
func Plain(s string) string {
	if strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	var b strings.Builder
	for i, c := range s {
		switch {
		case c == utf8.RuneError && s[i] != 0xEF: // U+FFFD itself begins with 0xEF
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case hidden(c):
			quoted := strconv.QuoteRune(c)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

func hidden(c rune) bool { return c == utf8.RuneError || !unicode.IsPrint(c) }

// Width returns the number of columns that a plain text takes on a screen.
func Width(s string) int {
	n := 0
	for _, c := range s {
		n += columnsOfRune(c)
	}
	return n
}

func columnsOfRune(c rune) int {
	if unicode.In(c, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(c).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Cut shortens a plain text to at most so many columns.
func Cut(s string, columns int) string {
	if Width(s) <= columns {
		return s
	}
	n := 1 // the ellipsis
	for i, c := range s {
		if n += columnsOfRune(c); n > columns {
			return s[:i] + "…"
		}
	}
	return s
}
