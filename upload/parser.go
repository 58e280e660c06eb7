package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// parser reads a file into chunks.
type parser struct {
	body       *body
	reader     *ingest.Reader
	filter     *dedupeFilter // nil accepts duplicates
	sum        *metrics.Aggregator
	repair     *ingest.RepairWriter
	schema     ingest.Schema
	dimensions []string // by which sum counts
	maxErrors  int
	accepted   int64
	errors     []ingest.RowError
	firstLines map[metrics.Field]int64 // of each event type and dimension value
	codes      map[ingest.Code]int64   // rejected rows
	reasons    reasons
	tolerance  Tolerance
	admit      func(context.Context) error
	stopped    bool // before the end of the file, which is refused

	repairLeft int64 // bytes that the repair file may still take

	memory memory // of the goroutine that stores
	noted  int64  // bytes of firstLines
	chunks int64  // bytes of all chunks

	current *chunk
	free    chan *chunk
	full    chan *chunk // closed at the end
}

func (u *Uploader) newParser(ctx context.Context, f *plan, body *body, filter *dedupeFilter) *parser {
	schema := f.Dedupe.schema(f.schema)
	sums := u.opts.Sums
	if filter != nil { // its own sum counts, this one enforces the limits
		sums.Subject, sums.Dimensions = "", nil
	}
	p := &parser{
		body:       body,
		filter:     filter,
		sum:        metrics.NewAggregator(&sums),
		memory:     newMemory(f.memory),
		schema:     schema,
		dimensions: sums.Dimensions,
		maxErrors:  u.opts.MaxErrors,
		firstLines: map[metrics.Field]int64{},
		codes:      map[ingest.Code]int64{},
		reasons:    reasons{limit: u.opts.MaxErrors, places: map[reason]int{}},
		tolerance:  f.Tolerance,
		admit:      f.admit,
		repairLeft: u.opts.MaxRepairBytes,
		free:       make(chan *chunk, plainChunks),
		full:       make(chan *chunk, plainChunks),
	}
	for range p.chunkCount() {
		p.free <- &chunk{}
	}
	p.reader = ingest.NewReader(body, &ingest.Options{
		Format:   f.Format,
		Schema:   schema,
		Distinct: append([]string{u.opts.Sums.Subject}, u.opts.Sums.Dimensions...),
		Encoding: f.Encoding,
		Zone:     f.Zone,

		DateOrder: f.DateOrder,
		Latest:    u.now().AddDate(0, 0, 1),
		Limits:    u.opts.Limits,
		Accept:    u.accept(ctx, p),
		Reject:    func(e *ingest.RowError) error { return p.reject(ctx, e) },
	})
	return p
}

// chunkCount is the number of chunks. Those of a dedupeFilter are larger, and
// there are fewer.
func (p *parser) chunkCount() int {
	if p.filter != nil {
		return 2
	}
	return plainChunks
}

// guardedRun turns a panic, of File.Body for example, into an error: the caller
// of Upload could not recover it on this goroutine.
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
	if columns == nil { // NDJSON has no header
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
		p.measure()
		if p.current.n == 0 && len(p.current.repair) == 0 {
			return nil
		}
		p.full <- p.current // never blocks: full has capacity for all chunks
	}
}

// measure notes in the current chunk how much memory is needed when it has been
// filled.
func (p *parser) measure() {
	c := p.current
	before := c.size
	c.size = c.bytes()
	p.chunks += c.size - before
	c.memory = p.chunks + p.noted + p.sum.Bytes()
}

// fill reads one chunk, which is empty at the end of the file.
func (p *parser) fill() error {
	c := p.current
	c.reset()
	bytes := p.body.n
	defer func() { c.text = p.body.n - bytes }()
	for {
		n, err := p.reader.Read(c.spare())
		p.stopped = errors.Is(err, errStopped)
		ended := p.stopped || errors.Is(err, io.EOF)
		if err != nil && !ended {
			return fmt.Errorf("eventmetrics: read upload: %w", err)
		}
		c.n += n
		p.accepted += int64(n)
		if p.filter == nil {
			return nil
		}
		p.filter.fingerprint(c, n)
		full := c.n >= gatherRows || p.body.n-bytes >= gatherBytes || c.fields >= gatherFields
		if ended || full {
			return nil
		}
	}
}

