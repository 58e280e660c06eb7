package series

import (
	"cmp"
	"maps"
	"slices"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// keepTop keeps the buckets of the n event types with the greatest sums and,
// if other is set, adds up the rest of each period under [metrics.Other]. It
// uses the memory of buckets.
func keepTop(buckets []Bucket, n int, other bool) []Bucket {
	kept := topTypes(buckets, n, other)
	out := make([]Bucket, 0, len(buckets))
	for period := range byStart(buckets) {
		out = appendTop(out, period, kept, other)
	}
	return out
}

// topTypes returns the event types to keep.
func topTypes(buckets []Bucket, n int, other bool) map[string]bool {
	sums := map[string]int64{}
	for i := range buckets {
		if !other || buckets[i].Type != metrics.Other {
			sums[buckets[i].Type] += buckets[i].Count
		}
	}
	ranked := slices.SortedFunc(maps.Keys(sums), func(a, b string) int {
		return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b))
	})
	kept := make(map[string]bool, n)
	for _, name := range ranked[:min(n, len(ranked))] {
		kept[name] = true
	}
	return kept
}

// appendTop appends what is kept of one period.
func appendTop(out, period []Bucket, kept map[string]bool, other bool) []Bucket {
	first := len(out)
	var rest *Bucket
	for i := range period {
		b := &period[i]
		switch {
		case kept[b.Type]:
			out = append(out, *b)
		case other && rest == nil:
			rest = b
			rest.Type = metrics.Other
		case other:
			rest.Merge(b)
		}
	}
	if rest == nil {
		return out
	}
	at, _ := slices.BinarySearchFunc(out[first:], metrics.Other, func(b Bucket, name string) int { return cmp.Compare(b.Type, name) })
	return slices.Insert(out, first+at, *rest)
}
