package mongostore_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/internal/test/audittest"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

var layouts = []mongostore.EventsLayout{mongostore.Documents, mongostore.Blocks}

func openedBlocks(t *testing.T, uri string) *mongostore.Store {
	t.Helper()
	return openedWith(t, uri, &mongostore.Options{Events: mongostore.Blocks})
}

// manyRows are more than two blocks have. The names begin with x, apart from one
// in the second block.
const (
	manyRows = 35_000
	rareRow  = 20_000
)

func rowName(row int64) string {
	if row == rareRow {
		return "rare"
	}
	return fmt.Sprintf("x%d", row%100)
}

// manyEvents makes a batch of manyRows events.
func manyEvents(t *testing.T, st *mongostore.Store, id string) {
	t.Helper()
	w, err := st.Begin(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for row := int64(1); row <= manyRows; row++ {
		e := metrics.Event{Row: row, Type: "t", Time: time.Unix(row, 0), Fields: []metrics.Field{{Name: "name", Value: rowName(row)}}}
		if err := w.Write(t.Context(), []metrics.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(t.Context(), store.Batch{Created: time.Now()}, nil); err != nil {
		t.Fatal(err)
	}
}

// isMany returns an error if a batch has not the events of manyEvents, but for
// those of a name.
func isMany(t *testing.T, st store.Store, id, without string) error {
	t.Helper()
	row := int64(0)
	next := func() {
		for row++; rowName(row) == without; {
			row++
		}
	}
	next()
	for e, err := range st.Events(t.Context(), id) {
		if err != nil {
			return err
		}
		if e.Row != row || e.Field("name") != rowName(row) || !e.Time.Equal(time.Unix(row, 0)) {
			return fmt.Errorf("got %+v, want row %d", e, row)
		}
		next()
	}
	if row != manyRows+1 {
		return fmt.Errorf("the events end before row %d", row)
	}
	return nil
}

func count(t *testing.T, uri, collection string) int64 {
	t.Helper()
	n, err := database(t, uri).Collection(collection).CountDocuments(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The layout belongs to the batch, not to the store that reads it.
func TestBatchesOfBothLayoutsAreSideBySide(t *testing.T) {
	uri := testenv.Mongo(t)
	documents, blocks := opened(t, uri), openedBlocks(t, uri)
	manyEvents(t, blocks, batchID(1))
	erasable(t, documents, batchID(2))
	if got := [2]int64{count(t, uri, "blocks"), count(t, uri, "events")}; got != [2]int64{3, 2} {
		t.Errorf("%d blocks and %d documents of events, want 3 and 2", got[0], got[1])
	}
	for _, st := range []*mongostore.Store{documents, blocks} {
		if err := isMany(t, st, batchID(1), ""); err != nil {
			t.Error(err)
		}
		rows := 0
		for _, err := range st.Events(t.Context(), batchID(2)) {
			if err != nil {
				t.Fatal(err)
			}
			rows++
		}
		if rows != 2 {
			t.Errorf("the batch with documents has %d events", rows)
		}
	}
	if n, err := documents.Erase(t.Context(), batchID(1), store.Erasure{ID: "one", Field: "name", Value: "rare"}); n != 1 || err != nil {
		t.Errorf("Erase: %d, %v", n, err)
	}
	if err := isMany(t, blocks, batchID(1), "rare"); err != nil {
		t.Error(err)
	}
}

func TestAnUnknownLayoutIsRefused(t *testing.T) {
	st, err := mongostore.Open(t.Context(), testenv.Mongo(t), &mongostore.Options{Events: "rows"})
	if err == nil {
		t.Error("opened", st.Close())
	}
}

// Whatever of the blocks is damaged, the audit names the batch, no answer is wrong
// in silence, and the batch can be deleted.
func TestDamagedBlocksAreFound(t *testing.T) {
	uri := testenv.Mongo(t)
	st, blocks := openedBlocks(t, uri), database(t, uri).Collection("blocks")
	manyEvents(t, st, batchID(1))
	manyEvents(t, st, batchID(2))
	was := blocksOf(t, blocks, batchID(1))
	other := blocksOf(t, blocks, batchID(2))
	with := func(i int, data any) bson.M {
		return bson.M{"_id": was[i]["_id"], "batch_id": was[i]["batch_id"], "data": data}
	}
	bit := append([]byte(nil), was[1]["data"].(bson.Binary).Data...)
	bit[len(bit)/2] ^= 4
	for what, now := range map[string][]any{
		"a lost block":             {was[0], was[2]},
		"no block":                 {},
		"another bit":              {was[0], with(1, bson.Binary{Data: bit}), was[2]},
		"no data":                  {was[0], bson.M{"_id": was[1]["_id"]}, was[2]},
		"text":                     {was[0], was[1], with(2, "text")},
		"a block of another batch": {with(0, other[0]["data"]), with(1, was[0]["data"]), was[2]},
		"two that changed places":  {was[0], with(1, was[2]["data"]), with(2, was[1]["data"])},
	} {
		t.Run(what, func(t *testing.T) {
			if _, err := blocks.DeleteMany(t.Context(), bson.D{{Key: "batch_id", Value: batchID(1)}}); err != nil {
				t.Fatal(err)
			}
			if len(now) > 0 {
				if _, err := blocks.InsertMany(t.Context(), now); err != nil {
					t.Fatal(err)
				}
			}
			var err error
			for _, err = range st.Events(t.Context(), batchID(1)) {
				_ = err // the last one counts
			}
			if !errors.Is(err, metrics.ErrCorrupt) {
				t.Errorf("Events: got %v, want %v", err, metrics.ErrCorrupt)
			}
			if _, err := st.Erase(t.Context(), batchID(1), store.Erasure{ID: "one", Field: "name", Value: "rare"}); !errors.Is(err, metrics.ErrCorrupt) {
				t.Errorf("Erase: got %v, want %v", err, metrics.ErrCorrupt)
			}
			if all := must(audittest.Complete(t.Context(), st)); !names(&all, batchID(1)) || names(&all, batchID(2)) {
				t.Errorf("the audit finds %+v", all)
			}
			if _, err := blocks.DeleteMany(t.Context(), bson.D{{Key: "_id", Value: was[1]["_id"]}}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if err := st.DeleteBatch(t.Context(), batchID(1)); err != nil {
		t.Fatal(err)
	}
	left(t, uri, batchID(1), "batches blocks", 0)
	if err := isMany(t, st, batchID(2), ""); err != nil {
		t.Error(err)
	}
}

func blocksOf(t *testing.T, blocks *mongo.Collection, id string) (docs []bson.M) {
	t.Helper()
	cursor, err := blocks.Find(t.Context(), bson.D{{Key: "batch_id", Value: id}})
	if err == nil {
		err = cursor.All(t.Context(), &docs)
	}
	if err != nil || len(docs) != 3 {
		t.Fatalf("%d blocks, %v", len(docs), err)
	}
	return docs
}
