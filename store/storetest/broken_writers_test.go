package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func brokenWriters() []broken {
	return slices.Concat(brokenVisibility(), brokenWrites(), brokenAttachments())
}

func brokenVisibility() []broken {
	invisible := "a batch is invisible before Commit"
	return []broken{
		{"shows a batch before Commit", invisible, "Batch before Commit", func(p *patched) {
			p.batch = orElse(p.Store.Batch, func(id string) store.Batch { return store.Batch{ID: id} })
		}},
		{"yields no events of a batch before Commit", invisible, "Events before Commit", eventsOfUnknown},
		{"records before Commit", invisible, "Record before Commit", func(p *patched) {
			p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
				return ignore(store.ErrNotFound, p.Store.Record(ctx, id, c))
			}
		}},
		{"lists a batch before Commit", invisible, "lists the batch", func(p *patched) {
			var begun []store.Batch
			p.writer = func(_ context.Context, id string, _ *patchedWriter) error {
				begun = append(begun, store.Batch{ID: id})
				return nil
			}
			p.batches = func(context.Context, store.BatchQuery) ([]store.Batch, error) { return begun, nil }
		}},
		{"commits on Abort", "an aborted batch leaves nothing", "Batch after Abort", func(p *patched) {
			p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
				w.abort = func(ctx context.Context) error {
					_, err := w.commit(ctx, store.Batch{}, nil)
					return err
				}
				return nil
			}
		}},
		{"leaves the unfinished upload on Abort", "an aborted batch leaves nothing", "want an error", func(p *patched) {
			p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
				w.abort = func(context.Context) error { return nil }
				return nil
			}
		}},
		{"holds on to the context of Begin", "a Writer goes on when the context of an earlier call has ended", "a context of its own", func(p *patched) {
			p.writer = func(begin context.Context, _ string, w *patchedWriter) error {
				commit := w.commit
				w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
					if err := begin.Err(); err != nil {
						return store.Batch{}, err
					}
					return commit(ctx, b, pending)
				}
				return nil
			}
		}},
		{"removes a committed batch on Abort", "Abort after Commit does nothing", "batch not found", func(p *patched) {
			p.writer = func(_ context.Context, id string, w *patchedWriter) error {
				w.abort = func(ctx context.Context) error { return p.Store.DeleteBatch(ctx, id) }
				return nil
			}
		}},
		{"keeps its lock when Abort has no time", "Abort ends the Writer even with a cancelled context", "database is locked", lockUntilAbort},
		{"has one buffer for all Writers", "concurrent Writers do not mix", "Events of writer", oneBuffer},
	}
}

// orElse answers what the store does not find.
func orElse[T any](find func(context.Context, string) (T, error), other func(id string) T) func(context.Context, string) (T, error) {
	return func(ctx context.Context, id string) (T, error) {
		v, err := find(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return other(id), nil
		}
		return v, err
	}
}

func ignore(target, err error) error {
	if errors.Is(err, target) {
		return nil
	}
	return err
}

func eventsOfUnknown(p *patched) {
	p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
		if _, err := p.Store.Batch(ctx, id); err != nil {
			return func(func(metrics.Event, error) bool) {}
		}
		return p.Store.Events(ctx, id)
	}
}

func lockUntilAbort(p *patched) {
	var locked atomic.Bool
	p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
		abort, commit := w.abort, w.commit
		w.abort = func(ctx context.Context) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			locked.Store(false)
			return abort(ctx)
		}
		w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
			locked.Store(false)
			return commit(ctx, b, pending)
		}
		if locked.Swap(true) {
			return errors.New("database is locked")
		}
		return nil
	}
}

func oneBuffer(p *patched) {
	var last atomic.Pointer[patchedWriter]
	p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
		own := *w
		last.CompareAndSwap(nil, &own)
		w.write = func(ctx context.Context, events []metrics.Event) error { return last.Load().write(ctx, events) }
		return nil
	}
}

