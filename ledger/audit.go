package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/store"
)

// The limits of a round. The last batch is counted to its end. At most half of a
// round goes to earlier findings.
const (
	roundBatches = 100
	roundEvents  = 1_000_000
	roundDays    = 10
)

// walk goes through all keys in a circle, from a random key.
type walk[K cmp.Ordered] struct {
	Pass
	start, at K
	wrapped   bool
}

// begin starts a pass at a key.
func (w *walk[K]) begin(now time.Time, at K) {
	w.Began, w.Seen = now, 0
	w.start, w.at, w.wrapped = at, at, false
}

// complete ends a pass and starts the next one at the same key.
func (w *walk[K]) complete(now time.Time) {
	w.Complete++
	w.Ended, w.Saw = now, w.Seen
	w.begin(now, w.start)
}

func (l *Ledger) auditRound(ctx context.Context, r *Round) error {
	if ledger, ok := store.As[store.Auditor](l.store); ok {
		if err := l.recheckBatches(ctx, ledger, r); err != nil {
			return err
		}
		if err := l.auditBatches(ctx, ledger, r); err != nil {
			return err
		}
	}
	if err := l.auditDays(ctx, r); err != nil {
		return err
	}
	return l.inspect(ctx, r)
}

func (r *Round) isFull(part int64) bool {
	return r.Batches >= roundBatches/part || r.Events >= roundEvents/part
}

// recheckBatches audits batches with findings again.
func (l *Ledger) recheckBatches(ctx context.Context, ledger store.Auditor, r *Round) error {
	l.audit.mu.Lock()
	known := append(l.audit.drifts.some(roundBatches/4), l.audit.unreadable.some(roundBatches/4)...)
	l.audit.mu.Unlock()
	for _, id := range known {
		if r.isFull(2) {
			return nil
		}
		b, err := l.store.Batch(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			l.audit.clear(id)
			continue
		}
		if err != nil {
			return fmt.Errorf("eventmetrics: audit batch %s: %w", id, err)
		}
		if err := l.auditBatch(ctx, ledger, &b, r); err != nil {
			return err
		}
	}
	return nil
}

// auditBatches audits the next batches, from newer to older ones, and continues
// with the newest.
func (l *Ledger) auditBatches(ctx context.Context, ledger store.Auditor, r *Round) error {
	w := &l.audit.batches
	if w.Began.IsZero() {
		l.audit.locked(func() { w.begin(l.now(), randomID(l.now())) })
	}
	for !r.isFull(1) {
		q := store.BatchQuery{Statuses: []store.Status{store.Completed}, After: w.at, Limit: roundBatches}
		batches, err := l.store.Batches(ctx, q)
		if err != nil {
			return fmt.Errorf("eventmetrics: list completed batches: %w", err)
		}
		for i := range batches {
			if w.wrapped && batches[i].ID < w.start {
				batches = batches[:i]
				break
			}
			if err := l.auditBatch(ctx, ledger, &batches[i], r); err != nil {
				return err
			}
			l.audit.locked(func() {
				w.at = batches[i].ID
				w.Seen++
			})
			if r.isFull(1) {
				return nil
			}
		}
		if len(batches) > 0 {
			continue
		}
		if w.wrapped {
			l.audit.locked(func() { w.complete(l.now()) })
			return nil
		}
		l.audit.locked(func() { w.at, w.wrapped = "", true })
	}
	return nil
}

// randomID returns an id of a random age of up to a year, mostly recent, so that
// processes start at different batches.
func randomID(now time.Time) string {
	const year = 365 * 24 * time.Hour
	return store.NewID(now.Add(-time.Duration(math.Pow(float64(year), rand.Float64()))))
}

// auditBatch audits one batch. A finding is no error; an unavailable store is.
func (l *Ledger) auditBatch(ctx context.Context, ledger store.Auditor, b *store.Batch, r *Round) error {
	r.Batches++
	drift, err := l.driftOf(ctx, ledger, b, r)
	switch {
	case err == nil && drift == nil:
		l.audit.clear(b.ID)
	case err == nil:
		l.audit.locked(func() {
			l.audit.unreadable.drop(b.ID)
			if l.audit.drifts.put(b.ID, *drift) {
				l.logger.ErrorContext(ctx, "ledger drifted", "batch", b.ID, "cause", drift.Cause, "ledger", drift.Ledger, "events", drift.Events)
			}
		})
	case ctx.Err() != nil || errors.Is(err, store.ErrUnavailable):
		return err
	default:
		l.audit.locked(func() {
			if l.audit.unreadable.put(b.ID, Unreadable{b.ID, clip.Text(err.Error(), 500)}) {
				l.logger.ErrorContext(ctx, "auditing batch failed", "batch", b.ID, "err", err)
			}
		})
	}
	return nil
}

func (a *audit) locked(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

// clear removes the findings about a batch.
func (a *audit) clear(id string) {
	a.locked(func() {
		a.drifts.drop(id)
		a.unreadable.drop(id)
	})
}

// driftOf compares the contribution of a batch with its events, or with their
// number if they were purged. A batch that is deleted, or that an erasure is about
// to correct, has no drift.
func (l *Ledger) driftOf(ctx context.Context, ledger store.Auditor, b *store.Batch, r *Round) (*Drift, error) {
	if b.EventsPurged {
		r.Purged++
		return l.driftOfPurged(ctx, ledger, b)
	}
	x, err := l.examine(ctx, ledger, b.ID, nil)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil //nolint:nilnil // deleted: nothing is wrong
	case errors.Is(err, store.ErrEventsPurged):
		r.Purged++
		return l.driftOfPurged(ctx, ledger, b)
	case err != nil:
		return nil, err
	}
	r.Events += x.want.Events()
	if x.erasing && l.erasedLately(x.erasure) {
		return nil, nil //nolint:nilnil // the ledger is being corrected
	}
	return x.drift, nil
}

// driftOfPurged compares the contribution of a batch with the number of its
// events, which are purged, until nothing has changed meanwhile.
func (l *Ledger) driftOfPurged(ctx context.Context, ledger store.Auditor, b *store.Batch) (*Drift, error) {
	for {
		drift, err := comparePurged(ctx, ledger, b)
		if drift == nil || err != nil {
			return nil, err
		}
		now, err := l.store.Batch(ctx, b.ID)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil //nolint:nilnil // deleted: nothing is wrong
		}
		if err != nil {
			return nil, err
		}
		again, err := comparePurged(ctx, ledger, &now)
		if err != nil || again == nil || again.Ledger == drift.Ledger && again.Events == drift.Events {
			return again, err
		}
		*b = now
	}
}

// comparePurged compares the contribution of a batch with the number of its
// events, which are purged; nil means that they agree.
func comparePurged(ctx context.Context, ledger store.Auditor, b *store.Batch) (*Drift, error) {
	have, err := ledger.Contribution(ctx, b.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &Drift{BatchID: b.ID, Events: b.AcceptedRows, Cause: missingInLedger}, nil
	case err != nil:
		return nil, fmt.Errorf("eventmetrics: read contribution of batch %s: %w", b.ID, err)
	case have.Events() < b.Events() || have.Events() > b.AcceptedRows: // erasures may have subtracted
		return &Drift{BatchID: b.ID, Ledger: have.Events(), Events: b.AcceptedRows, Cause: differentCount}, nil
	}
	return nil, nil //nolint:nilnil // no difference is an answer here, not an error
}
