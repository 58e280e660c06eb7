package storetest

import (
	"bytes"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func scrubRules() []rule {
	return []rule{
		{"Retainer: Scrub changes nothing that can be read", "Retainer.Scrub: finishes what removes data. It is safe to repeat.", scrubs},
		{"Retainer: after Scrub no byte is left of what was removed", "Retainer.Scrub: after it has returned nil, the files and collections of the store have no bytes of what Erase, EraseNames, ReplaceAttachment, SetStatus, PurgeEvents, Archive and DeleteBatch have removed or replaced before the call.", scrubbed},
	}
}

func scrubs(c *check) {
	er := need[store.Retainer](c)
	c.must(er.Scrub(c.Context()), "Scrub of an empty store")
	kept, gone := c.named("a", "k"), c.named("b", "l")
	mine := c.someContribution(20)
	c.must(c.st.Record(c.Context(), kept.ID, mine), "Record")
	c.move(kept.ID, store.Completed, "")
	rest := c.erase(er, kept.ID, someEvents(10), "test_id", "t-1")
	c.must(c.st.DeleteBatch(c.Context(), gone.ID), "DeleteBatch")
	underWay := c.id()
	w := c.begin(underWay)
	c.must(w.Write(c.Context(), someEvents(10)), "Write")
	c.must(w.Attach(c.Context(), "repair", []byte("row 4")), "Attach")
	want := c.batch(kept.ID)
	for range 2 {
		c.must(er.Scrub(c.Context()), "Scrub")
	}
	if d := diffBatch(want, c.batch(kept.ID)); d != "" {
		c.Errorf("Batch after Scrub:%s", d)
	}
	if d := diffEvents(rest, c.events(kept.ID)); d != "" {
		c.Errorf("Events after Scrub: %s", d)
	}
	if got := c.attachment(kept.ID, "repair"); got != "row 3" {
		c.Errorf("Attachment after Scrub: got %q", got)
	}
	c.ledgerIs("after Scrub", mine)
	b, err := w.Commit(c.Context(), store.Batch{ID: underWay, Created: epoch}, nil)
	c.must(err, "Commit of an upload that was under way during Scrub")
	if d := diffEvents(someEvents(10), c.events(b.ID)); d != "" {
		c.Errorf("Events of an upload that was under way during Scrub: %s", d)
	}
	if got := c.attachment(b.ID, "repair"); got != "row 4" {
		c.Errorf("Attachment of an upload that was under way during Scrub: got %q", got)
	}
}

// secret is a text that comes nowhere else.
func secret(of string) string { return "zQ7-" + of + "-x9K-ÄΩ" }

// secretEvents are events of which one has a secret.
func secretEvents(of string) []metrics.Event {
	events := someEvents(10)
	events[4].Fields = []metrics.Field{{Name: "candidate_id", Value: secret(of)}}
	return events
}

// secretBatch commits a batch whose names, attachment, events and error are
// secrets, and completes it.
func (c *check) secretBatch(of string) string {
	c.Helper()
	id := c.upload(upload{
		events: secretEvents(of),
		attach: map[string]string{"repair": "row of " + secret(of), "other": secret(of)},
		batch:  store.Batch{FileName: secret(of), IdempotencyKey: secret(of), KeyExpires: epoch.AddDate(0, 0, 1), SHA256: "0a", RejectedRows: 1},
	}).ID
	if d, ok := store.As[store.Deduper](c.st); ok {
		c.must(d.TakeKey(c.Context(), id, "further "+secret(of), time.Now().Add(time.Hour), time.Now()), "TakeKey")
	}
	c.move(id, store.Failed, secret(of))
	c.must(c.st.Record(c.Context(), id, c.someContribution(20)), "Record")
	return id
}

func scrubbed(c *check) {
	c.needs("Dump")
	er := need[store.Retainer](c)
	const parts, deleted, archived, ended = "parts", "deleted", "archived", "ended"
	ids := map[string]string{}
	for _, of := range []string{parts, deleted, archived} {
		ids[of] = c.secretBatch(of)
	}
	w := c.begin(c.id())
	c.must(w.Attach(c.Context(), "repair", []byte(secret(ended))), "Attach")
	c.must(w.Write(c.Context(), secretEvents(ended)), "Write")
	if !bytes.Contains(c.h.Dump(c.t, c.st), []byte(secret(deleted))) {
		c.Fatalf("Harness.Dump has no byte of a batch that is there")
	}

	c.must(w.Abort(c.Context()), "Abort")
	c.must(c.st.DeleteBatch(c.Context(), ids[deleted]), "DeleteBatch")
	c.move(ids[archived], store.Completed, "")
	c.must(er.PurgeEvents(c.Context(), ids[archived]), "PurgeEvents")
	c.must(er.Archive(c.Context(), ids[archived]), "Archive")
	id := ids[parts]
	c.move(id, store.Completed, "")
	c.erase(er, id, secretEvents(parts), "candidate_id", secret(parts))
	c.must(er.EraseNames(c.Context(), id, store.Names{FileName: true, IdempotencyKey: true}), "EraseNames")
	c.must(er.ReplaceAttachment(c.Context(), id, "repair", pieces([]byte("row"), 2)), "ReplaceAttachment")
	c.must(er.ReplaceAttachment(c.Context(), id, "other", pieces(nil, 1)), "ReplaceAttachment")

	c.must(er.Scrub(c.Context()), "Scrub")
	all := c.h.Dump(c.t, c.st)
	for _, of := range []string{parts, deleted, archived, ended} {
		if at := bytes.Index(all, []byte(secret(of))); at >= 0 {
			c.Errorf("Dump after Scrub has what was removed of the batch %q: %s", of, around(all, at))
		}
	}
}

// around quotes the bytes near a place.
func around(all []byte, at int) string {
	return fmt.Sprintf("%q", all[max(0, at-60):min(len(all), at+60)])
}
