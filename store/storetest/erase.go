package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const erases = "Retainer.Erase: removes the events that e selects in one atomic step. It adds their number to Batch.Erased, sets Batch.Erasure, and returns the number. If e selects no events, nothing changes. AcceptedRows, the ledger and the attachments stay as they are."

func eraseRules() []rule {
	return []rule{
		{"Retainer: Erase removes the selected events", erases, eraseRemoves},
		{"Retainer: Erase takes fields and values literally", "Erasure.Field: select the events for which Event.Field(Field) is Value.", eraseLiterally},
		{"Retainer: Erase works in every status", "Retainer.Erase: whatever the status of the batch.", eraseStatuses},
		{"Retainer: a reader of events gets all of them or ErrChanged", "Retainer.Erase: a range over the events that has begun yields all that were there before, or ends with ErrChanged.\nStore.Events: ErrChanged when some were erased meanwhile.", eraseWhileRead},
		{"Retainer: Erase names the reason why it cannot erase", "Retainer.Erase: Errors: ErrNotFound; ErrEventsPurged; ErrConflict when Batch.Erasure is neither e.After nor e.ID.", eraseConflict},
		{"Retainer: one of several concurrent erasures succeeds", "Retainer.Erase: in one atomic step; ErrConflict when Batch.Erasure is neither e.After nor e.ID.", eraseRace},
		{"Retainer: erased events do not come back", erases, eraseStays},
	}
}

// without returns the events whose field has not this value.
func without(events []metrics.Event, field, value string) []metrics.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e metrics.Event) bool { return e.Field(field) == value })
}

// erase erases and returns the events that are to be left.
func (c *check) erase(er store.Retainer, id string, events []metrics.Event, field, value string) []metrics.Event {
	c.Helper()
	before := c.batch(id)
	rest := without(events, field, value)
	gone := int64(len(events) - len(rest))
	e := store.Erasure{ID: fmt.Sprintf("erasure-%d", before.Erased+1), After: before.Erasure, Field: field, Value: value}
	n, err := er.Erase(c.Context(), id, e)
	c.must(err, "Erase")
	if n != gone {
		c.Errorf("Erase of %.40q: got %d, want %d", value, n, gone)
	}
	if gone > 0 {
		before.Erased += gone
		before.Erasure = e.ID
	}
	if d := diffBatch(before, c.batch(id)); d != "" {
		c.Errorf("Batch after Erase:%s", d)
	}
	if d := diffEvents(rest, c.events(id)); d != "" {
		c.Errorf("Events after Erase of %.40q: %s", value, d)
	}
	return rest
}

func eraseRemoves(c *check) {
	er := need[store.Retainer](c)
	events := someEvents(c.scaled(25_000))
	id := c.upload(upload{events: events, attach: map[string]string{"rejected": "row 3"}}).ID
	other := c.upload(upload{events: someEvents(100)}).ID
	mine := c.someContribution(20)
	c.must(c.st.Record(c.Context(), id, mine), "Record")
	c.must(c.st.Record(c.Context(), other, mine), "Record")
	rest := events
	for _, sel := range [][2]string{{"candidate_id", "c-17"}, {"candidate_id", "c-17"}, {"note", "1"}, {"test_id", "t-3"}, {"candidate_id", "nobody"}, {"no such field", "x"}} {
		rest = c.erase(er, id, rest, sel[0], sel[1])
	}
	for i := range 7 {
		rest = c.erase(er, id, rest, "test_id", fmt.Sprintf("t-%d", i))
	}
	if len(rest) != 0 {
		c.Fatalf("the check left %d events", len(rest))
	}
	c.eraseRare(er)
	c.ledgerIs("after Erase", mine, mine)
	if got := c.attachment(id, "rejected"); got != "row 3" {
		c.Errorf("Attachment after Erase: got %q", got)
	}
	if d := diffEvents(someEvents(100), c.events(other)); d != "" {
		c.Errorf("Events of a batch that was not erased from: %s", d)
	}
}

// eraseRare erases values that a few events at distant places have, among values
// that come again everywhere.
func (c *check) eraseRare(er store.Retainer) {
	c.Helper()
	rng := c.random()
	events := someEvents(c.scaled(50_000))
	for i := range events {
		name := fmt.Sprintf("name %x", rng.Uint64N(20_000)*0x9e3779b97f4a7c15)
		events[i].Fields = []metrics.Field{{Name: "candidate_id", Value: name}}
	}
	id := c.upload(upload{events: events}).ID
	for _, at := range []int{len(events) / 2, 0, len(events) - 1} {
		events = c.erase(er, id, events, "candidate_id", events[min(at, len(events)-1)].Field("candidate_id"))
	}
}

func eraseLiterally(c *check) {
	er := need[store.Retainer](c)
	names := append(awkward(), "candidate_id", "event_id", "batch_id", "timestamp", "event_type", "%id", "%_", "a%2Eb")
	var events []metrics.Event
	for i, name := range names {
		other := names[(i+1)%len(names)]
		events = append(events,
			metrics.Event{Row: int64(2*i + 1), Type: "t", Time: epoch, Fields: []metrics.Field{{Name: name, Value: other}, {Name: "z", Value: name}}},
			metrics.Event{Row: int64(2*i + 2), Type: "t", Time: epoch, Fields: []metrics.Field{{Name: other, Value: "x" + other}, {Name: other, Value: name}}})
	}
	id := c.upload(upload{events: events}).ID
	rest := events
	for i, name := range names {
		rest = c.erase(er, id, rest, name, names[(i+1)%len(names)])
	}
	if len(rest) != len(names) {
		c.Fatalf("the check left %d events, want %d", len(rest), len(names))
	}
}

