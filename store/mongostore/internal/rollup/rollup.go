package rollup

import (
	"context"
	"errors"
	"log/slog"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// A Rollup is the sums of a [Ledger] by day. It folds changes of the ledger
// into them in the background. It is safe for concurrent use, by several
// processes too.
type Rollup struct {
	run    *command.Runner
	ledger *Ledger
	days   days
	log    *slog.Logger

	background background
}

// New returns the rollup of a ledger, in the same database. The caller must
// call SetUp before anything else, and Close at the end.
func New(l *Ledger, log *slog.Logger) *Rollup {
	r := &Rollup{run: l.run, ledger: l, log: log}
	r.days = days{run: l.run, now: l.now, daily: l.run.DB.Collection("dailymetrics"), details: l.run.DB.Collection("details")}
	r.background.init(r.FoldJournal)
	l.changed = r.background.wake
	return r
}

// SetUp makes the indexes of the ledger and the rollup, and the rollup if there
// is none. It is safe to repeat, by several processes at once too.
func (r *Rollup) SetUp(ctx context.Context) error {
	shares, daily := r.ledger.shares.shares, r.days.daily
	for _, index := range []struct {
		on     *mongo.Collection
		keys   bson.D
		unique bool
	}{
		{shares, eq("date", 1, "_id", 1), false},
		{shares, eq("revision", 1, "date", 1), false},
		{daily, eq("date", 1), true},
		{daily, eq("date", 1, "metrics.event_type", 1), false},
	} {
		if err := r.run.CreateIndex(ctx, index.on, index.keys, index.unique); err != nil {
			return err
		}
	}
	s, err := r.readState(ctx)
	if err == nil && s.Format != stateFormat {
		err = r.Rebuild(ctx)
	}
	if errors.Is(err, metrics.ErrCorrupt) { // all answers but that of UnpurgedDays are as before
		r.log.ErrorContext(ctx, "rebuilding daily sums failed", "err", err)
		return nil
	}
	return err
}

// Close ends the folding in the background and waits for it. Another process
// goes on with it, or this one when it starts again.
func (r *Rollup) Close() { r.background.stop() }
