package mongostore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// asOfDays is the number of calendar days that a query with AsOf sums at once.
const asOfDays = 30

// someDaysAsOf sums the first days that q selects from the ledger, of what was
// recorded until q.AsOf; the answer is of one state for all of them. Last is
// the last of the days, or 0 if there are no more.
func (s *Store) someDaysAsOf(ctx context.Context, q *metrics.Filter) (part metrics.Contribution, last metrics.Day, err error) {
	first, err := s.firstShare(ctx, q)
	if first == 0 || err != nil {
		return nil, 0, err
	}
	last = first + asOfDays - 1
	if q.To != 0 && q.To <= last {
		last = 0
	}
	some := *q
	some.From = first
	if last != 0 {
		some.To = last
	}
	for range readTries {
		part, err = s.tryDaysAsOf(ctx, &some)
		if !errors.Is(err, errMoved) {
			return part, last, err
		}
	}
	return nil, 0, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// firstShare returns the first of the days of a query that has a share, or 0.
func (s *Store) firstShare(ctx context.Context, q *metrics.Filter) (metrics.Day, error) {
	opts := options.Find().SetSort(eq("date", 1)).SetLimit(1).SetProjection(eq("date", 1))
	found, err := findAll[shareDoc](ctx, s, s.shares, dates(q.From, q.To), opts)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return metrics.ParseDay(found[0].Date)
}

// tryDaysAsOf sums the shares, and then looks whether the entries are still
// those that chose them. Errors: errMoved if they are not.
func (s *Store) tryDaysAsOf(ctx context.Context, q *metrics.Filter) (metrics.Contribution, error) {
	var sum metrics.Contribution
	before := newChoice(q.AsOf)
	err := s.sharesByDay(ctx, q, before, func(page []shareDoc) error {
		shares := make([]metrics.Contribution, len(page))
		for i := range page {
			var err error
			if shares[i], err = metrics.JoinParts(page[i].Slots.Data, page[i].Subjects.Data, *q); err != nil {
				return fmt.Errorf("share %s: %w", page[i].ID, err)
			}
		}
		if q.Groups {
			if err := s.addGroups(ctx, page, shares, *q); err != nil {
				return err
			}
		}
		for _, share := range shares {
			sum = sum.Add(share)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	after := newChoice(q.AsOf)
	if err := s.sharesByDay(ctx, q, after, nil); err != nil {
		return nil, err
	}
	if !before.same(after) {
		return nil, errMoved
	}
	return sum, nil
}

// choice is which revision counts of each batch that has a share.
type choice struct {
	asOf    time.Time
	entries map[string]*entryDoc // nil: not in the ledger
	shares  int                  // of those that count
}

func newChoice(asOf time.Time) *choice {
	return &choice{asOf: asOf, entries: map[string]*entryDoc{}}
}

// counts reports whether a share does.
func (ch *choice) counts(d *shareDoc) bool {
	e := ch.entries[d.BatchID]
	q := metrics.Filter{AsOf: ch.asOf}
	return e != nil && e.Revision == d.Revision && q.MatchRecorded(e.Recorded)
}

// same reports whether two choices are of one state of the ledger.
func (ch *choice) same(later *choice) bool {
	if ch.shares != later.shares {
		return false
	}
	for _, pair := range [][2]*choice{{ch, later}, {later, ch}} {
		for id, e := range pair[0].entries {
			if pair[0].changeOf(e) != pair[1].changeOf(pair[1].entries[id]) {
				return false
			}
		}
	}
	return true
}

// changeOf names the change by which an entry counts, "" if it does not.
func (ch *choice) changeOf(e *entryDoc) string {
	q := metrics.Filter{AsOf: ch.asOf}
	if e == nil || e.Void || !q.MatchRecorded(e.Recorded) {
		return ""
	}
	return e.Change
}

// asOfPage is the number of shares that one query reads without their content.
const asOfPage = 1000

// sharesByDay goes through the shares of days, ascending by day, and calls use
// with those that count, if it is not nil. It notes the entries that it meets.
func (s *Store) sharesByDay(ctx context.Context, q *metrics.Filter, ch *choice, use func([]shareDoc) error) error {
	limit := asOfPage
	without := eq("metrics", 0)
	if use != nil {
		limit = sharePage
	}
	if use == nil {
		without = append(without, eq("slots", 0)...)
	}
	if use == nil || !q.Subjects {
		without = append(without, eq("subjects", 0)...)
	}
	opts := options.Find().SetSort(eq("date", 1, "_id", 1)).SetLimit(int64(limit)).SetProjection(without)
	for from, last := q.From, ""; ; {
		behind := bson.A{eq("date", eq("$gt", from.String())), eq("_id", eq("$gt", last))}
		page, err := findAll[shareDoc](ctx, s, s.shares, append(dates(from, q.To), eq("$or", behind)...), opts)
		if err != nil || len(page) == 0 {
			return err
		}
		end := page[len(page)-1]
		if page, err = s.choose(ctx, ch, page); err != nil {
			return err
		}
		if use != nil {
			if err := use(page); err != nil {
				return err
			}
		}
		last = end.ID
		if from, err = metrics.ParseDay(end.Date); err != nil {
			return err
		}
	}
}

// choose reads the entries that a page of shares needs and keeps the shares
// that count.
func (s *Store) choose(ctx context.Context, ch *choice, page []shareDoc) ([]shareDoc, error) {
	var ids []string
	for i := range page {
		id := page[i].BatchID
		if _, known := ch.entries[id]; !known {
			ch.entries[id] = nil
			ids = append(ids, id)
		}
	}
	found, err := s.entries(ctx, ids)
	if err != nil {
		return nil, err
	}
	maps.Copy(ch.entries, found)
	page = slices.DeleteFunc(page, func(d shareDoc) bool { return !ch.counts(&d) })
	ch.shares += len(page)
	return page, nil
}
