package mongostore

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Check looks at the database of a URI without changing it: whether it can be
// reached, read and written, and is not another program's. It returns the time
// by the server's clock. Errors: as of [Open].
func Check(ctx context.Context, uri string) (now time.Time, err error) {
	client, err := connect(uri)
	if err != nil {
		return time.Time{}, err
	}
	defer client.Disconnect(context.WithoutCancel(ctx)) //nolint:errcheck // it was only read
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
	return hello.LocalTime, s.Ping(ctx)
}
