package storetest

import (
	"fmt"
	"math/rand/v2"

	"github.com/eventmetrics/eventmetrics/metrics"
)

const sumOfLedger = "Store.DayCounts: returns the part of the sum of the ledger that q selects, ascending by day, type and group: one DayCount for each day and event type that has events and, if q asks for groups, one for each group."

func dayCountRules() []rule {
	return []rule{
		{"DayCounts of an empty ledger yields nothing", sumOfLedger, dayCountsEmpty},
		{"DayCounts sums and orders by day and type", sumOfLedger + " Types and groups are in byte order, a total before its groups.", dayCountsOrder},
		{"DayCounts selects the days and types asked for", "metrics.Filter: From and To are the first and last UTC day, both included. Zero means no limit on that side. Types are the event types to keep; none means all.", dayCountsFilters},
		{"DayCounts has Slots and Subjects only when asked", "metrics.DayCount: it is nil if a Filter did not ask for it. It is nil in a group, and if a Filter did not ask for it.", dayCountsParts},
		{"DayCounts has groups only when asked", "metrics.Filter: Groups asks for groups in addition to totals.\nStore.DayCounts: a query for totals must not read groups", dayCountsGroups},
		{"DayCounts belong to the caller", "Store.DayCounts: They belong to the caller.", dayCountsBelongs},
	}
}

func dayCountsEmpty(c *check) {
	for _, q := range []metrics.Filter{{}, everything, {Types: []string{"a"}}} {
		if got := c.dayCounts(q); len(got) != 0 {
			c.Errorf("DayCounts of an empty store: got %s", names(got))
		}
	}
}

// wide records a few contributions over many days and types and returns them.
func (c *check) wide() []metrics.Contribution {
	c.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	types := []string{"b", "a", "Z", "é", "a.b", "aa", "a\x7f", "10", "9", "日本"}
	var all []metrics.Contribution
	for range 6 {
		var events []metrics.Event
		for range 60 {
			events = append(events, metrics.Event{
				Type:   types[rng.IntN(len(types))],
				Time:   eventAt(rng.IntN(30 * 2400)).Time,
				Fields: eventAt(rng.IntN(200)).Fields,
			})
		}
		all = append(all, c.contributionOf(events))
		c.recorded(all[len(all)-1])
	}
	return all
}

func dayCountsOrder(c *check) {
	all := c.wide()
	got := c.dayCounts(everything)
	for i := 1; i < len(got); i++ {
		if got[i-1].Compare(&got[i]) >= 0 {
			c.Fatalf("DayCounts: %s comes before %s", name(&got[i-1]), name(&got[i]))
		}
	}
	if d := diffDayCounts(metrics.Merge(all...), got); d != "" {
		c.Errorf("DayCounts: %s", d)
	}
}

func dayCountsFilters(c *check) {
	all := c.wide()
	first := metrics.DayOf(epoch)
	for _, q := range []metrics.Filter{
		{},
		{From: first + 3, To: first + 3},
		{From: first + 3, To: first + 10},
		{From: first + 5},
		{To: first + 5},
		{From: first + 10, To: first + 3},
		{To: first - 1},
		{From: 1, To: first},
		{From: first + 1000},
		{Types: []string{"a"}},
		{Types: []string{"é", "Z", "b", "Z"}},
		{Types: []string{"A", "unknown"}},
		{Types: []string{"unknown", "10"}},
		{From: first + 2, To: first + 9, Types: []string{"a", "b", "a.b"}},
	} {
		for _, q.Slots = range []bool{false, true} {
			for _, q.Groups = range []bool{false, true} {
				c.dayCountsAre("with a filter", q, all...)
			}
		}
	}
}

func dayCountsParts(c *check) {
	all := c.wide()
	noSubjects := c.contributionOf([]metrics.Event{{Type: "no subject", Time: epoch}})
	c.recorded(noSubjects)
	all = append(all, noSubjects)
	for _, q := range []metrics.Filter{{}, {Slots: true}, {Subjects: true}, {Slots: true, Subjects: true}} {
		c.dayCountsAre("by parts", q, all...)
	}
}

func dayCountsGroups(c *check) {
	all := c.wide()
	without := c.contributionBy(nil, someEvents(500))
	other := c.contributionBy([]string{"note", "candidate_id", "test_id"}, someEvents(c.scaled(2500)))
	c.recorded(without)
	c.recorded(other)
	all = append(all, without, other)
	for _, q := range []metrics.Filter{{}, {Slots: true}, {Subjects: true}, {Slots: true, Subjects: true}} {
		for _, q.Groups = range []bool{false, true} {
			c.dayCountsAre(fmt.Sprintf("with Groups %t", q.Groups), q, all...)
		}
	}
}

func dayCountsBelongs(c *check) {
	all := c.wide()
	for range 2 {
		got := c.dayCounts(everything)
		if d := diffDayCounts(metrics.Merge(all...), got); d != "" {
			c.Fatalf("DayCounts kept until the range has ended: %s", d)
		}
		scribble(got)
		c.ledgerIs("after the caller has written over an earlier answer", all...)
	}
}
