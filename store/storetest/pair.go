package storetest

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

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
		{"Deduper: one of many concurrent commits and TakeKeys gets the idempotency key", "", takeKeyRace},
		{"nothing remains when DeleteBatch races Record", "", deleteRacesRecord},
		{"Prune takes an unfinished upload whole or not at all", "", pruneRacesCommit},
		{"one of several Writers gets a fingerprint", "", claimRaces},
	} {
		all = append(all, rule{"two processes: " + r.name, shared, func(c *check) {
			c.needs("OpenPair")
			c.st = Alternate(c.h.OpenPair(c.t))
			r.check(c)
		}})
	}
	return all
}

// Alternating is what several processes on one database are to their clients:
// each call of a method of [store.Store] goes to the next one. It is safe for
// concurrent use.
type Alternating struct {
	handles []store.Store
	turn    atomic.Uint64
}

var _ store.Store = (*Alternating)(nil)

// Alternate returns the handles of one database as one Store.
func Alternate(handles ...store.Store) *Alternating { return &Alternating{handles: handles} }

// Unwrap returns the next handle, so that store.As finds its optional
// interfaces.
func (p *Alternating) Unwrap() store.Store { return p.handles[p.turn.Add(1)%uint64(len(p.handles))] }

// Begin implements [store.Store].
func (p *Alternating) Begin(ctx context.Context, id string) (store.Writer, error) {
	return p.Unwrap().Begin(ctx, id)
}

// Batch implements [store.Store].
func (p *Alternating) Batch(ctx context.Context, id string) (store.Batch, error) {
	return p.Unwrap().Batch(ctx, id)
}

// Batches implements [store.Store].
func (p *Alternating) Batches(ctx context.Context, q store.BatchQuery) ([]store.Batch, error) {
	return p.Unwrap().Batches(ctx, q)
}

// CountBatches implements [store.Store].
func (p *Alternating) CountBatches(ctx context.Context, limit int64) (map[store.Status]int64, error) {
	return p.Unwrap().CountBatches(ctx, limit)
}

// BatchOfKey implements [store.Store].
func (p *Alternating) BatchOfKey(ctx context.Context, key string, at time.Time) (store.Batch, error) {
	return p.Unwrap().BatchOfKey(ctx, key, at)
}

// Events implements [store.Store].
func (p *Alternating) Events(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
	return p.Unwrap().Events(ctx, id)
}

// Attachment implements [store.Store].
func (p *Alternating) Attachment(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
	return p.Unwrap().Attachment(ctx, id, name)
}

// SetStatus implements [store.Store].
func (p *Alternating) SetStatus(ctx context.Context, id string, from []store.Status, to store.Status, lastError string) error {
	return p.Unwrap().SetStatus(ctx, id, from, to, lastError)
}

// Pending implements [store.Store].
func (p *Alternating) Pending(ctx context.Context, id string) (metrics.Contribution, error) {
	return p.Unwrap().Pending(ctx, id)
}

// Record implements [store.Store].
func (p *Alternating) Record(ctx context.Context, id string, c metrics.Contribution) error {
	return p.Unwrap().Record(ctx, id, c)
}

// DayCounts implements [store.Store].
func (p *Alternating) DayCounts(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
	return p.Unwrap().DayCounts(ctx, q)
}

// DeleteBatch implements [store.Store].
func (p *Alternating) DeleteBatch(ctx context.Context, id string) error {
	return p.Unwrap().DeleteBatch(ctx, id)
}

// Prune implements [store.Store].
func (p *Alternating) Prune(ctx context.Context, q store.PruneQuery) (store.Pruned, error) {
	return p.Unwrap().Prune(ctx, q)
}

// Ping implements [store.Store].
func (p *Alternating) Ping(ctx context.Context) error { return p.Unwrap().Ping(ctx) }
