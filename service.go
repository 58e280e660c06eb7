package eventmetrics

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// Service takes uploads, processes them and answers metrics. It keeps no
// state of its own but the keys of uploads in flight and the findings of its
// audits, so that any number of
// Services, in any number of processes, may share a store and a queue. It is
// safe for concurrent use.
type Service struct {
	store  store.Store
	queue  queue.Queue
	opts   Options
	logger *slog.Logger

	telemetry *telemetry
	audit     *audit

	mu       sync.Mutex
	inFlight map[string]struct{} // idempotency keys
}

// New returns a Service that borrows st and q: closing them is the caller's
// business, after Run has returned. Nil options mean the defaults.
func New(st store.Store, q queue.Queue, opts *Options) *Service {
	o := opts.withDefaults()
	return &Service{
		store:     st,
		queue:     q,
		opts:      o,
		logger:    slog.New(identified{o.Logger.Handler()}),
		telemetry: newTelemetry(o.TracerProvider, o.MeterProvider),
		audit:     newAudit(),
		inFlight:  map[string]struct{}{},
	}
}

// Batch returns one batch. Errors: store.ErrNotFound.
func (s *Service) Batch(ctx context.Context, id string) (store.Batch, error) {
	return s.store.Batch(ctx, id)
}

// Batches lists batches, newest first.
func (s *Service) Batches(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
	return s.store.Batches(ctx, q)
}

// Schema returns the schema of a name, defaults included; "" names
// Options.Schema. Errors: *UnknownSchemaError.
func (s *Service) Schema(name string) (ingest.Schema, error) {
	if name == "" {
		return s.opts.Schema, nil
	}
	if schema, ok := s.opts.Schemas[name]; ok {
		return schema.WithDefaults(), nil
	}
	return ingest.Schema{}, &UnknownSchemaError{name, s.SchemaNames()}
}

// SchemaNames returns the names of Options.Schemas, sorted.
func (s *Service) SchemaNames() []string { return slices.Sorted(maps.Keys(s.opts.Schemas)) }

// Options returns the options that hold, defaults included.
func (s *Service) Options() Options { return s.opts }

// Queue returns the queue, for its dead letters and numbers.
func (s *Service) Queue() queue.Queue { return s.queue }

// Ping returns nil if the store and the queue answer.
func (s *Service) Ping(ctx context.Context) error {
	if p, ok := store.As[store.Pinger](s.store); ok {
		if err := p.Ping(ctx); err != nil {
			return err
		}
	}
	_, err := s.queue.Stats(ctx)
	return err
}

func (s *Service) now() time.Time { return s.opts.Now().UTC().Truncate(time.Millisecond) }
