package eventmetrics

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/eventmetrics/eventmetrics/budget"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/telemetry"
	"github.com/eventmetrics/eventmetrics/internal/worker"
	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/retention"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/upload"
)

// Service accepts uploads, processes them and computes metrics. Its only state
// are the idempotency keys of uploads under way and the findings of its audits,
// so any number of Services, in any number of processes, may share a store and
// a queue. It is safe for concurrent use.
//
// Methods return store.ErrUnavailable or queue.ErrUnavailable while a backend
// cannot be reached, and other errors of the backends as they are.
type Service struct {
	store  store.Store
	queue  queue.Queue
	opts   Options
	logger *slog.Logger
	tel    instruments
	// invalid is why the Service cannot work; every method returns it.
	invalid error

	queryMemory *budget.Budget

	uploads  *upload.Uploader
	ledger   *ledger.Ledger
	worker   *worker.Worker
	enforcer *retention.Enforcer
}

// New returns a Service that borrows st and q: the caller closes them after Run
// has returned. Nil options mean the defaults. If the Service cannot work, because
// st or q is nil or Options.Validate returns an error, [Service.Validate] and all
// methods that can return an error return that one.
func New(st store.Store, q queue.Queue, opts *Options) *Service {
	o := opts.withDefaults()
	s := &Service{store: st, queue: q, opts: o, logger: o.Logger, tel: newInstruments(&o)}
	s.invalid = errors.Join(missing("store", st == nil), missing("queue", q == nil), opts.Validate())
	s.queryMemory = budget.New(o.QueryMemory, 0)
	uploads := o.uploadOptions()
	uploads.Memory = budget.New(o.UploadMemory, 0)
	s.uploads = upload.New(st, uploads)
	s.ledger = ledger.New(st, &ledger.Options{
		Sums: o.Caps, Logger: o.Logger, TracerProvider: o.TracerProvider, MeterProvider: o.MeterProvider, Now: o.Now,
	})
	s.worker = worker.New(st, q, s.ledger, &worker.Options{
		AfterCompleted: o.AfterCompleted, Memory: uploads.Memory,
		Logger: o.Logger, TracerProvider: o.TracerProvider, MeterProvider: o.MeterProvider, Now: o.Now,
	})
	s.enforcer = retention.New(st, s.ledger, &retention.Options{
		Policy: o.Retention, Sums: o.Caps, Unreachable: o.schemasWithoutSubject(), DiscardDead: s.worker.DiscardMatching,
		Logger: o.Logger, TracerProvider: o.TracerProvider, MeterProvider: o.MeterProvider, Now: o.Now,
	})
	return s
}

func missing(what string, isNil bool) error {
	if isNil {
		return fmt.Errorf("eventmetrics: New needs a %s, got nil", what)
	}
	return nil
}

// Validate returns nil if the Service can work, and else what all its methods
// return. It is cheap: call it after New.
func (s *Service) Validate() error { return s.invalid }

func (s *Service) now() time.Time { return s.opts.Now().UTC().Truncate(time.Millisecond) }

// Options returns the options in use, with defaults.
func (s *Service) Options() Options { return s.opts }

// Schema returns the schema of a name, with defaults; "" names Options.Schema.
// Errors: *UnknownSchemaError.
func (s *Service) Schema(name string) (ingest.Schema, error) { return s.uploads.Schema(name) }

// SchemaNames returns the names of Options.Schemas, sorted.
func (s *Service) SchemaNames() []string { return s.uploads.SchemaNames() }

// Ping returns nil if the store and the queue can be reached.
func (s *Service) Ping(ctx context.Context) error {
	if s.invalid != nil {
		return s.invalid
	}
	if err := s.store.Ping(ctx); err != nil {
		return err
	}
	_, err := s.queue.Stats(ctx)
	return err
}

