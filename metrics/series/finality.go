package series

import (
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Finality says whether the count of a bucket can be expected to stay as it
// is. It is no promise: a late file, a deleted batch or one that is processed
// again may change any bucket at any time.
type Finality string

const (
	// Open means that the bucket is not over yet.
	Open Finality = "open"
	// Pending means that the bucket is over, and that there are batches that
	// do not count yet. What days they have is not looked at.
	Pending Finality = "pending"
	// Settled means that the bucket is over, and that every batch counts that
	// is there and has not failed.
	Settled Finality = "settled"
	// Sealed means that the bucket is settled, has events, and that the raw
	// events are purged of every batch that has a share in its UTC days, so
	// that nothing is left that it could be counted anew from.
	Sealed Finality = "sealed"
)

// SetFinality sets the Finality of the buckets of the series as of now;
// pending says whether there are batches that do not count yet. Both must have
// been found out before the buckets were read, or a batch could begin to count
// between. Sealed reports whether every batch is sealed that has a share in
// the UTC days from first to last; nil means that none is.
func (s *Query) SetFinality(buckets []Bucket, now time.Time, pending bool, sealed func(first, last metrics.Day) bool) {
	from, until := s.bounds()
	over := Settled
	if pending {
		over = Pending
	}
	for len(buckets) > 0 {
		group := sameStart(buckets)
		buckets = buckets[len(group):]
		start := group[0].Start
		end := s.interval().next(start)
		if start.Before(from) {
			start = from
		}
		if !until.IsZero() && until.Before(end) {
			end = until
		}
		f := over
		switch {
		case now.Before(end):
			f = Open
		case f == Settled && sealed != nil && hasEvents(group) && sealed(metrics.DayOf(start), metrics.DayOf(end.Add(-1))):
			f = Sealed
		}
		for i := range group {
			group[i].Finality = f
		}
	}
}

// sameStart returns the first buckets, as far as they start together.
func sameStart(buckets []Bucket) []Bucket {
	n := 1
	for n < len(buckets) && buckets[n].Start.Equal(buckets[0].Start) {
		n++
	}
	return buckets[:n]
}

func hasEvents(buckets []Bucket) bool {
	for i := range buckets {
		if buckets[i].Count > 0 {
			return true
		}
	}
	return false
}

// IsOver reports whether the range of the series has a last day, and is over
// as of now.
func (s *Query) IsOver(now time.Time) bool {
	_, until := s.bounds()
	return !until.IsZero() && !now.Before(until)
}
