package storetest

import (
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

const commitTakes = "Writer.Commit: makes the batch durable and visible in one atomic step, with the status uploaded. from b it takes FileName, SHA256, RejectedRows, DuplicateRows, IdempotencyKey, KeyExpires, RepairOf and Created; the store sets the other fields of the Batch that it returns."

func commitRules() []rule {
	return []rule{
		{"Commit keeps what it takes", commitTakes, commitKeeps},
		{"Commit sets the other fields itself", commitTakes, commitDecides},
		{"times of a batch are UTC to the millisecond", "Batch: times are UTC, cut to the millisecond; a zero time stays zero.", batchTimes},
	}
}

func aBatch(c *check) store.Batch {
	return store.Batch{
		ID: c.id(), FileName: "Ergebnisse \"März\" 😀.csv", SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		RejectedRows: 12, DuplicateRows: 1 << 40, IdempotencyKey: "key $1.a", KeyExpires: epoch.Add(24*time.Hour + 7*time.Millisecond),
		RepairOf: "01954f2a-0000-7000-8000-000000000000", Created: epoch.Add(123 * time.Millisecond),
	}
}

func commitKeeps(c *check) {
	asked := aBatch(c)
	got := c.upload(upload{batch: asked, events: someEvents(5)})
	want := asked
	want.AcceptedRows, want.Status, want.Updated = 5, store.Uploaded, got.Updated
	if d := diffBatch(want, got); d != "" {
		c.Errorf("Commit:%s", d)
	}
	if d := diffBatch(got, c.batch(asked.ID)); d != "" {
		c.Errorf("Batch, compared with the answer of Commit:%s", d)
	}
	page := c.list(store.BatchQuery{})
	if len(page) != 1 {
		c.Fatalf("Batches: got %d, want 1", len(page))
	}
	if d := diffBatch(got, page[0]); d != "" {
		c.Errorf("Batches, compared with the answer of Commit:%s", d)
	}
}

func commitDecides(c *check) {
	w, b := c.prepare(upload{events: someEvents(5)})
	earlier := moment()
	asked := store.Batch{
		ID: "other", AcceptedRows: 99, Status: store.Completed, LastError: "because", EventsPurged: true,
		Created: epoch, Updated: epoch.AddDate(-20, 0, 0),
	}
	got, err := w.Commit(c.Context(), asked, nil)
	c.must(err, "Commit")
	want := store.Batch{ID: b.ID, AcceptedRows: 5, Status: store.Uploaded, Created: epoch, Updated: got.Updated}
	if d := diffBatch(want, got); d != "" {
		c.Errorf("Commit:%s", d)
	}
	if d := diffBatch(got, c.batch(b.ID)); d != "" {
		c.Errorf("Batch, compared with the answer of Commit:%s", d)
	}
	c.updatedSince(earlier, got, "Commit")
}

func batchTimes(c *check) {
	kathmandu := time.FixedZone("+0545", (5*60+45)*60)
	at := time.Date(2025, 3, 1, 12, 0, 0, 123_999_999, kathmandu)
	got := c.upload(upload{batch: store.Batch{Created: at, IdempotencyKey: "k", KeyExpires: at.Add(time.Hour)}})
	want := got
	want.Created = time.Date(2025, 3, 1, 6, 15, 0, 123_000_000, time.UTC)
	want.KeyExpires = want.Created.Add(time.Hour)
	want.Updated = got.Updated.UTC().Truncate(time.Millisecond)
	if d := diffBatch(want, got); d != "" {
		c.Errorf("Commit:%s", d)
	}
	if d := diffBatch(want, c.batch(got.ID)); d != "" {
		c.Errorf("Batch:%s", d)
	}
	plain := c.upload(upload{}).ID
	if b := c.batch(plain); !b.KeyExpires.IsZero() {
		c.Errorf("Batch without a key: KeyExpires is %v, want the zero time", b.KeyExpires)
	}
}
