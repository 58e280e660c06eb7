package sqlitestore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// history uploads files to a store and does with them all that can be done.
type history struct {
	t    testing.TB
	st   *sqlitestore.Store
	s    *eventmetrics.Service
	salt string // makes rows and keys differ from those of another call
}

// fillWithHistory fills a store with batches in each state and of each kind. It
// returns a time at which some of them were recorded. Another call on the same
// store changes it too.
func fillWithHistory(t testing.TB, st *sqlitestore.Store) (asOf time.Time) {
	t.Helper()
	h, stop := begunHistory(t, st, store.NewID(time.Now()))
	defer stop()
	h.counted()
	asOf = time.Now()
	h.removed()
	h.waiting()
	return asOf
}

// begunHistory returns a history whose Service works until stop is called.
func begunHistory(t testing.TB, st *sqlitestore.Store, salt string) (h *history, stop func()) {
	t.Helper()
	s := eventmetrics.New(st, memqueue.New(nil), &eventmetrics.Options{Subject: "candidate_id", Dimensions: []string{"country"}, MaxErrors: 10})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return &history{t, st, s, salt}, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func (h *history) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *history) upload(f eventmetrics.File, text string) string {
	h.t.Helper()
	f.Body, f.Format = strings.NewReader(text), ingest.CSV
	r, err := h.s.Upload(h.t.Context(), f)
	h.ok(err)
	return r.Batch.ID
}

// process returns when the batch is completed.
func (h *history) process(id string) string {
	h.t.Helper()
	h.ok(h.s.Process(h.t.Context(), id))
	b, err := h.s.Wait(h.t.Context(), id)
	h.ok(err)
	if b.Status != store.Completed {
		h.t.Fatalf("batch %s is %s", id, b.Status)
	}
	return id
}

const historyHeader = "candidate_id,test_id,event_type,timestamp,country,note\n"

func (h *history) rows(from, n int, kind string) string {
	var b strings.Builder
	b.WriteString(historyHeader)
	for i := from; i < from+n; i++ {
		at := time.Date(2025, 11, 8, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 1733 * time.Second)
		fmt.Fprintf(&b, "C%d,T%d,%s_%d,%s,%s,%d %s\n", i%41, i%7, kind, i%3, at.Format(time.RFC3339), []string{"DE", "FR", "", "__other__"}[i%4], i, h.salt)
	}
	return b.String()
}

// counted adds completed batches: with duplicates, rejected rows and a repair.
func (h *history) counted() {
	h.process(h.upload(eventmetrics.File{Name: "plain.csv"}, h.rows(0, 400, "plain")))
	h.process(h.upload(eventmetrics.File{Name: "first.csv", Dedupe: eventmetrics.DedupeOccurrence, IdempotencyKey: h.salt}, h.rows(100, 300, "dedupe")))
	h.process(h.upload(eventmetrics.File{Name: "second.csv", Dedupe: eventmetrics.DedupeOccurrence}, h.rows(300, 300, "dedupe")))
	h.upload(eventmetrics.File{Name: "again.csv", IdempotencyKey: "again " + h.salt}, h.rows(0, 400, "plain"))
	bad := h.rows(0, 50, "bad") + "C1,T1,bad_1,never,DE,x\nC2,T1,,2025-11-08T00:00:00Z,DE,y\n"
	id := h.process(h.upload(eventmetrics.File{Name: "bad.csv"}, bad))
	h.process(h.upload(eventmetrics.File{Name: "repair.csv", RepairOf: id}, historyHeader+"C1,T1,bad_1,2025-11-09T00:00:00Z,DE,"+h.salt+"\n"))
}

// removed adds batches that are purged, archived or deleted, and erases.
func (h *history) removed() {
	ctx := h.t.Context()
	id := h.process(h.upload(eventmetrics.File{Name: "purged.csv"}, h.rows(0, 120, "old")))
	h.ok(h.st.PurgeEvents(ctx, id))
	id = h.process(h.upload(eventmetrics.File{Name: "archived.csv", Dedupe: eventmetrics.DedupeEventID},
		"event_id,candidate_id,test_id,event_type,timestamp\n"+store.NewID(time.Now())+",C1,T1,arch,2025-11-10T10:00:00Z\n"))
	h.ok(h.st.PurgeEvents(ctx, id))
	h.ok(h.st.Archive(ctx, id))
	id = h.process(h.upload(eventmetrics.File{Name: "deleted.csv", Dedupe: eventmetrics.DedupeOccurrence}, h.rows(0, 90, "gone")))
	h.ok(h.s.DeleteBatch(ctx, id))
	for subject, counts := range map[string]eventmetrics.ErasedCounts{"C3": eventmetrics.KeepCounts, "C4": eventmetrics.SubtractCounts} {
		_, err := h.s.Erase(ctx, eventmetrics.Erasure{Subject: subject, Counts: counts})
		h.ok(err)
	}
}

// waiting adds batches that are not processed, and uploads without an end.
func (h *history) waiting() {
	ctx := h.t.Context()
	var many strings.Builder
	many.WriteString(historyHeader)
	for i := range 2200 { // more than a chunk of an attachment, of pending counts
		fmt.Fprintf(&many, "C%d,T1,%d_%s,2025-11-%02dT%02d:00:00Z,DE,%s\n", i%5, i%1000, strings.Repeat("x", 30), 12+i/1000, i%24, h.salt)
	}
	h.upload(eventmetrics.File{Name: "many-types.csv"}, many.String())
	id := h.upload(eventmetrics.File{Name: "failed.csv"}, h.rows(600, 60, "failed"))
	h.ok(h.st.SetStatus(ctx, id, store.Statuses(), store.Failed, "attempt 5 of 5: the disk was full"))
	id = store.NewID(time.Now())
	w, err := h.st.Begin(ctx, id)
	h.ok(err)
	_, err = h.st.Claim(ctx, id, someFingerprints(0, 150))
	h.ok(err)
	_, err = w.Commit(ctx, store.Batch{FileName: "claimed", Created: time.Now()}, nil)
	h.ok(err)
	id = store.NewID(time.Now())
	w, err = h.st.Begin(ctx, id)
	h.ok(err)
	_, err = h.st.Claim(ctx, id, someFingerprints(150, 200))
	h.ok(err)
	h.ok(w.Abort(ctx))
	w, err = h.st.Begin(ctx, store.NewID(time.Now())) // a process that was lost
	h.ok(err)
	h.ok(w.Attach(ctx, "errors", []byte(strings.Repeat("x", 200_000))))
}
