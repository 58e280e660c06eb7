package rollup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
)

// dayWriters is the number of days that one process writes concurrently.
const dayWriters = 4

// FoldJournal folds the changes that the journal names into the rollup, until
// there are none. Any number of processes may do so concurrently; each goes on
// with what another has begun. It logs errors and returns; the next call goes
// on.
func (r *Rollup) FoldJournal(ctx context.Context) {
	var lost losses
	for ctx.Err() == nil {
		more, err := r.foldOnce(ctx)
		if err = lost.count(err); errors.Is(err, errMoved) {
			continue // another process has carried the plan out
		}
		if err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "folding journal failed, rollup lags behind ledger", "err", err)
			return
		}
		if !more {
			return
		}
	}
}

// foldOnce moves the rollup to its next state. It reports whether there was
// anything to do.
func (r *Rollup) foldOnce(ctx context.Context) (bool, error) {
	s, err := r.readState(ctx)
	if err != nil {
		return false, err
	}
	if len(s.Plan) > 0 {
		return true, r.carryOut(ctx, s, nil)
	}
	if len(s.Garbage) > 0 {
		return true, r.dropGarbage(ctx, s)
	}
	ch, err := r.ledger.changes(ctx, s)
	if err != nil {
		return false, err
	}
	if now, err := r.readState(ctx); err != nil || !s.same(now) {
		return true, err // the entries may be those of a later generation
	}
	plan, loaded, err := r.readablePlan(ctx, ch)
	if err != nil {
		return false, err
	}
	done := r.ledger.done(ch)
	if len(plan)+len(done) == 0 {
		return false, nil
	}
	next := *s
	next.Generation, next.Plan, next.Garbage = s.Generation+1, plan, []revisionDoc{}
	// The state moves before notes are removed, even without a plan: otherwise a
	// process that has read the entries earlier, in the same state, could still
	// plan what they were then, and no note would tell that it must be undone.
	if moved, err := r.advance(ctx, s, &next); !moved || err != nil {
		return true, err
	}
	if err := r.ledger.removeNotes(ctx, ch, done); err != nil || len(plan) == 0 {
		return true, err
	}
	return true, r.carryOut(ctx, &next, loaded)
}

// dropGarbage deletes the shares of the revisions that the last plan took out.
func (r *Rollup) dropGarbage(ctx context.Context, s *stateDoc) error {
	for _, g := range s.Garbage {
		if err := r.ledger.shares.drop(ctx, g.BatchID, g.Revision); err != nil {
			return err
		}
	}
	clean := *s
	clean.Garbage = []revisionDoc{}
	_, err := r.advance(ctx, s, &clean)
	return err
}

// carryOut does the steps of the plan, of which some contributions may be loaded.
// It is safe to repeat, by several processes concurrently: each write names what
// it replaces.
func (r *Rollup) carryOut(ctx context.Context, s *stateDoc, loaded map[string]metrics.Contribution) error {
	changes, err := r.ledger.planned(ctx, s, loaded)
	if err != nil {
		return err
	}
	if err := r.foldDays(ctx, s, changes); err != nil {
		return err
	}
	done := *s
	done.Plan, done.Garbage = []step{}, []revisionDoc{}
	for _, p := range s.Plan {
		if err := r.markFolded(ctx, s, p); err != nil {
			return err
		}
		if p.From != "" && p.From != p.To {
			done.Garbage = append(done.Garbage, revisionDoc{p.BatchID, p.From})
		}
	}
	_, err = r.advance(ctx, s, &done)
	return err
}

// markFolded writes into the entry of a step that the rollup has its revision
// now. A process that still works for an earlier rollup may have marked the
// entry since the plan was made; that mark is replaced. Errors: errMoved.
func (r *Rollup) markFolded(ctx context.Context, s *stateDoc, p step) error {
	for folded, epoch := p.WasFolded, p.WasEpoch; ; {
		filter := eq("_id", p.BatchID, "folded", folded, "epoch", epoch)
		marked, err := r.run.Update(ctx, r.ledger.contributions, filter, eq("$set", eq("folded", p.To, "folded_purged", p.ToPurged, "epoch", s.Epoch,
			"folded_sum", foldedSum(p.BatchID, p.To, p.ToPurged, s.Epoch))))
		if marked || err != nil {
			return err
		}
		e, err := r.ledger.entry(ctx, p.BatchID)
		if err != nil || e.Epoch == s.Epoch {
			return err // marked by another process
		}
		// The state is read after the entry: if the mark is that of a later
		// rollup, so is the state.
		if err := r.checkState(ctx, s); err != nil {
			return err
		}
		folded, epoch = e.Folded, e.Epoch
	}
}

