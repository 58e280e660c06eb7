package rollup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

const (
	// shareTypes is the greatest number of event types in one document, which
	// takes up to 8 KB per type.
	shareTypes = 1000
	// sharePage is the number of shares that one query reads.
	sharePage = 200
)

// shares are the two collections with the content of the ledger. The shares of
// a revision never change.
type shares struct {
	run            *command.Runner
	shares, groups *mongo.Collection
}

// shareDoc is the share of one day in a revision, or a part of it if the day
// has more than shareTypes types.
type shareDoc struct {
	ID       string      `bson:"_id"` // batch/revision/date/part
	BatchID  string      `bson:"batch_id"`
	Revision string      `bson:"revision"`
	Date     string      `bson:"date"`
	Metrics  []countDoc  `bson:"metrics"`
	Slots    bson.Binary `bson:"slots"`
	Subjects bson.Binary `bson:"subjects"`
	// Groups is the number of documents with its groups, and found the number
	// of those that were read.
	Groups int `bson:"groups,omitempty"`
	found  int
	// Sum is the checksum of the members that say what the share is of: not of
	// Slots and Subjects, which have their own, nor of Metrics, which no answer
	// reads.
	Sum int64 `bson:"sum,omitempty"`
}

func (d *shareDoc) sum() int64 {
	return checksum.Of(shareDoc{ID: d.ID, BatchID: d.BatchID, Revision: d.Revision, Date: d.Date, Groups: d.Groups})
}

// check returns metrics.ErrCorrupt if the share is not what was written, as far
// as Sum covers it.
func (d *shareDoc) check() error {
	return checksum.Check(d.Sum, d.sum(), "share %q", d.ID)
}

// countDoc is the count of an event type.
type countDoc struct {
	Type  string `bson:"event_type"`
	Count int64  `bson:"count"`
}

func countsOf(c metrics.Contribution) []countDoc {
	list := make([]countDoc, len(c))
	for i := range c {
		list[i] = countDoc{c[i].Type, c[i].Count}
	}
	return list
}

// encodeTotals returns the quarter hours and the sketches of totals.
func encodeTotals(c metrics.Contribution) (slots, subjects bson.Binary, err error) {
	if slots.Data, err = c.AppendPart(nil, metrics.SlotsPart()); err != nil {
		return slots, subjects, err
	}
	subjects.Data, err = c.AppendPart(nil, metrics.SubjectsPart())
	return slots, subjects, err
}

// write stores the shares of a revision and returns the number of documents of
// them and their groups.
func (s *shares) write(ctx context.Context, id, revision string, c metrics.Contribution) (int, error) {
	shares, groups := inserter{run: s.run, to: s.shares}, inserter{run: s.run, to: s.groups}
	n := 0
	for day, types := range c.Days() {
		i := 0
		for part := range parts(types) {
			share, more, err := newShare(id, revision, day, i, part)
			if err != nil {
				return 0, err
			}
			for _, doc := range more {
				if err := groups.add(ctx, doc); err != nil {
					return 0, err
				}
			}
			if err := shares.add(ctx, share); err != nil {
				return 0, err
			}
			n += 1 + len(more)
			i++
		}
	}
	return n, errors.Join(groups.flush(ctx), shares.flush(ctx))
}

func newShare(id, revision string, day metrics.Day, i int, part metrics.Contribution) (*shareDoc, []groupsDoc, error) {
	slots, subjects, err := encodeTotals(part)
	if err != nil {
		return nil, nil, err
	}
	all, err := encodeGroups(part)
	if err != nil {
		return nil, nil, err
	}
	date := day.String()
	share := &shareDoc{
		ID: fmt.Sprintf("%s/%s/%s/%06d", id, revision, date, i), BatchID: id, Revision: revision, Date: date,
		Metrics: countsOf(part.Totals()), Slots: slots, Subjects: subjects, Groups: len(all),
	}
	share.Sum = share.sum()
	var more []groupsDoc
	for n, groups := range all {
		more = append(more, groupsDoc{groupsKey(share.ID, n), groups})
	}
	return share, more, nil
}

// shareRange selects the keys of a revision's shares.
func shareRange(id, revision string) bson.D {
	return eq("$gte", id+"/"+revision+"/", "$lt", id+"/"+revision+"0")
}

