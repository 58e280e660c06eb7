package mongostore

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Check checks, without changing anything, that the database of a URI can be
// reached, read and written, and does not belong to another program. It returns
// the time of the server's clock. Errors: those of [Open].
func Check(ctx context.Context, uri string) (now time.Time, err error) {
	client, err := connect(uri)
	if err != nil {
		return time.Time{}, err
	}
	defer client.Disconnect(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written
	s := newStore(client.Database(databaseOf(uri)), nil)
	var hello struct {
		LocalTime time.Time `bson:"localTime"`
	}
	err = s.run.Do(ctx, func(ctx context.Context) error {
		return s.run.DB.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello)
	})
	if err != nil {
		return time.Time{}, wrap(err, "reach the server")
	}
	if err := s.checkOwner(ctx); err != nil {
		return hello.LocalTime, wrap(err, "read")
	}
	if err := s.checkLayout(ctx); err != nil {
		return hello.LocalTime, wrap(err, "read")
	}
	return hello.LocalTime, s.Ping(ctx)
}
