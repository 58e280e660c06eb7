// Package upload stores files of events as batches.
package upload

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/internal/telemetry"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Options are what an Uploader needs to know; eventmetrics.Options documents
// them.
type Options struct {
	Schema         ingest.Schema
	Schemas        map[string]ingest.Schema
	Limits         ingest.Limits
	Caps           metrics.AggregatorOptions
	MaxUploadBytes int64
	MaxErrors      int
	MaxRepairBytes int64
	MaxDedupeRows  int
	KeyTTL         time.Duration
	BeforeAccept   func(ctx context.Context, e *metrics.Event) error
	Logger         *slog.Logger
	Telemetry      *telemetry.Telemetry
	Now            func() time.Time
}

// Uploader reads files and stores their rows as batches. It is safe for
// concurrent use.
type Uploader struct {
	store  store.Store
	opts   Options
	logger *slog.Logger
	tel    *telemetry.Telemetry

	mu       sync.Mutex
	inFlight map[string]struct{} // idempotency keys
}

// New returns an Uploader into st.
func New(st store.Store, o Options) *Uploader {
	return &Uploader{store: st, opts: o, logger: o.Logger, tel: o.Telemetry, inFlight: map[string]struct{}{}}
}

func (u *Uploader) now() time.Time { return u.opts.Now().UTC().Truncate(time.Millisecond) }

// Schema returns the schema of a name, defaults included; "" names
// Options.Schema. Errors: *UnknownSchemaError.
func (u *Uploader) Schema(name string) (ingest.Schema, error) {
	if name == "" {
		return u.opts.Schema, nil
	}
	if schema, ok := u.opts.Schemas[name]; ok {
		return schema.WithDefaults(), nil
	}
	return ingest.Schema{}, &UnknownSchemaError{name, u.SchemaNames()}
}

// SchemaNames returns the names of Options.Schemas, sorted.
func (u *Uploader) SchemaNames() []string { return slices.Sorted(maps.Keys(u.opts.Schemas)) }
