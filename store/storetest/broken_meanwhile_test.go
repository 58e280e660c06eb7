package storetest_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// silently ends a sequence without an error when a batch is gone.
func silently[T any](p *patched, id string, seq func(context.Context) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		began := false
		for v, err := range seq(context.Background()) {
			_, missing := p.Store.Batch(context.Background(), id)
			if began && missing != nil {
				return
			}
			if began = true; !yield(v, err) {
				return
			}
		}
	}
}

// inChunks yields an attachment in small chunks.
func (p *patched) inChunks(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for all, err := range p.Store.Attachment(ctx, id, name) {
			if err != nil {
				yield(nil, err)
				return
			}
			for chunk := range slices.Chunk(all, 100_000) {
				if !yield(chunk, nil) {
					return
				}
			}
		}
	}
}

func brokenMeanwhiles() []broken {
	events, attachment := "a reader of events that are removed gets all of them or an error", "a reader of an attachment that is removed gets all of it or an error"
	event, chunk := "an event is valid until the next", "a chunk is valid until the next"
	return []broken{
		{"ends silently when a batch is deleted", events, "Events that DeleteBatch removes meanwhile: got 1 of 50000 and no error", func(p *patched) {
			p.events = func(_ context.Context, id string) iter.Seq2[metrics.Event, error] {
				return silently(p, id, func(ctx context.Context) iter.Seq2[metrics.Event, error] { return p.Store.Events(ctx, id) })
			}
		}},
		{"ends silently when events are purged", events, "Events that PurgeEvents removes meanwhile: got 1 of 50000 and no error", func(p *patched) {
			p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
				return func(yield func(metrics.Event, error) bool) {
					began := false
					for e, err := range p.Store.Events(ctx, id) {
						b, _ := p.Store.Batch(ctx, id)
						if began && b.EventsPurged {
							return
						}
						if began = true; !yield(e, err) {
							return
						}
					}
				}
			}
		}},
		{"says that a deleted batch has changed", events, "meanwhile: got error store: changed while it was read", func(p *patched) {
			p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
				return func(yield func(metrics.Event, error) bool) {
					for e, err := range p.Store.Events(ctx, id) {
						if !yield(e, err) {
							return
						}
						if _, missing := p.Store.Batch(ctx, id); missing != nil {
							yield(metrics.Event{}, store.ErrChanged)
							return
						}
					}
				}
			}
		}},
		{"ends silently within an attachment", attachment, "Attachment that DeleteBatch removes meanwhile: got 100000 of", func(p *patched) {
			p.attachment = func(_ context.Context, id, name string) iter.Seq2[[]byte, error] {
				return silently(p, id, func(ctx context.Context) iter.Seq2[[]byte, error] { return p.inChunks(ctx, id, name) })
			}
		}},
		{"leaves out a chunk when the batch is pruned", attachment, "bytes that are not its first", func(p *patched) {
			p.attachment = func(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
				return func(yield func([]byte, error) bool) {
					skipped := false
					for chunk, err := range p.inChunks(ctx, id, name) {
						_, missing := p.Store.Batch(ctx, id)
						if missing != nil && !skipped {
							skipped = true
							continue
						}
						if !yield(chunk, err) {
							return
						}
					}
				}
			}
		}},
		{"has one buffer for the fields of all ranges", event, "after calls within the range", func(p *patched) {
			var buffer []metrics.Field
			p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
				return func(yield func(metrics.Event, error) bool) {
					for e, err := range p.Store.Events(ctx, id) {
						buffer = append(buffer[:0], e.Fields...)
						if e.Fields = buffer; !yield(e, err) {
							return
						}
					}
				}
			}
		}},
		{"has one buffer for all chunks", chunk, "is not what it was", func(p *patched) {
			var buffer []byte
			p.attachment = func(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
				return func(yield func([]byte, error) bool) {
					for chunk, err := range p.inChunks(ctx, id, name) {
						buffer = append(buffer[:0], chunk...)
						if !yield(buffer, err) {
							return
						}
					}
				}
			}
		}},
	}
}

func brokenCuts() []broken {
	narrow, away := "the store works while an iterator is open, with one connection", "a database that cannot be reached is ErrUnavailable until it is back"
	return []broken{
		{"holds its only connection in a range", narrow, "no connection left", func(p *patched) {
			var held atomic.Bool
			p.dayCounts = func(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
				return func(yield func(metrics.DayCount, error) bool) {
					held.Store(true)
					defer held.Store(false)
					p.Store.DayCounts(ctx, q)(yield)
				}
			}
			p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
				if held.Load() {
					return errors.New("no connection left")
				}
				return p.Store.Record(ctx, id, c)
			}
		}},
		{"returns the error of its driver", away, "without the database: got error connection refused", func(p *patched) {
			p.cutError = func(context.Context) error { return errors.New("connection refused") }
		}},
		{"has the time limit of a call for an ended context", away, "without the database: got error context deadline exceeded", func(p *patched) {
			p.cutError = func(context.Context) error { return context.DeadlineExceeded }
		}},
		{"finds no batch without a database", away, "Batch without the database: got error store: batch not found", func(p *patched) {
			p.cutError = func(context.Context) error { return store.ErrNotFound }
		}},
		{"has an ended context for a lost database", away, "with a cancelled context: the error is", func(p *patched) {
			p.cutError = func(ctx context.Context) error { return errors.Join(ctx.Err(), store.ErrUnavailable) }
		}},
		{"loses what it had when the database was away", away, "batch not found", func(p *patched) {
			p.batch = func(ctx context.Context, id string) (store.Batch, error) {
				if p.wasAway {
					return store.Batch{}, store.ErrNotFound
				}
				return p.Store.Batch(ctx, id)
			}
		}},
	}
}
