package storetest

import (
	"slices"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const (
	yieldsEvents = "Store.Events: a range yields all events that the batch had when it began, or ends with an error: ErrNotFound when the batch is unknown, or was deleted, pruned or archived meanwhile; ErrEventsPurged when the events were purged"
	yieldsChunks = "Store.Attachment: a range yields all of the content that the attachment had when it began, or ends with an error: ErrNotFound when the batch is unknown, or was deleted, pruned or archived meanwhile"
	neverEarly   = "\nStore: it never ends early without an error."
	untilNext    = "whatever is called meanwhile"
)

func meanwhileRules() []rule {
	return []rule{
		{"a reader of events that are removed gets all of them or an error", yieldsEvents + neverEarly, eventsRemoved},
		{"a reader of an attachment that is removed gets all of it or an error", yieldsChunks + neverEarly, attachmentRemoved},
		{"an event is valid until the next", "Store.Events: an Event and its Fields slice are valid until the next element, " + untilNext + "; the strings stay valid.", eventsStayValid},
		{"a chunk is valid until the next", "Store.Attachment: a chunk is valid until the next, " + untilNext + ".", chunksStayValid},
	}
}

// removal is a way to remove a batch or its events.
type removal struct {
	call   string
	status store.Status // that the batch must have
	purged bool         // that its events must be before
	remove func(id string) error
	// err is the error of a range that does not yield all.
	err error
}

// removals returns the ways that the store has.
func (c *check) removals() []removal {
	ctx := c.Context()
	all := []removal{
		{"DeleteBatch", store.Completed, false, func(id string) error { return c.st.DeleteBatch(ctx, id) }, store.ErrNotFound},
		{"Prune", store.Uploaded, false, func(string) error {
			_, err := c.st.Prune(ctx, store.PruneQuery{Before: epoch.Add(time.Hour)})
			return err
		}, store.ErrNotFound},
	}
	if r, ok := store.As[store.Retainer](c.st); ok {
		all = append(all,
			removal{"PurgeEvents", store.Completed, false, func(id string) error { return r.PurgeEvents(ctx, id) }, store.ErrEventsPurged},
			removal{"Archive", store.Completed, true, func(id string) error { return r.Archive(ctx, id) }, store.ErrNotFound})
	}
	return all
}

func eventsRemoved(c *check) {
	events := someEvents(c.scaled(50_000))
	for _, r := range c.removals() {
		if r.purged {
			continue
		}
		id := c.upload(upload{events: events}).ID
		c.move(id, r.status, "")
		n := 0
		err := drain(c, "Events", c.st.Events(c.Context(), id), func(e metrics.Event) {
			if d := diffEvent(events[n], e); d != "" {
				c.Fatalf("Events that %s removes meanwhile: event %d differs:%s", r.call, n, d)
			}
			if n++; n == 1 {
				c.must(r.remove(id), r.call)
			}
		})
		switch {
		case err != nil:
			c.want(err, r.err, "Events that "+r.call+" removes meanwhile")
		case n != len(events):
			c.Errorf("Events that %s removes meanwhile: got %d of %d and no error", r.call, n, len(events))
		}
	}
}

func attachmentRemoved(c *check) {
	content := string(binary(3<<20 + 17))
	for _, r := range c.removals() {
		id := c.upload(upload{attach: map[string]string{"rejected": content}}).ID
		c.move(id, r.status, "")
		if r.purged {
			c.must(need[store.Retainer](c).PurgeEvents(c.Context(), id), "PurgeEvents")
		}
		var got []byte
		err := drain(c, "Attachment", c.st.Attachment(c.Context(), id, "rejected"), func(chunk []byte) {
			if got == nil {
				c.must(r.remove(id), r.call)
			}
			got = append(got, chunk...)
		})
		switch {
		case !strings.HasPrefix(content, string(got)):
			c.Errorf("Attachment that %s removes meanwhile: %d bytes that are not its first", r.call, len(got))
		case err != nil:
			c.want(err, r.err, "Attachment that "+r.call+" removes meanwhile")
		case len(got) != len(content):
			c.Errorf("Attachment that %s removes meanwhile: got %d of %d bytes and no error", r.call, len(got), len(content))
		}
	}
}

func eventsStayValid(c *check) {
	const n = 40
	id := c.upload(upload{events: someEvents(n)}).ID
	other := c.upload(upload{events: []metrics.Event{{Row: 1, Type: "other", Time: epoch, Fields: manyFields(30)}}}).ID
	var kept []metrics.Event
	for e, err := range c.st.Events(c.Context(), id) {
		c.must(err, "Events")
		for _, err := range c.st.Events(c.Context(), id) {
			c.must(err, "Events")
			break
		}
		for _, between := range []string{other, id} {
			for _, err := range c.st.Events(c.Context(), between) {
				c.must(err, "Events")
			}
		}
		if d := diffEvent(eventAt(len(kept)), e); d != "" {
			c.Fatalf("event %d, after calls within the range:%s", len(kept), d)
		}
		e.Fields = slices.Clone(e.Fields)
		kept = append(kept, e)
	}
	if d := diffEvents(someEvents(n), kept); d != "" {
		c.Errorf("the strings of events, after the range: %s", d)
	}
}

func chunksStayValid(c *check) {
	content, between := string(binary(1<<20+5)), strings.Repeat("x", 2<<20)
	id := c.upload(upload{attach: map[string]string{"rejected": content, "other": between}}).ID
	at := 0
	for chunk, err := range c.st.Attachment(c.Context(), id, "rejected") {
		c.must(err, "Attachment")
		if at < 1<<19 {
			_ = c.attachment(id, "other")
		}
		if !strings.HasPrefix(content[at:], string(chunk)) {
			c.Fatalf("Attachment: the chunk at byte %d, after calls within the range, is not what it was", at)
		}
		at += len(chunk)
	}
	if at != len(content) {
		c.Errorf("Attachment: got %d bytes, want %d", at, len(content))
	}
}
