package mongostore_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/internal/test/audittest"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

func take(t *testing.T, st *mongostore.Store, id, key string) error {
	t.Helper()
	return st.TakeKey(t.Context(), id, key, time.Now().Add(time.Hour), time.Now())
}

// damages are the findings of an audit about keys.
func damages(t *testing.T, st *mongostore.Store) (all []string) {
	t.Helper()
	for _, d := range must(audittest.Complete(t.Context(), st)).Damages {
		all = append(all, d.Part+" "+d.BatchID+" "+d.Err)
	}
	return all
}

// A process is stopped after it has taken a key and before the batch notes it.
func TestAKeyIsTakenBeforeTheBatchNotesIt(t *testing.T) {
	for name, remove := range map[string]func(st *mongostore.Store, id string) error{
		"erased meanwhile": func(st *mongostore.Store, id string) error {
			return st.EraseNames(t.Context(), id, store.Names{IdempotencyKey: true})
		},
		"deleted meanwhile": func(st *mongostore.Store, id string) error { return st.DeleteBatch(t.Context(), id) },
	} {
		t.Run(name, func(t *testing.T) {
			uri := testenv.Mongo(t)
			f := filler{t: t, st: opened(t, uri), now: time.Now}
			id, other := f.batch(store.Batch{}, false), f.batch(store.Batch{}, false)
			foldAll(t, f.st)
			slow, held, let := openHeld(t, uri, "update", "batches")
			defer let()
			ended := make(chan error, 1)
			go func() { ended <- take(t, slow, id, "k") }()
			<-held
			if b, err := f.st.BatchOfKey(t.Context(), "k", time.Now()); b.ID != id || err != nil {
				t.Errorf("the key has batch %q, %v; want %s", b.ID, err, id)
			}
			if err := take(t, f.st, other, "k"); !errors.Is(err, store.ErrKeyTaken) {
				t.Errorf("another batch takes it: %v", err)
			}
			if got := damages(t, f.st); len(got) > 0 {
				t.Errorf("before the batch notes it: %s", got)
			}
			f.ok(remove(f.st, id))
			let()
			if err := <-ended; err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Error(err)
			}
			left(t, uri, id, "keys", 0)
			f.ok(take(t, f.st, other, "k"))
			foldAll(t, f.st)
			if got := damages(t, f.st); len(got) > 0 {
				t.Errorf("after the batch was %s: %s", name, got)
			}
		})
	}
}

func TestALostKeyIsFound(t *testing.T) {
	uri := testenv.Mongo(t)
	f := filler{t: t, st: opened(t, uri), now: time.Now}
	id := f.batch(store.Batch{IdempotencyKey: "own", KeyExpires: time.Now().Add(time.Hour)}, false)
	foldAll(t, f.st)
	for _, key := range []string{"k", "own", "l", "k"} {
		f.ok(take(t, f.st, id, key))
	}
	if got := damages(t, f.st); len(got) > 0 {
		t.Fatalf("a sound batch: %s", got)
	}
	keys := database(t, uri).Collection("keys")
	for _, key := range []string{"own", "k", "l"} {
		var was bson.D
		f.ok(keys.FindOneAndDelete(t.Context(), bson.D{{Key: "_id", Value: key}}).Decode(&was))
		if got := damages(t, f.st); len(got) != 1 || !strings.HasPrefix(got[0], "key "+id) {
			t.Errorf("without the document of %q: %q", key, got)
		}
		_, err := keys.InsertOne(t.Context(), was)
		f.ok(err)
	}
}

// What a lost process has left of a batch that was deleted meanwhile is found,
// and cleanup removes it.
func TestAKeyOfADeletedBatchIsRemoved(t *testing.T) {
	uri := testenv.Mongo(t)
	f := filler{t: t, st: opened(t, uri), now: time.Now}
	id := f.batch(store.Batch{}, false)
	f.ok(take(t, f.st, id, "k"))
	keys := database(t, uri).Collection("keys")
	var was bson.D
	f.ok(keys.FindOne(t.Context(), bson.D{}).Decode(&was))
	f.ok(f.st.DeleteBatch(t.Context(), id))
	foldAll(t, f.st)
	left(t, uri, id, "keys", 0)
	_, err := keys.InsertOne(t.Context(), was)
	f.ok(err)
	if _, err := f.st.BatchOfKey(t.Context(), "k", time.Now()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the key of a deleted batch: %v", err)
	}
	if got := damages(t, f.st); !slices.ContainsFunc(got, func(d string) bool { return strings.HasPrefix(d, "keys "+id) }) {
		t.Errorf("the audit finds %q", got)
	}
	_, err = f.st.Prune(t.Context(), store.PruneQuery{Before: time.Now().Add(-time.Hour)})
	f.ok(err)
	left(t, uri, id, "keys", 0)
	if got := damages(t, f.st); len(got) > 0 {
		t.Errorf("after Prune: %q", got)
	}
}

func TestABatchNotesABoundedNumberOfKeys(t *testing.T) {
	uri := testenv.Mongo(t)
	f := filler{t: t, st: opened(t, uri), now: time.Now}
	id := f.batch(store.Batch{}, false)
	for range 120 {
		f.ok(take(t, f.st, id, store.NewID(time.Now())))
	}
	var d struct{ Keys []bson.D }
	f.ok(database(t, uri).Collection("batches").FindOne(t.Context(), bson.D{{Key: "_id", Value: id}}).Decode(&d))
	if len(d.Keys) != 100 {
		t.Errorf("it notes %d keys, want 100", len(d.Keys))
	}
	if all := must(f.st.Keys(t.Context(), id)); len(all) != 120 {
		t.Errorf("it has %d keys, want 120", len(all))
	}
}
