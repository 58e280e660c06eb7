package series

import (
	"cmp"
	"errors"
	"iter"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Errors of [Query.Buckets] and [Query.Validate].
var (
	// ErrNoUniques means that distinct subjects are only known for whole UTC
	// days: intervals of an hour and other zones have none.
	ErrNoUniques = errors.New("series: uniques need an interval of a day or more in UTC")
	// ErrTooManyBuckets means that the answer would be larger than MaxBuckets.
	ErrTooManyBuckets = errors.New("series: too many buckets, ask for a shorter range or a longer interval")
	// ErrBadRange means that the range ends before it begins.
	ErrBadRange = errors.New("series: range ends before it begins")
	// ErrNoGroupUniques means that distinct subjects are not known by
	// dimension.
	ErrNoGroupUniques = errors.New("series: uniques are not known by dimension")
)

// MaxBuckets is the greatest number of buckets of a [Query].
const MaxBuckets = 400_000

// Query describes a time series of daily metrics: counts by interval on the
// calendar of a zone. The zero Query is the counts per UTC day and event type
// of all time.
type Query struct {
	Interval Interval
	// Zone is the zone whose calendar counts; nil means UTC.
	Zone *time.Location
	// From and To are the first and last calendar day in Zone, both included;
	// zero means no limit. A week or month that is cut by them has the events
	// of the part inside.
	From, To metrics.Day
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
	// Compare also counts an earlier range, beside this one: see
	// [Comparison]. It needs From and To. A bucket is there if it has events in
	// either range, and Fill fills for the types of both.
	Compare Comparison
	// AsOf, if not zero, keeps what was recorded at that moment or before it:
	// see Query.AsOf.
	AsOf time.Time
	// Finality asks whoever reads the store to set the Finality of the
	// buckets.
	Finality bool
	// GroupBy are dimensions: each bucket is parted by their values. Fill then
	// fills for the types and groups that are there.
	GroupBy []string
	// Where keeps the events that have one of the values of a dimension, for
	// each dimension that it names.
	Where map[string][]string
	// MaxGroups is the greatest number of groups of GroupBy, those with the
	// greatest sums of Count; the rest is added up under [Other]. 0 means
	// MaxGroups.
	MaxGroups int
}

// Bucket is one point of a series.
type Bucket struct {
	// Start is the first instant of the bucket in the zone of the series. For
	// a day, week or month its date there is the name of the bucket.
	Start time.Time
	// Type is the event type; empty if the series is a total.
	Type string
	// Group has the values of Query.GroupBy; it is shared.
	Group []string
	Count int64
	// Subjects is nil unless the series asks for uniques.
	Subjects *metrics.Sketch
	// Previous is the count of what stands beside the bucket in the earlier
	// range; 0 unless the series compares.
	Previous int64
	// PreviousSubjects is nil unless the series compares and asks for uniques.
	PreviousSubjects *metrics.Sketch
	// Finality is empty until [Query.SetFinality] has set it.
	Finality Finality
}

// Uniques returns the estimated number of distinct subjects, 0 if unknown.
func (b *Bucket) Uniques() int64 { return estimate(b.Subjects) }

// PreviousUniques returns the same of the earlier range.
func (b *Bucket) PreviousUniques() int64 { return estimate(b.PreviousSubjects) }

func estimate(s *metrics.Sketch) int64 {
	if s == nil {
		return 0
	}
	return s.Estimate()
}

// Validate checks the series. Errors: ErrNoUniques, ErrNoGroupUniques,
// ErrBadRange, ErrNoPrevious.
func (s *Query) Validate() error {
	if s.Uniques && s.sliced() {
		return ErrNoGroupUniques
	}
	if s.Uniques && (s.interval() == Hour || s.zone() != time.UTC) {
		return ErrNoUniques
	}
	if s.From != 0 && s.To != 0 && s.To < s.From {
		return ErrBadRange
	}
	return s.validateCompare()
}

// Filter returns what a store has to be asked for the series.
func (s *Query) Filter() metrics.Filter {
	q := metrics.Filter{Types: s.Types, Subjects: s.Uniques, Slots: s.needSlots(), Groups: s.sliced(), AsOf: s.AsOf}
	from, until := s.bounds()
	if s.From != 0 {
		q.From = metrics.DayOf(from)
	}
	if s.To != 0 {
		q.To = metrics.DayOf(until.Add(-1))
	}
	return q
}

// Buckets groups the answer to [Query.Filter] into the buckets of the series,
// ascending by start, then type. Errors: those of Validate, ErrTooManyBuckets,
// and the first error of dailies.
func (s *Query) Buckets(dailies iter.Seq2[metrics.DayCount, error]) ([]Bucket, error) {
	a, err := s.Answer(dailies, nil)
	return a.Buckets, err
}

// Answer does what Buckets does, also for a series that compares, and tells what
// it could not attribute: previous is the answer to the Query of
// [Query.Previous], or nil. Errors: those of Buckets.
func (s *Query) Answer(dailies, previous iter.Seq2[metrics.DayCount, error]) (Result, error) {
	if err := s.Validate(); err != nil {
		return Result{}, err
	}
	g := newGrouper(s)
	if err := g.addAll(dailies); err != nil {
		return Result{}, err
	}
	if previous != nil {
		g.goBack()
		if err := g.addAll(previous); err != nil {
			return Result{}, err
		}
	}
	var a Result
	if g.grouped() {
		a.Collapsed = g.slicer.fold(cmp.Or(s.MaxGroups, MaxGroups))
	}
	if s.Fill {
		if err := g.fill(); err != nil {
			return Result{}, err
		}
	}
	if g.slicer != nil {
		a.Unattributed, a.PreviousUnattributed = g.slicer.unattributed[0], g.slicer.unattributed[1]
	}
	a.Buckets = g.buckets()
	return a, nil
}

// sliced reports whether the series is of less than the totals.
func (s *Query) sliced() bool { return len(s.GroupBy) > 0 || len(s.Where) > 0 }

func (s *Query) interval() Interval {
	if s.Interval == "" {
		return Day
	}
	return s.Interval
}

func (s *Query) zone() *time.Location {
	if s.Zone == nil || s.Zone.String() == "UTC" || s.Zone.String() == "Etc/UTC" {
		return time.UTC
	}
	return s.Zone
}

func (s *Query) needSlots() bool {
	return s.interval() == Hour || s.zone() != time.UTC
}

// bounds returns the first instant of the range and the one behind its last;
// zero times where there is no limit.
func (s *Query) bounds() (from, until time.Time) {
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
