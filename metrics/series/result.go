package series

import (
	"iter"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Result is the series that a [Query] describes.
type Result struct {
	// Buckets ascend by start, then event type, then group.
	Buckets []Bucket
	// Count is the number of events in the range, and PreviousCount that of the
	// earlier range. Both include the event types that Query.Top leaves out.
	Count, PreviousCount int64
	// Unattributed is the number of events whose values of the dimensions in
	// GroupBy and Where are unknown: they were recorded before there was such a
	// dimension, or count as [metrics.Other] of a dimension in Where and may or
	// may not have a value that is asked for. Without Where they are in the
	// buckets of the group [metrics.Unknown]. With Where they are in no bucket.
	// PreviousUnattributed is the same for the earlier range.
	Unattributed, PreviousUnattributed int64
	// Collapsed is the number of groups that are added up under metrics.Other
	// because of Query.Top or DefaultGroups.
	Collapsed int
	// Finality is that of the whole result. It is Open unless the range has a
	// last day and is over. It is Settled if every bucket is, also in the
	// earlier range of a comparison, and Sealed if the raw events of every
	// batch with a share in the days of both ranges are purged. With AsOf it is
	// Settled once that moment is a minute ago: the clocks of processes differ
	// by less, and recording takes less.
	Finality Finality
}

// Periods returns the buckets of each period that has any, ascending. They
// share the memory of r.
func (r *Result) Periods() iter.Seq[[]Bucket] { return byStart(r.Buckets) }

func byStart(buckets []Bucket) iter.Seq[[]Bucket] {
	return func(yield func([]Bucket) bool) {
		for rest := buckets; len(rest) > 0; {
			n := 1
			for n < len(rest) && rest[n].Start.Equal(rest[0].Start) {
				n++
			}
			if !yield(rest[:n:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

// Bucket is the count of one period, event type and group.
type Bucket struct {
	// Start is the first instant of the period in the zone of the query. A day,
	// week or month is called by its date there.
	Start time.Time
	// Type is the event type; empty if the query asks for a total.
	Type string
	// Group has the values of Query.GroupBy, in that order. Buckets share it.
	Group []string
	// Count is the number of events.
	Count int64
	// Subjects estimates the distinct subjects. It is nil unless the query asks
	// for uniques.
	Subjects *metrics.Sketch
	// Previous is the number of events of the earlier range; 0 unless the query
	// compares.
	Previous int64
	// PreviousSubjects estimates the distinct subjects of the earlier range. It
	// is nil unless the query compares and asks for uniques.
	PreviousSubjects *metrics.Sketch
	// Finality is empty unless the query asks for it.
	Finality Finality
}

// Uniques returns the estimated number of distinct subjects, 0 if unknown.
func (b *Bucket) Uniques() int64 { return estimate(b.Subjects) }

// PreviousUniques returns the estimated number of distinct subjects of the
// earlier range, 0 if unknown.
func (b *Bucket) PreviousUniques() int64 { return estimate(b.PreviousSubjects) }

func estimate(s *metrics.Sketch) int64 {
	if s == nil {
		return 0
	}
	return s.Estimate()
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
