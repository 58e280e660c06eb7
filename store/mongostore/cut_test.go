package mongostore_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// cutter is a network that ends for good after a number of writes: to the
// database it looks as if the process was lost.
type cutter struct {
	net.Dialer
	left atomic.Int64
	end  context.CancelFunc // called when it is cut
}

func (c *cutter) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return cutConn{conn, c}, nil
}

// count sees each command before it is sent.
func (c *cutter) count(_ context.Context, e *event.CommandStartedEvent) {
	switch e.CommandName {
	case "insert", "update", "delete":
		if c.left.Add(-1) < 0 {
			c.end()
		}
	}
}

// run calls f, which is lost after a number of writes.
func (c *cutter) run(t *testing.T, writes int, f func(context.Context)) (lost bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.end = cancel
	c.left.Store(int64(writes))
	f(ctx)
	return c.left.Load() < 0
}

type cutConn struct {
	net.Conn
	cutter *cutter
}

func (c cutConn) Write(b []byte) (int, error) {
	if c.cutter.left.Load() < 0 {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

// openCut opens a store on a network that is cut after a number of writes from
// when it is told. It does not fold in the background.
func openCut(t *testing.T, uri string) (*mongostore.Store, *cutter) {
	t.Helper()
	c := &cutter{}
	c.left.Store(1 << 40)
	return openSeen(t, uri, c, c.count), c
}

// openSeen opens a store whose commands are seen before they are sent. It neither
// folds in the background nor beats by itself.
func openSeen(t *testing.T, uri string, dialer options.ContextDialer, see func(context.Context, *event.CommandStartedEvent)) *mongostore.Store {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri).
		SetDialer(dialer).
		SetMonitor(&event.CommandMonitor{Started: see}))
	if err != nil {
		t.Fatal(err)
	}
	st, err := mongostore.New(t.Context(), client.Database(mongostore.DatabaseOf(uri)), &mongostore.Options{Heartbeat: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	st.StopFolding()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 100*time.Millisecond)
		defer cancel()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
		_ = client.Disconnect(ctx) // waits for the connections that were cut
	})
	return st
}

// openHeld opens a store that stops before its first command of the given name
// on a collection, tells so, and goes on when it is let.
func openHeld(t *testing.T, uri, command, collection string) (st *mongostore.Store, held <-chan struct{}, let func()) {
	t.Helper()
	stopped, going := make(chan struct{}), make(chan struct{})
	var once sync.Once
	st = openSeen(t, uri, &net.Dialer{}, func(_ context.Context, e *event.CommandStartedEvent) {
		if e.CommandName == command && e.Command.Lookup(command).StringValue() == collection {
			once.Do(func() { close(stopped); <-going })
		}
	})
	return st, stopped, sync.OnceFunc(func() { close(going) })
}
