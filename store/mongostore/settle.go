package mongostore

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
)

const (
	// A plan has so many batches at most, and, if more than one, so many days
	// and types, which are in memory while it is carried out.
	planSteps = 64
	planCells = 8192
	// notesPage is the number of notes that one query reads.
	notesPage = 10_000
	// dayWriters is the number of days that are written at a time.
	dayWriters = 4
	// noteTTL is the age from which a note whose change never came is taken
	// for one that will not: far more than a command may take.
	noteTTL = time.Hour
)

// settle folds into the rollup what the journal has, until it has no more.
// Any number of processes may do so at once; they help each other.
func (s *Store) settle(ctx context.Context) {
	for ctx.Err() == nil {
		more, err := s.settleOnce(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "rollup left behind the ledger for now", "err", err)
			return
		}
		if !more {
			return
		}
	}
}

// settleOnce carries out the plan that is there, or makes one. It says
// whether there was anything to do.
func (s *Store) settleOnce(ctx context.Context) (bool, error) {
	r, err := s.readRollup(ctx)
	if err != nil {
		return false, err
	}
	if len(r.Plan) > 0 {
		return true, s.carryOut(ctx, r)
	}
	if len(r.Garbage) > 0 {
		return true, s.dropGarbage(ctx, r)
	}
	ch, err := s.changes(ctx, r)
	if err != nil {
		return false, err
	}
	if now, err := s.readRollup(ctx); err != nil || !r.same(now) {
		return true, err // what the entries say is of a later generation, perhaps
	}
	if err := s.tidy(ctx, r, ch); err != nil {
		return false, err
	}
	plan := ch.plan()
	if len(plan) == 0 {
		return false, nil
	}
	next := *r
	next.Generation, next.Plan, next.Garbage = r.Generation+1, plan, []revisionDoc{}
	return true, s.advance(ctx, r, &next)
}

// dropGarbage deletes the shares of revisions that no rollup has any more.
func (s *Store) dropGarbage(ctx context.Context, r *rollupDoc) error {
	for _, g := range r.Garbage {
		if err := s.dropShares(ctx, g.BatchID, g.Revision); err != nil {
			return err
		}
	}
	clean := *r
	clean.Garbage = []revisionDoc{}
	return s.advance(ctx, r, &clean)
}

// advance replaces the state of the rollup, if it is still the one that was
// read; if not, somebody else has.
func (s *Store) advance(ctx context.Context, was, next *rollupDoc) error {
	return s.do(ctx, func(ctx context.Context) error {
		filter := eq("_id", rollupID, "epoch", was.Epoch, "generation", was.Generation)
		if len(was.Plan) > 0 { // the same generation, with its plan done
			filter = append(filter, eq("plan", eq("$ne", bson.A{}))...)
		}
		_, err := s.daily.ReplaceOne(ctx, filter, next)
		return err
	})
}

// changes are the entries that the journal names.
type changes struct {
	epoch   string
	notes   []noteDoc
	batches []string // of the notes, each once
	entries map[string]*entryDoc
}

// changes reads the journal, and then the entries of its batches.
func (s *Store) changes(ctx context.Context, r *rollupDoc) (*changes, error) {
	ch := &changes{epoch: r.Epoch}
	opts := options.Find().SetSort(eq("_id", 1)).SetLimit(notesPage)
	for last, more := "", true; more; {
		page, err := findAll[noteDoc](ctx, s, s.journal, eq("_id", eq("$gt", last)), opts)
		if err != nil {
			return nil, err
		}
		ch.notes = append(ch.notes, page...)
		if more = len(page) == notesPage; more {
			last = page[notesPage-1].ID
		}
	}
	seen := map[string]bool{}
	name := func(id string) {
		if !seen[id] {
			seen[id] = true
			ch.batches = append(ch.batches, id)
		}
	}
	for i := range ch.notes {
		name(ch.notes[i].BatchID)
	}
	for i := range r.Plan {
		name(r.Plan[i].BatchID)
	}
	var err error
	ch.entries, err = s.entries(ctx, ch.batches)
	return ch, err
}

