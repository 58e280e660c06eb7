package eventmetrics

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/telemetry"
	"github.com/eventmetrics/eventmetrics/internal/worker"
	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/retention"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/upload"
)

// Service takes uploads, processes them and answers metrics. It keeps no
// state of its own but the keys of uploads in flight and the findings of its
// audits, so that any number of Services, in any number of processes, may
// share a store and a queue. It is safe for concurrent use.
type Service struct {
	store  store.Store
	queue  queue.Queue
	opts   Options
	logger *slog.Logger
	tel    *telemetry.Telemetry

	uploads *upload.Uploader
	ledger  *ledger.Ledger
	keeper  *retention.Enforcer
	worker  *worker.Worker
}

// New returns a Service that borrows st and q: closing them is the caller's
// business, after Run has returned. Nil options mean the defaults.
func New(st store.Store, q queue.Queue, opts *Options) *Service {
	o := opts.withDefaults()
	s := &Service{
		store: st, queue: q, opts: o,
		logger: slog.New(telemetry.Identified{Handler: o.Logger.Handler()}),
		tel:    telemetry.New(o.TracerProvider, o.MeterProvider),
	}
	s.uploads = upload.New(st, upload.Options{
		Schema: o.Schema, Schemas: o.Schemas, Limits: o.Limits, Caps: o.Caps, MaxUploadBytes: o.MaxUploadBytes,
		MaxErrors: o.MaxErrors, MaxRepairBytes: o.MaxRepairBytes, MaxDedupeRows: o.MaxDedupeRows, KeyTTL: o.KeyTTL,
		BeforeAccept: o.BeforeAccept, Logger: s.logger, Telemetry: s.tel, Now: o.Now,
	})
	s.ledger = ledger.New(st, ledger.Options{Caps: o.Caps, Dimensions: o.Dimensions, Logger: s.logger, Telemetry: s.tel, Now: o.Now})
	s.worker = worker.New(st, q, s.ledger, worker.Options{
		ReconcileEvery: o.ReconcileEvery, AfterCompleted: o.AfterCompleted, Logger: s.logger, Telemetry: s.tel, Now: o.Now,
	})
	s.keeper = retention.New(st, s.ledger, retention.Options{
		Policy: o.Retention, Subject: o.Subject, Caps: o.Caps, Logger: s.logger, Telemetry: s.tel, Now: o.Now, DiscardDead: s.worker.DiscardMatching,
	})
	return s
}

// Upload reads a file and stores its valid rows as a batch: see
// [upload.Uploader.Upload].
func (s *Service) Upload(ctx context.Context, f File) (Receipt, error) {
	return s.uploads.Upload(ctx, f)
}

// DryRun tells what Upload would do: see [upload.Uploader.DryRun].
func (s *Service) DryRun(ctx context.Context, f File) (Preview, error) {
	return s.uploads.DryRun(ctx, f)
}

// Repair returns the repair file of a batch: see [upload.Uploader.Repair].
func (s *Service) RepairFile(ctx context.Context, id string) iter.Seq2[[]byte, error] {
	return s.uploads.RepairFile(ctx, id)
}

// RepairStatus finds the batches that repair another: see
// [upload.Uploader.RepairStatus].
func (s *Service) RepairStatus(ctx context.Context, id string) (RepairStatus, error) {
	return s.uploads.RepairStatus(ctx, id)
}

// Schema returns the schema of a name. Errors: *UnknownSchemaError.
func (s *Service) Schema(name string) (ingest.Schema, error) { return s.uploads.Schema(name) }

// SchemaNames returns the names of Options.Schemas, sorted.
func (s *Service) SchemaNames() []string { return s.uploads.SchemaNames() }

// Reprocess counts every batch again: see [ledger.Ledger.Reprocess].
func (s *Service) Reprocess(ctx context.Context) (Report, error) { return s.ledger.Reprocess(ctx) }

