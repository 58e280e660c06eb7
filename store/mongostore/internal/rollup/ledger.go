package rollup

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// A Ledger is the ledger of a database: which contribution counts of each
// batch. It knows nothing of the batches themselves; the caller checks that a
// batch exists. It is safe for concurrent use, by several processes too.
type Ledger struct {
	run                    *command.Runner
	now                    func() time.Time
	contributions, journal *mongo.Collection
	shares                 shares
	changed                func() // called after each change of an entry
}

// NewLedger returns the ledger in the database of run. Now returns the time to
// the millisecond.
func NewLedger(run *command.Runner, now func() time.Time) *Ledger {
	return &Ledger{
		run: run, now: now, changed: func() {},
		contributions: run.DB.Collection("contributions"),
		journal:       run.DB.Collection("journal"),
		shares:        shares{run: run, shares: run.DB.Collection("shares"), groups: run.DB.Collection("groups")},
	}
}

// eq returns a document of keys and their values.
func eq(pairs ...any) bson.D { return command.Eq(pairs...) }

// Record enters the contribution of a batch. If the ledger has an entry of the
// batch, Record changes nothing and returns nil. Errors: store.ErrNotFound if
// the entry is void.
func (l *Ledger) Record(ctx context.Context, id string, c metrics.Contribution) error {
	recorded, err := l.IsRecorded(ctx, id)
	if recorded || err != nil {
		return err
	}
	note, err := l.note(ctx, id)
	if err != nil {
		return err
	}
	next, err := l.prepare(ctx, id, note, c)
	if err != nil {
		return err
	}
	if _, err := l.run.Insert(ctx, l.contributions, next); err != nil {
		return err
	}
	now, err := l.entry(ctx, id)
	if err != nil {
		return err
	}
	l.changed()
	if !now.applied(note) {
		err = l.takeBack(ctx, id, note)
	}
	if err == nil && now.Void {
		err = store.ErrNotFound
	}
	return err
}

// IsRecorded reports whether the ledger has an entry of the batch. Errors:
// store.ErrNotFound for a void one.
func (l *Ledger) IsRecorded(ctx context.Context, id string) (bool, error) {
	e, err := l.entry(ctx, id)
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return false, nil
	case err == nil && e.Void:
		return false, store.ErrNotFound
	}
	return err == nil, err
}

// prepare stores the shares of a revision and returns an entry that names it.
func (l *Ledger) prepare(ctx context.Context, id, revision string, c metrics.Contribution) (*entryDoc, error) {
	c = c.WithEvents()
	n, err := l.shares.write(ctx, id, revision, c)
	now := l.now()
	return newEntry(entryDoc{
		ID: id, Revision: revision, Change: revision, Changed: now, Recorded: now, Events: c.Events(), Cells: len(c), Shares: n,
	}), err
}

// newEntry returns an entry with its checksums.
func newEntry(e entryDoc) *entryDoc {
	e.Sum, e.FoldedSum = e.sum(), foldedSum(e.ID, e.Folded, e.FoldedPurged, e.Epoch)
	return &e
}

// counting reads the entry of a batch that counts. Errors: store.ErrNotFound.
func (l *Ledger) counting(ctx context.Context, id string) (*entryDoc, error) {
	e, err := l.entry(ctx, id)
	if errors.Is(err, mongo.ErrNoDocuments) || err == nil && e.Void {
		err = store.ErrNotFound
	}
	return e, err
}

// Contribution returns what counts of a batch. Errors: store.ErrNotFound if
// nothing does; metrics.ErrCorrupt.
func (l *Ledger) Contribution(ctx context.Context, id string) (metrics.Contribution, error) {
	for {
		e, err := l.counting(ctx, id)
		if err != nil {
			return nil, err
		}
		c, err := l.whole(ctx, e)
		if !errors.Is(err, metrics.ErrCorrupt) {
			return c, err
		}
		now, changed := l.counting(ctx, id) // while its shares were read?
		if changed != nil || now.Change == e.Change {
			return nil, cmp.Or(changed, err)
		}
	}
}

// Amend replaces what counts of a batch. Errors: store.ErrNotFound if nothing
// does.
func (l *Ledger) Amend(ctx context.Context, id string, c metrics.Contribution) error {
	for {
		e, err := l.counting(ctx, id)
		if err != nil {
			return err
		}
		changed, err := l.tryChange(ctx, e, func(note string) (*entryDoc, error) { return l.prepare(ctx, id, note, c) })
		if changed || err != nil {
			return err
		}
	}
}

// Void makes the entry of a batch void, permanently. A batch without an entry
// gets a void one, so that a Record that is under way fails. If the entry is
// damaged, or missing although the batch is recorded, what the rollup has of the
// batch is not known; Void returns true, and the rollup must be rebuilt.
func (l *Ledger) Void(ctx context.Context, id string, recorded bool) (rebuild bool, _ error) {
	for {
		e, err := l.entry(ctx, id)
		if errors.Is(err, mongo.ErrNoDocuments) {
			added, err := l.run.Insert(ctx, l.contributions, newEntry(entryDoc{ID: id, Void: true, Changed: l.now()}))
			if added || err != nil {
				return recorded, err
			}
			continue
		}
		if errors.Is(err, metrics.ErrCorrupt) {
			voided, err := l.voidDamaged(ctx, e)
			if voided || err != nil {
				return true, err
			}
			continue
		}
		if err != nil || e.Void {
			return false, err
		}
		voided, err := l.tryChange(ctx, e, func(note string) (*entryDoc, error) {
			return &entryDoc{Void: true, Change: note, Changed: l.now()}, nil
		})
		if voided || err != nil {
			return false, err
		}
	}
}

// voidDamaged makes a damaged entry void, as if the rollup had nothing of it.
func (l *Ledger) voidDamaged(ctx context.Context, e *entryDoc) (bool, error) {
	void := newEntry(entryDoc{ID: e.ID, Void: true, Change: bson.NewObjectID().Hex(), Changed: l.now()})
	return l.run.Replace(ctx, l.contributions, eq("_id", e.ID, "sum", e.Sum, "folded_sum", e.FoldedSum), void)
}

// tryChange notes a change of an entry and makes it, unless another change was
// made first. It reports whether it has.
func (l *Ledger) tryChange(ctx context.Context, was *entryDoc, next func(note string) (*entryDoc, error)) (bool, error) {
	note, err := l.note(ctx, was.ID)
	if err != nil {
		return false, err
	}
	e, err := next(note)
	if err != nil {
		return false, err
	}
	changed, err := l.replaceEntry(ctx, was, e)
	if err != nil {
		return false, err
	}
	if changed {
		l.changed()
		return true, nil
	}
	return false, l.takeBack(ctx, was.ID, note)
}

// IsVoid reports whether the entry of a batch is void.
func (l *Ledger) IsVoid(ctx context.Context, id string) (bool, error) {
	e, err := l.entry(ctx, id)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil && e.Void, err
}

// RemoveVoid removes the void entries that were made before a moment. Entries
// that the rollup still counts stay.
func (l *Ledger) RemoveVoid(ctx context.Context, before time.Time) error {
	return l.run.Remove(ctx, l.contributions, eq("void", true, "folded", "", "changed_at", eq("$lt", before)), nil)
}
