package storetest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func brokenDedupers() []broken {
	return slices.Concat(brokenClaims(), brokenAnswersOfClaims(), brokenOwners(), brokenEnds(), brokenClaimsBesides())
}

// editClaims changes the answers of Claim.
func (p *patched) editClaims(edit func(id string, answers []string)) {
	p.claim = func(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
		answers, err := p.Store.Claim(ctx, id, fps)
		edit(id, answers)
		return answers, err
	}
}

// coarse calls Claim and Owners with fingerprints that have lost something.
func (p *patched) coarse(lose func(f *store.Fingerprint)) {
	all := func(fps []store.Fingerprint) []store.Fingerprint {
		fps = slices.Clone(fps)
		for i := range fps {
			lose(&fps[i])
		}
		return fps
	}
	p.claim = func(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
		return p.Store.Claim(ctx, id, all(fps))
	}
	p.owners = func(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
		return p.Store.Owners(ctx, all(fps))
	}
}

func brokenClaims() []broken {
	answers, exact, many := "Deduper: Claim answers with the batch that has each fingerprint",
		"Deduper: fingerprints that differ in one bit are different", "Deduper: many fingerprints are known as well as few"
	return []broken{
		{"claims nothing", answers, "Claim of some that a batch has: answer 0", func(p *patched) {
			p.claim = func(_ context.Context, _ string, fps []store.Fingerprint) ([]string, error) {
				return make([]string, len(fps)), nil
			}
		}},
		{"answers in another order", answers, "Claim out of order: answer", func(p *patched) {
			p.editClaims(func(_ string, answers []string) { slices.Sort(answers); slices.Reverse(answers) })
		}},
		{"answers for the known only", answers, "answers to 100 fingerprints", func(p *patched) {
			p.claim = func(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
				answers, err := p.Store.Claim(ctx, id, fps)
				return slices.DeleteFunc(answers, func(id string) bool { return id == "" }), err
			}
		}},
		{"compares a part of each fingerprint", exact, "Owners of fingerprints that differ in one bit", func(p *patched) {
			p.coarse(func(f *store.Fingerprint) { f[15] = 0 })
		}},
		{"loses one bit", exact, "Claim of new fingerprints: answer 0", func(p *patched) {
			p.coarse(func(f *store.Fingerprint) { f[0] &= 0x7f })
		}},
		{"loses what does not fit", many, "Claim of what two batches have: answer", func(p *patched) {
			claimed := map[string]int{}
			p.claim = func(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
				if claimed[id] += len(fps); claimed[id] > 90_000 && len(claimed) < 3 {
					return make([]string, len(fps)), nil
				}
				return p.Store.Claim(ctx, id, fps)
			}
		}},
	}
}

func brokenAnswersOfClaims() []broken {
	repeats, keeps := "Deduper: a repeat has the id of its own batch", "Deduper: Claim does not change or keep the fingerprints"
	return []broken{
		{"gives a fingerprint twice", repeats, "Claim of repeats: answer 2 of 6", func(p *patched) {
			p.editClaims(func(id string, answers []string) {
				for i := range answers {
					if answers[i] == id {
						answers[i] = ""
					}
				}
			})
		}},
		{"takes what a call before claimed for new", repeats, "Claim of what the batch has: answer 1", func(p *patched) {
			p.claim = func(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
				answers, err := p.Store.Claim(ctx, id, fps)
				seen := map[store.Fingerprint]bool{}
				for i, f := range fps {
					if answers[i] == id && !seen[f] {
						answers[i] = ""
					}
					seen[f] = true
				}
				return answers, err
			}
		}},
		{"sorts the fingerprints of the caller", keeps, "Claim changed the fingerprints", func(p *patched) {
			p.claim = func(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
				slices.SortFunc(fps, func(a, b store.Fingerprint) int { return slices.Compare(a[:], b[:]) })
				return p.Store.Claim(ctx, id, fps)
			}
		}},
		{"keeps the fingerprints of the caller", keeps, "Owners after the caller has written over", func(p *patched) {
			var late func() error
			p.claim = func(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
				late = func() error { _, err := p.Store.Claim(ctx, id, fps); return err }
				return make([]string, len(fps)), nil
			}
			p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
				commit := w.commit
				w.commit = func(ctx context.Context, b store.Batch, pending metrics.Contribution) (store.Batch, error) {
					if err := late(); err != nil {
						return b, err
					}
					return commit(ctx, b, pending)
				}
				return nil
			}
		}},
		{"keeps its answer", keeps, "Owners after the caller has written over an answer", func(p *patched) {
			var kept []string
			p.owners = func(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
				var err error
				if kept == nil {
					kept, err = p.Store.Owners(ctx, fps)
				}
				return kept, err
			}
		}},
	}
}

