package rollup

import (
	"context"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// detailDocs is the number of details that one query reads.
const detailDocs = 50

// detailDoc holds the quarter hours and sketches of some types of a day, or
// some groups of the day in Slots.
type detailDoc struct {
	ID       string      `bson:"_id"` // detailKey or groupDetailKey of dayDoc.Written
	Slots    bson.Binary `bson:"slots"`
	Subjects bson.Binary `bson:"subjects"`
}

func detailKey(date string, generation int64, i int) string {
	return fmt.Sprintf("%s/%015d/%06d", date, generation, i)
}

func groupDetailKey(date string, generation int64, i int) string {
	return fmt.Sprintf("%s/%015d/g%06d", date, generation, i)
}

// writeDetails writes the totals of a day and returns the number of their
// documents.
func (d *days) writeDetails(ctx context.Context, date string, generation int64, totals metrics.Contribution) (int, error) {
	n := 0
	for some := range slices.Chunk(totals, shareTypes) {
		slots, subjects, err := encodeTotals(some)
		if err != nil {
			return 0, err
		}
		key := detailKey(date, generation, n)
		if _, err := d.run.Insert(ctx, d.details, detailDoc{ID: key, Slots: slots, Subjects: subjects}); err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// writeGroups writes the groups of a day and returns the number of their
// documents.
func (d *days) writeGroups(ctx context.Context, date string, generation int64, sum metrics.Contribution) (int, error) {
	all, err := encodeGroups(sum)
	if err != nil {
		return 0, err
	}
	for i, groups := range all {
		if _, err := d.run.Insert(ctx, d.details, detailDoc{ID: groupDetailKey(date, generation, i), Slots: groups}); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

// readDetails reads what q asks for of the totals of days, in their order.
// Errors: errMoved.
func (d *days) readDetails(ctx context.Context, days []dayDoc, q metrics.Filter) (metrics.Contribution, error) {
	var keys []string
	for i := range days {
		for n := range days[i].Details {
			keys = append(keys, detailKey(days[i].Date, days[i].written(), n))
		}
	}
	return d.join(ctx, keys, detailDocs, q.Subjects, func(found *detail) (metrics.Contribution, error) {
		return metrics.JoinParts(found.slots, found.subjects, q)
	})
}

// readGroups reads what q asks for of the groups of days, in their order.
// Errors: errMoved.
func (d *days) readGroups(ctx context.Context, days []dayDoc, q metrics.Filter) (metrics.Contribution, error) {
	q.Subjects = false
	var keys []string
	for i := range days {
		for n := range days[i].Groups {
			keys = append(keys, groupDetailKey(days[i].Date, days[i].written(), n))
		}
	}
	return d.join(ctx, keys, groupDocs, false, func(found *detail) (metrics.Contribution, error) {
		return metrics.DecodeContribution(found.slots, q)
	})
}

// join decodes the details of keys and joins them, from memory where they are
// there. It reads so many at once. Errors: errMoved if one of them is gone.
func (d *days) join(ctx context.Context, keys []string, atOnce int, subjects bool, decode func(*detail) (metrics.Contribution, error)) (metrics.Contribution, error) {
	var all metrics.Contribution
	for some := range slices.Chunk(keys, atOnce) {
		found, err := d.detailsOf(ctx, some, subjects)
		if err != nil {
			return nil, err
		}
		for _, key := range some {
			if found[key] == nil {
				return nil, &lostError{key}
			}
			c, err := decode(found[key])
			if err != nil {
				return nil, err
			}
			all = append(all, c...)
		}
	}
	return all, nil
}

// detailsOf returns the details of keys, by key. It keeps in memory what it
// reads from the database.
func (d *days) detailsOf(ctx context.Context, keys []string, subjects bool) (map[string]*detail, error) {
	found := map[string]*detail{}
	missing := slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		found[key] = d.detailCache.get(key, subjects)
		return found[key] != nil
	})
	if len(missing) == 0 {
		return found, nil
	}
	opts := options.Find()
	if !subjects {
		opts.SetProjection(eq("subjects", 0))
	}
	err := d.run.Each(ctx, d.details, eq("_id", eq("$in", missing)), opts, func(raw bson.Raw) error {
		var doc detailDoc
		if err := bson.Unmarshal(raw, &doc); err != nil {
			return err
		}
		read := &detail{key: doc.ID, slots: slices.Clone(doc.Slots.Data)} // raw is valid until the next call
		if subjects {
			read.subjects = append([]byte{}, doc.Subjects.Data...) // never nil
		}
		found[doc.ID] = read
		d.detailCache.put(read)
		return nil
	})
	return found, err
}
