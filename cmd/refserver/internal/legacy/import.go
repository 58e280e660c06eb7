package legacy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// Which selects the batches to process.
type Which string

// The choices.
const (
	// Tried selects the batches that the original was asked to process: queued,
	// processing, completed and failed ones.
	Tried Which = "tried"
	// Completed selects the batches that the original completed.
	Completed Which = "completed"
	// All selects all batches, also those without a document.
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
	// Process selects the batches to process; the default is Tried.
	Process Which
	// Dimensions are the dimensions of the servers that use the target.
	Dimensions []string
	// Logger receives one record per batch; nil discards them.
	Logger *slog.Logger
}

const (
	// keyTTL is how long Import may be run again.
	keyTTL = 10 * 365 * 24 * time.Hour
	// maxQueued bounds the batches that are queued while others are read.
	maxQueued = 64
)

// Import stores all batches of src, processes those that the options select, and
// compares the counts with the daily metrics of src. It is safe to repeat, also
// after an error: it stores the missing batches and reports the same. Src must not
// change during the import. Other servers may use st and q.
//
// If there is an error, the Report covers the part that was done.
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
		MaxUploadBytes: 1 << 50, // the original accepted it
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
	queued  []importedBatch
}

// importedBatch is a batch that has been queued.
type importedBatch struct{ from, id string }

func (i *importer) run(ctx context.Context) error {
	if indexed, err := i.src.indexed(ctx); err == nil && !indexed {
		i.opts.Logger.WarnContext(ctx, "events have no index on batch_id: all of them are read for each batch")
	}
	if err := i.importBatches(ctx); err != nil {
		return err
	}
	for b, err := range i.src.orphans(ctx) {
		if err != nil {
			return err
		}
		i.report.Orphans++
		if err := i.importBatch(ctx, &b); err != nil {
			return err
		}
	}
	if err := i.waitIdle(ctx, 0); err != nil {
		return err
	}
	return i.compare(ctx)
}

func (i *importer) importBatches(ctx context.Context) error {
	for b, err := range i.src.batches(ctx) {
		if err != nil {
			return err
		}
		i.report.Batches++
		if b.id == "" {
			i.report.problem("", "", "a batch without batch_id")
			continue
		}
		if err := i.importBatch(ctx, &b); err != nil {
			return err
		}
	}
	if n, err := i.src.count(ctx, "batches"); err != nil {
		return err
	} else if n != i.report.Batches {
		i.report.problem("", "", fmt.Sprintf("%d batches were read, but %d exist: some were added during the import, or have an _id of another type", i.report.Batches, n))
	}
	return nil
}

// importBatch stores a batch, and queues it if the options select it.
func (i *importer) importBatch(ctx context.Context, b *batch) error {
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
	if err != nil && !errors.Is(err, store.ErrConflict) { // already queued or completed
		return fmt.Errorf("legacy: process batch %s: %w", b.id, err)
	}
	i.queued = append(i.queued, importedBatch{from: b.id, id: to.ID})
	return i.waitIdle(ctx, maxQueued)
}

func (i *importer) upload(ctx context.Context, b *batch) (eventmetrics.Receipt, error) {
	events, err := i.src.open(ctx, b)
	if err != nil {
		return eventmetrics.Receipt{}, err
	}
	receipt, err := i.service.Upload(ctx, eventmetrics.File{
		Name: b.file, Body: events, Format: ingest.NDJSON, IdempotencyKey: b.key(),
		AllowDuplicate: true, // the original counted duplicates too
	})
	if closed := events.Close(); err == nil && closed != nil {
		i.opts.Logger.WarnContext(ctx, "closing cursor failed", "err", closed)
	}
	return receipt, err
}

// refused reports a batch of which nothing can be stored. It returns other errors.
func (i *importer) refused(b *batch, err error) error {
	var rejected *eventmetrics.RejectedError
	var ambiguous *ingest.AmbiguousTimeError
	switch {
	case errors.Is(err, eventmetrics.ErrNoRows):
		i.report.Empty++
	case errors.As(err, &rejected):
		i.report.Refused++
		i.report.rejected(b, "", rejected.Rejected, rejected.Errors)
	case errors.As(err, &ambiguous): // text in place of a date
		i.report.Refused++
		i.report.problem(b.id, "", strings.TrimPrefix(err.Error(), "ingest: "))
	case errors.Is(err, eventmetrics.ErrKeyReused):
		i.report.problem(b.id, "", "its events differ from those imported before")
	default:
		return fmt.Errorf("legacy: import batch %s: %w", b.id, err)
	}
	return nil
}

// waitIdle waits until at so many batches are queued.
func (i *importer) waitIdle(ctx context.Context, most int) error {
	for len(i.queued) > most {
		p := i.queued[0]
		i.queued = i.queued[1:]
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
