package storetest_test

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

func brokenOptionals() []broken {
	return slices.Concat(brokenContributions(), brokenAmends(), brokenArchives(), brokenReplacements(), brokenErasures(), brokenNames(), brokenCharacters(), brokenOthers())
}

func brokenContributions() []broken {
	returns, replaces := "Auditor: Contribution returns what was recorded", "Auditor: Amend replaces a contribution"
	return []broken{
		{"returns a contribution without slots", returns, "want Slots true", func(p *patched) {
			p.contribution = func(ctx context.Context, id string) (metrics.Contribution, error) {
				c, err := p.Store.Contribution(ctx, id)
				for i := range c {
					c[i].Slots = nil
				}
				return c, err
			}
		}},
		{"returns the contribution that it keeps", returns, "written over an earlier answer", func(p *patched) {
			kept := map[string]metrics.Contribution{}
			p.contribution = func(ctx context.Context, id string) (metrics.Contribution, error) {
				var err error
				if kept[id] == nil {
					kept[id], err = p.Store.Contribution(ctx, id)
				}
				return kept[id], err
			}
		}},
		{"adds to a contribution", replaces, "DayCounts after Amend", func(p *patched) {
			p.amend = func(ctx context.Context, id string, c metrics.Contribution) error {
				before, err := p.Store.Contribution(ctx, id)
				return errors.Join(err, p.Store.Amend(ctx, id, metrics.Merge(before, c)))
			}
		}},
		{"amends the daily metrics and not the ledger", replaces, "Contribution after Amend", func(p *patched) {
			kept := map[string]metrics.Contribution{}
			p.record = func(ctx context.Context, id string, c metrics.Contribution) error {
				kept[id] = metrics.Merge(c)
				return p.Store.Record(ctx, id, c)
			}
			p.contribution = func(_ context.Context, id string) (metrics.Contribution, error) { return metrics.Merge(kept[id]), nil }
		}},
	}
}

func brokenAmends() []broken {
	unknown, keeps := "Auditor: no contribution is ErrNotFound", "Auditor: Amend does not change or keep the contribution"
	return []broken{
		{"has an empty contribution where none is", unknown, "not recorded: got error <nil>", func(p *patched) {
			p.contribution = func(ctx context.Context, id string) (metrics.Contribution, error) {
				c, err := p.Store.Contribution(ctx, id)
				return c, ignore(store.ErrNotFound, err)
			}
		}},
		{"records what it cannot amend", unknown, "Amend of a batch that is not recorded: got error <nil>", func(p *patched) {
			p.amend = func(ctx context.Context, id string, c metrics.Contribution) error {
				return errors.Join(p.Store.Record(ctx, id, c), p.Store.Amend(ctx, id, c))
			}
		}},
		{"keeps the amendment itself", keeps, "written over what it amended", func(p *patched) {
			var kept metrics.Contribution
			p.amend = func(_ context.Context, _ string, c metrics.Contribution) error {
				kept = c
				return nil
			}
			p.dayCounts = func(context.Context, metrics.Filter) iter.Seq2[metrics.DayCount, error] {
				return yieldAll[metrics.DayCount](metrics.Merge(kept))
			}
		}},
		{"changes the amendment", keeps, "Amend changed the contribution", func(p *patched) {
			p.amend = func(ctx context.Context, id string, c metrics.Contribution) error {
				err := p.Store.Amend(ctx, id, c)
				c[0].Count = 0
				return err
			}
		}},
		{"amends a batch that is deleted meanwhile", "Auditor: nothing remains when DeleteBatch races Amend", "concurrent with Amend", func(p *patched) {
			g := haunt(p)
			p.amend = func(ctx context.Context, id string, c metrics.Contribution) error {
				if p.deletedSoon(ctx, id) {
					g.add(id, c)
					return nil
				}
				return p.Store.Amend(ctx, id, c)
			}
		}},
	}
}

func brokenOthers() []broken {
	explain, purge, conflict := "Explainer: Explain returns the share of each batch",
		"Retainer: PurgeEvents removes the events and keeps the rest", "Retainer: only a completed batch is purged"
	return []broken{
		{"explains the newest batch first", explain, "comes after", func(p *patched) {
			editShares(p, func(all []store.Share) []store.Share {
				slices.Reverse(all)
				return all
			})
		}},
		{"explains with batches that have no share", explain, "want map[", func(p *patched) {
			editShares(p, func(all []store.Share) []store.Share { return append(all, store.Share{BatchID: "z"}) })
		}},
		{"explains without quarter hours", explain, "other slots", func(p *patched) {
			editShares(p, func(all []store.Share) []store.Share {
				for i := range all {
					all[i].Slots = nil
				}
				return all
			})
		}},
		{"explains the greatest shares only", explain, "want map[", func(p *patched) {
			editShares(p, func(all []store.Share) []store.Share { return all[:min(3, len(all))] })
		}},
		{"keeps the events of a purged batch", purge, "Events after PurgeEvents", func(p *patched) {
			p.events = func(ctx context.Context, id string) iter.Seq2[metrics.Event, error] {
				if b, _ := p.Store.Batch(ctx, id); b.EventsPurged {
					return func(func(metrics.Event, error) bool) {}
				}
				return p.Store.Events(ctx, id)
			}
		}},
		{"purges the contribution away", purge, "DayCounts after PurgeEvents", func(p *patched) {
			p.purge = func(ctx context.Context, id string) error {
				return errors.Join(p.Store.PurgeEvents(ctx, id), p.Store.Amend(ctx, id, nil))
			}
		}},
		{"loses how many events it purged", purge, "AcceptedRows: want 10, got 0", func(p *patched) {
			p.editBatch(func(b *store.Batch) {
				if b.EventsPurged {
					b.AcceptedRows = 0
				}
			})
		}},
		{"cannot purge twice", purge, "PurgeEvents: ", func(p *patched) {
			p.purge = func(ctx context.Context, id string) error {
				if b, _ := p.Store.Batch(ctx, id); b.EventsPurged {
					return store.ErrEventsPurged
				}
				return p.Store.PurgeEvents(ctx, id)
			}
		}},
		{"purges a failed batch", conflict, "PurgeEvents of a batch that is failed: got error <nil>", func(p *patched) {
			p.purge = func(ctx context.Context, id string) error {
				if b, _ := p.Store.Batch(ctx, id); b.Status == store.Failed {
					return nil
				}
				return p.Store.PurgeEvents(ctx, id)
			}
		}},
		{"does not answer a ping", "Ping answers", "connection refused", func(p *patched) {
			p.ping = func(context.Context) error { return errors.New("connection refused") }
		}},
		{"answers a ping without asking", "Ping answers", "Ping with a cancelled context", func(p *patched) {
			p.ping = func(context.Context) error { return nil }
		}},
	}
}

func editShares(p *patched, edit func([]store.Share) []store.Share) {
	p.explain = func(ctx context.Context, day metrics.Day, eventType string) iter.Seq2[store.Share, error] {
		return edited(p.Store.Explain(ctx, day, eventType), func(s store.Share) store.Share { return s }, edit)
	}
}
