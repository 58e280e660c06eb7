package storetest_test

import (
	"context"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func brokenAddOwners() []broken {
	const kept, committed, writer = "Deduper: AddOwner gives a fingerprint to a further batch", "Deduper: AddOwner counts from Commit on",
		"Deduper: AddOwner needs an open Writer"
	return []broken{
		{"adds no owner", kept, "of shared fingerprints", func(p *patched) {
			p.addOwner = func(context.Context, string, store.Fingerprint) error { return nil }
		}},
		{"adds an owner only where there is none", kept, "is deleted, Owners says", func(p *patched) {
			p.addOwner = func(ctx context.Context, id string, fp store.Fingerprint) error {
				owners, err := p.Store.Owners(ctx, []store.Fingerprint{fp})
				if err != nil || owners[0] != "" {
					return err
				}
				_, err = p.Store.Claim(ctx, id, []store.Fingerprint{fp})
				return err
			}
		}},
		{"adds an owner that has not committed", committed, "before Commit", func(p *patched) {
			p.addOwner = func(ctx context.Context, id string, fp store.Fingerprint) error {
				_, err := p.Store.Claim(ctx, id, []store.Fingerprint{fp})
				return err
			}
		}},
		{"forgets further owners that are archived", "Deduper: a further owner that is archived keeps the fingerprint", "after one batch is archived", func(p *patched) {
			gone := ""
			p.archive = func(ctx context.Context, id string) error {
				gone = id
				return p.Store.Archive(ctx, id)
			}
			p.owners = func(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
				owners, err := p.Store.Owners(ctx, fps)
				return without(owners, gone), err
			}
		}},
		{"loses further owners with the process", "Deduper: a further owner survives the process", "after the process was lost", func(p *patched) {
			added, lost := "", false
			p.addOwner = func(ctx context.Context, id string, fp store.Fingerprint) error {
				added = id
				return p.Store.AddOwner(ctx, id, fp)
			}
			p.owners = func(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
				owners, err := p.Store.Owners(ctx, fps)
				if lost {
					owners = without(owners, added)
				}
				return owners, err
			}
			p.reopen = func() store.Store {
				lost = true
				return p
			}
		}},
		{"returns a part of a long pending contribution", "Pending concurrent with Record or DeleteBatch is whole or nothing", "got 500 DayCounts", func(p *patched) {
			p.pending = func(ctx context.Context, id string) (metrics.Contribution, error) {
				c, err := p.Store.Pending(ctx, id)
				return c[:min(len(c), 500)], err
			}
		}},
		{"adds any batch as an owner", writer, "AddOwner for a committed batch", func(p *patched) {
			p.addOwner = func(ctx context.Context, id string, fp store.Fingerprint) error {
				_ = p.Store.AddOwner(ctx, id, fp)
				return nil
			}
		}},
	}
}

// without returns answers in which an id is replaced by "".
func without(ids []string, id string) []string {
	for i := range ids {
		if ids[i] == id {
			ids[i] = ""
		}
	}
	return ids
}
