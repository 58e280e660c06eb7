package storetest

import (
	"fmt"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func explainerRules() []rule {
	return []rule{{
		"Explainer: Explain returns the share of each batch",
		"Explainer.Explain: returns the share of each batch in the count of one day and event type, ascending by batch id. Batches without a share are left out. The counts sum to the Count of the DayCount, and the slots to its Slots.",
		explains,
	}}
}

func explains(c *check) {
	e := need[store.Explainer](c)
	rng := c.random()
	l := c.newLedger(rng)
	for range 40 {
		l.uploaded = append(l.uploaded, c.uploaded())
		c.must(l.step(), "a random step")
	}
	for i := range 6 {
		contribution := c.someContribution(10 * i)
		l.recorded[c.recorded(contribution)] = contribution
	}
	first := metrics.DayOf(epoch)
	for day := first - 1; day < first+season+6; day++ {
		for _, eventType := range []string{"left", "right", "neither"} {
			c.explainIs(e, l, day, eventType)
		}
	}
}

func (c *check) explainIs(e store.Explainer, l *ledger, day metrics.Day, eventType string) {
	c.Helper()
	want, slots := map[string]int64{}, map[string]*metrics.Slots{}
	for id, contribution := range l.recorded {
		for _, d := range contribution {
			if d.Day == day && d.Type == eventType && d.Group == "" {
				want[id], slots[id] = d.Count, d.Slots
			}
		}
	}
	got, last := map[string]int64{}, ""
	err := drain(c, "Explain", e.Explain(c.Context(), day, eventType), func(s store.Share) {
		if s.BatchID <= last {
			c.Errorf("Explain: %s comes after %s", s.BatchID, last)
		}
		if of := slots[s.BatchID]; of != nil && (s.Slots == nil || !s.Slots.Equal(of)) {
			c.Errorf("Explain: %s has other slots than its contribution", s.BatchID)
		}
		last, got[s.BatchID] = s.BatchID, s.Count
	})
	c.must(err, "Explain")
	if fmt.Sprint(want) != fmt.Sprint(got) {
		c.Errorf("Explain %s %s: want %v, got %v", day, eventType, want, got)
	}
}
