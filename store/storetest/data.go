package storetest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// epoch is when the test data begins.
var epoch = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

// season is the number of days on which random contributions begin.
const season = 40

// id returns a new id in the form of a UUIDv7, one second later than the one
// before.
func (c *check) id() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids++
	ms := epoch.Add(time.Duration(c.ids) * time.Second).UnixMilli()
	return fmt.Sprintf("%08x-%04x-7000-8000-%012x", ms>>16, ms&0xffff, c.ids)
}

// someEvents returns n events.
func someEvents(n int) []metrics.Event {
	events := make([]metrics.Event, 0, n)
	for i := range n {
		events = append(events, eventAt(i))
	}
	return events
}

// eventAt returns the i-th event of a long batch: rows leave gaps, as rejected
// ones do, values repeat or do not, and the fields take turns.
func eventAt(i int) metrics.Event {
	e := metrics.Event{
		Row:  int64(i + i/1000 + 1),
		ID:   fmt.Sprintf("event-%d", i*7919%1_000_003),
		Type: fmt.Sprintf("type-%d", i%11),
		Time: epoch.Add(time.Duration(i) * 37 * time.Second).Add(time.Duration(i%1000) * time.Microsecond),
		Fields: []metrics.Field{
			{Name: "candidate_id", Value: fmt.Sprintf("c-%d", i%5003)},
			{Name: "test_id", Value: fmt.Sprintf("t-%d", i%7)},
		},
	}
	if i%3 == 1 {
		e.Fields = append(e.Fields, metrics.Field{Name: "note", Value: strconv.Itoa(i)})
	}
	if i%1000 == 2 {
		e.Fields = e.Fields[1:]
	}
	return e
}

// awkward returns strings that stores have stumbled over, none of them empty.
func awkward() []string {
	return []string{
		"a", "A", "é", "e\u0301", "日本語", "a.b", ".a", "a.", "$x", "$set", "a$", "_id", "id", "row", "type",
		"constructor", "__proto__", "NULL", "null", "0", "1e3", "-1", "0x10", "true", " ", " a ", "a\tb", "a\nb", "a\r\nb",
		`"`, `'`, "`", `\`, `%`, `_`, `;--`, "{{.}}", "<script>", "a/b", "a:b", "\u200b", "\ufeff",
		strings.Repeat("😀", 200), strings.Repeat("x", 1024), strings.Repeat("é", 512),
	}
}

// contributionOf sums events by subject candidate_id, with groups by test_id.
func (c *check) contributionOf(events []metrics.Event) metrics.Contribution {
	c.Helper()
	return c.contributionBy([]string{"test_id"}, events)
}

func (c *check) contributionBy(dimensions []string, events []metrics.Event) metrics.Contribution {
	c.Helper()
	a := metrics.NewAggregator(&metrics.AggregatorOptions{Subject: "candidate_id", Dimensions: dimensions})
	for i := range events {
		c.must(a.Add(&events[i]), "Aggregator.Add")
	}
	return a.Contribution()
}

// someContribution returns a contribution of n events on a few days, with
// subjects of its own; different n make different ones.
func (c *check) someContribution(n int) metrics.Contribution {
	c.Helper()
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	return c.spread(rng, epoch, n)
}

// randomContribution returns a contribution of n events on a few days of a
// season, so that a day has the events of several batches, of one, or of none.
func (c *check) randomContribution(rng *rand.Rand, n int) metrics.Contribution {
	c.Helper()
	return c.spread(rng, epoch.AddDate(0, 0, rng.IntN(season)), n)
}

// spread returns a contribution of n events on the days from first on. On each
// day it has two types, left and right, with the same counts, slots and
// subjects, so that a reader can see whether a day is whole. Whether it has
// groups, and by what, depends on n.
func (c *check) spread(rng *rand.Rand, first time.Time, n int) metrics.Contribution {
	c.Helper()
	var events []metrics.Event
	for range n {
		at := first.Add(time.Duration(rng.IntN(4*24*60)) * time.Minute)
		all := fields("candidate_id", strconv.Itoa(rng.IntN(1000)), "test_id", strconv.Itoa(rng.IntN(12)), "place", awkward()[rng.IntN(5)])
		for _, side := range []string{"left", "right"} {
			events = append(events, metrics.Event{Type: side, Time: at, Fields: all})
		}
	}
	return c.contributionBy([][]string{nil, {"test_id"}, {"place", "test_id"}}[n%3], events)
}

// scribble overwrites all of a contribution that could be shared.
func scribble(c metrics.Contribution) {
	for i := range c {
		if c[i].Slots != nil {
			for j := range metrics.SlotsPerDay {
				c[i].Slots.Add(j, -99)
			}
		}
		if c[i].Subjects != nil {
			for j := range 5 {
				c[i].Subjects.Add(fmt.Sprintf("scribble-%d", j))
			}
		}
		c[i].Day, c[i].Type, c[i].Group, c[i].Count = 1, "scribble", "scribble", -99
	}
}

// clone returns a copy of a contribution that shares nothing.
func clone(c metrics.Contribution) metrics.Contribution { return metrics.Merge(c) }
