package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/store"
)

// The numbers of parts of a store that a round inspects: of those with damage,
// and of the next ones.
const (
	roundDamaged = 5
	roundParts   = 20
)

// inspect has the store look for damage: in the parts that were damaged, then in
// the next parts, and continues with the first.
func (l *Ledger) inspect(ctx context.Context, r *Round) error {
	inspector, ok := store.As[store.Inspector](l.store)
	if !ok {
		return nil
	}
	l.audit.mu.Lock()
	known := l.audit.damages.some(roundDamaged)
	l.audit.mu.Unlock()
	for _, place := range known {
		if _, err := l.inspectPart(ctx, inspector, place, r); err != nil {
			return err
		}
	}
	w := &l.audit.parts
	if w.Began.IsZero() {
		l.audit.locked(func() { w.begin(l.now(), "") })
	}
	for range roundParts {
		next, err := l.inspectPart(ctx, inspector, w.at, r)
		if err != nil {
			return err
		}
		l.audit.locked(func() {
			w.at = next
			w.Seen++
			if next == "" {
				w.complete(l.now())
			}
		})
		if next == "" {
			return nil
		}
	}
	return nil
}

// inspectPart inspects the part that begins at a place and returns the next
// place. A part that cannot be inspected is a finding; an unavailable store is an
// error.
func (l *Ledger) inspectPart(ctx context.Context, inspector store.Inspector, place string, r *Round) (next string, _ error) {
	r.Parts++
	in, err := inspector.Inspect(ctx, place)
	if err != nil && !isPermanent(ctx, err) {
		return "", fmt.Errorf("eventmetrics: inspect the store: %w", err)
	}
	if err != nil { // where it would go on is unknown
		in.Damages = append(in.Damages, store.Damage{Part: "part " + place, Err: err.Error()})
	}
	for i := range in.Damages {
		in.Damages[i].Err = clip.Text(in.Damages[i].Err, 500)
	}
	l.audit.locked(func() {
		if len(in.Damages) == 0 {
			l.audit.damages.drop(place)
		} else if l.audit.damages.put(place, in.Damages) {
			for _, d := range in.Damages {
				l.logger.ErrorContext(ctx, "store is damaged", "part", d.Part, "batch", d.BatchID, "err", d.Err)
			}
		}
	})
	return in.Next, nil
}

// damagesLocked returns all damages, without repeats.
func (a *audit) damagesLocked() []store.Damage {
	var all []store.Damage
	for _, place := range slices.Sorted(maps.Keys(a.damages.found)) {
		for _, d := range a.damages.found[place] {
			if len(all) < maxDrifts && !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	return all
}

// sumsDamaged reports whether an audit has found damage that a rebuild repairs.
func (a *audit) sumsDamaged() (damaged bool) {
	a.locked(func() {
		damaged = slices.ContainsFunc(a.damagesLocked(), func(d store.Damage) bool { return d.Part == store.PartSums })
	})
	return damaged
}
