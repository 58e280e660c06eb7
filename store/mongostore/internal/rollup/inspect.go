package rollup

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// Inspect reads the entry of a batch, whose events are purged or not, and all that
// it names. Errors: metrics.ErrCorrupt if some of it is not what was written;
// store.ErrNotFound if there is no entry, or it is void.
func (l *Ledger) Inspect(ctx context.Context, id string, purged bool) error {
	for {
		e, err := l.counting(ctx, id)
		if err != nil {
			return err
		}
		if err = l.inspectShares(ctx, e, purged); err == nil {
			return nil
		}
		now, changed := l.counting(ctx, id)
		if changed != nil || now.Change == e.Change {
			return errors.Join(err, changed)
		}
	}
}

// inspectShares also compares the counts that are kept for other tools.
func (l *Ledger) inspectShares(ctx context.Context, e *entryDoc, purged bool) error {
	if _, err := l.whole(ctx, e); err != nil {
		return err
	}
	if e.Purged && !purged { // not the other way round: an earlier release has kept that elsewhere
		return checksum.Corrupt("the ledger takes batch %q for purged", e.ID)
	}
	opts := options.Find().SetSort(eq("_id", 1)).SetLimit(sharePage).SetProjection(eq("subjects", 0))
	for last := ""; ; {
		page, err := l.shares.after(ctx, eq("_id", shareRange(e.ID, e.Revision)), last, opts)
		if err != nil {
			return err
		}
		for i := range page {
			last = page[i].ID
			c, err := metrics.DecodeContribution(page[i].Slots.Data, metrics.Filter{})
			if err != nil {
				return err
			}
			if !slices.Equal(countsOf(c), page[i].Metrics) {
				return checksum.Corrupt("the counts of share %q", last)
			}
		}
		if len(page) < sharePage {
			return nil
		}
	}
}

// Batches returns the ids after one of the batches whose contribution counts, at
// most limit, and which entries were damaged, by batch.
func (l *Ledger) Batches(ctx context.Context, after string, limit int64) (ids []string, last string, damaged map[string]error, _ error) {
	damaged = map[string]error{}
	opts := options.Find().SetSort(eq("_id", 1)).SetLimit(limit)
	found, err := command.FindAll[bson.Raw](ctx, l.run, l.contributions, eq("_id", eq("$gt", after)), opts)
	for _, raw := range found {
		var e entryDoc
		last, _ = raw.Lookup("_id").StringValueOK()
		err := bson.Unmarshal(raw, &e)
		if err == nil {
			err = e.check()
		}
		switch {
		case err != nil:
			damaged[last] = err
		case !e.Void:
			ids = append(ids, e.ID)
		}
	}
	return ids, last, damaged, err
}

// InspectSums checks the sums of days after a date, at most limit, and before the
// first one also the state and the journal. It returns what is damaged, and the
// last date that it has checked, or "" when there are no more.
func (r *Rollup) InspectSums(ctx context.Context, after string, limit int64) (damaged []error, last string, _ error) {
	if after == "" {
		var err error
		if damaged, err = r.inspectState(ctx); err != nil {
			return nil, "", err
		}
	}
	opts := options.Find().SetSort(eq("_id", 1)).SetLimit(limit)
	found, err := command.FindAll[bson.Raw](ctx, r.run, r.days.daily, eq("_id", eq("$gt", after)), opts)
	if err != nil {
		return nil, "", err
	}
	for _, raw := range found {
		id, _ := raw.Lookup("_id").StringValueOK()
		if last = id; id == stateID {
			continue
		}
		if err := checkDay(raw); err != nil {
			damaged = append(damaged, err)
		}
	}
	if int64(len(found)) < limit {
		last = ""
	}
	return damaged, last, nil
}

func checkDay(raw bson.Raw) error {
	var d dayDoc
	if err := bson.Unmarshal(raw, &d); err != nil {
		return checksum.Corrupt("the document of a day: %v", err)
	}
	if err := d.check(); err != nil {
		return err
	}
	if d.ID != d.Date {
		return checksum.Corrupt("the sum of %.10q is that of %.10q", d.ID, d.Date)
	}
	return nil
}

func (r *Rollup) inspectState(ctx context.Context) (damaged []error, _ error) {
	var s stateDoc
	err := r.run.Find(ctx, r.days.daily, eq("_id", stateID), &s)
	switch {
	case errors.Is(err, mongo.ErrNoDocuments): // the next reader starts a new rollup
	case errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil:
		return nil, err
	case err != nil:
		damaged = append(damaged, err)
	default:
		damaged = append(damaged, s.check())
	}
	notes, err := r.ledger.notes(ctx)
	for i := range notes {
		damaged = append(damaged, notes[i].check())
	}
	return slices.DeleteFunc(damaged, func(err error) bool { return err == nil }), err
}

// dropDamagedDays removes the documents of days that are damaged. A new rollup
// does not read them, but must be able to take their place.
func (r *Rollup) dropDamagedDays(ctx context.Context) error {
	var keys bson.A
	err := r.run.Each(ctx, r.days.daily, eq("_id", eq("$ne", stateID)), options.Find(), func(raw bson.Raw) error {
		if checkDay(raw) != nil {
			keys = append(keys, cloned(raw.Lookup("_id")))
		}
		return nil
	})
	if err != nil || len(keys) == 0 {
		return err
	}
	return r.run.Remove(ctx, r.days.daily, eq("_id", eq("$in", keys)), nil)
}

// cloned returns a value that stays valid.
func cloned(v bson.RawValue) bson.RawValue {
	v.Value = slices.Clone(v.Value)
	return v
}
