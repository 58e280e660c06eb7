package texttable_test

import (
	"fmt"
	"math"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

func TestSparkline(t *testing.T) {
	for _, tc := range []struct {
		name   string
		counts []int64
		width  int
		want   string
	}{
		{"nothing to draw", nil, 10, ""},
		{"only zeros", []int64{0, 0}, 10, "▁▁"},
		{"one number", []int64{7}, 10, "█"},
		{"each level", []int64{0, 1, 2, 3, 4, 5, 6, 7}, 0, "▁▂▃▄▅▆▇█"},
		{"one event beside a million", []int64{0, 1, 1_000_000}, 0, "▁▂█"},
		{"below zero is zero", []int64{-5, 7}, 0, "▁█"},
		{"the mean of two", []int64{7, 7, 0, 7, 0, 0}, 3, "█▅▁"},
		{"the last of fewer is not lower", []int64{4, 4, 4, 4, 4}, 3, "███"},
		{"sums above the greatest integer", []int64{math.MaxInt64, math.MaxInt64, 0, 0}, 2, "█▁"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := texttable.Sparkline(tc.counts, tc.width); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestSparklineHasItsWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := rapid.SliceOf(rapid.Int64()).Draw(t, "counts")
		width := rapid.IntRange(-1, 20).Draw(t, "width")
		n := utf8.RuneCountInString(texttable.Sparkline(counts, width))
		step := texttable.PerCharacter(len(counts), width)
		if want := (len(counts) + step - 1) / step; n != want || width > 0 && n > width {
			t.Fatalf("%d characters of width %d, want %d", n, width, want)
		}
	})
}

func ExampleSparkline() {
	fmt.Println(texttable.Sparkline([]int64{0, 3, 12, 20, 8, 1}, 40))
	// Output: ▁▃▆█▄▂
}