// drop deletes the shares of a revision, with their groups.
func (s *shares) drop(ctx context.Context, id, revision string) error {
	if err := s.run.Remove(ctx, s.shares, eq("_id", shareRange(id, revision)), nil); err != nil {
		return err
	}
	return s.run.Remove(ctx, s.groups, eq("_id", shareRange(id, revision)), nil)
}

// revision reads the shares of a revision, with their groups, and returns the
// number of their documents.
func (s *shares) revision(ctx context.Context, id, revision string) (c metrics.Contribution, n int, err error) {
	err = s.each(ctx, eq("_id", shareRange(id, revision)), metrics.AllParts(), func(d *shareDoc, share metrics.Contribution) {
		c = append(c, share...)
		n += 1 + d.found
	})
	return c, n, err
}

// days returns the days of the shares that a filter selects, ascending.
func (s *shares) days(ctx context.Context, filter bson.D) ([]metrics.Day, error) {
	var days []metrics.Day
	opts := options.Find().SetSort(eq("_id", 1)).SetLimit(command.MaxKeys).SetProjection(eq("metrics", 0, "slots", 0, "subjects", 0))
	for last := ""; ; {
		page, err := s.after(ctx, filter, last, opts)
		if err != nil {
			return nil, err
		}
		for i := range page {
			day, err := metrics.ParseDay(page[i].Date)
			if err != nil {
				return nil, err
			}
			days = append(days, day)
		}
		if len(page) < command.MaxKeys {
			slices.Sort(days)
			return slices.Compact(days), nil
		}
		last = page[len(page)-1].ID
	}
}

// each calls use once with each share that a filter selects, ascending by key,
// with what q asks for.
func (s *shares) each(ctx context.Context, filter bson.D, q metrics.Filter, use func(*shareDoc, metrics.Contribution)) error {
	return s.eachPage(ctx, filter, q, nil, func(page []shareDoc, contents []metrics.Contribution) error {
		for i := range page {
			use(&page[i], contents[i])
		}
		return nil
	})
}

// eachPage calls use with pages of these shares. If choose is not nil, it returns
// those of a page whose content is needed.
func (s *shares) eachPage(ctx context.Context, filter bson.D, q metrics.Filter,
	choose func([]shareDoc) ([]shareDoc, error), use func([]shareDoc, []metrics.Contribution) error,
) error {
	without := eq("metrics", 0)
	if !q.Subjects {
		without = append(without, eq("subjects", 0)...)
	}
	opts := options.Find().SetSort(eq("_id", 1)).SetLimit(sharePage).SetProjection(without)
	for last := ""; ; {
		page, err := s.after(ctx, filter, last, opts)
		if err != nil || len(page) == 0 {
			return err
		}
		more := len(page) == sharePage
		last = page[len(page)-1].ID
		if choose != nil {
			page, err = choose(page)
		}
		if err != nil {
			return err
		}
		contents, err := s.decode(ctx, page, q)
		if err != nil {
			return err
		}
		if err := use(page, contents); err != nil || !more {
			return err
		}
	}
}

// after reads the page of shares after a key.
func (s *shares) after(ctx context.Context, filter bson.D, key string, opts *options.FindOptionsBuilder) ([]shareDoc, error) {
	return s.find(ctx, eq("$and", bson.A{filter, eq("_id", eq("$gt", key))}), opts)
}

// find reads shares. Errors: metrics.ErrCorrupt.
func (s *shares) find(ctx context.Context, filter bson.D, opts *options.FindOptionsBuilder) ([]shareDoc, error) {
	page, err := command.FindAll[shareDoc](ctx, s.run, s.shares, filter, opts)
	for i := range page {
		if err == nil {
			err = page[i].check()
		}
	}
	return page, err
}

// decode returns what q asks for of a page of shares, in their order. Errors:
// metrics.ErrCorrupt; errMoved if groups are missing.
func (s *shares) decode(ctx context.Context, page []shareDoc, q metrics.Filter) ([]metrics.Contribution, error) {
	all := make([]metrics.Contribution, len(page))
	for i := range page {
		var err error
		if all[i], err = metrics.JoinParts(page[i].Slots.Data, page[i].Subjects.Data, q); err != nil {
			return nil, fmt.Errorf("share %s: %w", page[i].ID, err)
		}
	}
	if !q.Groups {
		return all, nil
	}
	if err := s.addGroups(ctx, page, all, q); err != nil {
		return nil, err
	}
	for i := range page {
		if page[i].found < page[i].Groups {
			return nil, &lostError{page[i].ID}
		}
	}
	return all, nil
}
