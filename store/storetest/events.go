package storetest

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const exactly = "Store.Events: returns the events of a batch, ascending by row, exactly as they were written"

func eventRules() []rule {
	return []rule{
		{"events keep rows, ids, types and fields exactly", exactly, eventsKeepValues},
		{"events keep times to the nanosecond", exactly + "\nWriter.Write: times are in the years 1970 to 9999.", eventsKeepTimes},
		{"events keep awkward strings", exactly + ": no name, value, id or type is special.", eventsKeepStrings},
		{"a long batch comes back in order, however it was written", exactly, longBatch},
		{"a batch may have no events", "Writer.Write: adds any number of events; a batch may have none.", emptyBatch},
		{
			"Write keeps no slice",
			"Writer.Write: after Write has returned, the store keeps neither the slice nor the Fields slices",
			writeKeepsNoSlice,
		},
		{"Events of an unknown batch is ErrNotFound", "Store.Events: ErrNotFound when the batch is unknown.", eventsUnknown},
	}
}

// eventsSurvive writes events and reads them again.
func (c *check) eventsSurvive(what string, events []metrics.Event) {
	c.Helper()
	id := c.upload(upload{events: events}).ID
	if d := diffEvents(events, c.events(id)); d != "" {
		c.Errorf("Events with %s: %s", what, d)
	}
}

func fields(nameValues ...string) []metrics.Field {
	var all []metrics.Field
	for pair := range slices.Chunk(nameValues, 2) {
		all = append(all, metrics.Field{Name: pair[0], Value: pair[1]})
	}
	return all
}

func eventsKeepValues(c *check) {
	at := epoch
	c.eventsSurvive("rows that leave gaps", []metrics.Event{
		{Row: 1, Type: "a", Time: at},
		{Row: 2, Type: "a", Time: at},
		{Row: 1000, Type: "a", Time: at},
		{Row: math.MaxUint32 + 7, Type: "a", Time: at},
		{Row: 1 << 60, Type: "a", Time: at},
	})
	c.eventsSurvive("ids in some rows only", []metrics.Event{
		{Row: 1, ID: "x", Type: "a", Time: at}, {Row: 2, Type: "a", Time: at}, {Row: 3, ID: "1", Type: "a", Time: at},
	})
	c.eventsSurvive("differing sets and orders of fields", []metrics.Event{
		{Row: 1, Type: "a", Time: at, Fields: fields("p", "1", "q", "2")},
		{Row: 2, Type: "b", Time: at, Fields: fields("q", "2", "p", "1")},
		{Row: 3, Type: "a", Time: at},
		{Row: 4, Type: "b", Time: at, Fields: fields("r", "3")},
		{Row: 5, Type: "a", Time: at, Fields: fields("p", "1", "q", "2", "r", "3", "s", "4")},
		{Row: 6, Type: "a", Time: at, Fields: fields("q", "1", "p", "2")},
	})
	c.eventsSurvive("empty values, which are not missing ones", []metrics.Event{
		{Row: 1, Type: "a", Time: at, Fields: fields("p", "", "q", "")},
		{Row: 2, Type: "a", Time: at, Fields: fields("q", "")},
		{Row: 3, Type: "a", Time: at, Fields: fields("p", "x", "q", "")},
	})
	c.eventsSurvive("many fields", []metrics.Event{
		{Row: 1, Type: "a", Time: at, Fields: manyFields(120)}, {Row: 2, Type: "a", Time: at, Fields: manyFields(3)},
	})
}

func manyFields(n int) []metrics.Field {
	var all []metrics.Field
	for i := range n {
		all = append(all, metrics.Field{Name: fmt.Sprintf("column %d", i), Value: strconv.Itoa(i * i)})
	}
	return all
}

func eventsKeepTimes(c *check) {
	var events []metrics.Event
	for i, text := range []string{
		"2025-11-08T10:20:30Z", "2025-11-08T10:20:30.1Z", "2025-11-08T10:20:30.123Z", "2025-11-08T10:20:30.123456Z",
		"2025-11-08T10:20:30.123456789Z", "2025-11-08T10:20:30.000000001Z", "2025-11-08T10:20:30.999999999Z",
		"1999-12-31T23:59:59.999999999Z", "1970-01-02T00:00:00Z", "1985-04-12T23:20:50.52Z", "2024-02-29T00:00:00Z",
		"2016-12-31T23:59:59Z", "2038-01-19T03:14:08Z", "2106-02-07T06:28:16Z", "2262-04-11T23:47:16.854775808Z",
		"9999-12-31T23:59:59.999999999Z", "2000-01-01T00:00:00Z",
	} {
		at, err := time.Parse(time.RFC3339Nano, text)
		c.must(err, "parse a time")
		events = append(events, metrics.Event{Row: int64(i + 1), Type: "a", Time: at})
	}
	c.eventsSurvive("times of several centuries", events)
	for i := range events {
		events[i].Time = epoch.Add(time.Duration(i%3) * time.Nanosecond)
	}
	c.eventsSurvive("times that differ by nanoseconds", events)
}

