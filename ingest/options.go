package ingest

import (
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Format is the format of an input.
type Format int

// The formats.
const (
	// CSV is text with a header line and delimiters.
	CSV Format = iota
	// NDJSON is one flat JSON object on each line.
	NDJSON
)

// Schema names the columns that have a meaning. A zero field means its
// default. Names match those of a file however they are spelled: see
// [ColumnName].
type Schema struct {
	// EventType is the column of the event type; "" means event_type. The
	// column must exist and its values must not be empty.
	EventType string
	// Time is the column of the time stamp; "" means timestamp. The column
	// must exist and its values must not be empty.
	Time string
	// EventID is the column of the event id; "" means event_id. A file may
	// lack it.
	EventID string
	// Required are further columns that must exist and whose values must not
	// be empty. Nil means candidate_id and test_id, and an empty slice that is
	// not nil means none.
	Required []string
	// Rules check the values of columns beyond that. A row that breaks several
	// is rejected by the first. See Validate.
	Rules []Rule
}

// Columns returns the names of the columns that a file must have: Required,
// EventType, Time, each with its default, and those that rules require, each
// once, as [ColumnName] has them.
func (s Schema) Columns() []string {
	names := s.present()
	for _, r := range s.Rules {
		if name := ColumnName(r.Column); r.Required && !r.Warn && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// present returns the names of the columns whose values must not be empty,
// whatever the rules are.
func (s Schema) present() []string {
	s = s.WithDefaults()
	var names []string
	for _, name := range append(append(names, s.Required...), s.EventType, s.Time) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// WithDefaults returns s with defaults for its zero fields, and with the
// [ColumnName] of each column except those of Rules.
func (s Schema) WithDefaults() Schema {
	setDefault(&s.EventType, "event_type")
	setDefault(&s.Time, "timestamp")
	setDefault(&s.EventID, "event_id")
	if s.Required == nil {
		s.Required = []string{"candidate_id", "test_id"}
	}
	s.EventType, s.Time, s.EventID = ColumnName(s.EventType), ColumnName(s.Time), ColumnName(s.EventID)
	s.Required = ColumnNames(s.Required)
	return s
}

// Limits bound what a Reader accepts. A field that is zero or less means its
// default.
type Limits struct {
	// FieldBytes is the greatest length of a value, with the white space around
	// it, and of a column name; default 1,024.
	FieldBytes int
	// Columns is the greatest number of columns; default 256.
	Columns int
	// RowBytes is the greatest length of a row with its quotes and without
	// its line end; default 1 MiB.
	RowBytes int
	// Rows is the greatest number of data rows, rejected ones included;
	// default 100 million. Rows after that are rejected with TooManyRows.
	Rows int64
}

// WithDefaults returns l with defaults for its zero fields.
func (l Limits) WithDefaults() Limits {
	setDefault(&l.FieldBytes, 1024)
	setDefault(&l.Columns, 256)
	setDefault(&l.RowBytes, 1<<20)
	setDefault(&l.Rows, 100_000_000)
	return l
}

// Options are the options of a Reader. The zero value means the defaults.
type Options struct {
	// Format is CSV by default.
	Format Format
	Schema Schema
	// Distinct are further columns of which a file must have at most one. Of other
	// columns with one name, that the Schema does not list either, the second
	// becomes note_2. Only [ColumnName]s have an effect.
	Distinct []string
	// Encoding is that of the text; the zero value finds UTF-8 and UTF-16.
	Encoding Encoding
	// Zone is the zone of time stamps without one; nil means UTC.
	Zone *time.Location
	// DateOrder says whether the day or the month comes first in dates such as
	// 03/04/2025; by default it is detected from the file.
	DateOrder DateOrder
	// Earliest and Latest are the first and last moment that an event may
	// have. Zero means 1971-01-01 UTC and one day after the call of NewReader.
	// An Earliest before 1970-01-02 UTC means that day: the one before it is
	// day 0, which queries use for "no limit".
	Earliest, Latest time.Time
	Limits           Limits
	// Accept is the last check of an otherwise valid event, such as the Add
	// method of a [metrics.Aggregator]. An error rejects the row:
	// ErrTooManyTypes, ErrTooManyDays and ErrTooManyCells of package metrics
	// with the code named after them, any other error with Rejected. The event
	// is valid until Accept returns; its strings may be kept. Nil accepts all.
	Accept func(*metrics.Event) error
	// Reject is called with each rejected row, in the order of the input. If
	// it returns an error, reading stops and Read returns that error. Nil
	// ignores rejected rows.
	Reject func(*RowError) error
}

func (o Options) withDefaults() Options {
	o.Schema = o.Schema.WithDefaults()
	o.Limits = o.Limits.WithDefaults()
	if o.Earliest.IsZero() {
		o.Earliest = time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if first := time.Unix(secondsPerDay, 0); o.Earliest.Before(first) {
		o.Earliest = first
	}
	if o.Latest.IsZero() {
		o.Latest = time.Now().AddDate(0, 0, 1)
	}
	return o
}

func setDefault[T ~string | int | int64](v *T, def T) {
	var zero T
	if *v <= zero {
		*v = def
	}
}
