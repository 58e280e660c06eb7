package mongostore

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
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
	withSlots    = metrics.Query{Slots: true}
	withSubjects = metrics.Query{Subjects: true}
	withAll      = metrics.Query{Slots: true, Subjects: true}
)

// writeShares stores the shares of a revision and returns how many there are.
func (s *Store) writeShares(ctx context.Context, id, revision string, c metrics.Contribution) (int, error) {
	var p piece
	n := 0
	for day, types := range c.Days() {
		for i := range (len(types) + shareTypes - 1) / shareTypes {
			doc, err := newShare(id, revision, day, i, types[i*shareTypes:min(len(types), (i+1)*shareTypes)])
			if err != nil {
				return 0, err
			}
			p.add(doc)
			n++
			if p.full() {
				if _, err := s.insertAll(ctx, s.shares, p.docs); err != nil {
					return 0, err
				}
				p = piece{}
			}
		}
	}
	if len(p.docs) == 0 {
		return n, nil
	}
	_, err := s.insertAll(ctx, s.shares, p.docs)
	return n, err
}

func newShare(id, revision string, day metrics.Day, i int, types metrics.Contribution) (bson.Raw, error) {
	slots, err := types.AppendPart(nil, withSlots)
	if err != nil {
		return nil, err
	}
	subjects, err := types.AppendPart(nil, withSubjects)
	if err != nil {
		return nil, err
	}
	date := day.String()
	return bson.Marshal(shareDoc{
		ID: fmt.Sprintf("%s/%s/%s/%06d", id, revision, date, i), BatchID: id, Revision: revision, Date: date,
		Metrics: countsOf(types), Slots: bson.Binary{Data: slots}, Subjects: bson.Binary{Data: subjects},
	})
}

// shareRange selects the keys of a revision's shares.
func shareRange(id, revision string) bson.D {
	return eq("$gte", id+"/"+revision+"/", "$lt", id+"/"+revision+"0")
}

// dropShares deletes the shares of a revision.
func (s *Store) dropShares(ctx context.Context, id, revision string) error {
	return s.remove(ctx, s.shares, eq("_id", shareRange(id, revision)))
}

// revision reads the shares of a revision and how many documents they are in.
func (s *Store) revision(ctx context.Context, id, revision string) (c metrics.Contribution, n int, err error) {
	err = s.eachShare(ctx, eq("_id", shareRange(id, revision)), withAll, func(_ *shareDoc, share metrics.Contribution) {
		c = append(c, share...)
		n++
	})
	return c, n, err
}

// sharePage is the number of shares that one query reads.
const sharePage = 200

// eachShare calls use with each share that a filter selects, ascending by
// key, once, with what q asks for.
func (s *Store) eachShare(ctx context.Context, filter bson.D, q metrics.Query, use func(*shareDoc, metrics.Contribution)) error {
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
		for i := range page {
			c, err := metrics.JoinParts(page[i].Slots.Data, page[i].Subjects.Data, q)
			if err != nil {
				return fmt.Errorf("share %s: %w", page[i].ID, err)
			}
			last = page[i].ID
			use(&page[i], c)
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
