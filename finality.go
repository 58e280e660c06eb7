package eventmetrics

import (
	"context"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
	"github.com/eventmetrics/eventmetrics/store"
)

// asOfSettles is the age from which a moment is gone by for all processes:
// their clocks differ by less, and no Record takes as long.
const asOfSettles = time.Minute

// standing is what the finality of an answer depends on. What costs a look at
// the store is only found out where it matters.
type standing struct {
	now     time.Time // or the moment that is asked for
	over    bool
	pending bool
	// retainer is nil if no events can be purged; unsealed has, ascending, days
	// in which a batch has its events.
	retainer store.Retainer
	unsealed []metrics.Day
}

// standing is to be found out before the buckets are read.
func (s *Service) standing(ctx context.Context, query *series.Query) (*standing, error) {
	now := s.now()
	st := &standing{now: now}
	gone := false
	if !query.AsOf.IsZero() {
		st.now, gone = query.AsOf, now.Sub(query.AsOf) >= asOfSettles
	}
	st.over = gone || query.IsOver(st.now)
	if !st.over && !query.Finality {
		return st, nil
	}
	var err error
	if !gone {
		st.pending, err = s.pending(ctx)
	}
	if err != nil || st.pending {
		return st, err
	}
	st.retainer, _ = store.As[store.Retainer](s.store)
	return st, st.look(ctx, query)
}

// look notes the days of a series in which something is not sealed.
func (st *standing) look(ctx context.Context, query *series.Query) error {
	if st.retainer == nil {
		return nil
	}
	asked := []series.Query{*query}
	if query.Compare != "" {
		asked = append(asked, query.Previous())
	}
	for i := range asked {
		q := asked[i].Filter()
		days, err := st.retainer.UnpurgedDays(ctx, q.From, q.To)
		if err != nil {
			return err
		}
		st.unsealed = append(st.unsealed, days...)
	}
	slices.Sort(st.unsealed)
	return nil
}

// lookAgain looks for what was recorded or deleted while the buckets were
// read, where that makes a difference.
func (st *standing) lookAgain(ctx context.Context, query *series.Query) error {
	if !query.Finality && len(st.unsealed) > 0 {
		return nil
	}
	return st.look(ctx, query)
}

// sealed returns what reports whether all is sealed in some days.
func (st *standing) sealed() func(first, last metrics.Day) bool {
	if st.retainer == nil {
		return nil
	}
	return func(first, last metrics.Day) bool {
		i, _ := slices.BinarySearch(st.unsealed, first)
		return i == len(st.unsealed) || st.unsealed[i] > last
	}
}

// of returns the finality of a whole answer.
func (st *standing) of(buckets []series.Bucket) series.Finality {
	counts := func(b series.Bucket) bool { return b.Count+b.Previous > 0 }
	switch {
	case !st.over:
		return series.Open
	case st.pending:
		return series.Pending
	case st.retainer != nil && len(st.unsealed) == 0 && slices.ContainsFunc(buckets, counts):
		return series.Sealed
	}
	return series.Settled
}

// pending reports whether there is a batch that does not count yet and has not
// failed. It asks in the order of a batch's life, so that one that moves on
// meanwhile is met, and again for those that an attempt has put back.
func (s *Service) pending(ctx context.Context) (bool, error) {
	for _, status := range []store.Status{store.Uploaded, store.Queued, store.Processing, store.Queued} {
		batches, err := s.store.Batches(ctx, store.BatchQuery{Statuses: []store.Status{status}, Limit: 1})
		if err != nil || len(batches) > 0 {
			return len(batches) > 0, err
		}
	}
	return false, nil
}
