package rollup

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// MarkPurged marks the shares of a batch as those of a batch whose events are
// purged. Until then [Ledger.UnpurgedDays] returns their days.
func (l *Ledger) MarkPurged(ctx context.Context, id string) error {
	return l.run.UpdateAll(ctx, l.shares.shares, eq("_id", eq("$gte", id+"/", "$lt", id+"0")), eq("$set", eq("sealed", true)))
}

// UnpurgedDays returns the days between from and to that have a share without
// the mark of [Ledger.MarkPurged], ascending. A zero bound is none. It also
// returns the days of shares that do not count any more, or not yet.
func (l *Ledger) UnpurgedDays(ctx context.Context, from, to metrics.Day) ([]metrics.Day, error) {
	var found []struct {
		Date string `bson:"_id"`
	}
	err := l.run.Do(ctx, func(ctx context.Context) error {
		cursor, err := l.shares.shares.Aggregate(ctx, bson.A{
			eq("$match", append(eq("sealed", false), dates(from, to)...)),
			eq("$group", eq("_id", "$date")),
		})
		if err != nil {
			return err
		}
		found = nil
		return cursor.All(ctx, &found)
	})
	if err != nil {
		return nil, err
	}
	days := make([]metrics.Day, len(found))
	for i := range found {
		if days[i], err = metrics.ParseDay(found[i].Date); err != nil {
			return nil, err
		}
	}
	slices.Sort(days)
	return days, nil
}

// dates selects the dates between two days, both included. A zero bound is
// none.
func dates(from, to metrics.Day) bson.D {
	date := eq("$gt", "")
	if from != 0 {
		date = eq("$gte", from.String())
	}
	if to != 0 {
		date = append(date, eq("$lte", to.String())...)
	}
	return eq("date", date)
}
