package mongostore_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.uber.org/goleak"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
	"github.com/eventmetrics/eventmetrics/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testenv.Main{M: m}) }

// opened opens a store that the end of the test closes.
func opened(t testing.TB, uri string) *mongostore.Store {
	t.Helper()
	return openedWith(t, uri, nil)
}

func openedWith(t testing.TB, uri string, opts *mongostore.Options) *mongostore.Store {
	t.Helper()
	st, err := mongostore.Open(t.Context(), uri, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

func TestStoreKeepsTheRules(t *testing.T) {
	all := lines{}
	storetest.Run(t, storetest.Harness{
		Scale:        0.05, // the test server sorts in memory
		ClaimTimeout: time.Second,
		Open:         func(t *testing.T) store.Store { return all.at(t, testenv.Mongo(t), 0) },
		Reopen: func(t *testing.T, st store.Store) store.Store {
			all[st].cut.Store(true)
			return all.at(t, all[st].uri, 0)
		},
		Dump: func(t *testing.T, st store.Store) []byte { return testenv.MongoDump(t, all[st].uri) },
		Damage: func(t *testing.T, st store.Store, id string) {
			change := bson.D{{Key: "$inc", Value: bson.D{{Key: "total_events", Value: 1}}}}
			if r, err := all[st].batches.UpdateByID(t.Context(), id, change); err != nil || r.ModifiedCount != 1 {
				t.Fatalf("%+v, %v; want one batch damaged", r, err)
			}
		},
		OpenNarrow: func(t *testing.T) store.Store { return all.at(t, testenv.Mongo(t), 1) },
		OpenPair: func(t *testing.T) (a, b store.Store) {
			uri := testenv.Mongo(t)
			return all.at(t, uri, 0), all.at(t, uri, 0)
		},
		Cut: func(_ *testing.T, st store.Store) (restore func()) {
			all[st].cut.Store(true)
			return func() { all[st].cut.Store(false) }
		},
	})
}

// lines are the connections of open stores to their databases.
type lines map[store.Store]*line

// line is a network that can be cut.
type line struct {
	net.Dialer
	uri     string
	batches *mongo.Collection
	cut     atomic.Bool
}

// at opens a store with a number of connections; 0 means the default.
func (all lines) at(t *testing.T, uri string, pool uint64) store.Store {
	t.Helper()
	l := &line{uri: uri}
	client, err := mongo.Connect(options.Client().
		SetServerSelectionTimeout(5 * time.Second).
		SetReadConcern(readconcern.Majority()).
		SetWriteConcern(writeconcern.Majority()).
		ApplyURI(uri).SetMaxPoolSize(pool).SetDialer(l))
	if err != nil {
		t.Fatal(err)
	}
	db := client.Database(mongostore.DatabaseOf(uri))
	l.batches = db.Collection("batches")
	st, err := mongostore.New(t.Context(), db, &mongostore.Options{RetryFor: 10 * time.Second, Heartbeat: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	all[st] = l
	t.Cleanup(func() {
		l.cut.Store(true) // so that nothing waits for an answer
		if err := st.Close(); err != nil {
			t.Error(err)
		}
		_ = client.Disconnect(t.Context()) // which is over: it waits for connections that were cut
	})
	return st
}

func (l *line) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if l.cut.Load() {
		return nil, errCut
	}
	conn, err := l.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return lineConn{conn, l}, nil
}

var errCut = errors.New("the line is cut")

type lineConn struct {
	net.Conn
	line *line
}

func (c lineConn) Write(b []byte) (int, error) {
	if c.line.cut.Load() {
		return 0, errCut
	}
	return c.Conn.Write(b)
}
