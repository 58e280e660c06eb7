package sqlitestore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

func testRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func TestTwoStoresShareAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	stores := []*sqlitestore.Store{opened(t, path), opened(t, path)}
	events := someEvents(20_000)
	contributions := make([]metrics.Contribution, 40)
	rng := testRand()
	for i := range contributions {
		contributions[i] = aContribution(rng, 20_000, 2, 3, 50)
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := i; n < len(contributions); n += 4 {
				id := fmt.Sprintf("%02d", n)
				fill(t, stores[n%2], id, events[:500*n], 1)
				if err := stores[(n+1)/2%2].Record(t.Context(), id, contributions[n]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, st := range stores {
		if d := cmp.Diff(metrics.Merge(contributions...), dailies(t, st, metrics.Filter{Slots: true, Subjects: true})); d != "" {
			t.Error(d)
		}
	}
}

func TestCloseEndsWriters(t *testing.T) {
	st := opened(t, filepath.Join(t.TempDir(), "events.db"))
	w, err := st.Begin(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	events := someEvents(50_000)
	if err := w.Write(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context(), store.Batch{}, nil); err == nil {
		t.Error("Commit after Close: want an error")
	}
	_ = w.Abort(t.Context())
}

func TestPruneSweepsWhatALostWriterLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	lost := opened(t, path)
	w, err := lost.Begin(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(t.Context(), someEvents(200_000)); err != nil {
		t.Fatal(err)
	}
	if err := w.Attach(t.Context(), "big", make([]byte, 3<<20)); err != nil {
		t.Fatal(err)
	}
	st, db := opened(t, path), direct(t, path)
	if n := query[int](t, db, "SELECT count(*) FROM blocks"); n == 0 {
		t.Fatal("the writer has stored no block")
	}
	got, err := st.Prune(t.Context(), store.PruneQuery{Before: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(store.Pruned{Unfinished: 1}, got); d != "" {
		t.Error(d)
	}
	for _, table := range []string{"blocks", "unfinished", "attachments"} {
		if n := query[int](t, db, "SELECT count(*) FROM "+table); n != 0 {
			t.Errorf("%s has %d rows after Prune", table, n)
		}
	}
	if _, err := w.Commit(t.Context(), store.Batch{}, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Commit after Prune: got %v, want %v", err, store.ErrNotFound)
	}
	_ = w.Abort(t.Context())
}

func TestASlowWriterStaysAlive(t *testing.T) {
	var minutes atomic.Int64 // the Store asks while it pulses
	now := func() time.Time { return time.Date(2026, 1, 1, 0, int(minutes.Load()), 0, 0, time.UTC) }
	st, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "events.db"), &sqlitestore.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	w, err := st.Begin(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort(t.Context())
	for range 10 {
		minutes.Add(1)
		beat(t, st)
	}
	got, err := st.Prune(t.Context(), store.PruneQuery{Before: now().Add(-time.Minute)})
	if err != nil || got.Unfinished != 0 {
		t.Errorf("Prune: %+v, %v, want no unfinished upload", got, err)
	}
	if _, err := w.Commit(t.Context(), store.Batch{}, nil); err != nil {
		t.Error(err)
	}
}

func TestAWriterNeedsLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes 1.5 million rows")
	}
	st := opened(t, filepath.Join(t.TempDir(), "events.db"))
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	w, err := st.Begin(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort(t.Context())
	rng := testRand()
	part := make([]metrics.Event, 1000)
	for i := range 1500 {
		for j := range part {
			part[j] = metrics.Event{Row: int64(1000*i + j), Type: "t", ID: strconv.FormatUint(rng.Uint64(), 16), Fields: []metrics.Field{
				{Name: "candidate_id", Value: fmt.Sprintf("C%09d", rng.IntN(1_000_000)*997)},
				{Name: "test_id", Value: fmt.Sprintf("T%09d", rng.IntN(1_000_000)*991)},
			}}
		}
		if err := w.Write(t.Context(), part); err != nil {
			t.Fatal(err)
		}
		if i%500 == 499 {
			// Some 30 MiB, and more while blocks wait for a slow disk; the rows
			// themselves are over 150 MiB.
			if grown := heap() - before; grown > 64<<20 {
				t.Fatalf("the heap has grown by %d bytes after %d rows", grown, 1000*(i+1))
			}
		}
	}
	if _, err := w.Commit(t.Context(), store.Batch{}, nil); err != nil {
		t.Fatal(err)
	}
}