// Upload reads a file and stores its valid rows as a batch, durably and as a
// whole, or not at all. The batch counts once [Service.Process] has been called
// and [Service.Run] has processed it. The same content again returns the
// earlier batch; with File.IdempotencyKey, Upload is safe to repeat.
//
// Errors that concern the file: ErrNoBody, ErrNoRows, ErrTooLarge, *RejectedError,
// *ToleranceError, *DedupeLimitError, *UnknownSchemaError, ErrNoOriginal,
// *ingest.HeaderError, *ingest.AmbiguousTimeError, *ingest.RuleError,
// *MemoryExceededError. Others: ErrBusy, ErrInFlight, ErrKeyReused,
// ErrUnsupported for a Dedupe that the store lacks, and errors of File.Body. See [upload.Uploader.Upload].
func (s *Service) Upload(ctx context.Context, f File) (Receipt, error) {
	if s.invalid != nil {
		return Receipt{}, s.invalid
	}
	return s.uploads.Upload(ctx, f)
}

// DryRun reads a file as Upload does, stores nothing, and returns what would
// change. It is safe to repeat. Errors: those of Upload, except ErrInFlight and
// ErrKeyReused. See [upload.Uploader.DryRun].
func (s *Service) DryRun(ctx context.Context, f File) (Preview, error) {
	if s.invalid != nil {
		return Preview{}, s.invalid
	}
	return s.uploads.DryRun(ctx, f)
}

// RepairFile returns the rejected rows of a batch as a CSV file, in chunks that
// are valid until the next one, with the reasons: to be corrected and uploaded
// again with File.RepairOf. Errors: store.ErrNotFound, ErrRowsPurged,
// store.ErrChanged if rows are removed meanwhile.
func (s *Service) RepairFile(ctx context.Context, id string) iter.Seq2[[]byte, error] {
	if s.invalid != nil {
		return func(yield func([]byte, error) bool) { yield(nil, s.invalid) }
	}
	return s.uploads.RepairFile(ctx, id)
}

// RejectedRows returns the first 100 rejected rows of a batch, as Receipt.Errors
// has them; none after they were purged. Errors: store.ErrNotFound,
// store.ErrChanged if rows are removed meanwhile.
func (s *Service) RejectedRows(ctx context.Context, id string) ([]ingest.RowError, error) {
	if s.invalid != nil {
		return nil, s.invalid
	}
	return s.uploads.RejectedRows(ctx, id)
}

// BatchCounts returns the counts of a batch by UTC day and by event type; before it
// is processed, those that it will have. Errors: store.ErrNotFound,
// metrics.ErrCorrupt.
func (s *Service) BatchCounts(ctx context.Context, id string) (BatchCounts, error) {
	if s.invalid != nil {
		return BatchCounts{}, s.invalid
	}
	return s.ledger.BatchCounts(ctx, id)
}

// RepairStatus returns the batches that were uploaded with this id as
// File.RepairOf, and the number of rows that they accepted.
func (s *Service) RepairStatus(ctx context.Context, id string) (RepairStatus, error) {
	if s.invalid != nil {
		return RepairStatus{}, s.invalid
	}
	return s.uploads.RepairStatus(ctx, id)
}

// UploaderOf returns the File.Uploader of a batch, or "" if it was not recorded.
// Errors: store.ErrNotFound.
func (s *Service) UploaderOf(ctx context.Context, id string) (string, error) {
	if s.invalid != nil {
		return "", s.invalid
	}
	return s.uploads.UploaderOf(ctx, id)
}

// Batch returns a batch. Errors: store.ErrNotFound.
func (s *Service) Batch(ctx context.Context, id string) (store.Batch, error) {
	if s.invalid != nil {
		return store.Batch{}, s.invalid
	}
	return s.store.Batch(ctx, id)
}

// CountBatches returns how many batches each status has, at most limit each, see
// [store.Store].
func (s *Service) CountBatches(ctx context.Context, limit int64) (map[store.Status]int64, error) {
	if s.invalid != nil {
		return nil, s.invalid
	}
	return s.store.CountBatches(ctx, limit)
}

