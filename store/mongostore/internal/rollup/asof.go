package rollup

import (
	"context"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

const (
	// asOfDays is the number of calendar days that a query with AsOf sums at
	// once.
	asOfDays = 30
	// asOfPage is the number of shares that one query reads without content.
	asOfPage = 1000
)

// firstDaysAsOf sums the first days that q selects from the ledger. It counts
// what was recorded until q.AsOf. Last is the last of the days, or 0 if there
// are no more.
func (l *Ledger) firstDaysAsOf(ctx context.Context, q *metrics.Filter) (part metrics.Contribution, last metrics.Day, err error) {
	first, err := l.shares.firstDay(ctx, q)
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
	err = retryMoved(ctx, l.run, func(ctx context.Context) error {
		part, err = l.tryDaysAsOf(ctx, &some)
		return err
	})
	return part, last, err
}

// firstDay returns the first of the days of a query that has a share, or 0.
func (s *shares) firstDay(ctx context.Context, q *metrics.Filter) (metrics.Day, error) {
	opts := options.Find().SetSort(eq("date", 1)).SetLimit(1).SetProjection(eq("date", 1))
	found, err := command.FindAll[shareDoc](ctx, s.run, s.shares, dates(q.From, q.To), opts)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return metrics.ParseDay(found[0].Date)
}

// tryDaysAsOf sums the shares that count, and then checks that the same ones
// still do. Errors: errMoved if not.
func (l *Ledger) tryDaysAsOf(ctx context.Context, q *metrics.Filter) (metrics.Contribution, error) {
	var sum metrics.Contribution
	before := newSelection(l, q)
	err := before.each(ctx, sharePage, func(page []shareDoc) error {
		contents, err := l.shares.decode(ctx, page, *q)
		for _, c := range contents {
			sum = sum.Add(c)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	after := newSelection(l, q)
	if err := after.each(ctx, asOfPage, nil); err != nil {
		return nil, err
	}
	if !before.same(after) {
		return nil, errMoved
	}
	return sum, nil
}

// selection is which shares of the days of a query with AsOf count.
type selection struct {
	l       *Ledger
	q       *metrics.Filter
	entries map[string]*entryDoc // of the batches met; nil: not in the ledger
	shares  int                  // that count
}

func newSelection(l *Ledger, q *metrics.Filter) *selection {
	return &selection{l: l, q: q, entries: map[string]*entryDoc{}}
}

// each reads the shares of the days, ascending by day, and calls use with the
// pages of those that count. Without use, it reads them without their content.
func (s *selection) each(ctx context.Context, limit int, use func([]shareDoc) error) error {
	without := eq("metrics", 0)
	if use == nil {
		without = append(without, eq("slots", 0)...)
	}
	if use == nil || !s.q.Subjects {
		without = append(without, eq("subjects", 0)...)
	}
	opts := options.Find().SetSort(eq("date", 1, "_id", 1)).SetLimit(int64(limit)).SetProjection(without)
	for from, last := s.q.From, ""; ; {
		after := bson.A{eq("date", eq("$gt", from.String())), eq("_id", eq("$gt", last))}
		page, err := s.l.shares.find(ctx, append(dates(from, s.q.To), eq("$or", after)...), opts)
		if err != nil || len(page) == 0 {
			return err
		}
		end := page[len(page)-1]
		if page, err = s.choose(ctx, page); err != nil {
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

// choose reads the entries of the batches of a page and returns the shares that
// count.
func (s *selection) choose(ctx context.Context, page []shareDoc) ([]shareDoc, error) {
	var ids []string
	for i := range page {
		id := page[i].BatchID
		if _, known := s.entries[id]; !known {
			s.entries[id] = nil
			ids = append(ids, id)
		}
	}
	found, err := s.l.entries(ctx, ids)
	if err != nil {
		return nil, err
	}
	maps.Copy(s.entries, found)
	page = slices.DeleteFunc(page, func(d shareDoc) bool { return !s.counts(&d) })
	s.shares += len(page)
	return page, nil
}

// counts reports whether a share counts.
func (s *selection) counts(d *shareDoc) bool {
	e := s.entries[d.BatchID]
	return e != nil && e.Revision == d.Revision && s.q.MatchRecorded(e.Recorded)
}

// same reports whether two selections are of one state of the ledger.
func (s *selection) same(later *selection) bool {
	if s.shares != later.shares {
		return false
	}
	for _, pair := range [][2]*selection{{s, later}, {later, s}} {
		for id, e := range pair[0].entries {
			if s.changeOf(e) != s.changeOf(pair[1].entries[id]) {
				return false
			}
		}
	}
	return true
}

// changeOf returns the change by which an entry counts, or "" if it does not.
func (s *selection) changeOf(e *entryDoc) string {
	if e == nil || e.Void || !s.q.MatchRecorded(e.Recorded) {
		return ""
	}
	return e.Change
}
