package mongostore_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

var (
	three   = []store.Fingerprint{{1}, {2}, {3}}
	noOwner = []string{"", "", ""}
)

// begun begins a batch that claims fps, which must be free.
func begun(t *testing.T, st *mongostore.Store, id string, fps ...store.Fingerprint) store.Writer {
	t.Helper()
	w, err := st.Begin(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	got, err := st.Claim(t.Context(), id, fps)
	if d := cmp.Diff(make([]string, len(fps)), got); d != "" || err != nil {
		t.Fatal(d, err)
	}
	return w
}

// having commits a batch that has fps.
func having(t *testing.T, st *mongostore.Store, id string, fps ...store.Fingerprint) {
	t.Helper()
	if _, err := begun(t, st, id, fps...).Commit(t.Context(), store.Batch{Created: time.Now()}, nil); err != nil {
		t.Fatal(err)
	}
}

// An insert is sent again when its answer is lost, and finds its own documents.
func TestClaimThatIsSentAgainIsNoRepeat(t *testing.T) {
	uri := testenv.Mongo(t)
	fps := database(t, uri).Collection("fingerprints")
	var once sync.Once
	st := openSeen(t, uri, &net.Dialer{}, func(ctx context.Context, e *event.CommandStartedEvent) {
		if e.CommandName != "insert" || e.Command.Lookup("insert").StringValue() != fps.Name() {
			return
		}
		once.Do(func() {
			docs, err := e.Command.Lookup("documents").Array().Values()
			if err != nil {
				t.Error(err)
			}
			for _, doc := range docs[1:] {
				if _, err := fps.InsertOne(ctx, doc.Document()); err != nil {
					t.Error(err)
				}
			}
		})
	})
	id := batchID(1)
	begun(t, st, id, three...)
	got, err := st.Claim(t.Context(), id, append(three, store.Fingerprint{4}))
	if d := cmp.Diff([]string{id, id, id, ""}, got); d != "" || err != nil {
		t.Errorf("Claim by another call: %s %v", d, err)
	}
}

// A claim that is overtaken before it inserts, or before it takes over what a
// deleted batch had, finds who was first.
func TestClaimThatIsOvertakenSeesIt(t *testing.T) {
	for _, command := range []string{"insert", "update"} {
		t.Run(command, func(t *testing.T) {
			uri := testenv.Mongo(t)
			st := opened(t, uri)
			if command == "update" {
				having(t, st, batchID(1), three...)
				hide(t, uri, batchID(1))
			}
			slow, held, let := openHeld(t, uri, command, "fingerprints")
			defer let()
			id, first := batchID(2), batchID(3)
			if _, err := slow.Begin(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			var got []string
			done := make(chan error)
			go func() {
				var err error
				got, err = slow.Claim(t.Context(), id, three)
				done <- err
			}()
			<-held
			having(t, st, first, three[1:]...)
			let()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]string{"", first, first}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// hide makes a batch as it is when its process was lost while deleting it.
func hide(t *testing.T, uri, id string) {
	t.Helper()
	_, err := database(t, uri).Collection("batches").UpdateByID(t.Context(), id, bson.M{"$set": bson.M{"status": "removing"}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestClaimsOfASuspendedProcessCanBeTaken(t *testing.T) {
	uri := testenv.Mongo(t)
	suspended, st := openedStill(t, uri, 2026), openedStill(t, uri, 2026)
	lost, w := begun(t, suspended, batchID(1), three...), begun(t, st, batchID(2))
	looks := 0
	got, err := st.Claim(t.Context(), batchID(2), three)
	for ; errors.Is(err, store.ErrClaimed) && looks < 20; looks++ {
		beat(t, st)
		got, err = st.Claim(t.Context(), batchID(2), three)
	}
	if d := cmp.Diff(noOwner, got); d != "" || err != nil {
		t.Fatal(d, err)
	}
	if looks < 4 || looks > 5 {
		t.Errorf("taken after %d looks", looks)
	}
	beat(t, suspended)
	if err := lost.Write(t.Context(), nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Write of a Writer that lost its batch: got %v, want %v", err, store.ErrNotFound)
	}
	if _, err := lost.Commit(t.Context(), store.Batch{}, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Commit of a Writer that lost its batch: got %v, want %v", err, store.ErrNotFound)
	}
	if err := lost.Abort(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := w.Commit(t.Context(), store.Batch{}, nil); err != nil {
		t.Error(err)
	}
	got, err = st.Owners(t.Context(), three)
	if d := cmp.Diff(slices.Repeat([]string{batchID(2)}, 3), got); d != "" || err != nil {
		t.Error(d, err)
	}
}

// A beat that comes between the look at an upload and its end keeps it.
func TestABeatBeforeTheFenceKeepsTheClaims(t *testing.T) {
	uri := testenv.Mongo(t)
	owner := openedStill(t, uri, 2026)
	w := begun(t, owner, batchID(1), three...)
	fences := 0
	st := openSeen(t, uri, &net.Dialer{}, func(ctx context.Context, e *event.CommandStartedEvent) {
		if _, err := e.Command.LookupErr("updates", "0", "q", "beat"); err == nil {
			fences++
			if err := owner.Beat(ctx); err != nil {
				t.Error(err)
			}
		}
	})
	begun(t, st, batchID(2))
	for range 6 {
		beat(t, st)
	}
	if _, err := st.Claim(t.Context(), batchID(2), three); !errors.Is(err, store.ErrClaimed) || fences != 1 {
		t.Errorf("Claim: got %v after %d fences, want %v", err, fences, store.ErrClaimed)
	}
	if _, err := w.Commit(t.Context(), store.Batch{}, nil); err != nil {
		t.Error(err)
	}
}

// openedStill opens a store whose heart beats once and then only when told, and
// whose clock stands still.
func openedStill(t *testing.T, uri string, year int) *mongostore.Store {
	t.Helper()
	now := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
	st := openedWith(t, uri, &mongostore.Options{Now: func() time.Time { return now }, Heartbeat: 24 * time.Hour})
	st.StopFolding()
	return st
}

// beat lets stores beat, one after the other.
func beat(t *testing.T, stores ...*mongostore.Store) {
	t.Helper()
	for _, st := range stores {
		if err := st.Beat(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// The clocks stand still, years apart.
func TestAProcessKeepsTheClaimsOfItsWriters(t *testing.T) {
	uri := testenv.Mongo(t)
	owner, other := openedStill(t, uri, 2026), openedStill(t, uri, 2031)
	w := begun(t, owner, batchID(1), three...)
	begun(t, other, batchID(2))
	for what, call := range map[string]func() error{
		"nothing":  func() error { return owner.Beat(t.Context()) },
		"Claim":    func() error { _, err := owner.Claim(t.Context(), batchID(1), three); return err },
		"AddOwner": func() error { return owner.AddOwner(t.Context(), batchID(1), store.Fingerprint{9}) },
	} {
		for range 10 {
			if err := call(); err != nil {
				t.Fatal(err)
			}
			beat(t, other)
			if _, err := other.Claim(t.Context(), batchID(2), three); !errors.Is(err, store.ErrClaimed) {
				t.Errorf("Claim beside a Writer that calls %s: got %v, want %v", what, err, store.ErrClaimed)
			}
		}
	}
	for range 10 { // of its own process
		beat(t, other, owner)
	}
	begun(t, owner, batchID(3))
	if _, err := owner.Claim(t.Context(), batchID(3), three); !errors.Is(err, store.ErrClaimed) {
		t.Errorf("Claim in the process of the Writer: got %v, want %v", err, store.ErrClaimed)
	}
	if _, err := w.Commit(t.Context(), store.Batch{}, nil); err != nil {
		t.Error(err)
	}
}

// Whatever write of a deletion a process is lost at, what the batch had is
// free when the batch is not visible any more, and Prune removes it.
func TestClaimsOfADeletionThatWasLostAreFree(t *testing.T) {
	for lost, writes := true, 0; lost; writes++ {
		uri := testenv.Mongo(t)
		st := opened(t, uri)
		having(t, st, batchID(1), three...)
		cut, network := openCut(t, uri)
		lost = network.run(t, writes, func(ctx context.Context) { _ = cut.DeleteBatch(ctx, batchID(1)) })
		if _, err := st.Batch(t.Context(), batchID(1)); err == nil {
			continue
		}
		begun(t, st, batchID(2), three[0])
		_, err := st.Prune(t.Context(), store.PruneQuery{Before: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Prune(t.Context(), store.PruneQuery{Before: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		n, err := database(t, uri).Collection("fingerprints").CountDocuments(t.Context(), bson.M{})
		if err != nil || n != 0 {
			t.Errorf("lost after %d writes: %d fingerprints are left, %v", writes, n, err)
		}
	}
}
