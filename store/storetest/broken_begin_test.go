package storetest_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// editWriter changes each Writer.
func (p *patched) editWriter(edit func(id string, w *patchedWriter)) {
	p.writer = func(_ context.Context, id string, w *patchedWriter) error {
		edit(id, w)
		return nil
	}
}

// editCommits changes what Commit does.
func (p *patched) editCommits(edit func(w *patchedWriter, commit commitFunc) commitFunc) {
	p.editWriter(func(_ string, w *patchedWriter) { w.commit = edit(w, w.commit) })
}

type commitFunc = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error)

// idle is a Writer of a batch that is not there.
type idle struct{ store.Writer }

func (idle) Abort(context.Context) error { return nil }

func brokenBegins() []broken {
	taken, archived := "Begin of an id that is taken is ErrIDTaken", "Retainer: Begin of an id that an archived batch had is ErrIDTaken"
	allow := func(p *patched) {
		p.begin = func(ctx context.Context, id string) (store.Writer, error) {
			w, err := p.Store.Begin(ctx, id)
			if errors.Is(err, store.ErrIDTaken) {
				return idle{}, nil
			}
			return w, err
		}
		p.editWriter(func(string, *patchedWriter) {})
	}
	return []broken{
		{"begins a batch that another Writer has begun", taken, "id of another Writer: got error <nil>", allow},
		{"refuses an id with an error of its own", taken, "id of a batch that is uploaded: got error the id is not new", func(p *patched) {
			p.begin = func(ctx context.Context, id string) (store.Writer, error) {
				w, err := p.Store.Begin(ctx, id)
				if errors.Is(err, store.ErrIDTaken) {
					err = errors.New("the id is not new")
				}
				return w, err
			}
		}},
		{"empties the batch that has the id", taken, "Events after Begin with its id", func(p *patched) {
			var emptied atomic.Pointer[string]
			p.begin = func(ctx context.Context, id string) (store.Writer, error) {
				w, err := p.Store.Begin(ctx, id)
				if errors.Is(err, store.ErrIDTaken) {
					emptied.Store(&id)
				}
				return w, err
			}
			p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
				if gone := emptied.Load(); gone != nil && *gone == id {
					return yieldAll[metrics.Event](nil)
				}
				return p.Store.Events(ctx, id)
			}
		}},
		{"forgets the ids of archived batches", archived, "id of an archived batch: got error <nil>", allow},
	}
}

func brokenCommitsAgain() []broken {
	repeated, taken := "Commit may be repeated", "Commit may be repeated after ErrKeyTaken"
	failed, visible := "Abort ends the Writer after a Commit that failed", "Abort leaves a visible batch whole"
	errEnded := errors.New("the writer has ended")
	return []broken{
		{"refuses a second Commit", repeated, "Commit again: the writer has ended", func(p *patched) {
			p.editCommits(func(_ *patchedWriter, commit commitFunc) commitFunc {
				done := false
				return func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
					if done {
						return store.Batch{}, errEnded
					}
					b, err := commit(ctx, b, pending)
					done = err == nil
					return b, err
				}
			})
		}},
		{"sets the status back in a second Commit", repeated, "Batch after Commit again", func(p *patched) {
			p.editCommits(func(_ *patchedWriter, commit commitFunc) commitFunc {
				return func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
					b, err := commit(ctx, b, pending)
					_ = p.Store.SetStatus(ctx, b.ID, store.Statuses(), store.Uploaded, "")
					return b, err
				}
			})
		}},
		{"ends the Writer after ErrKeyTaken", taken, "Commit with a key that is taken: got error the writer has ended", func(p *patched) {
			p.editCommits(func(_ *patchedWriter, commit commitFunc) commitFunc {
				ended := false
				return func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
					if ended {
						return store.Batch{}, errEnded
					}
					b, err := commit(ctx, b, pending)
					ended = err != nil
					return b, err
				}
			})
		}},
		{"commits less after ErrKeyTaken", taken, "Events after ErrKeyTaken and Commit", func(p *patched) { loseEventsOnRetry(p) }},
		{"does not abort after a failed Commit", failed, "want an error", func(p *patched) {
			p.editWriter(func(_ string, w *patchedWriter) {
				commit, abort, failed := w.commit, w.abort, false
				w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
					b, err := commit(ctx, b, pending)
					failed = err != nil
					return b, err
				}
				w.abort = func(ctx context.Context) error {
					if failed {
						return nil
					}
					return abort(ctx)
				}
			})
		}},
		{"lives on when Abort has no time after a failed Commit", failed, "want an error", func(p *patched) {
			p.editWriter(func(_ string, w *patchedWriter) {
				abort := w.abort
				w.abort = func(ctx context.Context) error {
					if err := ctx.Err(); err != nil {
						return err
					}
					return abort(ctx)
				}
			})
		}},
		{"shows a batch before its events", "a batch becomes visible whole", "a batch that has just become visible has 0 of 2100 events", func(p *patched) {
			var begun atomic.Pointer[string]
			p.editCommits(func(_ *patchedWriter, commit commitFunc) commitFunc {
				return func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
					begun.Store(&b.ID)
					letReadersRun()
					defer begun.Store(nil)
					return commit(ctx, b, pending)
				}
			})
			shows := func(id string) bool { now := begun.Load(); return now != nil && *now == id }
			p.batch = func(ctx context.Context, id string) (store.Batch, error) {
				if shows(id) {
					return store.Batch{ID: id}, nil
				}
				return p.Store.Batch(ctx, id)
			}
			p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
				if shows(id) {
					return yieldAll[metrics.Event](nil)
				}
				return p.Store.Events(ctx, id)
			}
		}},
		{"removes the events of a batch whose Commit lost its answer", visible, "Events after a Commit whose answer was lost", func(p *patched) {
			aborted, begun := map[string]bool{}, 0
			p.editWriter(func(id string, w *patchedWriter) {
				begun++
				commit, abort := w.commit, w.abort
				failed := false
				w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
					b, err := commit(context.WithoutCancel(ctx), b, pending)
					if failed = begun > 1; failed { // but the first
						err = errors.Join(err, errors.New("no answer"))
					}
					return b, err
				}
				w.abort = func(ctx context.Context) error {
					aborted[id] = failed
					return abort(ctx)
				}
			})
			p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
				if aborted[id] {
					return yieldAll[metrics.Event](nil)
				}
				return p.Store.Events(ctx, id)
			}
		}},
	}
}
