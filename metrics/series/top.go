package series

import (
	"cmp"
	"slices"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Top keeps the buckets of the n event types with the greatest sums of Count,
// of equal ones those whose names are first in byte order, and if other is set
// adds up the rest by Start under the type Other. An event type that is
// really called so is then always part of the rest, so that the name has one
// meaning in an answer. Buckets must be as [Query.Buckets] returns them, not
// totals; they are not changed, and neither are their sketches.
func Top(buckets []Bucket, n int, other bool) []Bucket {
	kept := greatest(buckets, n, other)
	out := make([]Bucket, 0, len(buckets))
	for len(buckets) > 0 {
		size := slices.IndexFunc(buckets, func(b Bucket) bool { return !b.Start.Equal(buckets[0].Start) })
		if size < 0 {
			size = len(buckets)
		}
		out = appendTop(out, buckets[:size], kept, other)
		buckets = buckets[size:]
	}
	return out
}

// greatest returns the names of the types to keep.
func greatest(buckets []Bucket, n int, other bool) map[string]bool {
	sums := map[string]int64{}
	for i := range buckets {
		if !other || buckets[i].Type != metrics.Other {
			sums[buckets[i].Type] += buckets[i].Count
		}
	}
	names := make([]string, 0, len(sums))
	for name := range sums {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b)) })
	kept := make(map[string]bool, n)
	for _, name := range names[:min(n, len(names))] {
		kept[name] = true
	}
	return kept
}

// appendTop appends what is kept of the buckets of one start.
func appendTop(out, group []Bucket, kept map[string]bool, other bool) []Bucket {
	first := len(out)
	var rest *Bucket
	for i := range group {
		b := &group[i]
		switch {
		case kept[b.Type]:
			out = append(out, *b)
		case other && rest == nil:
			rest = b.clone()
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

func (b *Bucket) clone() *Bucket {
	c := *b
	if b.Subjects != nil {
		c.Subjects = b.Subjects.Clone()
	}
	if b.PreviousSubjects != nil {
		c.PreviousSubjects = b.PreviousSubjects.Clone()
	}
	return &c
}

// Merge adds the counts and subjects of other. Subjects that b lacks stay
// missing. Other is not changed and shares no memory with b afterwards.
func (b *Bucket) Merge(other *Bucket) {
	b.Count += other.Count
	b.Previous += other.Previous
	if b.Subjects != nil && other.Subjects != nil {
		b.Subjects.Merge(other.Subjects)
	}
	if b.PreviousSubjects != nil && other.PreviousSubjects != nil {
		b.PreviousSubjects.Merge(other.PreviousSubjects)
	}
}
