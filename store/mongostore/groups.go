package mongostore

import (
	"context"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// Groups are in documents of their own, so that whoever reads totals does not
// read over them: those of a share in the collection groups under the key of
// the share, those of a day of the rollup in details.

const (
	// groupsPerDoc is the greatest number of groups in one document, which
	// takes up to 5 KB of each, and mostly some tens of bytes.
	groupsPerDoc = 1000
	// groupDocs is the number of such documents that one query reads.
	groupDocs = 20
)

var withGroups = metrics.Filter{Slots: true, Groups: true}

// groupsDoc has some groups of a share.
type groupsDoc struct {
	ID     string      `bson:"_id"` // that of the share/part
	Groups bson.Binary `bson:"groups"`
}

func groupsKey(share string, i int) string { return fmt.Sprintf("%s/%06d", share, i) }

// parts yields the parts of a day that go into one document each: so many
// totals, with their groups.
func parts(c metrics.Contribution) func(func(metrics.Contribution) bool) {
	return func(yield func(metrics.Contribution) bool) {
		totals, first := 0, 0
		for i := range c {
			if c[i].Group != "" {
				continue
			}
			if totals++; totals > shareTypes {
				if !yield(c[first:i]) {
					return
				}
				totals, first = 1, i
			}
		}
		if first < len(c) {
			yield(c[first:])
		}
	}
}

// encodeGroups returns the encodings of the groups of c, so many in each.
func encodeGroups(c metrics.Contribution) ([]bson.Binary, error) {
	var all []bson.Binary
	for some := range slices.Chunk(c.Groups(), groupsPerDoc) {
		text, err := some.AppendPart(nil, withGroups)
		if err != nil {
			return nil, err
		}
		all = append(all, bson.Binary{Data: text})
	}
	return all, nil
}

// addGroups adds to the totals of shares what q asks for of their groups. Those
// that are not there any more are left out: the shares are not, either.
func (s *Store) addGroups(ctx context.Context, shares []shareDoc, totals []metrics.Contribution, q metrics.Filter) error {
	var keys []string
	owner := map[string]int{}
	groups := make([]metrics.Contribution, len(shares))
	for i := range shares {
		for n := range shares[i].Groups {
			key := groupsKey(shares[i].ID, n)
			keys, owner[key] = append(keys, key), i
		}
	}
	for some := range slices.Chunk(keys, groupDocs) {
		opts := options.Find().SetSort(eq("_id", 1))
		docs, err := findAll[groupsDoc](ctx, s, s.groups, eq("_id", eq("$in", some)), opts)
		if err != nil {
			return err
		}
		for _, d := range docs {
			c, err := metrics.DecodeContribution(d.Groups.Data, q)
			if err != nil {
				return fmt.Errorf("groups %s: %w", d.ID, err)
			}
			i := owner[d.ID]
			shares[i].found++
			groups[i] = append(groups[i], c...)
		}
	}
	for i := range totals {
		totals[i] = totals[i].WithGroups(groups[i])
	}
	return nil
}

func groupDetailKey(date string, generation int64, i int) string {
	return fmt.Sprintf("%s/%015d/g%06d", date, generation, i)
}

// readGroups reads what q asks for of the groups of days, in their order.
// Errors: errMoved.
func (s *Store) readGroups(ctx context.Context, days []dayDoc, q metrics.Filter) (metrics.Contribution, error) {
	q.Subjects = false
	var keys []string
	for i := range days {
		for n := range days[i].Groups {
			keys = append(keys, groupDetailKey(days[i].Date, days[i].Generation, n))
		}
	}
	var all metrics.Contribution
	for some := range slices.Chunk(keys, groupDocs) {
		found := map[string]*detail{}
		missing := slices.DeleteFunc(slices.Clone(some), func(key string) bool {
			found[key] = s.detailCache.get(key, false)
			return found[key] != nil
		})
		if err := s.fetchDetails(ctx, missing, q, found); err != nil {
			return nil, err
		}
		for _, key := range some {
			if found[key] == nil {
				return nil, errMoved
			}
			c, err := metrics.DecodeContribution(found[key].slots, q)
			if err != nil {
				return nil, err
			}
			all = append(all, c...)
		}
	}
	return all, nil
}

// writeGroups writes the groups of a day of the rollup and returns the number
// of their documents.
func (s *Store) writeGroups(ctx context.Context, date string, generation int64, sum metrics.Contribution) (int, error) {
	all, err := encodeGroups(sum)
	if err != nil {
		return 0, err
	}
	for i, groups := range all {
		if _, err := s.insert(ctx, s.details, detailDoc{ID: groupDetailKey(date, generation, i), Slots: groups}); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}