// plan picks the next batches whose entry is not what the rollup has.
func (ch *changes) plan() []step {
	var plan []step
	cells := 0
	for _, id := range ch.batches {
		e := ch.entries[id]
		if e == nil || e.Revision == e.folded(ch.epoch) {
			continue
		}
		if cells += e.Cells; len(plan) > 0 && cells > planCells || len(plan) == planSteps {
			break
		}
		plan = append(plan, step{BatchID: id, From: e.folded(ch.epoch), To: e.Revision, WasFolded: e.Folded, WasEpoch: e.Epoch})
	}
	return plan
}

// tidy takes the notes of settled batches out of the journal.
func (s *Store) tidy(ctx context.Context, r *rollupDoc, ch *changes) error {
	var done []string
	for i := range ch.notes {
		n := &ch.notes[i]
		e := ch.entries[n.BatchID]
		if e == nil {
			e = &entryDoc{}
		}
		if e.Revision != e.folded(r.Epoch) {
			continue
		}
		lost := !e.happened(n.ID) && n.Epoch != r.Epoch
		if lost && s.now().Sub(n.Noted) < noteTTL {
			continue // it may be about to happen
		}
		if e.Revision != n.ID { // those of an earlier change are in nothing any more
			if err := s.dropShares(ctx, n.BatchID, n.ID); err != nil {
				return err
			}
		}
		done = append(done, n.ID)
	}
	for part := range slices.Chunk(done, explainPage) {
		if err := s.remove(ctx, s.journal, eq("_id", eq("$in", part))); err != nil {
			return err
		}
	}
	return nil
}

// carryOut does what the plan of a rollup says. It may be done again, by
// several at once: whatever it changes it changes only from what was there
// before.
func (s *Store) carryOut(ctx context.Context, r *rollupDoc) error {
	sums, err := s.planned(ctx, r)
	if err != nil {
		return err
	}
	if err := s.foldDays(ctx, r, sums); err != nil {
		return err
	}
	done := *r
	done.Plan, done.Garbage = []step{}, []revisionDoc{}
	for _, p := range r.Plan {
		if err := s.mark(ctx, r, p); err != nil {
			return err
		}
		if p.From != "" {
			done.Garbage = append(done.Garbage, revisionDoc{p.BatchID, p.From})
		}
	}
	return s.advance(ctx, r, &done)
}

// mark writes into the entry of a step that the rollup has it now. A straggler
// of an earlier rollup may have changed the entry since the plan was made; then
// that change is gone over. Errors: errMoved.
func (s *Store) mark(ctx context.Context, r *rollupDoc, p step) error {
	for folded, epoch := p.WasFolded, p.WasEpoch; ; {
		filter := eq("_id", p.BatchID, "folded", folded, "epoch", epoch)
		marked, err := s.update(ctx, s.contributions, filter, eq("$set", eq("folded", p.To, "epoch", r.Epoch)))
		if marked || err != nil {
			return err
		}
		e, err := s.entry(ctx, p.BatchID)
		if err != nil || e.Epoch == r.Epoch {
			return err // done by another
		}
		// After the entry was read: if it is of a later rollup, so is this.
		if err := s.stillAt(ctx, r); err != nil {
			return err
		}
		folded, epoch = e.Folded, e.Epoch
	}
}

// stillAt returns errMoved if r is not the state of the rollup any more.
func (s *Store) stillAt(ctx context.Context, r *rollupDoc) error {
	now, err := s.readRollup(ctx)
	if err == nil && !r.same(now) {
		err = errMoved
	}
	return err
}

// change is what a plan does to one day.
type change struct {
	add, take metrics.Contribution
}