// foldDays writes the days of a plan, dayWriters of them concurrently.
func (r *Rollup) foldDays(ctx context.Context, s *stateDoc, changes dayChanges) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, dayWriters)
	var writers sync.WaitGroup
	for day, change := range changes {
		slots <- struct{}{}
		writers.Go(func() {
			if err := r.foldDay(ctx, s, day, change); err != nil {
				cancel(fmt.Errorf("fold %s: %w", day, err))
			}
			<-slots
		})
	}
	writers.Wait()
	return context.Cause(ctx)
}

// foldDay brings a day to the generation of the state. It starts again if a
// process that still works for an earlier rollup has written the day meanwhile.
func (r *Rollup) foldDay(ctx context.Context, s *stateDoc, day metrics.Day, change *dayChange) error {
	for missing := 0; ; {
		was, err := r.days.read(ctx, s, day.String())
		if err != nil {
			return err
		}
		if was != nil {
			missing = 0
		} else if missing++; missing > lostTries { // another document has its key
			return checksum.Corrupt("the sum of %v cannot be written", day)
		}
		if was != nil && was.Epoch == s.Epoch && was.Generation >= s.Generation {
			return nil // written by another process
		}
		if was != nil && was.Epoch != s.Epoch {
			// The state is read after the day: if the day is that of a later
			// rollup, so is the state.
			if err := r.checkState(ctx, s); err != nil {
				return err
			}
		}
		if written, err := r.apply(ctx, s, was, day, change); written || err != nil {
			return err
		}
	}
}

// apply changes a day that was read as was, unless another process has changed it
// since. It reports whether it has.
func (r *Rollup) apply(ctx context.Context, s *stateDoc, was *dayDoc, day metrics.Day, change *dayChange) (bool, error) {
	unpurged, known := change.unpurged, was != nil && was.Epoch == s.Epoch
	if known {
		unpurged += was.Unpurged
		if change.onlyPurges() {
			return r.days.writePurged(ctx, s, was, unpurged)
		}
	}
	var sum metrics.Contribution
	var err error
	switch {
	case change.resum:
		sum, err = r.sumAgain(ctx, s, day)
	case known:
		sum, err = r.days.sum(ctx, was)
	}
	if err != nil {
		return false, err
	}
	if !change.resum {
		sum = metrics.Merge(sum, change.add)
	}
	return r.days.write(ctx, s, was, day, sum, unpurged)
}

// sumAgain sums a day from its shares, as the plan leaves it: sketches cannot be
// subtracted.
func (r *Rollup) sumAgain(ctx context.Context, s *stateDoc, day metrics.Day) (metrics.Contribution, error) {
	to := map[string]string{}
	for _, p := range s.Plan {
		to[p.BatchID] = p.To
	}
	return r.ledger.sumDay(ctx, day, s.Epoch, to, metrics.AllParts())
}

// sumDay sums the shares of a day. Of the batches in instead it takes the
// revision given there, of the others the one that the rollup of an epoch has.
func (l *Ledger) sumDay(ctx context.Context, day metrics.Day, epoch string, instead map[string]string, q metrics.Filter) (metrics.Contribution, error) {
	choose := func(page []shareDoc) ([]shareDoc, error) {
		entries, err := l.entriesOf(ctx, page)
		return slices.DeleteFunc(page, func(share shareDoc) bool {
			revision, given := instead[share.BatchID]
			if e := entries[share.BatchID]; !given && e != nil {
				revision = e.foldedIn(epoch)
			}
			return revision != share.Revision
		}), err
	}
	var sum metrics.Contribution
	err := l.shares.eachPage(ctx, eq("date", day.String()), q, choose, func(_ []shareDoc, contents []metrics.Contribution) error {
		for _, c := range contents {
			sum = metrics.Merge(sum, c)
		}
		return nil
	})
	return sum, err
}
