package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// bytesText formats a number of bytes: 512 B, 1.5 MiB.
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

// secondsText formats a duration, rounded up to seconds: 7 s, 2 min 07 s.
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

// plainWriter escapes everything that is not printable, except line ends.
type plainWriter struct {
	w    io.Writer
	left []byte // an incomplete character
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
		lines[i] = texttable.Plain(lines[i])
	}
	_, err := io.WriteString(p.w, strings.Join(lines, "\n"))
	return len(b), err
}