func brokenOwners() []broken {
	owners, unfinished, needs := "Deduper: Owners returns visible batches and changes nothing",
		"Deduper: a fingerprint of an open Writer is ErrClaimed", "Deduper: Claim needs an open Writer"
	return []broken{
		{"has Owners that see unfinished batches", owners, "Owners concurrent with an open Writer: answer 10", func(p *patched) {
			claimer := newClaimer(p)
			p.owners = func(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
				owners, err := p.Store.Owners(ctx, fps)
				for i, f := range fps {
					if owners[i] == "" {
						owners[i] = claimer.who[f]
					}
				}
				return owners, err
			}
		}},
		{"has Owners that claim", owners, "Claim after Owners: answer 20", func(p *patched) {
			claimer := newClaimer(p)
			p.owners = func(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
				owners, err := p.Store.Owners(ctx, fps)
				_, _ = p.Store.Claim(ctx, claimer.last, fps)
				return owners, err
			}
		}},
		{"answers with an unfinished batch", unfinished, "Claim of what an unfinished Writer has: got error <nil>", func(p *patched) {
			p.claim = func(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
				answers, err := p.Store.Claim(ctx, id, fps)
				return answers, ignore(store.ErrClaimed, err)
			}
		}},
		{"takes what an unfinished Writer has", unfinished, "Claim of what an unfinished Writer has: got error <nil>", func(p *patched) {
			claimer := newClaimer(p)
			p.claim = func(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
				answers, err := claimer.claim(ctx, id, fps)
				if errors.Is(err, store.ErrClaimed) {
					return make([]string, len(fps)), nil
				}
				return answers, err
			}
		}},
		{"ends a Writer that is refused", "Deduper: a Writer can be used after ErrClaimed", "Claim after ErrClaimed: store: batch not found", func(p *patched) {
			ended := map[string]bool{}
			p.claim = func(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
				if ended[id] {
					return nil, store.ErrNotFound
				}
				answers, err := p.Store.Claim(ctx, id, fps)
				ended[id] = errors.Is(err, store.ErrClaimed)
				return answers, err
			}
		}},
		{"claims for any batch", needs, "that is committed: got error <nil>", func(p *patched) {
			p.claim = func(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
				answers, err := p.Store.Claim(ctx, id, fps)
				return answers, ignore(store.ErrNotFound, err)
			}
		}},
		{"looks without a context", "a method whose context has ended fails and does nothing", "Owners with a context that has ended", func(p *patched) {
			p.owners = func(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
				return p.Store.Owners(context.WithoutCancel(ctx), fps)
			}
		}},
	}
}

// claimer notes what Claim is called with.
type claimer struct {
	st   store.Deduper
	mu   sync.Mutex
	who  map[store.Fingerprint]string
	last string
}

func newClaimer(p *patched) *claimer {
	c := &claimer{st: p.Store, who: map[store.Fingerprint]string{}}
	p.claim = c.claim
	return c
}

func (c *claimer) claim(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answers, err := c.st.Claim(ctx, id, fps)
	for i, f := range fps {
		if err == nil && answers[i] == "" {
			c.who[f] = id
		}
	}
	c.last = id
	return answers, err
}

// remember makes Claim and Owners answer with what a batch had, though it is
// gone, if that is so.
func (c *claimer) remember(p *patched, still func(id string) bool) {
	fill := func(fps []store.Fingerprint, answers []string) {
		for i, f := range fps {
			if owner := c.who[f]; answers[i] == "" && owner != "" && still(owner) {
				answers[i] = owner
			}
		}
	}
	p.claim = func(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
		answers, err := c.st.Claim(ctx, id, fps)
		if err != nil {
			return nil, err
		}
		fill(fps, answers)
		for i, f := range fps {
			if answers[i] == "" {
				c.who[f] = id
			}
		}
		return answers, nil
	}
	p.owners = func(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
		answers, err := c.st.Owners(ctx, fps)
		fill(fps, answers)
		return answers, err
	}
}

