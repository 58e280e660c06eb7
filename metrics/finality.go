package metrics

import "time"

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
)

// SetFinality sets the Finality of the buckets of the series as of now;
// pending says whether there are batches that do not count yet. Both must have
// been found out before the buckets were read, or a batch could begin to count
// between.
func (s *Series) SetFinality(buckets []Bucket, now time.Time, pending bool) {
	_, until := s.bounds()
	over := Settled
	if pending {
		over = Pending
	}
	for i := range buckets {
		end := s.interval().next(buckets[i].Start)
		if !until.IsZero() && until.Before(end) {
			end = until
		}
		buckets[i].Finality = over
		if now.Before(end) {
			buckets[i].Finality = Open
		}
	}
}
