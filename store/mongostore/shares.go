package mongostore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// shareTypes is the greatest number of event types in one document, which
// takes up to 8 KB of each.
const shareTypes = 1000

// shareDoc is what a revision of an entry says of one day, or a part of it
// where there are many types.
type shareDoc struct {
	ID       string      `bson:"_id"` // batch/revision/date/part
	BatchID  string      `bson:"batch_id"`
	Revision string      `bson:"revision"`
	Date     string      `bson:"date"`
	Metrics  []countDoc  `bson:"metrics"`
	Slots    bson.Binary `bson:"slots"`
	Subjects bson.Binary `bson:"subjects"`
	// Sealed means that the batch is sealed.
	Sealed bool `bson:"sealed"`
	// Groups is the number of documents with its groups, found of those that
	// have been read.
	Groups int `bson:"groups,omitempty"`
	found  int
}

// countDoc counts an event type.
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

// The parts of a contribution that are kept apart.
var (
	withSlots    = metrics.Filter{Slots: true}
	withSubjects = metrics.Filter{Subjects: true}
	withAll      = metrics.Filter{Slots: true, Subjects: true, Groups: true}
)

// writeShares stores the shares of a revision and returns how many documents
// they and their groups are in.
func (s *Store) writeShares(ctx context.Context, id, revision string, c metrics.Contribution) (int, error) {
	shares, groups := batchOf{to: s.shares}, batchOf{to: s.groups}
	n := 0
	for day, types := range c.Days() {
		i := 0
		for part := range parts(types) {
			share, more, err := newShare(id, revision, day, i, part)
			if err != nil {
				return 0, err
			}
			for _, doc := range more {
				if err := groups.add(ctx, s, doc); err != nil {
					return 0, err
				}
			}
			if err := shares.add(ctx, s, share); err != nil {
				return 0, err
			}
			n += 1 + len(more)
			i++
		}
	}
	return n, errors.Join(groups.flush(ctx, s), shares.flush(ctx, s))
}

// batchOf collects documents for a collection, some at a time.
type batchOf struct {
	to *mongo.Collection
	p  piece
}

func (b *batchOf) add(ctx context.Context, s *Store, doc any) error {
	raw, err := bson.Marshal(doc)
	if err != nil {
		return err
	}
	if b.p.add(raw); !b.p.full() {
		return nil
	}
	return b.flush(ctx, s)
}

func (b *batchOf) flush(ctx context.Context, s *Store) error {
	if len(b.p.docs) == 0 {
		return nil
	}
	_, err := s.insertAll(ctx, b.to, b.p.docs)
	b.p = piece{}
	return err
}

func newShare(id, revision string, day metrics.Day, i int, part metrics.Contribution) (*shareDoc, []groupsDoc, error) {
	slots, err := part.AppendPart(nil, withSlots)
	if err != nil {
		return nil, nil, err
	}
	subjects, err := part.AppendPart(nil, withSubjects)
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
		Metrics: countsOf(part.Totals()), Slots: bson.Binary{Data: slots}, Subjects: bson.Binary{Data: subjects}, Groups: len(all),
	}
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

// dropShares deletes the shares of a revision, with their groups.
func (s *Store) dropShares(ctx context.Context, id, revision string) error {
	if err := s.remove(ctx, s.shares, eq("_id", shareRange(id, revision))); err != nil {
		return err
	}
	return s.remove(ctx, s.groups, eq("_id", shareRange(id, revision)))
}

// revision reads the shares of a revision, with their groups, and how many
// documents they are in.
func (s *Store) revision(ctx context.Context, id, revision string) (c metrics.Contribution, n int, err error) {
	err = s.eachShare(ctx, eq("_id", shareRange(id, revision)), withAll, func(d *shareDoc, share metrics.Contribution) {
		c = append(c, share...)
		n += 1 + d.found
	})
	return c, n, err
}

// sharePage is the number of shares that one query reads.
const sharePage = 200

// eachShare calls use with each share that a filter selects, ascending by
// key, once, with what q asks for.
func (s *Store) eachShare(ctx context.Context, filter bson.D, q metrics.Filter, use func(*shareDoc, metrics.Contribution)) error {
	without := eq("metrics", 0)
	if !q.Subjects {
		without = append(without, eq("subjects", 0)...)
	}
	opts := options.Find().SetSort(eq("_id", 1)).SetLimit(sharePage).SetProjection(without)
	for last := ""; ; {
		page, err := s.sharesAfter(ctx, filter, last, opts)
		if err != nil {
			return err
		}
		all := make([]metrics.Contribution, len(page))
		for i := range page {
			all[i], err = metrics.JoinParts(page[i].Slots.Data, page[i].Subjects.Data, q)
			if err != nil {
				return fmt.Errorf("share %s: %w", page[i].ID, err)
			}
			last = page[i].ID
		}
		if q.Groups {
			if err := s.addGroups(ctx, page, all, q); err != nil {
				return err
			}
		}
		for i := range page {
			use(&page[i], all[i])
		}
		if len(page) < sharePage {
			return nil
		}
	}
}

// sharesAfter reads the page behind a key.
func (s *Store) sharesAfter(ctx context.Context, filter bson.D, last string, opts *options.FindOptionsBuilder) ([]shareDoc, error) {
	return findAll[shareDoc](ctx, s, s.shares, eq("$and", bson.A{filter, eq("_id", eq("$gt", last))}), opts)
}
