package mongostore_test

import (
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/test/audittest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

var (
	flipStart = time.Date(2025, 11, 8, 0, 0, 0, 0, time.UTC)
	flipDay   = metrics.DayOf(flipStart)
)

// flipPrints are fingerprints.
func flipPrints(from, n int) []store.Fingerprint {
	fps := make([]store.Fingerprint, n)
	for i := range fps {
		fps[i][0], fps[i][15] = byte(from+i)*37, byte(from+i)
	}
	return fps
}

// filler makes batches.
type filler struct {
	t  *testing.T
	st *mongostore.Store
	n  int // of batches

	now func() time.Time
}

func (f *filler) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// batch makes a batch of a few events with attachments and fingerprints, and
// records it as completed unless it shall wait.
func (f *filler) batch(b store.Batch, waits bool) string {
	f.t.Helper()
	ctx := f.t.Context()
	f.n++
	id := batchID(f.n)
	w, err := f.st.Begin(ctx, id)
	f.ok(err)
	agg := metrics.NewAggregator(&audittest.Sums)
	var events []metrics.Event
	for row := range 8 {
		e := metrics.Event{
			Row: int64(row + 1), Type: []string{"a", "b"}[row%2], Time: flipStart.Add(time.Duration(row*f.n) * 5 * time.Hour),
			Fields: []metrics.Field{{Name: "candidate_id", Value: []string{"C1", "C2", "C3"}[row%3]}, {Name: "country", Value: []string{"DE", "FR"}[row%2]}},
		}
		if row%3 == 0 {
			e.ID = "id"
		}
		f.ok(agg.Add(&e))
		events = append(events, e)
	}
	f.ok(w.Write(ctx, events))
	f.ok(w.Attach(ctx, "errors", []byte("some errors")))
	f.ok(w.Attach(ctx, "errors", []byte(" and more")))
	f.ok(w.Attach(ctx, "read_as", []byte("a description")))
	_, err = f.st.Claim(ctx, id, flipPrints(2*f.n, 2))
	f.ok(err)
	f.ok(f.st.AddOwner(ctx, id, flipPrints(3, 1)[0]))
	b.FileName, b.SHA256, b.Created = "file.csv", "00ff", f.now()
	sum := agg.Contribution()
	_, err = w.Commit(ctx, b, sum)
	f.ok(err)
	if waits {
		return id
	}
	f.ok(f.st.Record(ctx, id, sum))
	f.ok(f.st.SetStatus(ctx, id, store.Statuses(), store.Completed, ""))
	return id
}

// fill adds batches of all kinds, and of both layouts.
func (f *flipper) fill(t *testing.T, st *mongostore.Store, now func() time.Time) (asOf time.Time) {
	h := filler{t: t, st: st, now: now}
	ctx := t.Context()
	withBlocks, err := mongostore.Open(ctx, f.uri, &mongostore.Options{Now: now, Events: mongostore.Blocks})
	h.ok(err)
	defer func() { h.ok(withBlocks.Close()) }()
	blocks := func(waits bool) string {
		h.st = withBlocks
		defer func() { h.st = st }()
		return h.batch(store.Batch{}, waits)
	}
	first := h.batch(store.Batch{IdempotencyKey: "key", KeyExpires: time.Now().Add(24 * time.Hour)}, false)
	for _, key := range []string{"further", "another"} {
		h.ok(st.TakeKey(ctx, first, key, time.Now().Add(24*time.Hour), time.Now()))
	}
	h.batch(store.Batch{RepairOf: first, RejectedRows: 2}, false)
	asOf = now()
	purged := h.batch(store.Batch{}, false)
	h.ok(st.PurgeEvents(ctx, purged))
	archived := h.batch(store.Batch{}, false)
	h.ok(st.PurgeEvents(ctx, archived))
	h.ok(st.Archive(ctx, archived))
	h.ok(st.DeleteBatch(ctx, h.batch(store.Batch{}, false)))
	erasedBlocks := blocks(false)
	_, err = st.Erase(ctx, erasedBlocks, store.Erasure{ID: "one", Field: "country", Value: "FR"})
	h.ok(err)
	f.amend(&h, erasedBlocks)
	erased := h.batch(store.Batch{}, false)
	_, err = st.Erase(ctx, erased, store.Erasure{ID: "one", Field: "candidate_id", Value: "C1"})
	h.ok(err)
	h.ok(st.ReplaceAttachment(ctx, erased, "errors", chunk("other errors")))
	f.amend(&h, erased)
	h.batch(store.Batch{}, true)
	blocks(true)
	_, err = st.Begin(ctx, batchID(100)) // a process that was lost
	h.ok(err)
	return asOf
}

// amend makes the events that a batch has left its contribution.
func (f *flipper) amend(h *filler, id string) {
	agg := metrics.NewAggregator(&audittest.Sums)
	for e, err := range h.st.Events(h.t.Context(), id) {
		h.ok(err)
		h.ok(agg.Add(&e))
	}
	h.ok(h.st.Amend(h.t.Context(), id, agg.Contribution()))
}
