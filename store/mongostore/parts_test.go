package mongostore_test

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// farRows are rows of more than one part, also first and last ones of a part.
var farRows = []int64{1, 2, 9_999, 10_000, 10_001, 10_002, 20_001, 57_000, 57_001}

// longBatch makes a completed batch with events in farRows. Those of C1 and C2
// alternate.
func longBatch(t *testing.T, st *mongostore.Store, id string) {
	t.Helper()
	w, err := st.Begin(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var events []metrics.Event
	for i, row := range farRows {
		fields := []metrics.Field{{Name: "candidate_id", Value: []string{"C1", "C2"}[i%2]}}
		events = append(events, metrics.Event{Row: row, Type: "t", Time: time.Unix(0, 0), Fields: fields})
	}
	if err := w.Write(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context(), store.Batch{Created: time.Now()}, nil); err != nil {
		t.Fatal(err)
	}
	if err := st.SetStatus(t.Context(), id, store.Statuses(), store.Completed, ""); err != nil {
		t.Fatal(err)
	}
}

// sizes collects the commands on events whose work is not bounded.
type sizes struct {
	mu        sync.Mutex
	seen      int
	unbounded []string
}

func (s *sizes) see(_ context.Context, e *event.CommandStartedEvent) {
	if name, _ := e.Command.Lookup(e.CommandName).StringValueOK(); name != "events" || e.CommandName == "createIndexes" || e.CommandName == "insert" {
		return
	}
	command := e.Command
	if e.CommandName == "delete" {
		command = e.Command.Lookup("deletes", "0").Document()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen++
	if !bounded(e.CommandName, command) {
		s.unbounded = append(s.unbounded, command.String())
	}
}

// bounded reports whether a command walks the keys and takes a part of a batch,
// or a page.
func bounded(name string, command bson.Raw) bool {
	if _, ok := command.Lookup("hint").DocumentOK(); !ok {
		return false
	}
	filter := map[string][]string{"find": {"filter"}, "delete": {"q"}, "aggregate": {"pipeline", "0", "$match"}}[name]
	keys, ok := command.Lookup(append(filter, "_id")...).DocumentOK()
	if !ok {
		return false
	}
	from, _ := keys.Lookup("$gte").StringValueOK()
	to, _ := keys.Lookup("$lt").StringValueOK()
	if _, limited := command.Lookup("limit").AsInt64OK(); limited && name == "find" {
		return from != "" && to != ""
	}
	first, err := strconv.ParseInt(from[len(from)-16:], 16, 64)
	last, wrong := strconv.ParseInt(to[len(to)-16:], 16, 64)
	return err == nil && wrong == nil && last-first <= 10_000
}

func TestBigBatchesAreReadAndRemovedInParts(t *testing.T) {
	var s sizes
	uri := testenv.Mongo(t)
	st := openSeen(t, uri, &net.Dialer{}, s.see)
	s.seen, s.unbounded = 0, nil // those of opening
	for i, f := range []func(id string) error{
		func(id string) error { return st.DeleteBatch(t.Context(), id) },
		func(id string) error { return st.PurgeEvents(t.Context(), id) },
		func(id string) error {
			n, err := st.Erase(t.Context(), id, store.Erasure{ID: "one", Field: "candidate_id", Value: "C1"})
			if n != 5 {
				t.Errorf("Erase erased %d events, want 5", n)
			}
			for e, err := range st.Events(t.Context(), id) {
				if err != nil || e.Field("candidate_id") == "C1" {
					t.Errorf("after Erase: %+v, %v", e, err)
				}
			}
			return err
		},
	} {
		id := batchID(i + 1)
		longBatch(t, st, id)
		if err := f(id); err != nil {
			t.Fatal(err)
		}
		left, err := database(t, uri).Collection("events").CountDocuments(t.Context(), bson.D{{Key: "batch_id", Value: id}})
		if want := []int64{0, 0, 4}[i]; err != nil || left != want {
			t.Errorf("operation %d leaves %d events, %v; want %d", i, left, err, want)
		}
	}
	if len(s.unbounded) > 0 || s.seen == 0 {
		t.Errorf("%d of %d commands may take longer than a command may, the first: %s", len(s.unbounded), s.seen, s.unbounded[0])
	}
}

// TestPruneRemovesWhatALostProcessLeaves cuts the network before each write of
// a removal.
func TestPruneRemovesWhatALostProcessLeaves(t *testing.T) {
	removals := map[string]func(context.Context, *mongostore.Store, string) error{
		"delete": func(ctx context.Context, st *mongostore.Store, id string) error { return st.DeleteBatch(ctx, id) },
		"purge":  func(ctx context.Context, st *mongostore.Store, id string) error { return st.PurgeEvents(ctx, id) },
	}
	for name, remove := range removals {
		t.Run(name, func(t *testing.T) {
			uri := testenv.Mongo(t)
			st, events := opened(t, uri), database(t, uri).Collection("events")
			for writes, lost := 0, true; lost; writes++ {
				id := batchID(writes + 1)
				longBatch(t, st, id)
				cut, c := openCut(t, uri)
				lost = c.run(t, writes, func(ctx context.Context) { _ = remove(ctx, cut, id) })
				if _, err := st.Prune(t.Context(), store.PruneQuery{Before: time.Now().Add(time.Hour)}); err != nil {
					t.Fatal(err)
				}
				want := int64(0)
				if b, err := st.Batch(t.Context(), id); err == nil && !b.EventsPurged { // it had not begun
					want = int64(len(farRows))
				}
				if n, err := events.CountDocuments(t.Context(), bson.D{{Key: "batch_id", Value: id}}); n != want || err != nil {
					t.Errorf("cut after %d writes: %d events are left, want %d; %v", writes, n, want, err)
				}
			}
		})
	}
}
