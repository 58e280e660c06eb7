// Package retention removes what is not to be kept: what is old, and what is
// of a person.
package retention

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/telemetry"
	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/upload"
)

// Options are what a Keeper needs to know.
type Options struct {
	Policy    Policy
	Subject   string
	Caps      metrics.AggregatorOptions
	Logger    *slog.Logger
	Telemetry *telemetry.Telemetry
	Now       func() time.Time
	// DiscardDead discards the dead letters that match, or counts them.
	DiscardDead func(ctx context.Context, dryRun bool, reason string, match func(*queue.DeadJob) bool) (int64, error)
}

// Keeper removes what is not to be kept. It is safe for concurrent use.
type Enforcer struct {
	store  store.Store
	ledger *ledger.Ledger
	opts   Options
	logger *slog.Logger
	tel    *telemetry.Telemetry
}

// New returns a Keeper of st.
func New(st store.Store, l *ledger.Ledger, o Options) *Enforcer {
	return &Enforcer{store: st, ledger: l, opts: o, logger: o.Logger, tel: o.Telemetry}
}

func (e *Enforcer) now() time.Time { return e.opts.Now().UTC().Truncate(time.Millisecond) }

// Policy says how long data is kept. A period that is not greater than 0
// means for ever. Ages count from Batch.Created, the time of the upload: it is
// the one that its sender knows, and no retry makes a batch younger.
type Policy struct {
	// Events is for the raw events of completed batches.
	Events time.Duration
	// Rejected is for the rejected rows of every batch and their reasons.
	Rejected time.Duration
	// Batches is for completed batches as a whole: their events, rejected rows
	// and description. Their counts stay in the metrics.
	Batches time.Duration
	// Dead is for dead letters; their age counts from DeadJob.Died.
	Dead time.Duration
}

func (r *Policy) Any() bool {
	return r.Events > 0 || r.Rejected > 0 || r.Batches > 0 || r.Dead > 0
}

// Result is the result of a Retain.
type Report struct {
	// Sealed is the number of batches whose raw events were purged, Events the
	// number of these.
	Purged, Events int64
	// Cleared is the number of batches whose rejected rows were removed, Rows
	// the number of rows that they had rejected.
	Cleared, Rows int64
	// Forgotten is the number of batches that were removed as a whole.
	Archived int64
	// Dead is the number of dead letters that were discarded.
	Dead int64
	// Drifted is the number of batches that were old enough and kept, because
	// their events do not sum to what the ledger has: once the events are
	// gone, nobody could tell. Drifts are the first 100 of them. A Reprocess
	// puts them right.
	Drifted int64
	Drifts  []ledger.Drift
	// Unreadable batches could not be looked at; the log says why.
	Unreadable int64
}

// Retain removes what is older than Options.Retention allows. With dryRun it
// counts the same and removes nothing. Before the raw events of a batch are
// purged, they are summed a last time and compared with the ledger, in a dry
// run too. It is safe to repeat, to run beside everything else, and to break
// off. Errors: store.ErrUnsupported if the store cannot do what is asked for.
func (e *Enforcer) Apply(ctx context.Context, dryRun bool) (Report, error) {
	ctx, done := e.observeRetain(ctx, dryRun)
	k, err := e.newRun(dryRun)
	if err == nil {
		err = k.apply(ctx)
	}
	done(&k.Report, err)
	if err != nil {
		return k.Report, fmt.Errorf("eventmetrics: retain: %w", err)
	}
	e.reportRetained(ctx, &k.Report, dryRun)
	return k.Report, nil
}

func (e *Enforcer) reportRetained(ctx context.Context, r *Report, dryRun bool) {
	attrs := []any{
		"sealed", r.Purged, "events", r.Events, "cleared", r.Cleared, "rows", r.Rows, "forgotten", r.Archived, "dead", r.Dead,
		"drifted", r.Drifted, "unreadable", r.Unreadable, "dry_run", dryRun,
	}
	if r.Drifted > 0 || r.Unreadable > 0 {
		e.logger.ErrorContext(ctx, "old batches kept", attrs...)
		return
	}
	e.logger.InfoContext(ctx, "retention applied", attrs...)
}

// run applies a Policy once.
type run struct {
	Report
	enforcer *Enforcer
	policy   Policy
	now      time.Time
	dryRun   bool

	store store.Retainer
}

