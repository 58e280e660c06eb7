package rollup

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Rebuild makes the rollup again from the ledger. Answers stay right meanwhile,
// but are slow until all entries are folded. It is safe to repeat. Errors:
// metrics.ErrCorrupt if entries of the ledger are damaged; nothing is changed
// then, since what the rollup has of them is right.
func (r *Rollup) Rebuild(ctx context.Context) error {
	if err := r.ledger.checkEntries(ctx); err != nil {
		return err
	}
	if err := r.ledger.dropDamagedNotes(ctx); err != nil {
		return err
	}
	var lost losses
	for {
		s, err := r.readState(ctx)
		if err != nil {
			return err
		}
		if len(s.Plan) > 0 {
			err = lost.count(r.carryOut(ctx, s, nil))
		}
		if len(s.Plan) == 0 || errors.Is(err, metrics.ErrCorrupt) { // what the plan needs is damaged
			if err = r.restart(ctx, s); err == nil {
				err = r.dropDamagedDays(ctx)
				r.background.wake()
				return err
			}
		}
		if err != nil && !errors.Is(err, errMoved) {
			return err
		}
	}
}

// restart begins a new, empty rollup in the place of was, which is nil if there
// is none. It notes all entries in the journal first, under the new epoch.
// Errors: errMoved if was is not the state any more.
func (r *Rollup) restart(ctx context.Context, was *stateDoc) error {
	next := stateDoc{
		ID: stateID, Format: stateFormat, Epoch: bson.NewObjectID().Hex(), Generation: time.Now().UnixMilli(),
		Plan: []step{}, Garbage: []revisionDoc{},
	}
	if err := r.ledger.noteAll(ctx, next.Epoch); err != nil {
		return err
	}
	if err := r.install(ctx, was, &next); err != nil {
		return err
	}
	now, err := r.readState(ctx)
	if err != nil {
		return err
	}
	r.background.wake()
	if now.Epoch == next.Epoch {
		return nil
	}
	// Another process has installed its rollup first.
	return errors.Join(errMoved, r.run.Remove(ctx, r.ledger.journal, eq("epoch", next.Epoch), nil))
}

// install puts a new rollup in the place of was, if that is still the state.
func (r *Rollup) install(ctx context.Context, was, next *stateDoc) error {
	if was == nil {
		// What is in the place of the state, and is not the state, is damaged.
		other := bson.A{eq("_id", stateID, "date", eq("$ne", "")), eq("_id", eq("$ne", stateID), "date", "")}
		if err := r.run.Remove(ctx, r.days.daily, eq("$or", other), nil); err != nil {
			return err
		}
		_, err := r.run.Insert(ctx, r.days.daily, next.sealed())
		return err
	}
	next.Generation = max(next.Generation, was.Generation+1)
	_, err := r.run.Replace(ctx, r.days.daily, eq("_id", stateID, "date", "", "epoch", was.Epoch, "generation", was.Generation), next.sealed())
	return err
}
