package metrics_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics/metrics"
)

func TestSlotsCountAsAnArrayDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want [metrics.SlotsPerDay]int64
		var s metrics.Slots
		for range rapid.IntRange(0, 120).Draw(t, "steps") {
			slot := rapid.IntRange(0, metrics.SlotsPerDay-1).Draw(t, "slot")
			n := rapid.Int64Range(-2, 3).Draw(t, "n")
			want[slot] += n
			s.Add(slot, n)
		}
		var got [metrics.SlotsPerDay]int64
		last := -1
		for slot, n := range s.Each() {
			if slot <= last || n == 0 {
				t.Fatalf("slot %d with %d comes after %d", slot, n, last)
			}
			last, got[slot] = slot, n
		}
		if want != got {
			t.Fatalf("want %v, got %v", want, got)
		}
		if c := s.Clone(); !c.Equal(&s) {
			t.Fatal("a clone differs")
		}
	})
}

func TestGroupsKeepTheirValuesAndTheirOrder(t *testing.T) {
	part := rapid.StringOfN(rapid.SampledFrom([]rune("a\x00\x01\u00ffb")), 0, 4, -1)
	draw := func(t *rapid.T, label string, n int) (values []metrics.Field) {
		for i := range n {
			values = append(values, metrics.Field{Name: "d" + strconv.Itoa(i), Value: part.Draw(t, label)})
		}
		return values
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 3).Draw(t, "dimensions")
		a, b := draw(t, "a", n), draw(t, "b", n)
		x, y := metrics.NewGroup(a...), metrics.NewGroup(b...)
		if d := cmp.Diff(a, x.Values()); d != "" {
			t.Fatal(d)
		}
		want := slices.CompareFunc(a, b, func(f, g metrics.Field) int { return strings.Compare(f.Value, g.Value) })
		if got := strings.Compare(string(x), string(y)); got != want {
			t.Fatalf("%q is %d to %q, want %d", a, got, b, want)
		}
		all := metrics.Contribution{{}, {Group: x}, {Group: metrics.NewGroup(append(a, metrics.Field{Name: "more"})...)}}
		names := all.Dimensions()
		if d := cmp.Diff([]string{"d0", "d1", "d2"}[:n], names); d != "" {
			t.Fatal(d)
		}
		slices.Reverse(names)
		if d := cmp.Diff(all[:2], all.GroupedBy(names)); d != "" {
			t.Fatal(d)
		}
		if d := cmp.Diff(all[:1], all.GroupedBy(nil)); d != "" {
			t.Fatal(d)
		}
	})
}