// reject keeps the first rejected rows for the answer and writes each to the
// repair file. Errors: errStopped, ErrTooManyRows.
func (p *parser) reject(ctx context.Context, e *ingest.RowError) error {
	if e.Code == ingest.TooManyRows { // so is every row after it
		return ErrTooManyRows
	}
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

// repairLine writes a rejected row to the repair file. At the limit it writes
// instead, once, that rows are missing.
func (p *parser) repairLine(c *chunk, e *ingest.RowError) {
	if p.repairLeft <= 0 {
		return
	}
	before := len(c.repair)
	c.repair = p.repair.AppendRow(c.repair, e)
	if p.repairLeft -= int64(len(c.repair) - before); p.repairLeft <= 0 {
		more := *e
		more.Record, more.Column, more.Code = nil, "", "cut"
		more.Message = "this row and all after it are missing: the repair file has reached its limit"
		c.repair = p.repair.AppendRow(c.repair[:before], &more)
	}
}

// flushRepair passes on the repair lines of the current chunk without its
// events: any number of rejected rows may come before the chunk is full.
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

// storeAll stores the chunks, and then ends run and waits for it. It waits too if
// the store panics: nothing may read File.Body when Upload is over.
func (p *parser) storeAll(ctx context.Context, cancel func(), done <-chan error, w store.Writer) (storeErr, parseErr error) {
	defer func() {
		cancel()
		parseErr = <-done
	}()
	return p.store(ctx, w), nil
}

// store writes the chunks in their order.
func (p *parser) store(ctx context.Context, w store.Writer) error {
	admitted := false
	for c := range p.full {
		if c.n > 0 && !admitted {
			if err := p.admit(ctx); err != nil {
				return err
			}
			admitted = true
		}
		if p.filter != nil && c.n > 0 {
			if err := p.filter.dropDuplicates(ctx, c); err != nil {
				return err
			}
		}
		if err := p.require(ctx, c); err != nil {
			return err
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

// require takes the memory that is needed since a chunk was filled. It waits in
// the goroutine that stores, so that the one that reads does not go far ahead.
func (p *parser) require(ctx context.Context, c *chunk) error {
	n := c.memory
	if p.filter != nil {
		n += p.filter.bytes()
	}
	if err := p.memory.require(ctx, n); err != nil {
		return fmt.Errorf("eventmetrics: upload: %w", err)
	}
	return nil
}

// accept returns the last check of a row: Options.BeforeAccept, if it is set,
// and the sum.
func (u *Uploader) accept(ctx context.Context, p *parser) func(*metrics.Event) error {
	before := u.opts.BeforeAccept
	if before == nil {
		return p.count
	}
	return func(e *metrics.Event) error {
		if err := before(ctx, e); err != nil {
			return errors.New(clip.Text(err.Error(), 500)) // without its type, so that the code is rejected
		}
		return p.count(e)
	}
}

// count adds an event to the sum, and notes the line of each new event type and
// dimension value.
func (p *parser) count(e *metrics.Event) error {
	cells := p.sum.Cells()
	err := p.sum.Add(e)
	if p.sum.Cells() != cells {
		p.noteFirst(metrics.Field{Name: p.schema.EventType, Value: e.Type})
		for _, name := range p.dimensions {
			p.noteFirst(metrics.Field{Name: name, Value: e.Field(name)})
		}
	}
	return err
}

// noteFirst notes the line of a value that was not met before.
func (p *parser) noteFirst(f metrics.Field) {
	if _, known := p.firstLines[f]; !known {
		f.Value = strings.Clone(f.Value)
		p.noted += 96 + int64(len(f.Value))
		p.firstLines[f] = p.reader.Line()
	}
}
