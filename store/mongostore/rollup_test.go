package mongostore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

var (
	start = time.Date(2025, 11, 8, 0, 0, 0, 0, time.UTC)
	all   = metrics.AllParts()
)

// database is a database as other tools see it.
func database(t testing.TB, uri string) *mongo.Database {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.WithoutCancel(t.Context())) })
	return client.Database(mongostore.DatabaseOf(uri))
}

func batchID(n int) string { return fmt.Sprintf("%08x-0000-7000-8000-%012x", n, n) }

// random returns a contribution of n events on a few days, mostly with groups.
func random(t *testing.T, rng *rand.Rand, n int) metrics.Contribution {
	t.Helper()
	by := [][]string{nil, {"test_id"}, {"candidate_id", "test_id"}}[rng.IntN(3)]
	a := metrics.NewAggregator(&metrics.AggregatorOptions{Subject: "candidate_id", Dimensions: by})
	for range n {
		e := metrics.Event{
			Type:   []string{"a.b", "$x", "done"}[rng.IntN(3)],
			Time:   start.Add(time.Duration(rng.IntN(10*24*60)) * time.Minute),
			Fields: []metrics.Field{{Name: "candidate_id", Value: strconv.Itoa(rng.IntN(500))}, {Name: "test_id", Value: strconv.Itoa(rng.IntN(5))}},
		}
		if err := a.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	return a.Contribution()
}

// commit commits a batch with the given events.
func commit(t *testing.T, st store.Store, id string, events ...metrics.Event) store.Batch {
	t.Helper()
	w, err := st.Begin(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	b, err := w.Commit(t.Context(), store.Batch{Created: start}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func enter(t *testing.T, st store.Store, id string, c metrics.Contribution) {
	t.Helper()
	commit(t, st, id)
	if err := st.Record(t.Context(), id, c); err != nil {
		t.Fatal(err)
	}
}

// dailyIs compares the encodings of sums, which are equal for equal sums.
func dailyIs(t *testing.T, st store.Store, contributions ...metrics.Contribution) {
	t.Helper()
	var got metrics.Contribution
	for d, err := range st.DayCounts(t.Context(), all) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d)
	}
	want := metrics.Merge(contributions...)
	x, _ := want.AppendBinary(nil)
	y, _ := got.AppendBinary(nil)
	if string(x) != string(y) {
		t.Errorf("Daily has %d events in %d cells, want %d in %d", got.Events(), len(got), want.Events(), len(want))
	}
}

// foldAll folds the whole journal, and checks that nothing is left of it.
func foldAll(t *testing.T, st *mongostore.Store) {
	t.Helper()
	for range 100 { // another process may be folding
		st.FoldJournal(t.Context())
		n, err := st.Unfolded(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
	t.Fatal("there are batches that are not folded, or notes of them")
}

func TestTheRollupIsRebuiltFromTheLedger(t *testing.T) {
	uri := testenv.Mongo(t)
	st, db := opened(t, uri), database(t, uri)
	rng := rand.New(rand.NewPCG(1, 2))
	var sums []metrics.Contribution
	for i := range 12 {
		sums = append(sums, random(t, rng, 200))
		enter(t, st, batchID(i), sums[i])
	}
	if err := st.DeleteBatch(t.Context(), batchID(3)); err != nil {
		t.Fatal(err)
	}
	sums[3] = nil
	for name, lose := range map[string]func() error{
		"with Rebuild":                 func() error { return st.Rebuild(t.Context()) },
		"after its collection is gone": func() error { return db.Collection("dailymetrics").Drop(t.Context()) },
		"after all of it is gone": func() error {
			return errors.Join(db.Collection("dailymetrics").Drop(t.Context()), db.Collection("details").Drop(t.Context()), db.Collection("journal").Drop(t.Context()))
		},
		"after it was changed by hand": func() error {
			foldAll(t, st)
			change := bson.D{{Key: "$set", Value: bson.D{{Key: "metrics", Value: bson.A{}}, {Key: "details", Value: 0}}}}
			_, err := db.Collection("dailymetrics").UpdateMany(t.Context(), bson.D{{Key: "date", Value: "2025-11-10"}}, change)
			return errors.Join(err, st.Rebuild(t.Context()))
		},
	} {
		if err := lose(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		dailyIs(t, st, sums...)
		foldAll(t, st)
		dailyIs(t, st, sums...)
	}
}

// A process folds and is held up. The rollup is dropped and rebuilt by another
// process, which is held up at the same place. Then both go on. What the first
// does for the old rollup must not be taken for a part of the new one.
func TestAStragglerDoesNotSpoilTheNextRollup(t *testing.T) {
	for _, at := range []struct{ command, collection string }{
		{"update", "contributions"}, {"insert", "dailymetrics"}, {"insert", "details"}, {"delete", "details"},
	} {
		t.Run(at.command+" "+at.collection, func(t *testing.T) {
			t.Parallel()
			uri := testenv.Mongo(t)
			db := database(t, uri)
			rng := rand.New(rand.NewPCG(5, 5))
			var sums []metrics.Contribution
			writer, _ := openCut(t, uri)
			for i := range 4 {
				sums = append(sums, random(t, rng, 40))
				enter(t, writer, batchID(i), sums[i])
			}
			dailyIs(t, writer, sums...) // so that there is a rollup

			var running sync.WaitGroup
			var lets []func()
			for range 2 {
				st, held, let := openHeld(t, uri, at.command, at.collection)
				running.Go(func() { st.FoldJournal(t.Context()) })
				<-held
				if lets = append(lets, let); len(lets) == 1 {
					if err := db.Collection("dailymetrics").Drop(t.Context()); err != nil {
						t.Error(err)
					}
					dailyIs(t, writer, sums...)
				}
			}
			for _, let := range lets {
				let()
			}
			running.Wait()
			dailyIs(t, writer, sums...)
			foldAll(t, writer)
			dailyIs(t, writer, sums...)
		})
	}
}

// A process folds the addition, the amendment and the deletion of batches and is
// lost after some of its writes. Answers are right before, in that state, and
// after another process has finished the plan.
func TestAHalfDonePlanIsFinishedByAnother(t *testing.T) {
	finished := false
	for writes := 0; !finished; writes++ {
		uri := testenv.Mongo(t)
		first, network := openCut(t, uri)
		rng := rand.New(rand.NewPCG(7, 7))
		var sums []metrics.Contribution
		for i := range 4 {
			sums = append(sums, random(t, rng, 12))
			enter(t, first, batchID(i), sums[i])
			if i == 2 {
				foldAll(t, first)
			}
		}
		if err := first.DeleteBatch(t.Context(), batchID(0)); err != nil {
			t.Fatal(err)
		}
		sums[0], sums[1] = nil, random(t, rng, 10)
		if err := first.Amend(t.Context(), batchID(1), sums[1]); err != nil {
			t.Fatal(err)
		}
		dailyIs(t, first, sums...)

		finished = !network.run(t, writes, first.FoldJournal)
		reader, _ := openCut(t, uri)
		dailyIs(t, reader, sums...)
		second := opened(t, uri)
		foldAll(t, second)
		dailyIs(t, reader, sums...)
		if t.Failed() {
			t.Fatalf("the process was lost before write %d", writes+1)
		}
	}
}

// A batch is deleted and its shares are removed while a reader is in the middle
// of them. They were never folded, so the rollup does not move.
func TestADeletedBatchIsNotReadInPart(t *testing.T) {
	uri := testenv.Mongo(t)
	writer, _ := openCut(t, uri)
	dailyIs(t, writer) // so that there is a rollup
	a := metrics.NewAggregator(nil)
	for day := range 205 { // shares, more than one page of them
		if err := a.Add(&metrics.Event{Type: "a", Time: start.AddDate(0, 0, day)}); err != nil {
			t.Fatal(err)
		}
	}
	enter(t, writer, batchID(1), a.Contribution())

	var finds atomic.Int64
	held, going := make(chan struct{}), make(chan struct{})
	reader := openSeen(t, uri, &net.Dialer{}, func(_ context.Context, e *event.CommandStartedEvent) {
		if e.CommandName == "find" && e.Command.Lookup("find").StringValue() == "shares" && finds.Add(1) == 2 {
			close(held)
			<-going
		}
	})
	var deleting sync.WaitGroup
	deleting.Go(func() {
		<-held
		if err := writer.DeleteBatch(t.Context(), batchID(1)); err != nil {
			t.Error(err)
		}
		writer.FoldJournal(t.Context())
		close(going)
	})
	dailyIs(t, reader)
	deleting.Wait()
}

func TestTheDocumentedIndexesAreThere(t *testing.T) {
	uri := testenv.Mongo(t)
	opened(t, uri)
	opened(t, uri) // again, which is no error
	db := database(t, uri)
	for collection, want := range map[string][]string{
		"events":       {`{"_id": 1}`, `{"batch_id": 1,"event_id": 1} unique`},
		"batches":      {`{"_id": 1}`, `{"batch_id": 1} unique`, `{"deleting": 1,"status": 1}`, `{"repairs": 1,"batch_id": -1}`, `{"status": 1,"batch_id": -1}`},
		"dailymetrics": {`{"_id": 1}`, `{"date": 1} unique`, `{"date": 1,"metrics.event_type": 1}`},
	} {
		specs, err := db.Collection(collection).Indexes().ListSpecifications(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, s := range specs {
			text, err := bson.MarshalExtJSON(s.KeysDocument, false, false)
			if err != nil {
				t.Fatal(err)
			}
			name := string(text)
			if s.Unique != nil && *s.Unique {
				name += " unique"
			}
			got[name] = true
		}
		wanted := map[string]bool{}
		for _, name := range want {
			var keys bson.D
			text, unique := name, ""
			if n := len(name) - len(" unique"); n > 0 && name[n:] == " unique" {
				text, unique = name[:n], " unique"
			}
			if err := bson.UnmarshalExtJSON([]byte(text), false, &keys); err != nil {
				t.Fatal(err)
			}
			plain, _ := bson.MarshalExtJSON(keys, false, false)
			wanted[string(plain)+unique] = true
		}
		if d := cmp.Diff(wanted, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", collection, d)
		}
	}
}

func TestADatabaseOfAnotherProgramIsRefused(t *testing.T) {
	for _, collection := range []string{"batches", "events"} {
		uri := testenv.Mongo(t)
		doc := bson.D{{Key: "batch_id", Value: "a"}, {Key: "event_id", Value: "b"}} // with an ObjectID for an _id
		if _, err := database(t, uri).Collection(collection).InsertOne(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
		if st, err := mongostore.Open(t.Context(), uri, nil); !errors.Is(err, mongostore.ErrForeign) {
			t.Errorf("Open of a database with %s of another program: %v, %v, want ErrForeign", collection, st, err)
		}
	}
}
