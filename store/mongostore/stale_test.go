package mongostore_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
)

// staleServer is a network that lets finds of changed days read an older copy of
// their collection, as a server that lags behind would answer.
type staleServer struct {
	net.Dialer
	left   atomic.Int64 // finds that will be answered so
	served atomic.Int64
}

func (s *staleServer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := s.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return staleConn{conn, s}, nil
}

type staleConn struct {
	net.Conn
	server *staleServer
}

// The copy has a name of the same length, so a message stays valid.
const daily, olderDaily = "dailymetrics", "dailymetricz"

func (c staleConn) Write(b []byte) (int, error) {
	isFind := bytes.Contains(b, []byte("\x02find\x00")) && bytes.Contains(b, []byte(daily)) && bytes.Contains(b, []byte("$gt"))
	if isFind && c.server.left.Add(-1) >= 0 {
		c.server.served.Add(1)
		b = bytes.Replace(b, []byte(daily), []byte(olderDaily), 1)
	}
	return c.Conn.Write(b)
}

func TestAStaleReadIsNotKept(t *testing.T) {
	uri := testenv.Mongo(t)
	db := database(t, uri)
	writer := opened(t, uri)
	ready := &staleServer{}
	reader := openSeen(t, uri, ready, func(context.Context, *event.CommandStartedEvent) {})
	add := func(n int, c metrics.Contribution) {
		enter(t, writer, batchID(n), c)
		writer.FoldJournal(t.Context())
	}
	count := func() (n int64) {
		for d, err := range reader.DayCounts(t.Context(), metrics.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			n += d.Count
		}
		return n
	}
	rng := rand.New(rand.NewPCG(1, 1))
	c := random(t, rng, 50)
	add(1, c)
	first := count()
	docs, err := db.Collection(daily).Find(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	var older []bson.Raw
	if err := docs.All(t.Context(), &older); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Collection(olderDaily).InsertMany(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	add(2, c)
	ready.left.Store(3)
	for range 2 {
		if n := count(); n != 2*first {
			t.Errorf("counted %d events, want %d", n, 2*first)
		}
	}
	if ready.served.Load() == 0 {
		t.Error("no find was answered by the older copy")
	}
}
