package mongostore_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/test/audittest"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// An erasure is lost after each of its writes. All events are there or those that
// are left; the next erasure, or Prune, removes what was written.
func TestALostErasureOfBlocksLeavesNothing(t *testing.T) {
	for writes, isLost := 0, true; isLost; writes++ {
		prune := writes%2 == 0
		uri := testenv.Mongo(t)
		st := openedBlocks(t, uri)
		id := batchID(1)
		erasable(t, st, id)
		lost, c := openCut(t, uri)
		one := store.Erasure{ID: "one", Field: "candidate_id", Value: "C1"}
		isLost = c.run(t, writes, func(ctx context.Context) { _, _ = lost.Erase(ctx, id, one) })
		if n := len(namesOf(t, st, id)); n != 2 && n != 1 || !isLost && n != 1 {
			t.Fatalf("after %d writes: %d events", writes, n)
		}
		endErasure(t, st, id, prune)
		left(t, uri, id, "blocks", 1)
		if !prune && bytes.Contains(testenv.MongoDump(t, uri), []byte("C1")) {
			t.Errorf("after %d writes: C1 is still there", writes)
		}
		if all := must(audittest.Complete(t.Context(), st)); len(all.Damages)+len(all.Unreadable) > 0 {
			t.Errorf("after %d writes: the audit finds %+v", writes, all)
		}
		if !isLost && writes < 4 {
			t.Errorf("an erasure has %d writes", writes)
		}
	}
}

// endErasure prunes, or erases C1 if it is still there.
func endErasure(t *testing.T, st *mongostore.Store, id string, prune bool) {
	t.Helper()
	var err error
	if prune {
		if err = st.SetStatus(t.Context(), id, store.Statuses(), store.Queued, ""); err == nil {
			_, err = st.Prune(t.Context(), store.PruneQuery{Before: time.Now().Add(time.Hour)})
		}
	} else {
		_, err = st.Erase(t.Context(), id, store.Erasure{ID: "one", Field: "candidate_id", Value: "C1"})
		if err == nil {
			err = st.ReplaceAttachment(t.Context(), id, "errors", chunk("none"))
		}
		if err == nil {
			err = st.Scrub(t.Context())
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// namesOf returns the names in the events of erasable.
func namesOf(t *testing.T, st store.Store, id string) (names []string) {
	t.Helper()
	for e, err := range st.Events(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, e.Field("candidate_id"))
	}
	return names
}

// Of two erasures at once, the one that ends first counts, and nothing is left of
// the copy of the other.
func TestAnErasureOfBlocksThatWasOvertakenIsAConflict(t *testing.T) {
	uri := testenv.Mongo(t)
	st := openedBlocks(t, uri)
	id := batchID(1)
	erasable(t, st, id)
	slow, held, let := openHeld(t, uri, "insert", "blocks")
	defer let()
	done := make(chan error)
	go func() {
		_, err := slow.Erase(t.Context(), id, store.Erasure{ID: "slow", Field: "candidate_id", Value: "C2"})
		done <- err
	}()
	<-held
	if n, err := st.Erase(t.Context(), id, store.Erasure{ID: "one", Field: "candidate_id", Value: "C1"}); n != 1 || err != nil {
		t.Errorf("Erase: %d, %v", n, err)
	}
	let()
	if err := <-done; !errors.Is(err, store.ErrConflict) {
		t.Errorf("the erasure that was overtaken: got %v, want %v", err, store.ErrConflict)
	}
	left(t, uri, id, "blocks", 1)
	checkFinished(t, st, uri, id)
	if all := must(audittest.Complete(t.Context(), st)); len(all.Damages)+len(all.Unreadable) > 0 {
		t.Errorf("the audit finds %+v", all)
	}
}

// Prune takes an erasure for that of a lost process if it began long ago.
func TestPruneLeavesTheCopyOfARunningErasure(t *testing.T) {
	for before, want := range map[time.Duration]error{-time.Hour: nil, time.Hour: store.ErrConflict} {
		uri := testenv.Mongo(t)
		st := openedBlocks(t, uri)
		id := batchID(1)
		erasable(t, st, id)
		if err := st.SetStatus(t.Context(), id, store.Statuses(), store.Queued, ""); err != nil {
			t.Fatal(err)
		}
		slow, held, let := openHeld(t, uri, "insert", "blocks")
		defer let()
		done := make(chan error)
		go func() {
			_, err := slow.Erase(t.Context(), id, store.Erasure{ID: "one", Field: "candidate_id", Value: "C1"})
			done <- err
		}()
		<-held
		if _, err := st.Prune(t.Context(), store.PruneQuery{Before: time.Now().Add(before)}); err != nil {
			t.Fatal(err)
		}
		let()
		if err := <-done; !errors.Is(err, want) {
			t.Errorf("after Prune of what is older than %s: Erase: got %v, want %v", before, err, want)
		}
		left(t, uri, id, "blocks", 1)
	}
}
