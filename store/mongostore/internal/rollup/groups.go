package rollup

import (
	"context"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// Groups are in documents of their own, so that a query for totals does not
// read them. Those of a share are in the collection groups under the key of the
// share, those of a day of the rollup are in details.

const (
	// groupsPerDoc is the greatest number of groups in one document, which
	// takes up to 5 KB per group, mostly some tens of bytes.
	groupsPerDoc = 1000
	// groupDocs is the number of such documents that one query reads.
	groupDocs = 20
)

// groupsDoc holds up to groupsPerDoc groups of a share.
type groupsDoc struct {
	ID     string      `bson:"_id"` // that of the share/part
	Groups bson.Binary `bson:"groups"`
}

func groupsKey(share string, i int) string { return fmt.Sprintf("%s/%06d", share, i) }

// parts divides a day into the parts that go into one document each: up to
// shareTypes totals with their groups.
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

// encodeGroups returns the encodings of the groups of c, up to groupsPerDoc in
// each.
func encodeGroups(c metrics.Contribution) ([]bson.Binary, error) {
	var all []bson.Binary
	for some := range slices.Chunk(c.Groups(), groupsPerDoc) {
		text, err := some.AppendPart(nil, metrics.GroupsPart())
		if err != nil {
			return nil, err
		}
		all = append(all, bson.Binary{Data: text})
	}
	return all, nil
}

// addGroups adds to the totals of shares what q asks for of their groups. It
// leaves out groups that are missing: found says how many were read.
func (s *shares) addGroups(ctx context.Context, shares []shareDoc, totals []metrics.Contribution, q metrics.Filter) error {
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
		docs, err := command.FindAll[groupsDoc](ctx, s.run, s.groups, eq("_id", eq("$in", some)), opts)
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