func eventsKeepStrings(c *check) {
	var types, ids, values, fieldNames []metrics.Event
	for i, s := range awkward() {
		e := metrics.Event{Row: int64(i + 1), Type: "a", Time: epoch}
		e.Type = s
		types = append(types, e)
		e.Type, e.ID = "a", s
		ids = append(ids, e)
		e.ID, e.Fields = "", fields("plain", s)
		values = append(values, e)
		e.Fields = fields(s, fmt.Sprint("value ", i))
		fieldNames = append(fieldNames, e)
	}
	c.eventsSurvive("awkward types", types)
	c.eventsSurvive("awkward ids", ids)
	c.eventsSurvive("awkward values", values)
	c.eventsSurvive("awkward field names", fieldNames)
}

// oddSizes are the lengths of successive Writes of a long batch.
var oddSizes = []int{1, 0, 4097, 16384, 3, 8191, 16385, 100}

func longBatch(c *check) {
	total := c.scaled(50_000)
	w := c.begin(c.id())
	c.writeOddly(w, total)
	b, err := w.Commit(c.Context(), store.Batch{Created: epoch}, nil)
	c.must(err, "Commit")
	if b.AcceptedRows != int64(total) {
		c.Errorf("Commit: Events is %d, want %d", b.AcceptedRows, total)
	}
	i := 0
	err = drain(c, "Events", c.st.Events(c.Context(), b.ID), func(e metrics.Event) {
		if d := diffEvent(eventAt(i), e); d != "" {
			c.Fatalf("Events: event %d of %d differs:%s", i, total, d)
		}
		i++
	})
	c.must(err, "Events")
	if i != total {
		c.Errorf("Events: got %d, want %d", i, total)
	}
}

// writeOddly writes total events in Writes of odd sizes.
func (c *check) writeOddly(w store.Writer, total int) {
	c.Helper()
	for i, n := 0, 0; i < total; n++ {
		var part []metrics.Event
		for range min(oddSizes[n%len(oddSizes)], total-i) {
			part = append(part, eventAt(i))
			i++
		}
		c.must(w.Write(c.Context(), part), "Write")
	}
}

func emptyBatch(c *check) {
	w := c.begin(c.id())
	c.must(w.Write(c.Context(), nil), "Write of no events")
	b, err := w.Commit(c.Context(), store.Batch{Created: epoch, RejectedRows: 3}, nil)
	c.must(err, "Commit")
	if b.AcceptedRows != 0 || b.RejectedRows != 3 {
		c.Errorf("Commit of no events: got Events %d, Failed %d, want 0, 3", b.AcceptedRows, b.RejectedRows)
	}
	if events := c.events(b.ID); len(events) != 0 {
		c.Errorf("Events of an empty batch: got %d", len(events))
	}
	c.must(c.st.Record(c.Context(), b.ID, nil), "Record of an empty contribution")
	c.ledgerIs("after an empty contribution")
}

func writeKeepsNoSlice(c *check) {
	const rounds, size = 40, 50
	w := c.begin(c.id())
	buffer := make([]metrics.Event, size)
	columns := make([]metrics.Field, 2*size)
	for round := range rounds {
		for i := range buffer {
			e := eventAt(round*size + i)
			own := columns[2*i : 2*i+2 : 2*i+2]
			own[0] = metrics.Field{Name: "row", Value: strings.Repeat("x", i)}
			own[1] = metrics.Field{Name: "id", Value: e.ID}
			e.Fields = own
			buffer[i] = e
		}
		c.must(w.Write(c.Context(), buffer), "Write")
		for i := range columns {
			columns[i] = metrics.Field{Name: "scribble", Value: "scribble"}
		}
		clear(buffer)
	}
	b, err := w.Commit(c.Context(), store.Batch{Created: epoch}, nil)
	c.must(err, "Commit")
	for i, e := range c.events(b.ID) {
		want := eventAt(i)
		want.Fields = fields("row", strings.Repeat("x", i%size), "id", want.ID)
		if d := diffEvent(want, e); d != "" {
			c.Fatalf("event %d changed after Write had returned:%s", i, d)
		}
	}
}

func eventsUnknown(c *check) {
	c.want(c.eventsError(c.id()), store.ErrNotFound, "Events")
}