func brokenWrites() []broken {
	noSlice := "Write keeps no slice"
	return []broken{
		{"keeps the slice given to Write", noSlice, "changed after Write", func(p *patched) { keepSlices(p, slices.Clip) }},
		{"keeps the Fields given to Write", noSlice, "changed after Write", func(p *patched) { keepSlices(p, slices.Clone) }},
		{"refuses a batch of no events", "a batch may have no events", "nothing to commit", func(p *patched) {
			p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
				w.commit = func(context.Context, store.Batch, metrics.Contribution) (store.Batch, error) {
					return store.Batch{}, errors.New("nothing to commit")
				}
				return nil
			}
		}},
		{"refuses a Write of no events", "a batch may have no events", "no rows", func(p *patched) {
			p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
				w.write = func(context.Context, []metrics.Event) error { return errors.New("no rows") }
				return nil
			}
		}},
	}
}

// keepSlices writes at Commit what Write was given.
func keepSlices(p *patched, keep func([]metrics.Event) []metrics.Event) {
	p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
		var kept [][]metrics.Event
		write, commit := w.write, w.commit
		w.write = func(_ context.Context, events []metrics.Event) error {
			kept = append(kept, keep(events))
			return nil
		}
		w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
			for _, events := range kept {
				if err := write(ctx, events); err != nil {
					return store.Batch{}, err
				}
			}
			return commit(ctx, b, pending)
		}
		return nil
	}
}

func brokenAttachments() []broken {
	inOrder := "attachments keep their bytes in order"
	return []broken{
		{"loses what an attachment has above 1 MiB", inOrder, "3145745 bytes, got 1048576", func(p *patched) {
			editAttachment(p, func(b []byte) []byte { return b[:min(len(b), 1<<20)] })
		}},
		{"keeps attachments as text", inOrder, "the first difference is at byte 2", func(p *patched) {
			editAttachment(p, func(b []byte) []byte { return bytes.ToValidUTF8(b, []byte("?")) })
		}},
		{"mixes up the chunks of an attachment", inOrder, "the first difference is at byte", chunksOutOfOrder},
		{"ignores the case of attachment names", "attachments do not mix", `Attachment "a.b"`, func(p *patched) {
			p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
				attach := w.attach
				w.attach = func(ctx context.Context, name string, chunk []byte) error {
					return errors.Join(attach(ctx, strings.ToLower(name), chunk), attach(ctx, name, chunk))
				}
				return nil
			}
		}},
		{"has no answer for an unknown attachment", "an unknown attachment yields nothing", "no such attachment", func(p *patched) {
			p.attachment = func(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
				return func(yield func([]byte, error) bool) {
					if name == "other" {
						yield(nil, errors.New("no such attachment"))
						return
					}
					p.Store.Attachment(ctx, id, name)(yield)
				}
			}
		}},
		{"yields nothing of an unknown batch's attachment", "an unknown attachment yields nothing", "unknown batch", func(p *patched) {
			p.attachment = func(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
				return func(yield func([]byte, error) bool) {
					for chunk, err := range p.Store.Attachment(ctx, id, name) {
						if err != nil || !yield(chunk, nil) {
							return
						}
					}
				}
			}
		}},
		{"keeps the slice given to Attach", "Attach keeps no slice", `got "!!!!`, keepChunks},
	}
}

func editAttachment(p *patched, edit func([]byte) []byte) {
	p.attachment = func(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
		return edited(p.Store.Attachment(ctx, id, name), edit, func(all [][]byte) [][]byte { return all })
	}
}

// chunksOutOfOrder stores big chunks late, as concurrent inserts may.
func chunksOutOfOrder(p *patched) {
	p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
		attach := w.attach
		var late []byte
		w.attach = func(ctx context.Context, name string, chunk []byte) error {
			if late == nil && len(chunk) > 1000 {
				late = slices.Clone(chunk)
				return nil
			}
			err := attach(ctx, name, append(slices.Clone(chunk), late...))
			if len(chunk) > 0 {
				late = nil
			}
			return err
		}
		return nil
	}
}

func keepChunks(p *patched) {
	p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
		var kept [][]byte
		attach, commit := w.attach, w.commit
		w.attach = func(_ context.Context, _ string, chunk []byte) error {
			kept = append(kept, chunk)
			return nil
		}
		w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
			for _, chunk := range kept {
				if err := attach(ctx, "rejected", chunk); err != nil {
					return b, err
				}
			}
			return commit(ctx, b, pending)
		}
		return nil
	}
}
