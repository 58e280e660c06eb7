package storetest

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const oneState = "Store.DayCounts: the DayCounts of one day are of one state of the ledger: each includes all of a batch or nothing of it. So are those of a small answer: of up to 20 days and 500 DayCounts."

func movingRules() []rule {
	return []rule{
		{"no reader sees a part of a Record or DeleteBatch", oneState, movingRecords},
		{"Auditor: no reader sees a part of an Amend", oneState, movingAmends},
	}
}

// movingDays is the number of days of a contribution of ofType.
const movingDays = 5

// ofType returns a contribution of several days with three events of one type
// each, in three groups.
func (c *check) ofType(eventType string) metrics.Contribution {
	c.Helper()
	var events []metrics.Event
	for day := range movingDays {
		for i := range 3 {
			events = append(events, metrics.Event{
				Type: eventType, Time: epoch.AddDate(0, 0, day).Add(time.Duration(i) * time.Hour),
				Fields: fields("test_id", fmt.Sprint(eventType, i), "candidate_id", strconv.Itoa(i)),
			})
		}
	}
	return c.contributionOf(events)
}

// watched runs change a few times concurrently with readers that must see the
// days of fewest to most contributions, each of them whole.
func (c *check) watched(fewest, most int64, change func(round int) error) {
	c.Helper()
	const rounds, readers = 2 * raceRounds, 2
	var done atomic.Bool
	errs := concurrently(readers+1, func(i int) error {
		if i > 0 {
			return c.readMoving(&done, fewest, most)
		}
		defer done.Store(true)
		for round := range rounds {
			if err := change(round); err != nil {
				return err
			}
		}
		return nil
	})
	for _, err := range errs {
		c.must(err, "DayCounts concurrent with changes")
	}
}

func (c *check) readMoving(done *atomic.Bool, fewest, most int64) error {
	for last := false; !last; {
		last = done.Load()
		totals, rest := map[metrics.Day]int64{}, map[string]int64{}
		for d, err := range c.st.DayCounts(c.Context(), metrics.Filter{Groups: true}) {
			if err != nil {
				return err
			}
			if key := d.Day.String() + d.Type; d.Group == "" {
				totals[d.Day] += d.Count
				rest[key] += d.Count
			} else {
				rest[key] -= d.Count
			}
		}
		if err := wholeState(totals, rest, fewest, most); err != nil {
			return err
		}
	}
	return nil
}

// wholeState returns an error if days are of different states, or the groups of
// one do not sum to its total.
func wholeState(totals map[metrics.Day]int64, rest map[string]int64, fewest, most int64) error {
	first := totals[metrics.DayOf(epoch)]
	if first%3 != 0 || first < 3*fewest || first > 3*most {
		return fmt.Errorf("the first day has %d events, want 3 for each of %d to %d batches", first, fewest, most)
	}
	for i := range movingDays {
		if day := metrics.DayOf(epoch.AddDate(0, 0, i)); totals[day] != first {
			return fmt.Errorf("%v has %d events while the first day has %d", day, totals[day], first)
		}
	}
	for name, n := range rest {
		if n != 0 {
			return fmt.Errorf("the groups of %s lack %d of its total", name, n)
		}
	}
	return nil
}

func movingRecords(c *check) {
	c.recorded(c.ofType("left"))
	right := c.ofType("right")
	var id string
	c.watched(1, 2, func(round int) error {
		if round%2 == 1 {
			return c.st.DeleteBatch(c.Context(), id)
		}
		id = c.id()
		if err := c.writeSlowly(id, someEvents(1)); err != nil {
			return err
		}
		return c.st.Record(c.Context(), id, right)
	})
}

func movingAmends(c *check) {
	a := need[store.Auditor](c)
	states := []metrics.Contribution{c.ofType("left"), c.ofType("right")}
	id := c.recorded(states[0])
	c.watched(1, 1, func(round int) error { return a.Amend(c.Context(), id, states[(round+1)%2]) })
}