func (e *Enforcer) newRun(dryRun bool) (*run, error) {
	k := &run{enforcer: e, policy: e.opts.Policy, now: e.now(), dryRun: dryRun}
	var ok bool
	k.store, ok = store.As[store.Retainer](e.store)
	if needed := k.policy.Events > 0 || k.policy.Rejected > 0 || k.policy.Batches > 0; needed && !ok {
		return k, store.ErrUnsupported
	}
	return k, nil
}

func (k *run) apply(ctx context.Context) error {
	if k.policy.Events > 0 || k.policy.Rejected > 0 || k.policy.Batches > 0 {
		for b, err := range store.All(ctx, k.enforcer.store, store.BatchQuery{}) {
			if err != nil {
				return err
			}
			err := k.applyTo(ctx, b)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if ignore(err, store.ErrNotFound) != nil { // must not keep the others from being looked at
				k.Unreadable++
				k.enforcer.logger.ErrorContext(ctx, "batch not retained as configured", "batch", b.ID, "err", err)
			}
		}
	}
	if k.policy.Dead <= 0 {
		return nil
	}
	var err error
	k.Dead, err = k.enforcer.opts.DiscardDead(ctx, k.dryRun, "older than dead letters are kept", func(job *queue.DeadJob) bool {
		return k.old(job.Died, k.policy.Dead)
	})
	return err
}

// old reports whether something from a moment has outlived a period.
func (k *run) old(from time.Time, period time.Duration) bool {
	return period > 0 && k.now.Sub(from) > period
}

func (k *run) applyTo(ctx context.Context, b *store.Batch) error {
	forget := b.Status == store.Completed && k.old(b.Created, k.policy.Batches)
	if forget || b.Status == store.Completed && k.old(b.Created, k.policy.Events) {
		sealed, err := k.purge(ctx, b)
		if err != nil {
			return err
		}
		forget = forget && sealed
	}
	if forget {
		return k.archive(ctx, b)
	}
	if b.RejectedRows > 0 && k.old(b.Created, k.policy.Rejected) {
		return k.removeRejected(ctx, b)
	}
	return nil
}

// seal purges the events of a batch and reports whether they are gone.
func (k *run) purge(ctx context.Context, b *store.Batch) (bool, error) {
	if b.EventsPurged {
		return true, nil
	}
	if ledger, ok := store.As[store.Auditor](k.enforcer.store); ok {
		drift, err := k.enforcer.ledger.DriftOf(ctx, ledger, b)
		if err != nil {
			return false, err
		}
		if drift != nil {
			if k.Drifted++; len(k.Drifts) < 100 {
				k.Drifts = append(k.Drifts, *drift)
			}
			return false, nil
		}
	}
	if !k.dryRun {
		if err := k.store.PurgeEvents(ctx, b.ID); err != nil {
			return false, err
		}
		if b.Erasure != "" { // of no use without the events
			if err := k.store.ReplaceAttachment(ctx, b.ID, ledger.KeptAttachment(b.Erasure), nothing); err != nil {
				return true, err
			}
		}
	}
	k.Purged++
	k.Events += b.AcceptedRows - b.Erased
	return true, nil
}

func (k *run) archive(ctx context.Context, b *store.Batch) error {
	if !k.dryRun {
		if err := k.store.Archive(ctx, b.ID); err != nil {
			return err
		}
	}
	k.Archived++
	return nil
}

// clear removes the rejected rows of a batch: the repair file last, which tells
// the next time that this one was broken off.
func (k *run) removeRejected(ctx context.Context, b *store.Batch) error {
	kept, err := isThere(k.enforcer.store.Attachment(ctx, b.ID, upload.RepairAttachment))
	if err != nil || !kept {
		return err
	}
	if !k.dryRun {
		for _, name := range []string{upload.ErrorsAttachment, upload.WarningsAttachment, upload.RepairAttachment} {
			if err := k.store.ReplaceAttachment(ctx, b.ID, name, nothing); err != nil {
				return fmt.Errorf("remove %s: %w", name, err)
			}
		}
	}
	k.Cleared++
	k.Rows += b.RejectedRows
	return nil
}

func nothing(func([]byte, error) bool) {}

func isThere(chunks iter.Seq2[[]byte, error]) (bool, error) {
	for _, err := range chunks {
		return err == nil, err
	}
	return false, nil
}

// ignore returns err unless it is one of those.
func ignore(err error, those ...error) error {
	for _, target := range those {
		if errors.Is(err, target) {
			return nil
		}
	}
	return err
}