// Batches returns one page of batches, newest first.
func (s *Service) Batches(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
	if s.invalid != nil {
		return nil, s.invalid
	}
	return s.store.Batches(ctx, q)
}

// Process queues an uploaded or failed batch for Run, in this process or
// another. Concurrent calls give the batch one job. Errors: store.ErrNotFound;
// store.ErrConflict if the batch is queued, processing or completed, so that it
// is safe to repeat.
func (s *Service) Process(ctx context.Context, id string) error {
	if s.invalid != nil {
		return s.invalid
	}
	return s.worker.Process(ctx, id)
}

// Wait blocks until a batch is completed or failed, or ctx ends, and returns the
// batch as it was last read, a zero Batch if it never was. Errors:
// store.ErrNotFound, that of ctx.
func (s *Service) Wait(ctx context.Context, id string) (store.Batch, error) {
	if s.invalid != nil {
		return store.Batch{}, s.invalid
	}
	return s.worker.Wait(ctx, id)
}

// DeleteBatch deletes a batch, its events, its contribution to the metrics and
// its dead job. Errors: store.ErrNotFound, also when it is repeated;
// store.ErrConflict while the batch is processing; those of the queue if the dead
// job is left, after which it is repeated or Reconcile discards it.
func (s *Service) DeleteBatch(ctx context.Context, id string) error {
	if s.invalid != nil {
		return s.invalid
	}
	return s.worker.DeleteBatch(ctx, id)
}

// QueueStats returns the numbers of jobs by state.
func (s *Service) QueueStats(ctx context.Context) (queue.Stats, error) {
	if s.invalid != nil {
		return queue.Stats{}, s.invalid
	}
	return s.queue.Stats(ctx)
}

// DeadLetters returns one page of dead letters: jobs that used up their
// attempts. See [queue.Queue].Dead for their order. Errors: queue.ErrBadCursor.
func (s *Service) DeadLetters(ctx context.Context, q queue.DeadQuery) ([]queue.DeadJob, error) {
	if s.invalid != nil {
		return nil, s.invalid
	}
	return s.queue.Dead(ctx, q)
}

// RetryDead gives a dead letter all its attempts again and marks its batch
// queued. The key is that of [queue.Job].Key. Errors: queue.ErrNotFound,
// queue.ErrNotDead.
func (s *Service) RetryDead(ctx context.Context, key string) error {
	if s.invalid != nil {
		return s.invalid
	}
	return s.worker.RetryDead(ctx, key)
}

// RetryAllDead retries all dead letters and returns their number.
func (s *Service) RetryAllDead(ctx context.Context) (int64, error) {
	if s.invalid != nil {
		return 0, s.invalid
	}
	return s.worker.RetryAllDead(ctx)
}

// DiscardDead gives up a dead letter. Its batch is failed then, and may be
// processed again or deleted. The reason is for the queue's log. Errors:
// queue.ErrNotFound, queue.ErrNotDead.
func (s *Service) DiscardDead(ctx context.Context, key, reason string) error {
	if s.invalid != nil {
		return s.invalid
	}
	return s.worker.DiscardDead(ctx, key, reason)
}

// Reconcile repairs the effects of a crash between two steps: it marks the
// batches of dead jobs failed, discards the dead jobs of completed batches, and
// enqueues batches that lost their job. Run calls it every
// Options.ReconcileEvery. It is safe to repeat.
func (s *Service) Reconcile(ctx context.Context) error {
	if s.invalid != nil {
		return s.invalid
	}
	return s.worker.Reconcile(ctx)
}

