package storetest

import (
	"fmt"
	"math/rand/v2"

	"github.com/eventmetrics/eventmetrics/metrics"
)

const sumOfLedger = "Store.Daily returns the sum of the ledger that q selects: one Daily for each day and event type that has events, and one for each of its groups if q asks for them, ascending by day, then type, then group."

func dailyRules() []rule {
	return []rule{
		{"Daily of an empty ledger yields nothing", sumOfLedger, dailyEmpty},
		{"Daily sums and orders by day and type", sumOfLedger + " Types and groups are in byte order; a total is before its groups.", dailyOrder},
		{"Daily keeps the days and types asked for", "metrics.Query: From and To are both included, zero means no limit; no Types means all.", dailyFilters},
		{"Daily has Slots and Subjects when asked and else nil", "metrics.Daily: Slots and Subjects are nil in the answer to a Query that did not ask for them; an answer that has them has them in each Daily.", dailyParts},
		{"Daily has groups when asked and else none", "metrics.Query: Groups asks for the groups beside the totals.", dailyGroups},
		{"Dailies belong to the caller", "Store.Daily: the Dailies belong to the caller, who may keep and change them.", dailyBelongs},
	}
}

func dailyEmpty(c *check) {
	for _, q := range []metrics.Filter{{}, everything, {Types: []string{"a"}}} {
		if got := c.daily(q); len(got) != 0 {
			c.Errorf("Daily of an empty store: got %s", names(got))
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

func dailyOrder(c *check) {
	all := c.wide()
	got := c.daily(everything)
	for i := 1; i < len(got); i++ {
		if got[i-1].Compare(&got[i]) >= 0 {
			c.Fatalf("Daily: %s comes before %s", name(&got[i-1]), name(&got[i]))
		}
	}
	if d := diffDailies(metrics.Merge(all...), got); d != "" {
		c.Errorf("Daily: %s", d)
	}
}

func dailyFilters(c *check) {
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
				c.dailyIs("with a filter", q, all...)
			}
		}
	}
}

func dailyParts(c *check) {
	all := c.wide()
	noSubjects := c.contributionOf([]metrics.Event{{Type: "no subject", Time: epoch}})
	c.recorded(noSubjects)
	all = append(all, noSubjects)
	for _, q := range []metrics.Filter{{}, {Slots: true}, {Subjects: true}, {Slots: true, Subjects: true}} {
		c.dailyIs("by parts", q, all...)
	}
}

func dailyGroups(c *check) {
	all := c.wide()
	without := c.contributionBy(nil, someEvents(500))
	other := c.contributionBy([]string{"note", "candidate_id", "test_id"}, someEvents(c.scaled(2500)))
	c.recorded(without)
	c.recorded(other)
	all = append(all, without, other)
	for _, q := range []metrics.Filter{{}, {Slots: true}, {Subjects: true}, {Slots: true, Subjects: true}} {
		for _, q.Groups = range []bool{false, true} {
			c.dailyIs(fmt.Sprintf("with Groups %t", q.Groups), q, all...)
		}
	}
}

func dailyBelongs(c *check) {
	all := c.wide()
	for range 2 {
		got := c.daily(everything)
		if d := diffDailies(metrics.Merge(all...), got); d != "" {
			c.Fatalf("Dailies kept until the range has ended: %s", d)
		}
		scribble(got)
		c.ledgerIs("after the caller has written over an earlier answer", all...)
	}
}
