package terminal

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// plain returns s with all that is not printable written as in a Go string:
// what comes from a file or a server must not speak to the screen, nor change
// the direction of its text.
func plain(s string) string {
	if strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	var b strings.Builder
	for i, c := range s {
		switch {
		case c == utf8.RuneError && s[i] != 0xEF: // which U+FFFD itself begins with
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

// columnsOf returns the number of columns that a plain text takes on a screen.
func columnsOf(s string) int {
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

// cut shortens a plain text to so many columns.
func cut(s string, columns int) string {
	if columnsOf(s) <= columns {
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

// pad fills a plain text up with spaces.
func pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(columns-columnsOf(s), 0))
}

// bytesText writes a number of bytes in a form for people.
func bytesText(n float64) string {
	const units = " KMGTPE"
	i := 0
	for ; n >= 1000 && i < len(units)-1; i++ {
		n /= 1024
	}
	if i == 0 {
		return fmt.Sprintf("%.0f B", n)
	}
	return fmt.Sprintf("%.1f %ciB", n, units[i])
}

// secondsText writes a time rounded up to seconds: 7 s, 2 min 07 s.
func secondsText(d time.Duration) string {
	s := int64((d + time.Second - 1) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %02d s", s/60, s%60)
	}
	return fmt.Sprintf("%d h %02d min", s/3600, s/60%60)
}

// plainWriter makes what is written plain but for ends of lines.
type plainWriter struct {
	w    io.Writer
	left []byte // the beginning of a character
}

func (p *plainWriter) Write(b []byte) (int, error) {
	text := append(p.left, b...)
	whole := len(text)
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if utf8.RuneStart(text[len(text)-i]) {
			if !utf8.FullRune(text[len(text)-i:]) {
				whole = len(text) - i
			}
			break
		}
	}
	p.left = append([]byte(nil), text[whole:]...)
	lines := strings.Split(string(text[:whole]), "\n")
	for i := range lines {
		lines[i] = plain(lines[i])
	}
	_, err := io.WriteString(p.w, strings.Join(lines, "\n"))
	return len(b), err
}