// Reprocess recounts every completed batch from its raw events, corrects the
// ledger where it differs, and has the store rebuild daily sums that are wrong.
// It is safe to repeat. Errors: ErrUnsupported if the store is no
// [store.Auditor]. See [ledger.Ledger.Reprocess].
func (s *Service) Reprocess(ctx context.Context) (Report, error) {
	if s.invalid != nil {
		return Report{}, s.invalid
	}
	return s.ledger.Reprocess(ctx)
}

// Audit compares the next part of the ledger with the raw events and the daily
// sums, changes nothing, and returns all findings of this Service. It is safe to
// repeat. See [ledger.Ledger.Audit].
func (s *Service) Audit(ctx context.Context) (Integrity, error) {
	if s.invalid != nil {
		return Integrity{}, s.invalid
	}
	return s.ledger.Audit(ctx)
}

// Integrity returns the findings of the audits so far. It reads no store.
func (s *Service) Integrity() Integrity { return s.ledger.Integrity() }

// Cleanup prunes batches that were not processed within Options.CleanupTTL of
// their upload, and unfinished uploads of that age. A dry run only counts them.
// It is safe to repeat.
func (s *Service) Cleanup(ctx context.Context, dryRun bool) (store.Pruned, error) {
	if s.invalid != nil {
		return store.Pruned{}, s.invalid
	}
	ctx, done := s.observeCleanup(ctx, dryRun)
	pruned, err := s.store.Prune(ctx, store.PruneQuery{Before: s.now().Add(-s.opts.CleanupTTL), DryRun: dryRun})
	done(pruned, err)
	if err != nil {
		return pruned, fmt.Errorf("eventmetrics: clean up: %w", err)
	}
	s.logger.InfoContext(ctx, "cleaned up", "batches", pruned.Batches, "events", pruned.Events,
		"unfinished_uploads", pruned.Unfinished, "dry_run", dryRun)
	return pruned, nil
}

// ExpiresAt returns the time from which a scheduled cleanup prunes a batch, or zero
// if none does: because the batch was processed or queued, or cleanups are off.
func (s *Service) ExpiresAt(b store.Batch) time.Time {
	if b.Status != store.Uploaded || s.opts.CleanupEvery < 0 {
		return time.Time{}
	}
	return b.Created.Add(s.opts.CleanupTTL)
}

// ApplyRetention removes what is older than Options.Retention allows. A dry run
// only counts. It is safe to repeat. Errors: ErrUnsupported if the store is no
// [store.Retainer]. See [retention.Enforcer.Apply].
func (s *Service) ApplyRetention(ctx context.Context, dryRun bool) (RetentionReport, error) {
	if s.invalid != nil {
		return RetentionReport{}, s.invalid
	}
	return s.enforcer.Apply(ctx, dryRun)
}

// Erase erases the data of one subject from all batches, and subtracts it from
// the metrics if that is asked for. It is safe to repeat. Errors: ErrBadErasure;
// ErrUnsupported if the store cannot erase. See [retention.Enforcer.Erase].
func (s *Service) Erase(ctx context.Context, e Erasure) (ErasureReceipt, error) {
	if s.invalid != nil {
		return ErasureReceipt{}, s.invalid
	}
	return s.enforcer.Erase(ctx, e)
}

// WithRequestID returns a context with the id of a request. Each line that a
// Service logs with this context has the id as request_id. So have the lines of
// the jobs that it enqueues, in any process, if the id is at most 128 bytes of
// printable ASCII. Package httpapi does this for its requests.
func WithRequestID(ctx context.Context, id string) context.Context {
	return telemetry.WithRequestID(ctx, id)
}

// WithCaller returns a context with the name of who sends a request. Each line that a
// Service logs with this context has the name as token. Package httpapi does this for
// its requests, with the name of their token or that of Options.Authorize.
func WithCaller(ctx context.Context, name string) context.Context {
	return telemetry.WithCaller(ctx, name)
}

// RequestID returns the id that [WithRequestID] put into the context, or "".
func RequestID(ctx context.Context) string { return telemetry.RequestID(ctx) }
