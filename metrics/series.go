package metrics

import (
	"errors"
	"iter"
	"time"
)

// Errors of [Series.Buckets] and [Series.Validate].
var (
	// ErrNoUniques means that distinct subjects are only known for whole UTC
	// days: intervals of an hour and other zones have none.
	ErrNoUniques = errors.New("metrics: uniques need an interval of a day or more in UTC")
	// ErrTooManyBuckets means that the answer would be larger than MaxBuckets.
	ErrTooManyBuckets = errors.New("metrics: too many buckets, ask for a shorter range or a longer interval")
	// ErrBadRange means that the range ends before it begins.
	ErrBadRange = errors.New("metrics: range ends before it begins")
)

// MaxBuckets is the greatest number of buckets of a [Series].
const MaxBuckets = 400_000

// Series describes a time series of daily metrics: counts by interval on the
// calendar of a zone. The zero Series is the counts per UTC day and event type
// of all time.
type Series struct {
	Interval Interval
	// Zone is the zone whose calendar counts; nil means UTC.
	Zone *time.Location
	// From and To are the first and last calendar day in Zone, both included;
	// zero means no limit. A week or month that is cut by them has the events
	// of the part inside.
	From, To Day
	// Types are the event types to keep; none means all.
	Types []string
	// Total sums over the event types.
	Total bool
	// Uniques asks for the estimated number of distinct subjects.
	Uniques bool
	// Fill adds a bucket with count 0 wherever there is none, between From
	// and To or, without them, the first and last bucket that is there; for
	// each of Types or, without them, each type that is there.
	Fill bool
}

// Bucket is one point of a series.
type Bucket struct {
	// Start is the first instant of the bucket in the zone of the series. For
	// a day, week or month its date there is the name of the bucket.
	Start time.Time
	// Type is the event type; empty if the series is a total.
	Type  string
	Count int64
	// Subjects is nil unless the series asks for uniques.
	Subjects *Sketch
}

// Uniques returns the estimated number of distinct subjects, 0 if unknown.
func (b *Bucket) Uniques() int64 {
	if b.Subjects == nil {
		return 0
	}
	return b.Subjects.Estimate()
}

// Validate checks the series. Errors: ErrNoUniques, ErrBadRange.
func (s *Series) Validate() error {
	if s.Uniques && (s.interval() == Hourly || s.zone() != time.UTC) {
		return ErrNoUniques
	}
	if s.From != 0 && s.To != 0 && s.To < s.From {
		return ErrBadRange
	}
	return nil
}

// Query returns what a store has to be asked for the series.
func (s *Series) Query() Query {
	q := Query{Types: s.Types, Subjects: s.Uniques, Slots: s.needSlots()}
	from, until := s.bounds()
	if s.From != 0 {
		q.From = DayOf(from)
	}
	if s.To != 0 {
		q.To = DayOf(until.Add(-1))
	}
	return q
}

// Buckets groups the answer to [Series.Query] into the buckets of the series,
// ascending by start, then type. Errors: those of Validate, ErrTooManyBuckets,
// and the first error of dailies.
func (s *Series) Buckets(dailies iter.Seq2[Daily, error]) ([]Bucket, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	g := newGrouper(s)
	for d, err := range dailies {
		if err != nil {
			return nil, err
		}
		if g.add(&d); g.used > MaxBuckets {
			return nil, ErrTooManyBuckets
		}
	}
	if s.Fill {
		if err := g.fill(); err != nil {
			return nil, err
		}
	}
	return g.buckets(), nil
}

func (s *Series) interval() Interval {
	if s.Interval == "" {
		return Daywise
	}
	return s.Interval
}

func (s *Series) zone() *time.Location {
	if s.Zone == nil || s.Zone.String() == "UTC" || s.Zone.String() == "Etc/UTC" {
		return time.UTC
	}
	return s.Zone
}

func (s *Series) needSlots() bool {
	return s.interval() == Hourly || s.zone() != time.UTC
}

// bounds returns the first instant of the range and the one behind its last;
// zero times where there is no limit.
func (s *Series) bounds() (from, until time.Time) {
	if s.From != 0 {
		year, month, day := s.From.Time().Date()
		from = midnight(year, month, day, s.zone())
	}
	if s.To != 0 {
		year, month, day := s.To.Time().Date()
		until = midnight(year, month, day+1, s.zone())
	}
	return from, until
}
