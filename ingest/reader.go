package ingest

import (
	"cmp"
	"io"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// readBytes is about how much input the events of one Read may hold in memory.
const readBytes = 1 << 20

// slabFields is the least number of Fields that are allocated together.
const slabFields = 4096

// Reader reads events from one input. It is not safe for concurrent use.
type Reader struct {
	opts Options
	in   io.Reader
	scanner
	cols   *layout
	window [2]instant // earliest and latest

	order    DateOrder // FindOrder until it is found
	evidence Reading   // what it was found by

	err      error // what every Read returns from now on
	rows     int64
	rejected int64
	slab     []metrics.Field // for Fields of events that have none
	record   []metrics.Field // the Record of a RowError
	json     jsonRow
	// For quick: the kind of each column, where its value is, how long it was
	// in the row before, and the length up to which neither row nor values are
	// too long.
	kinds    []kind
	spans    []span
	lengths  []int
	most     int
	months   [16]month
	required []string // the columns that must exist
	present  []string // those that must have values
	checks   []*check // the rules that reject
	warnings []*check // the rules that warn
	zone     zone
	last     timeStamp // of the event that is about to be accepted
	notable  bool      // it is not in the form of parseUTC, which needs no note
	stamp    string    // its text, or that of the event before
	unit     timeForm  // of Unix times, 0 until there is one
	unitLine int64
	// What is suspicious, and what ReadAs says.
	suspicions
	oldText
	forms      timeForm
	local      bool  // a time stamp was read in zone
	headerLine int64 // 0 for NDJSON
	skipped    int64 // lines before the header
}

// NewReader returns a Reader of in. It reads nothing yet, and never closes in.
// Nil options mean the defaults.
func NewReader(in io.Reader, opts *Options) *Reader {
	r := &Reader{in: in}
	if opts != nil {
		r.opts = *opts
	}
	r.opts = r.opts.withDefaults()
	r.zone = newZone(cmp.Or(r.opts.Zone, time.UTC))
	r.window = [2]instant{instantOf(r.opts.Earliest), instantOf(r.opts.Latest)}
	r.chunk, r.maxChunk, r.order = firstChunk, maxChunk, r.opts.DateOrder
	r.required, r.present = r.opts.Schema.Columns(), r.opts.Schema.present()
	r.rowBytes = r.opts.Limits.RowBytes
	return r
}

// Columns returns the [ColumnName] of each column of a CSV file, in file order. A
// third column without a name is column_3. The columns that a [RepairWriter] added are left out. For NDJSON it
// returns nil. Columns reads the header if that has not been read. Errors:
// *RuleError, *HeaderError, ErrNoRows for an empty input, and those of the
// input. It is safe to repeat.
func (r *Reader) Columns() ([]string, error) {
	if err := r.start(); err != nil {
		return nil, err
	}
	if r.opts.Format == NDJSON {
		return nil, nil
	}
	return slices.Clone(r.cols.names), nil
}

// Rows returns the number of data rows read so far, rejected ones included.
func (r *Reader) Rows() int64 { return r.rows }

// Line returns the 1-based line on which the row begins that Options.Accept is
// called for.
func (r *Reader) Line() int64 { return r.line }

// Rejected returns the number of rows rejected so far.
func (r *Reader) Rejected() int64 { return r.rejected }

// Read fills events with the next accepted rows and returns their number. It
// returns fewer than len(events) after about 1 MiB of input and where the input
// ends or fails. When no row is left it returns 0 and an error: io.EOF, an error
// of Columns, of the input, or of Options.Reject, or *AmbiguousTimeError. Later
// calls return the same error.
//
// Read takes the memory of the Fields that events has, if they have room: these
// belong to their event until it is read into again. Strings may be kept; each keeps
// up to 256 KiB of the input in memory, or a few times Limits.RowBytes if that is
// more.
func (r *Reader) Read(events []metrics.Event) (int, error) {
	if err := r.start(); err != nil {
		return 0, err
	}
	n := 0
	if r.opts.Format == NDJSON {
		n = r.readJSON(events)
	} else {
		n = r.readCSV(events)
	}
	if n > 0 || len(events) == 0 {
		return n, nil
	}
	return 0, r.err
}

// start reads as far as the first row, once.
func (r *Reader) start() error {
	if r.buf != nil || r.err != nil {
		if r.cols == nil {
			return r.err
		}
		return nil
	}
	var checks []*check
	if checks, r.err = r.opts.Schema.checks(); r.err != nil {
		return r.err
	}
	if r.err = r.open(r.in, &r.opts); r.err != nil {
		return r.err
	}
	var l *layout
	if r.opts.Format == NDJSON {
		l, r.err = r.startJSON()
	} else {
		l, r.err = r.readHeader()
	}
	if r.err != nil {
		return r.err
	}
	r.cols = l
	r.completes = r.isRow
	r.bind(checks)
	r.vals = make([]string, l.width)
	r.kinds = l.kinds()
	r.spans, r.lengths = make([]span, len(r.kinds)), make([]int, len(r.kinds))
	r.most = min(r.opts.Limits.FieldBytes, r.rowBytes)
	r.record = make([]metrics.Field, len(l.names))
	for i, name := range l.names {
		r.record[i].Name = name
	}
	return nil
}

func (r *Reader) readCSV(events []metrics.Event) int {
	n := 0
	enough := r.loaded + readBytes
	for n < len(events) && r.err == nil && (r.loaded < enough || n == 0) {
		e := &events[n]
		e.Fields = r.room(e.Fields, len(r.cols.fields))
		if r.quick(e) {
			if r.quickAccept(e) {
				n++
			}
			continue
		}
		switch sh := r.scan(); sh {
		case noRow:
			r.err = orEOF(r.scanner.err)
			return n
		case blank:
		default:
			if r.rowCSV(sh, e) {
				n++
			}
		}
		r.advance()
	}
	return n
}

func orEOF(err error) error {
	if err != nil {
		return err
	}
	return io.EOF
}

// room returns n fields, in the memory of those given if that is enough.
func (r *Reader) room(fields []metrics.Field, n int) []metrics.Field {
	if cap(fields) >= n {
		return fields[:n]
	}
	if len(r.slab) < n {
		r.slab = make([]metrics.Field, max(n, slabFields))
	}
	fields, r.slab = r.slab[:n:n], r.slab[n:]
	return fields
}
