package mongostore

import (
	"context"
	"errors"
	"iter"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
)

// Record implements [store.Store].
func (s *Store) Record(ctx context.Context, id string, c metrics.Contribution) error {
	d, err := s.read(ctx, id)
	if err == nil && d.Recorded {
		_, err = s.contribution(ctx, d)
		return wrap(err, "record batch %q", id)
	}
	if err == nil {
		err = s.ledger.Record(ctx, id, c)
	}
	if err == nil {
		err = s.removePieces(ctx, id, pendingPrefix)
	}
	return wrap(err, "record batch %q", id)
}

// Contribution implements [store.Auditor].
func (s *Store) Contribution(ctx context.Context, id string) (metrics.Contribution, error) {
	var c metrics.Contribution
	d, err := s.read(ctx, id)
	if err == nil {
		c, err = s.contribution(ctx, d)
	}
	return c, wrap(err, "read contribution of batch %q", id)
}

// contribution reads what the ledger has of a batch. Errors: store.ErrNotFound;
// metrics.ErrCorrupt also if the ledger lacks a batch that was recorded. When that
// was is not known any more.
func (s *Store) contribution(ctx context.Context, d *batchDoc) (metrics.Contribution, error) {
	c, err := s.ledger.Contribution(ctx, d.ID)
	if !errors.Is(err, store.ErrNotFound) || !d.Recorded {
		return c, err
	}
	if _, err := s.read(ctx, d.ID); err != nil { // deleted meanwhile
		return nil, err
	}
	return nil, checksum.Corrupt("the ledger has no entry of the batch")
}

// Amend implements [store.Auditor].
func (s *Store) Amend(ctx context.Context, id string, c metrics.Contribution) error {
	_, err := s.read(ctx, id)
	if err == nil {
		err = s.ledger.Amend(ctx, id, c)
	}
	return wrap(err, "amend batch %q", id)
}

// Explain implements [store.Explainer].
func (s *Store) Explain(ctx context.Context, day metrics.Day, eventType string) iter.Seq2[store.Share, error] {
	return wrapped(ctx, s.ledger.Explain(ctx, day, eventType), "explain %s %.40q", day, eventType)
}

// DayCounts implements [store.Store]. All days that are read at once are of one
// state of the ledger: 4,000 days of counts, 400 of quarter hours, 50 of
// subjects, 20 of groups, 30 of a query with AsOf.
func (s *Store) DayCounts(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
	return wrapped(ctx, s.rollup.DayCounts(ctx, q), "read daily metrics")
}

// Rebuild implements [store.Auditor]. Answers stay right meanwhile, but are
// slow until the whole ledger is folded into the daily sums again. It is safe
// to repeat.
func (s *Store) Rebuild(ctx context.Context) error {
	return wrap(s.rollup.Rebuild(ctx), "rebuild rollup")
}

// wrapped is a sequence with its error wrapped, which ends with the error of ctx
// when ctx has ended.
func wrapped[T any](ctx context.Context, seq iter.Seq2[T, error], format string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range seq {
			if err == nil {
				err = ctx.Err()
			}
			if !yield(v, wrap(err, format, args...)) || err != nil {
				return
			}
		}
	}
}
