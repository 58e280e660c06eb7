package upload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const (
	// chunkRows is the number of events that go from the reader to the store
	// in one piece.
	chunkRows = 1024
	// chunks is the number of such pieces: one being filled, one being
	// stored, and two in between to even out the difference.
	plainChunks = 4
	// repairChunk is the size from which repair lines are handed over.
	repairChunk = 64 << 10
)

// chunk is a piece of an upload on its way from the reader to the store.
type chunk struct {
	events       []metrics.Event
	n            int                 // of them in use
	fields       []metrics.Field     // what their Fields point to
	fingerprints []store.Fingerprint // of the events in use, if duplicates are left out
	repair       []byte              // lines of the repair file
}

// clear makes room for what comes next.
func (c *chunk) reset() {
	c.n, c.fields, c.fingerprints, c.repair = 0, c.fields[:0], c.fingerprints[:0], c.repair[:0]
}

// room returns where the next events are to go.
func (c *chunk) spare() []metrics.Event {
	if len(c.events) == c.n {
		c.events = append(c.events, make([]metrics.Event, chunkRows)...)
	}
	return c.events[c.n:min(c.n+chunkRows, len(c.events))]
}

// hold takes n more events in use, and moves their fields from the reader's
// memory to the chunk's.
func (c *chunk) extend(n int) {
	events, at := c.events[c.n:c.n+n], len(c.fields)
	for i := range events {
		c.fields = append(c.fields, events[i].Fields...)
	}
	for i := range events {
		n := len(events[i].Fields)
		events[i].Fields = c.fields[at : at+n : at+n]
		at += n
	}
	c.n += n
}

// summary is what an upload has gathered beside its events.
type summary struct {
	accepted, rejected, duplicates int64

	errors       []ingest.RowError
	reasons      *reasons
	warnings     []ingest.Warning
	contribution metrics.Contribution
}

// attach stores the errors and warnings with the batch.
func (s *summary) attach(ctx context.Context, w store.Writer) (err error) {
	if len(s.errors) > 0 {
		err = attachJSON(ctx, w, ErrorsAttachment, s.errors)
	}
	if len(s.warnings) > 0 && err == nil {
		err = attachJSON(ctx, w, WarningsAttachment, s.warnings)
	}
	return err
}

func attachJSON(ctx context.Context, w store.Writer, name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("eventmetrics: encode %s: %w", name, err)
	}
	if err := w.Attach(ctx, name, text); err != nil {
		return fmt.Errorf("eventmetrics: store %s: %w", name, err)
	}
	return nil
}

// pour reads a file into a Writer, but for the rows that claim finds others to
// have if the file says so. The file is read, checked and summed on one
// goroutine while the chunk before is stored on this one.
func (u *Uploader) stream(ctx context.Context, f File, body *body, w store.Writer, claim claim) (*summary, error) {
	schema, err := u.Schema(f.Schema)
	if err != nil {
		return nil, err
	}
	sieve, err := u.newDedupeFilter(f.Dedupe, claim)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	p := u.newParser(ctx, f, schema, body, sieve)
	done := make(chan error, 1)
	go func() { done <- p.guardedRun(ctx) }()
	storeErr := p.store(ctx, w)
	cancel()
	parseErr := <-done
	// A server ends the context of a request whose body breaks off, so the
	// body's own word goes before whatever else ended.
	if body.err != nil {
		return nil, &bodyError{body.err}
	}
	if storeErr != nil {
		return nil, storeErr
	}
	if parseErr != nil {
		return nil, parseErr
	}
	if !p.stopped {
		u.countRejected(ctx, p.codes)
	}
	return p.summary()
}

// parser reads a file into chunks.
type parser struct {
	body      *body
	reader    *ingest.Reader
	filter    *dedupeFilter // nil to keep duplicates
	sum       *metrics.Aggregator
	repair    *ingest.RepairWriter
	schema    ingest.Schema
	maxErrors int
	accepted  int64
	errors    []ingest.RowError
	codes     map[ingest.Code]int64 // rejected rows
	reasons   reasons
	tolerance Tolerance
	stopped   bool // the file goes on, and is refused already

	repairLeft int64 // bytes that the repair file has room for

	current *chunk
	free    chan *chunk
	full    chan *chunk // closed when there is no more
}

func (u *Uploader) newParser(ctx context.Context, f File, schema ingest.Schema, body *body, sieve *dedupeFilter) *parser {
	schema = f.Dedupe.schema(schema)
	p := &parser{
		body:       body,
		filter:     sieve,
		sum:        metrics.NewAggregator(&u.opts.Caps),
		schema:     schema,
		maxErrors:  u.opts.MaxErrors,
		codes:      map[ingest.Code]int64{},
		reasons:    reasons{limit: u.opts.MaxErrors, places: map[reason]int{}},
		tolerance:  f.Tolerance,
		repairLeft: u.opts.MaxRepairBytes,
		free:       make(chan *chunk, plainChunks),
		full:       make(chan *chunk, plainChunks),
	}
	for range p.chunkCount() {
		p.free <- &chunk{}
	}
	p.reader = ingest.NewReader(body, &ingest.Options{
		Format: f.Format,
		Schema: schema,
		Zone:   f.Zone,

		DateOrder: f.DateOrder,
		Latest:    u.now().AddDate(0, 0, 1),
		Limits:    u.opts.Limits,
		Accept:    u.acceptor(ctx, p.sum),
		Reject:    func(e *ingest.RowError) error { return p.reject(ctx, e) },
	})
	return p
}

// pieces is the number of chunks. Those that are gathered are larger, and fewer.
func (p *parser) chunkCount() int {
	if p.filter != nil {
		return 2
	}
	return plainChunks
}

