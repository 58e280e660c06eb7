package site

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/eventmetrics/eventmetrics/queue/redisqueue"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// openMongo opens the store in the database of a site, as mongostore.Open does.
func (b *Backends) openMongo(ctx context.Context, s *Site, o *Options) error {
	started := func(_ context.Context, e *event.CommandStartedEvent) {
		if slices.Contains([]string{"insert", "update", "delete", "findAndModify"}, e.CommandName) {
			b.step(e.CommandName + " " + e.Command.Lookup(e.CommandName).StringValue())
		}
	}
	db, disconnect, err := Connect(s.Mongo, &event.CommandMonitor{Started: started})
	if err != nil {
		return err
	}
	b.closers = append(b.closers, disconnect)
	layout := mongostore.Documents
	if s.Blocks {
		layout = mongostore.Blocks
	}
	st, err := mongostore.New(ctx, db, &mongostore.Options{Now: o.Now, Heartbeat: o.Heartbeat, Events: layout})
	if err != nil {
		return err
	}
	b.Store, b.Database = st, db
	b.closers = append(b.closers, st.Close)
	return nil
}

// Connect returns the database that a URI names, and a function that leaves it.
// The monitor may be nil.
func Connect(uri string, monitor *event.CommandMonitor) (*mongo.Database, func() error, error) {
	client, err := mongo.Connect(options.Client().
		SetReadConcern(readconcern.Majority()).
		SetWriteConcern(writeconcern.Majority()).
		SetMonitor(monitor).
		ApplyURI(uri))
	if err != nil {
		return nil, nil, err
	}
	u, err := url.Parse(uri)
	if err != nil {
		return nil, nil, err
	}
	disconnect := func() error { return client.Disconnect(context.Background()) }
	return client.Database(strings.TrimPrefix(u.Path, "/")), disconnect, nil
}

// openRedis opens the queue on a server. The job of a killed process waits for
// the end of its lease.
func (b *Backends) openRedis(ctx context.Context, s *Site, o *Options) error {
	q, err := redisqueue.Open(ctx, s.Redis, &redisqueue.Options{
		Name: s.Jobs, Workers: 2, Lease: 2 * time.Second, Retry: o.Retry,
	})
	if err != nil {
		return err
	}
	b.Queue = q
	b.closers = append(b.closers, q.Close)
	return nil
}
