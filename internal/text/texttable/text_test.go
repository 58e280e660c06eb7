package texttable_test

import (
	"testing"

	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"test_started":           "test_started",
		"日本 é e\u0301 😀":         "日本 é e\u0301 😀",
		"\x1b[2J\r\n\t\x00\x7f":  `\x1b[2J\r\n\t\x00\x7f`,
		"\u009b31m":              `\u009b31m`,
		"a\u202eb\u2066c\u200bd": `a\u202eb\u2066c\u200bd`,
		"\xff\xc3":               `\xff\xc3`,
		"\ufffd":                 `�`,
	} {
		if got := texttable.Plain(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestWidthAndCut(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abc": 3, "日本": 4, "e\u0301": 1, "😀": 2, "ｱ": 1, "Ａ": 2, "▁█": 2} {
		if got := texttable.Width(text); got != want {
			t.Errorf("%q has %d columns, want %d", text, got, want)
		}
	}
	for _, tc := range []struct {
		text    string
		columns int
		want    string
	}{{"abcdef", 6, "abcdef"}, {"abcdef", 5, "abcd…"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"日本語", 6, "日本語"}} {
		if got := texttable.Cut(tc.text, tc.columns); got != tc.want {
			t.Errorf("%q in %d columns is %q, want %q", tc.text, tc.columns, got, tc.want)
		}
	}
}
