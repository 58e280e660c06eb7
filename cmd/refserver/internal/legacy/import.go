package legacy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// Which says which batches are processed, and so count.
type Which string

// The choices.
const (
	// Tried are the batches that somebody asked the original to process:
	// queued, processing, completed and failed ones.
	Tried Which = "tried"
	// Completed are those that it completed.
	Completed Which = "completed"
	// All are all batches, those without a document too.
	All Which = "all"
)

// ParseWhich returns the choice of that name.
func ParseWhich(s string) (Which, error) {
	for _, w := range []Which{Tried, Completed, All} {
		if s == string(w) {
			return w, nil
		}
	}
	return "", fmt.Errorf("%.40q: want tried, completed or all", s)
}

func (w Which) has(b *batch) bool {
	switch w {
	case All:
		return true
	case Completed:
		return b.status == "completed"
	default:
		return b.status == "completed" || b.status == "failed" || b.status == "queued" || b.status == "processing"
	}
}

// Options are the options of Import. A zero field has its default.
type Options struct {
	// Process says which batches are processed; default Tried.
	Process Which
	// Dimensions are those of the servers that work on the data.
	Dimensions []string
	// Logger gets one record a batch; nil discards them.
	Logger *slog.Logger
}

const (
	// keyTTL is how long Import may be run again.
	keyTTL = 10 * 365 * 24 * time.Hour
	// inLine is the number of batches that may be in line for processing while
	// others are read.
	inLine = 64
)

// Import stores all batches of src, processes those that are to count, and
// compares the counts with the daily metrics of src. Run again, or after it
// broke off, it stores what is missing, and reports the same. Src must not
// change meanwhile; other servers may work on st and q.
//
// The Report is right as far as it goes if there is an error.
func Import(ctx context.Context, src *Source, st store.Store, q queue.Queue, opts *Options) (*Report, error) {
	i := &importer{src: src, store: st, report: &Report{}, counts: tally{}}
	if opts != nil {
		i.opts = *opts
	}
	i.opts.Process = cmp.Or(i.opts.Process, Tried)
	i.opts.Logger = cmp.Or(i.opts.Logger, slog.New(slog.DiscardHandler))
	i.service = eventmetrics.New(st, q, &eventmetrics.Options{
		Dimensions:     i.opts.Dimensions,
		KeyTTL:         keyTTL,
		MaxUploadBytes: 1 << 50, // it was taken once
		CleanupEvery:   -1,
		ReprocessEvery: -1,
		AuditEvery:     -1,
		Logger:         i.opts.Logger,
	})
	ctx, stop := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := i.service.Run(ctx); err != nil {
			stop(err)
		}
	}()
	err := i.run(ctx)
	if ctx.Err() != nil {
		err = cmp.Or(context.Cause(ctx), err)
	}
	stop(nil)
	<-ended
	return i.report, err
}

type importer struct {
	src     *Source
	store   store.Store
	service *eventmetrics.Service
	opts    Options
	report  *Report
	counts  tally
	line    []placed
}

// placed is a batch that has been put in line for processing.
type placed struct{ from, id string }

func (i *importer) run(ctx context.Context) error {
	if indexed, err := i.src.indexed(ctx); err == nil && !indexed {
		i.opts.Logger.WarnContext(ctx, "events have no index on batch_id: all of them are read for each batch")
	}
	if err := i.takeBatches(ctx); err != nil {
		return err
	}
	for b, err := range i.src.orphans(ctx) {
		if err != nil {
			return err
		}
		i.report.Orphans++
		if err := i.take(ctx, &b); err != nil {
			return err
		}
	}
	if err := i.settle(ctx, 0); err != nil {
		return err
	}
	return i.compare(ctx)
}

func (i *importer) takeBatches(ctx context.Context) error {
	for b, err := range i.src.batches(ctx) {
		if err != nil {
			return err
		}
		i.report.Batches++
		if b.id == "" {
			i.report.problem("", "", "a batch without batch_id")
			continue
		}
		if err := i.take(ctx, &b); err != nil {
			return err
		}
	}
	if n, err := i.src.count(ctx, "batches"); err != nil {
		return err
	} else if n != i.report.Batches {
		i.report.problem("", "", fmt.Sprintf("%d batches were read, %d are there: some came meanwhile, or have an _id of another type", i.report.Batches, n))
	}
	return nil
}

// take stores a batch and puts it in line if it is to count.
func (i *importer) take(ctx context.Context, b *batch) error {
	receipt, err := i.upload(ctx, b)
	if err != nil {
		return i.refused(b, err)
	}
	to := &receipt.Batch
	i.report.stored(b, &receipt)
	i.opts.Logger.InfoContext(ctx, "batch imported", "from", b.id, "batch", to.ID, "again", receipt.Replayed)
	if to.Status == store.Uploaded && !i.opts.Process.has(b) {
		i.report.Unprocessed++
		return nil
	}
	err = i.service.Process(ctx, to.ID)
	if err != nil && !errors.Is(err, store.ErrConflict) { // in line or completed already
		return fmt.Errorf("legacy: process batch %s: %w", b.id, err)
	}
	i.line = append(i.line, placed{from: b.id, id: to.ID})
	return i.settle(ctx, inLine)
}

func (i *importer) upload(ctx context.Context, b *batch) (eventmetrics.Receipt, error) {
	events, err := i.src.open(ctx, b)
	if err != nil {
		return eventmetrics.Receipt{}, err
	}
	receipt, err := i.service.Upload(ctx, eventmetrics.File{
		Name: b.file, Body: events, Format: ingest.NDJSON, IdempotencyKey: b.key(),
		AllowDuplicate: true, // each counted there, whatever is in it
	})
	if closed := events.Close(); err == nil && closed != nil {
		i.opts.Logger.WarnContext(ctx, "cursor left behind", "err", closed)
	}
	return receipt, err
}

// refused notes a batch of which nothing can be stored. Other errors are
// returned.
func (i *importer) refused(b *batch, err error) error {
	var rejected *eventmetrics.RejectedError
	switch {
	case errors.Is(err, eventmetrics.ErrNoRows):
		i.report.Empty++
	case errors.As(err, &rejected):
		i.report.Refused++
		i.report.rejected(b, "", rejected.Rejected, rejected.Errors)
	case errors.Is(err, eventmetrics.ErrKeyReused):
		i.report.problem(b.id, "", "its events are not those that were imported before")
	default:
		return fmt.Errorf("legacy: import batch %s: %w", b.id, err)
	}
	return nil
}

// settle waits until at most so many batches are in line.
func (i *importer) settle(ctx context.Context, most int) error {
	for len(i.line) > most {
		p := i.line[0]
		i.line = i.line[1:]
		done, err := i.service.Wait(ctx, p.id)
		if err != nil {
			return fmt.Errorf("legacy: wait for batch %s: %w", p.from, err)
		}
		if done.Status != store.Completed {
			i.report.problem(p.from, p.id, "processing failed: "+done.LastError)
			continue
		}
		i.report.Completed++
		if err := i.recount(ctx, p); err != nil {
			return err
		}
	}
	return nil
}
