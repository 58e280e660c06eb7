package mongostore

import (
	"context"
	"fmt"
	"slices"

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

// part encodes the parts of c that q asks for.
func part(c metrics.Contribution, q metrics.Query) ([]byte, error) {
	trimmed := slices.Clone(c)
	for i := range trimmed {
		q.Trim(&trimmed[i])
	}
	return trimmed.AppendBinary(nil)
}

// withEvents leaves out what has no events: it is no part of a sum.
func withEvents(c metrics.Contribution) metrics.Contribution {
	return slices.DeleteFunc(slices.Clone(c), func(d metrics.Daily) bool { return d.Count == 0 })
}

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
	slots, err := part(types, withSlots)
	if err != nil {
		return nil, err
	}
	subjects, err := part(types, withSubjects)
	if err != nil {
		return nil, err
	}
	date := day.String()
	return bson.Marshal(shareDoc{
		ID: fmt.Sprintf("%s/%s/%s/%06d", id, revision, date, i), BatchID: id, Revision: revision, Date: date,
		Metrics: countsOf(types), Slots: bson.Binary{Data: slots}, Subjects: bson.Binary{Data: subjects},
	})
}

// decode returns the share, with what q asks for.
func (d *shareDoc) decode(q metrics.Query) (metrics.Contribution, error) {
	return join(d.Slots.Data, d.Subjects.Data, q)
}

// join decodes a contribution whose subjects are kept apart.
func join(slots, subjects []byte, q metrics.Query) (metrics.Contribution, error) {
	counts := q
	counts.Subjects = false
	c, err := metrics.DecodeContribution(slots, counts)
	if err != nil || !q.Subjects {
		return c, err
	}
	counts.Slots, counts.Subjects = false, true
	sketches, err := metrics.DecodeContribution(subjects, counts)
	if err != nil {
		return nil, err
	}
	if len(sketches) != len(c) {
		return nil, fmt.Errorf("%w: counts and subjects differ", metrics.ErrCorrupt)
	}
	for i := range c {
		if sketches[i].Compare(&c[i]) != 0 {
			return nil, fmt.Errorf("%w: counts and subjects differ", metrics.ErrCorrupt)
		}
		c[i].Subjects = sketches[i].Subjects
	}
	return c, nil
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
	opts := options.Find().SetSort(eq("_id", 1)).SetLimit(sharePage)
	if !q.Subjects {
		opts.SetProjection(eq("subjects", 0, "metrics", 0))
	} else {
		opts.SetProjection(eq("metrics", 0))
	}
	for last := ""; ; {
		var page []shareDoc
		err := s.do(ctx, func(ctx context.Context) error {
			var err error
			page, err = findShares(ctx, s.shares, filter, last, opts)
			return err
		})
		if err != nil {
			return err
		}
		for i := range page {
			c, err := page[i].decode(q)
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

// findShares reads the page behind a key.
func findShares(ctx context.Context, from *mongo.Collection, filter bson.D, last string, opts *options.FindOptionsBuilder) ([]shareDoc, error) {
	both := eq("$and", bson.A{filter, eq("_id", eq("$gt", last))})
	cursor, err := from.Find(ctx, both, opts)
	if err != nil {
		return nil, err
	}
	var page []shareDoc
	err = cursor.All(ctx, &page)
	return page, err
}
