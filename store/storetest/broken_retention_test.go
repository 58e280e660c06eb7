package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

func brokenArchives() []broken {
	keeps, unknown := "Retainer: Archive removes a batch and keeps its counts", "Retainer: nothing changes the counts of an archived batch"
	conflict, survives := "Retainer: only a purged batch is archived", "Retainer: counts of an archived batch survive a lost process"
	fps := "Retainer: an archived batch keeps its fingerprints"
	return []broken{
		{"does not say who had a fingerprint", fps, "said to be of", func(p *patched) {
			p.owners = func(ctx context.Context, all []store.Fingerprint) ([]string, error) {
				owners, err := p.Store.Owners(ctx, all)
				for i, id := range owners {
					if _, gone := p.Store.Batch(ctx, id); gone != nil {
						owners[i] = ""
					}
				}
				return owners, err
			}
		}},
		{"gives away what an archived batch had", fps, "said to be of", func(p *patched) {
			p.claim = func(ctx context.Context, id string, all []store.Fingerprint) ([]string, error) {
				_, err := p.Store.Claim(ctx, id, all)
				return make([]string, len(all)), err
			}
		}},
		{"has no past of archived batches", "AsOf counts archived batches", "as of between", func(p *patched) {
			p.dayCounts = func(ctx context.Context, q metrics.Filter) iter.Seq2[metrics.DayCount, error] {
				if !q.AsOf.IsZero() {
					q.From = metrics.DayOf(q.AsOf) + 1000
				}
				return p.Store.DayCounts(ctx, q)
			}
		}},
		{"removes the counts too", keeps, "DayCounts after Archive", func(p *patched) { p.archive = p.Store.DeleteBatch }},
		{"archives nothing", keeps, "after Archive", func(p *patched) {
			p.archive = func(context.Context, string) error { return nil }
		}},
		{"explains without the archived batch", keeps, "Explain after Archive", func(p *patched) {
			p.explain = func(ctx context.Context, day metrics.Day, eventType string) iter.Seq2[store.Share, error] {
				return func(yield func(store.Share, error) bool) {
					for s, err := range p.Store.Explain(ctx, day, eventType) {
						if _, gone := p.Store.Batch(ctx, s.BatchID); gone == nil && !yield(s, err) {
							return
						}
					}
				}
			}
		}},
		{"records an archived batch again", unknown, "Record of an archived batch", func(p *patched) {
			p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
				return ignore(store.ErrNotFound, p.Store.Record(ctx, id, c))
			}
		}},
		{"archives what is not purged", conflict, "Archive of an unpurged batch", func(p *patched) {
			p.archive = func(ctx context.Context, id string) error {
				return errors.Join(ignore(store.ErrConflict, p.Store.PurgeEvents(ctx, id)), ignore(store.ErrConflict, p.Store.Archive(ctx, id)))
			}
		}},
		{"loses the counts of archived batches with the process", survives, "loss of the process", func(p *patched) {
			p.reopen = func() store.Store { return memstore.New() }
		}},
	}
}

func brokenReplacements() []broken {
	replaces, fails := "Retainer: ReplaceAttachment replaces one attachment", "Retainer: an error of the content changes nothing"
	reader, race, unknown := "Retainer: a reader of an attachment gets one content or ErrChanged", "Retainer: the last of several concurrent replacements wins", "Retainer: ReplaceAttachment without a batch is ErrNotFound"
	return []broken{
		{"appends to an attachment", replaces, "Attachment after ReplaceAttachment", func(p *patched) {
			p.replace = func(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) error {
				return p.Store.ReplaceAttachment(ctx, id, name, joined(p.Store.Attachment(ctx, id, name), content))
			}
		}},
		{"removes the other attachments", replaces, "that was not replaced", func(p *patched) {
			p.replace = func(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) error {
				return errors.Join(p.Store.ReplaceAttachment(ctx, id, "errors", nothing), p.Store.ReplaceAttachment(ctx, id, name, content))
			}
		}},
		{"keeps what there was before the failure", fails, "Attachment after a failure", func(p *patched) {
			p.replace = func(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) error {
				var failed error
				err := p.Store.ReplaceAttachment(ctx, id, name, func(yield func([]byte, error) bool) {
					for chunk, err := range content {
						if failed = err; err != nil || !yield(chunk, nil) {
							return
						}
					}
				})
				return errors.Join(err, failed)
			}
		}},
		{"mixes two contents", reader, "that are not those from before", func(p *patched) {
			p.attachment = func(ctx context.Context, id, name string) iter.Seq2[[]byte, error] {
				return func(yield func([]byte, error) bool) {
					for at, size := 0, 1<<20; ; at += size {
						var now []byte
						for chunk, err := range p.Store.Attachment(ctx, id, name) {
							if err != nil {
								yield(nil, err)
								return
							}
							now = chunk
						}
						if at >= len(now) || !yield(now[at:min(at+size, len(now))], nil) {
							return
						}
					}
				}
			}
		}},
		{"appends where two replace", race, "of more than one", func(p *patched) {
			var mu sync.Mutex
			running := 0
			p.replace = func(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) error {
				mu.Lock()
				defer mu.Unlock()
				if running++; running%3 == 0 {
					content = joined(p.Store.Attachment(ctx, id, name), content)
				}
				return p.Store.ReplaceAttachment(ctx, id, name, content)
			}
		}},
		{"attaches to nothing", unknown, "ReplaceAttachment to a batch that is", func(p *patched) {
			p.replace = func(ctx context.Context, id, name string, content iter.Seq2[[]byte, error]) error {
				return ignore(store.ErrNotFound, p.Store.ReplaceAttachment(ctx, id, name, content))
			}
		}},
	}
}

func nothing(func([]byte, error) bool) {}

// joined yields copies of the chunks of both.
func joined(all ...iter.Seq2[[]byte, error]) iter.Seq2[[]byte, error] {
	var chunks [][]byte
	for _, one := range all {
		for chunk, err := range one {
			if err != nil {
				return func(yield func([]byte, error) bool) { yield(nil, err) }
			}
			chunks = append(chunks, bytes.Clone(chunk))
		}
	}
	return func(yield func([]byte, error) bool) {
		for chunk := range slices.Values(chunks) {
			if !yield(chunk, nil) {
				return
			}
		}
	}
}