// Audit makes a round now: see [ledger.Ledger.Audit].
func (s *Service) Audit(ctx context.Context) (Integrity, error) { return s.ledger.Audit(ctx) }

// Integrity returns what the audits have found so far.
func (s *Service) Integrity() Integrity { return s.ledger.Integrity() }

// Retain applies Options.Retention: see [retention.Keeper.Retain].
func (s *Service) ApplyRetention(ctx context.Context, dryRun bool) (RetentionReport, error) {
	return s.keeper.Apply(ctx, dryRun)
}

// Erase removes what is kept of a subject: see [retention.Keeper.Erase].
func (s *Service) Erase(ctx context.Context, e Erasure) (ErasureReceipt, error) {
	return s.keeper.Erase(ctx, e)
}

// Batch returns one batch. Errors: store.ErrNotFound.
func (s *Service) Batch(ctx context.Context, id string) (store.Batch, error) {
	return s.store.Batch(ctx, id)
}

// Batches lists batches, newest first.
func (s *Service) Batches(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
	return s.store.Batches(ctx, q)
}

// Options returns the options that hold, defaults included.
func (s *Service) Options() Options { return s.opts }

// Ping returns nil if the store and the queue answer.
func (s *Service) Ping(ctx context.Context) error {
	if err := s.store.Ping(ctx); err != nil {
		return err
	}
	_, err := s.queue.Stats(ctx)
	return err
}

func (s *Service) now() time.Time { return s.opts.Now().UTC().Truncate(time.Millisecond) }

// Process puts an uploaded or failed batch in line for processing. Errors:
// store.ErrNotFound; store.ErrConflict when it is past that.
func (s *Service) Process(ctx context.Context, id string) error { return s.worker.Process(ctx, id) }

// Wait blocks until a batch is completed or failed, or ctx ends. Errors:
// store.ErrNotFound.
func (s *Service) Wait(ctx context.Context, id string) (store.Batch, error) {
	return s.worker.Wait(ctx, id)
}

// DeleteBatch removes a batch, its share in the metrics and its dead job.
// Errors: store.ErrNotFound; store.ErrConflict while it is processing.
func (s *Service) DeleteBatch(ctx context.Context, id string) error {
	return s.worker.DeleteBatch(ctx, id)
}

// QueueStats returns the numbers of jobs by state. Errors: queue.ErrUnavailable.
func (s *Service) QueueStats(ctx context.Context) (queue.Stats, error) { return s.queue.Stats(ctx) }

// DeadLetters lists one page of dead jobs: see [queue.Queue].Dead.
func (s *Service) DeadLetters(ctx context.Context, q queue.DeadQuery) ([]queue.DeadJob, error) {
	return s.queue.Dead(ctx, q)
}

// DiscardDead discards the dead letter with this key and marks its batch
// failed. The reason is kept as queue.Queue.Discard does. Errors:
// queue.ErrNotFound, queue.ErrNotDead.
func (s *Service) DiscardDead(ctx context.Context, key, reason string) error {
	return s.worker.DiscardDead(ctx, key, reason)
}

// RetryDead retries a dead letter. Errors: queue.ErrNotFound, queue.ErrNotDead.
func (s *Service) RetryDead(ctx context.Context, key string) error {
	return s.worker.RetryDead(ctx, key)
}

// RetryAllDead retries all dead letters and returns how many there were.
func (s *Service) RetryAllDead(ctx context.Context) (int64, error) { return s.worker.RetryAllDead(ctx) }

// Reconcile brings batches and jobs together again after a crash.
func (s *Service) Reconcile(ctx context.Context) error { return s.worker.Reconcile(ctx) }

// WithRequestID returns a context with the id of a request.
func WithRequestID(ctx context.Context, id string) context.Context {
	return telemetry.WithRequestID(ctx, id)
}

// RequestID returns the id that [WithRequestID] put into the context, or "".
func RequestID(ctx context.Context) string { return telemetry.RequestID(ctx) }