func brokenEnds() []broken {
	ends := "Deduper: claims end with their batch"
	return []broken{
		{"keeps the claims of an aborted batch", ends, "after Abort: answer 10", func(p *patched) {
			aborted := map[string]bool{}
			newClaimer(p).remember(p, func(id string) bool { return aborted[id] })
			p.writer = func(_ context.Context, id string, w *patchedWriter) error {
				abort := w.abort
				w.abort = func(ctx context.Context) error {
					aborted[id] = true
					return abort(ctx)
				}
				return nil
			}
		}},
		{"keeps the claims of a deleted batch", ends, "after DeleteBatch: answer 10", func(p *patched) {
			deleted := map[string]bool{}
			newClaimer(p).remember(p, func(id string) bool { return deleted[id] })
			p.deleteBatch = func(ctx context.Context, id string) error {
				deleted[id] = true
				return p.Store.DeleteBatch(ctx, id)
			}
		}},
		{"keeps the claims of a pruned batch", ends, "after Prune of the ", func(p *patched) {
			c := newClaimer(p)
			pruned := map[string]bool{}
			c.remember(p, func(id string) bool { return pruned[id] })
			p.prune = func(ctx context.Context, q store.PruneQuery) (store.Pruned, error) {
				for _, id := range c.who {
					if b, err := p.Store.Batch(ctx, id); err != nil || b.Status == store.Uploaded {
						pruned[id] = true
					}
				}
				return p.Store.Prune(ctx, q)
			}
		}},
		{"frees the claims of a purged batch", "Deduper: PurgeEvents keeps claims", "Owners after PurgeEvents: answer 0", func(p *patched) {
			p.owners = func(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
				owners, err := p.Store.Owners(ctx, fps)
				for i, id := range owners {
					if b, _ := p.Store.Batch(ctx, id); b.EventsPurged {
						owners[i] = ""
					}
				}
				return owners, err
			}
		}},
		{"confuses claims once a batch was deleted", "Deduper: claims are like those in a map", "after 10 random steps", func(p *patched) {
			deleted := false
			p.deleteBatch = func(ctx context.Context, id string) error {
				deleted = true
				return p.Store.DeleteBatch(ctx, id)
			}
			p.owners = func(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
				owners, err := p.Store.Owners(ctx, fps)
				if i := slices.IndexFunc(owners, func(id string) bool { return id != "" }); i >= 0 && deleted {
					owners[i] = ""
				}
				return owners, err
			}
		}},
		{"loses claims with the process", "Deduper: claims survive the process", "Owners after the process was lost: answer 0", func(p *patched) {
			p.reopen = func() store.Store {
				p.owners = func(_ context.Context, fps []store.Fingerprint) ([]string, error) {
					return make([]string, len(fps)), nil
				}
				return p
			}
		}},
	}
}

func brokenClaimsBesides() []broken {
	return []broken{
		{"gives a fingerprint to two", "Deduper: one of several Writers gets a fingerprint", "a fingerprint was given to", func(p *patched) {
			p.claim = func(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
				_, err := p.Store.Claim(ctx, id, fps)
				return make([]string, len(fps)), ignore(store.ErrClaimed, err)
			}
		}},
		{"refuses a Claim while events are written", "Deduper: Claim may run concurrently with the Writer", "the writer is busy", func(p *patched) {
			p.claim = func(context.Context, string, []store.Fingerprint) ([]string, error) {
				return nil, errors.New("the writer is busy")
			}
		}},
		{"takes the claims of a Writer that makes no call", "Deduper: a silent Writer keeps its claims", "Claim of what a silent Writer has: got error <nil>", func(p *patched) {
			var refused time.Time
			p.claim = func(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
				answers, err := p.Store.Claim(ctx, id, fps)
				if errors.Is(err, store.ErrClaimed) && refused.IsZero() {
					refused = time.Now()
				}
				if errors.Is(err, store.ErrClaimed) && time.Since(refused) > claimTimeout {
					return make([]string, len(fps)), nil
				}
				return answers, err
			}
		}},
		{"keeps the claims of a lost process", "Deduper: claims of a lost process end", "had, after 8 times ClaimTimeout: memstore: claim for", func(p *patched) {
			p.keepsLost = true
		}},
		{"loses events that are written concurrent with a Claim", "Deduper: Claim may run concurrently with the Writer", "Commit: got ", func(p *patched) {
			p.writer = func(_ context.Context, _ string, w *patchedWriter) error {
				write, skipped := w.write, false
				w.write = func(ctx context.Context, events []metrics.Event) error {
					if !skipped && len(events) > 0 {
						skipped = true
						return nil
					}
					return write(ctx, events)
				}
				return nil
			}
		}},
	}
}
