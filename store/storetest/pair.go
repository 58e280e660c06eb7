package storetest

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

const shared = "Store: all methods are safe for concurrent use, by several processes too if the database is shared: each method sees what all methods did that have returned before."

// pairRules are rules that two processes on one database keep as well as one
// does. They are those in which a store may lock or cache something in its
// process.
func pairRules() []rule {
	var all []rule
	for _, r := range []rule{
		{"a batch is invisible before Commit", "", invisibleBeforeCommit},
		{"the daily metrics are the sum of the ledger", "", lawHolds},
		{"the daily metrics are the sum of the ledger after concurrent changes", "", lawHoldsConcurrently},
		{"no reader sees a part of a Record or DeleteBatch", "", movingRecords},
		{"one of many concurrent SetStatus wins", "", statusRace},
		{"the first of many concurrent Records wins whole", "", recordRace},
		{"one of many concurrent commits gets the idempotency key", "", keyRace},
		{"nothing remains when DeleteBatch races Record", "", deleteRacesRecord},
		{"Prune takes an unfinished upload whole or not at all", "", pruneRacesCommit},
		{"one of several Writers gets a fingerprint", "", claimRaces},
	} {
		all = append(all, rule{"two processes: " + r.name, shared, func(c *check) {
			c.needs("OpenPair")
			p := &pair{}
			p.handles[0], p.handles[1] = c.h.OpenPair(c.t)
			c.st = p
			r.check(c)
		}})
	}
	return all
}

// pair is what two processes are to their clients: each call goes to the other
// one than the call before.
type pair struct {
	handles [2]store.Store
	turn    atomic.Uint64
}

var _ store.Store = (*pair)(nil)

// Unwrap returns the next handle, so that store.As finds its optional
// interfaces.
func (p *pair) Unwrap() store.Store { return p.handles[p.turn.Add(1)%2] }

func (p *pair) Begin(ctx context.Context, id string) (store.Writer, error) {
	return p.Unwrap().Begin(ctx, id)
}

func (p *pair) Batch(ctx context.Context, id string) (store.Batch, error) {
	return p.Unwrap().Batch(ctx, id)
}

func (p *pair) Batches(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
	return p.Unwrap().Batches(ctx, q)
}

func (p *pair) Events(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
	return p.Unwrap().Events(ctx, id)
}

func (p *pair) Attachment(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
	return p.Unwrap().Attachment(ctx, id, name)
}

func (p *pair) SetStatus(ctx context.Context, id string, from []store.Status, to store.Status, lastError string) error {
	return p.Unwrap().SetStatus(ctx, id, from, to, lastError)
}

func (p *pair) Pending(ctx context.Context, id string) (metrics.Contribution, error) {
	return p.Unwrap().Pending(ctx, id)
}

func (p *pair) Record(ctx context.Context, id string, c metrics.Contribution) error {
	return p.Unwrap().Record(ctx, id, c)
}

func (p *pair) DayCounts(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
	return p.Unwrap().DayCounts(ctx, q)
}

func (p *pair) DeleteBatch(ctx context.Context, id string) error {
	return p.Unwrap().DeleteBatch(ctx, id)
}

func (p *pair) Prune(ctx context.Context, q store.PruneQuery) (store.Pruned, error) {
	return p.Unwrap().Prune(ctx, q)
}

func (p *pair) Ping(ctx context.Context) error { return p.Unwrap().Ping(ctx) }