func eraseStatuses(c *check) {
	er := need[store.Retainer](c)
	for _, status := range store.Statuses() {
		id := c.upload(filled()).ID
		c.move(id, status, "")
		c.erase(er, id, someEvents(10), "test_id", "t-1")
	}
}

func eraseWhileRead(c *check) {
	er := need[store.Retainer](c)
	events := someEvents(c.scaled(50_000))
	for _, after := range []int{1, len(events)} {
		id := c.upload(upload{events: events}).ID
		var got []metrics.Event
		var failed error
		for e, err := range c.st.Events(c.Context(), id) {
			if failed = err; err != nil {
				break
			}
			e.Fields = slices.Clone(e.Fields)
			if got = append(got, e); len(got) == after {
				_, err := er.Erase(c.Context(), id, store.Erasure{ID: "one", Field: "test_id", Value: "t-3"})
				c.must(err, "Erase")
			}
		}
		if failed != nil {
			c.want(failed, store.ErrChanged, "Events that are erased meanwhile")
		} else if d := diffEvents(events, got); d != "" {
			c.Errorf("Events that are erased meanwhile are not those from before: %s", d)
		}
	}
}

func eraseConflict(c *check) {
	er := need[store.Retainer](c)
	first := store.Erasure{ID: "one", Field: "test_id", Value: "t-1"}
	_, err := er.Erase(c.Context(), c.id(), first)
	c.want(err, store.ErrNotFound, "Erase from an unknown batch")
	id := c.upload(filled()).ID
	_, err = er.Erase(c.Context(), id, first)
	c.must(err, "Erase")
	_, err = er.Erase(c.Context(), id, first)
	c.must(err, "Erase again")
	late := store.Erasure{ID: "two", Field: "test_id", Value: "t-2"}
	_, err = er.Erase(c.Context(), id, late)
	c.want(err, store.ErrConflict, "Erase by one who has not seen the last")
	if d := diffEvents(without(someEvents(10), "test_id", "t-1"), c.events(id)); d != "" {
		c.Errorf("Events after ErrConflict: %s", d)
	}
	s, ok := store.As[store.Retainer](c.st)
	if !ok {
		return
	}
	c.move(id, store.Completed, "")
	c.must(s.PurgeEvents(c.Context(), id), "PurgeEvents")
	late.After = "one"
	_, err = er.Erase(c.Context(), id, late)
	c.want(err, store.ErrEventsPurged, "Erase from a purged batch")
}

func eraseRace(c *check) {
	er := need[store.Retainer](c)
	for range raceRounds {
		id := c.upload(filled()).ID
		ns, errs := make([]int64, 4), make([]error, 4)
		var all sync.WaitGroup
		for i := range ns {
			all.Go(func() {
				ns[i], errs[i] = er.Erase(c.Context(), id, store.Erasure{ID: strconv.Itoa(i), Field: "test_id", Value: fmt.Sprintf("t-%d", i)})
			})
		}
		all.Wait()
		succeeded := 0
		for i, err := range errs {
			if err != nil && !errors.Is(err, store.ErrConflict) {
				c.Errorf("Erase concurrent with others: %v", err)
			}
			if err != nil {
				continue
			}
			succeeded++
			if b := c.batch(id); b.Erasure != strconv.Itoa(i) || b.Erased != ns[i] {
				c.Errorf("Erase returned %d and nil, and the batch has %d of %q", ns[i], b.Erased, b.Erasure)
			}
			if d := diffEvents(without(someEvents(10), "test_id", fmt.Sprintf("t-%d", i)), c.events(id)); d != "" {
				c.Errorf("Events after Erase concurrent with others: %s", d)
			}
		}
		if succeeded != 1 {
			c.Errorf("%d of 4 concurrent Erase succeeded, want 1", succeeded)
		}
	}
}

func eraseStays(c *check) {
	er := need[store.Retainer](c)
	kept, pruned, deleted := c.upload(filled()).ID, c.upload(filled()).ID, c.upload(filled()).ID
	var rest []metrics.Event
	for _, id := range []string{kept, pruned, deleted} {
		rest = c.erase(er, id, someEvents(10), "test_id", "t-1")
	}
	c.move(kept, store.Queued, "")
	c.must(c.st.DeleteBatch(c.Context(), deleted), "DeleteBatch")
	c.gone(deleted, "after Erase and DeleteBatch")
	_, err := c.st.Prune(c.Context(), store.PruneQuery{Before: epoch.AddDate(1000, 0, 0)})
	c.must(err, "Prune")
	c.gone(pruned, "after Erase and Prune")
	want := c.batch(kept)
	if c.h.Reopen != nil {
		c.reopen()
	}
	if d := diffBatch(want, c.batch(kept)); d != "" {
		c.Errorf("Batch after Erase, Prune and the loss of the process:%s", d)
	}
	if d := diffEvents(rest, c.events(kept)); d != "" {
		c.Errorf("Events after Erase, Prune and the loss of the process: %s", d)
	}
}
