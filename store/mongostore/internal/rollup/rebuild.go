package rollup

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Rebuild makes the rollup again from the ledger. Answers stay right meanwhile,
// but are slow until all entries are folded. It is safe to repeat.
func (r *Rollup) Rebuild(ctx context.Context) error {
	for {
		s, err := r.readState(ctx)
		if err != nil {
			return err
		}
		if len(s.Plan) > 0 {
			err = r.carryOut(ctx, s)
		} else if err = r.restart(ctx, s); err == nil {
			return nil
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
	next := stateDoc{ID: stateID, Epoch: bson.NewObjectID().Hex(), Generation: time.Now().UnixMilli(), Plan: []step{}, Garbage: []revisionDoc{}}
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
	return errors.Join(errMoved, r.run.Remove(ctx, r.ledger.journal, eq("epoch", next.Epoch)))
}

// install puts a new rollup in the place of was, if that is still the state.
func (r *Rollup) install(ctx context.Context, was, next *stateDoc) error {
	if was == nil {
		_, err := r.run.Insert(ctx, r.days.daily, next)
		return err
	}
	next.Generation = max(next.Generation, was.Generation+1)
	_, err := r.run.Replace(ctx, r.days.daily, eq("_id", stateID, "date", "", "epoch", was.Epoch, "generation", was.Generation), next)
	return err
}
