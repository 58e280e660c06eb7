package storetest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func pendingRaceRules() []rule {
	return []rule{
		{"Pending concurrent with Record or DeleteBatch is whole or nothing", pendingIs, pendingRaces},
	}
}

// longContribution returns a contribution whose encoding takes some megabytes.
func longContribution() metrics.Contribution {
	day := metrics.DayOf(time.Date(2025, 11, 8, 0, 0, 0, 0, time.UTC))
	c := make(metrics.Contribution, 900)
	for i := range c {
		slots := &metrics.Slots{}
		slots.Add(i%96, 1)
		c[i] = metrics.DayCount{Day: day, Type: fmt.Sprintf("%04d", i) + strings.Repeat("x", 4000), Count: 1, Slots: slots, Subjects: &metrics.Sketch{}}
	}
	return c
}

func pendingRaces(c *check) {
	long := longContribution()
	for round := range 6 {
		w, b := c.prepare(filled())
		_, err := w.Commit(c.Context(), b, long)
		c.must(err, "Commit")
		end := func() error { return c.st.Record(c.Context(), b.ID, nil) }
		if round%2 == 1 {
			end = func() error { return c.st.DeleteBatch(c.Context(), b.ID) }
		}
		read := func() error {
			for range 4 {
				got, err := c.st.Pending(c.Context(), b.ID)
				if errors.Is(err, store.ErrNotFound) && round%2 == 1 {
					return nil
				}
				if err != nil || len(got) > 0 && len(got) != len(long) {
					return fmt.Errorf("got %d DayCounts, %w, want %d, none or ErrNotFound", len(got), err, len(long))
				}
			}
			return nil
		}
		errs, rival := c.race(round, b.ID, end, read, read)
		c.must(rival, "Record or DeleteBatch")
		for _, err := range errs {
			c.must(err, "Pending concurrent with it")
		}
	}
}