// planned reads what the plan of a rollup adds to each day and takes from it.
func (s *Store) planned(ctx context.Context, r *rollupDoc) (map[metrics.Day]*change, error) {
	days := map[metrics.Day]*change{}
	of := func(day metrics.Day) *change {
		if days[day] == nil {
			days[day] = &change{}
		}
		return days[day]
	}
	for _, p := range r.Plan {
		for _, revision := range []string{p.To, p.From} {
			if revision == "" {
				continue
			}
			c, _, err := s.revision(ctx, p.BatchID, revision)
			if err != nil {
				return nil, err
			}
			for day, types := range c.Days() {
				if d := of(day); revision == p.To {
					d.add = metrics.Merge(d.add, types)
				} else {
					d.take = metrics.Merge(d.take, types)
				}
			}
		}
	}
	return days, nil
}

// foldDays writes the days of a plan, some at a time.
func (s *Store) foldDays(ctx context.Context, r *rollupDoc, sums map[metrics.Day]*change) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	places := make(chan struct{}, dayWriters)
	var writers sync.WaitGroup
	for day, ch := range sums {
		places <- struct{}{}
		writers.Go(func() {
			if err := s.foldDay(ctx, r, day, ch); err != nil {
				cancel(fmt.Errorf("fold %s: %w", day, err))
			}
			<-places
		})
	}
	writers.Wait()
	return context.Cause(ctx)
}

// foldDay brings a day to the generation of the rollup. It begins again where a
// straggler of an earlier rollup has written the day meanwhile.
func (s *Store) foldDay(ctx context.Context, r *rollupDoc, day metrics.Day, ch *change) error {
	for {
		was, sum, err := s.readDay(ctx, r, day.String())
		if err != nil {
			return err
		}
		if was != nil && was.Epoch == r.Epoch && was.Generation >= r.Generation {
			return nil // done by another
		}
		if was != nil && was.Epoch != r.Epoch {
			// After the day was read: if it is of a later rollup, so is this.
			if err := s.stillAt(ctx, r); err != nil {
				return err
			}
		}
		if sum, err = s.folded(ctx, r, day, sum, ch); err != nil {
			return err
		}
		if written, err := s.writeDay(ctx, r, was, day, sum); written || err != nil {
			return err
		}
	}
}

// folded returns the sum of a day with a change made to it.
func (s *Store) folded(ctx context.Context, r *rollupDoc, day metrics.Day, sum metrics.Contribution, ch *change) (metrics.Contribution, error) {
	if len(ch.take) == 0 {
		return metrics.Merge(sum, ch.add), nil
	}
	// A sketch cannot be subtracted: the day is summed anew.
	to := map[string]string{}
	for _, p := range r.Plan {
		to[p.BatchID] = p.To
	}
	return s.sumDay(ctx, day, r.Epoch, to, withAll)
}

// sumDay sums the shares of a day that the rollup of an epoch has, but for
// some batches those of the given revisions.
func (s *Store) sumDay(ctx context.Context, day metrics.Day, epoch string, instead map[string]string, q metrics.Filter) (metrics.Contribution, error) {
	var sum metrics.Contribution
	var group []shareDoc
	var parts []metrics.Contribution
	flush := func() error {
		ids := make([]string, len(group))
		for i := range group {
			ids[i] = group[i].BatchID
		}
		entries, err := s.entries(ctx, ids)
		if err != nil {
			return err
		}
		for i := range group {
			revision, other := instead[group[i].BatchID]
			if e := entries[group[i].BatchID]; !other && e != nil {
				revision = e.folded(epoch)
			}
			if revision == group[i].Revision {
				sum = metrics.Merge(sum, parts[i])
			}
		}
		group, parts = nil, nil
		return nil
	}
	var failed error
	err := s.eachShare(ctx, eq("date", day.String()), q, func(d *shareDoc, c metrics.Contribution) {
		group, parts = append(group, shareDoc{BatchID: d.BatchID, Revision: d.Revision}), append(parts, c)
		if len(group) == sharePage && failed == nil {
			failed = flush()
		}
	})
	if err == nil {
		err = failed
	}
	if err == nil {
		err = flush()
	}
	return sum, err
}
