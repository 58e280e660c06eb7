package mongostore

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Seal implements [store.Retainer].
func (s *Store) PurgeEvents(ctx context.Context, id string) error {
	sealed, err := s.update(ctx, s.batches, eq("_id", id, "status", store.Completed), eq("$set", eq("sealed", true)))
	if err != nil {
		return wrap(err, "seal batch %q", id)
	}
	if !sealed {
		if _, err := s.read(ctx, id); err != nil {
			return wrap(err, "seal batch %q", id)
		}
		return wrap(store.ErrConflict, "seal batch %q", id)
	}
	if err := s.remove(ctx, s.events, eq("batch_id", id)); err != nil {
		return wrap(err, "seal batch %q", id)
	}
	return wrap(s.sealShares(ctx, id), "seal batch %q", id)
}

// sealShares marks the shares of a sealed batch. Until it has, their days are
// taken for days that are not sealed.
func (s *Store) sealShares(ctx context.Context, id string) error {
	return s.do(ctx, func(ctx context.Context) error {
		_, err := s.shares.UpdateMany(ctx, eq("_id", eq("$gte", id+"/", "$lt", id+"0")), eq("$set", eq("sealed", true)))
		return err
	})
}

// sealAmended marks the new shares of a batch that is sealed, or was sealed
// while it was amended.
func (s *Store) sealAmended(ctx context.Context, id string) error {
	d, err := s.read(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && !d.Sealed {
		return nil
	}
	if err != nil {
		return err
	}
	return s.sealShares(ctx, id)
}

// UnpurgedDays implements [store.Retainer]. Shares that have ceased to count, or
// do not yet, are taken for ones that do.
func (s *Store) UnpurgedDays(ctx context.Context, from, to metrics.Day) ([]metrics.Day, error) {
	var days []metrics.Day
	err := s.do(ctx, func(ctx context.Context) error {
		cursor, err := s.shares.Aggregate(ctx, bson.A{
			eq("$match", append(eq("sealed", false), dates(from, to)...)),
			eq("$group", eq("_id", "$date")),
		})
		if err != nil {
			return err
		}
		var found []struct {
			Date string `bson:"_id"`
		}
		if err := cursor.All(ctx, &found); err != nil {
			return err
		}
		days = make([]metrics.Day, len(found))
		for i := range found {
			if days[i], err = metrics.ParseDay(found[i].Date); err != nil {
				return err
			}
		}
		return nil
	})
	slices.Sort(days)
	return days, wrap(err, "read which days are not sealed")
}

// dates selects dates between two days, both included; zero is no limit.
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