// guardedRun makes a panic, of a Body for example, an error: on this goroutine
// nobody else could catch it.
func (p *parser) guardedRun(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("eventmetrics: read upload: panic: %v", r)
		}
	}()
	return p.run(ctx)
}

// run fills chunks until the file or ctx ends.
func (p *parser) run(ctx context.Context) error {
	defer close(p.full)
	columns, err := p.reader.Columns()
	if errors.Is(err, ingest.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("eventmetrics: read upload: %w", err)
	}
	if columns == nil { // NDJSON has none of its own
		columns = p.schema.Columns()
	}
	p.repair = ingest.NewRepairWriter(columns)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case p.current = <-p.free:
		}
		if err := p.fill(); err != nil {
			return err
		}
		if p.current.n == 0 && len(p.current.repair) == 0 {
			return nil
		}
		p.full <- p.current // never blocks: full has room for all chunks
	}
}

// fill reads one chunk; an empty one at the end of the file.
func (p *parser) fill() error {
	c := p.current
	c.reset()
	start, bytes := time.Now(), p.body.n
	for {
		n, err := p.reader.Read(c.spare())
		p.stopped = errors.Is(err, errStopped)
		ended := p.stopped || errors.Is(err, io.EOF)
		if err != nil && !ended {
			return fmt.Errorf("eventmetrics: read upload: %w", err)
		}
		c.extend(n)
		p.accepted += int64(n)
		if p.filter == nil {
			return nil
		}
		if err := p.filter.fingerprint(c, n); err != nil {
			return err
		}
		full := c.n >= gatherRows || p.body.n-bytes >= gatherBytes || len(c.fields) >= gatherFields
		if ended || full || time.Since(start) >= gatherTime {
			return nil
		}
	}
}

// reject keeps the first rejected rows for the answer, and has each written to
// the repair file. Errors: errStopped.
func (p *parser) reject(ctx context.Context, e *ingest.RowError) error {
	c := p.current
	p.codes[e.Code]++
	p.reasons.add(e)
	if p.reader.Rejected() == 1 {
		c.repair = p.repair.AppendHeader(c.repair)
	}
	p.repairLine(c, e)
	if len(p.errors) < p.maxErrors {
		p.errors = append(p.errors, shortCopy(e))
	}
	if p.tolerance.exceeded(p.reader.Rejected()) {
		return errStopped
	}
	if len(c.repair) < repairChunk {
		return nil
	}
	return p.flushRepair(ctx)
}

// repairLine writes a rejected row to the repair file, or in the place of the
// first one that has no room there, that it ends here.
func (p *parser) repairLine(c *chunk, e *ingest.RowError) {
	if p.repairLeft <= 0 {
		return
	}
	before := len(c.repair)
	c.repair = p.repair.AppendRow(c.repair, e)
	if p.repairLeft -= int64(len(c.repair) - before); p.repairLeft <= 0 {
		more := *e
		more.Record, more.Column, more.Code = nil, "", "cut"
		more.Message = "this row and those behind it are not in this file, which is as long as it may be"
		c.repair = p.repair.AppendRow(c.repair[:before], &more)
	}
}

// spill hands over the repair lines of the current chunk by themselves: there
// may be any number of rejected rows before the chunk has its events.
func (p *parser) flushRepair(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case c := <-p.free:
		c.n = 0
		c.repair, p.current.repair = p.current.repair, c.repair[:0]
		p.full <- c
		return nil
	}
}

// store writes the chunks as they come.
func (p *parser) store(ctx context.Context, w store.Writer) error {
	for c := range p.full {
		if p.filter != nil && c.n > 0 {
			if err := p.filter.dropDuplicates(ctx, c); err != nil {
				return err
			}
		}
		if c.n > 0 {
			if err := w.Write(ctx, c.events[:c.n]); err != nil {
				return fmt.Errorf("eventmetrics: store events: %w", err)
			}
		}
		if len(c.repair) > 0 {
			if err := w.Attach(ctx, RepairAttachment, c.repair); err != nil {
				return fmt.Errorf("eventmetrics: store rejected rows: %w", err)
			}
		}
		p.free <- c
	}
	return nil
}

// summary judges the file as a whole when all of it is read.
func (p *parser) summary() (*summary, error) {
	s := &summary{
		accepted: p.accepted, rejected: p.reader.Rejected(), errors: p.errors, reasons: &p.reasons, warnings: p.reader.Warnings(),
	}
	if s.accepted == 0 && s.rejected == 0 {
		return nil, ErrNoRows
	}
	rows := s.accepted + s.rejected
	if limit, value := p.tolerance.crossed(rows, s.rejected); limit != "" {
		return nil, &ToleranceError{limit, value, rows, s.rejected, p.stopped, s.errors}
	}
	if s.accepted == 0 {
		return nil, &RejectedError{Rejected: s.rejected, Errors: s.errors}
	}
	if p.filter == nil {
		s.contribution = p.sum.Contribution()
		return s, nil
	}
	s.accepted -= p.filter.dropped
	s.duplicates = p.filter.dropped
	s.contribution = p.filter.sum.Contribution()
	return s, nil
}

// echo makes a copy of a rejected row that is fit for an answer: whatever was
// sent, it is short.
func shortCopy(e *ingest.RowError) ingest.RowError {
	const maxFields, maxBytes = 50, 200
	out := *e
	out.Record = slices.Clone(e.Record[:min(len(e.Record), maxFields)])
	for i := range out.Record {
		out.Record[i].Name = clip.Text(out.Record[i].Name, maxBytes)
		out.Record[i].Value = clip.Text(out.Record[i].Value, maxBytes)
	}
	return out
}
