package storetest

import (
	"runtime"
	"slices"
	"sync"

	"github.com/eventmetrics/eventmetrics/store"
)

// raceRounds is how often calls race. It does not depend on the Scale of the
// harness: a slow database is as likely to have a race as a fast one.
const raceRounds = 8

// concurrently runs f n times at once and returns their errors, in order.
func concurrently(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// race runs calls and one rival at once and returns their errors. The rival
// starts in another place in each round, and in some of them later by the time
// of a few reads of the batch called id.
func (c *check) race(round int, id string, rival func() error, calls ...func() error) (errs []error, rivalErr error) {
	place := round % (len(calls) + 1)
	all := slices.Insert(slices.Clone(calls), place, func() error {
		for range round % 4 {
			_, _ = c.st.Batch(c.Context(), id)
			runtime.Gosched()
		}
		return rival()
	})
	errs = concurrently(len(all), func(i int) error { return all[i]() })
	rivalErr = errs[place]
	return slices.Delete(errs, place, place+1), rivalErr
}

// deletedRace races DeleteBatch with other calls and returns their errors.
func (c *check) deletedRace(round int, id string, calls ...func() error) []error {
	c.Helper()
	errs, err := c.race(round, id, func() error { return c.st.DeleteBatch(c.Context(), id) }, calls...)
	c.must(err, "DeleteBatch concurrent with other calls")
	return errs
}

// prunedRace races Prune with other calls and returns their errors.
func (c *check) prunedRace(round int, id string, q store.PruneQuery, calls ...func() error) []error {
	c.Helper()
	prune := func() error { _, err := c.st.Prune(c.Context(), q); return err }
	errs, err := c.race(round, id, prune, calls...)
	c.must(err, "Prune concurrent with other calls")
	return errs
}
