package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// ErrErasing means that an erasure has removed events of a batch, and is about to
// correct the ledger.
var ErrErasing = errors.New("eventmetrics: batch is being erased from")

// ErasingAttachment returns the name of an attachment that has content from
// before an erasure removes events until ReplaceEntry has corrected the ledger.
// Meanwhile the ledger may differ from the events, which is no drift.
func ErasingAttachment(erasure string) string { return "erasing " + erasure }

// cutOff is the age at which an erasure is taken for one whose process was lost.
const cutOff = time.Hour

// examined is what the ledger has of a batch and what its events sum to, both of
// one moment: neither an erasure nor a correction came between.
type examined struct {
	have, want metrics.Contribution
	recorded   bool   // the ledger has a contribution
	erasure    string // the Batch.Erasure of want
	erasing    bool   // see ErasingAttachment
	comparison
}

// examine compares the contribution of a batch with its events. If dimensions is
// empty, the events are summed as SumsOf says. Errors: those of Recount.
func (l *Ledger) examine(ctx context.Context, ledger store.Auditor, id string, dimensions []string) (*examined, error) {
	for {
		x, err := l.examineOnce(ctx, ledger, id, dimensions)
		if x != nil || err != nil {
			return x, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// examineOnce returns nil if the batch has changed meanwhile.
func (l *Ledger) examineOnce(ctx context.Context, ledger store.Auditor, id string, dimensions []string) (*examined, error) {
	var x examined
	var err error
	if x.have, x.recorded, err = contributionOf(ctx, ledger, id); err != nil {
		return nil, err
	}
	sums := l.sumsLike(x.have)
	if len(dimensions) > 0 {
		sums.Dimensions = dimensions
	}
	x.want, x.erasure, err = l.recount(ctx, id, &sums)
	if err == nil && len(dimensions) > 0 && len(x.want.Dimensions()) == 0 && len(x.have.Dimensions()) > 0 {
		// All events were erased. What counts of them keeps its dimensions.
		sums = l.sumsLike(x.have)
		x.want, x.erasure, err = l.recount(ctx, id, &sums)
	}
	if err != nil {
		return nil, err
	}
	x.comparison = compare(id, &x)
	if x.drift == nil {
		return &x, nil
	}
	// The marker is removed after the ledger has been corrected, so it must be
	// read before the ledger is read again.
	if x.erasing, err = l.isErasing(ctx, id, x.erasure); err != nil {
		return nil, err
	}
	again, recorded, err := contributionOf(ctx, ledger, id)
	if err != nil {
		return nil, err
	}
	b, err := l.store.Batch(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("eventmetrics: read batch %s: %w", id, err)
	}
	if b.Erasure != x.erasure || b.EventsPurged || recorded != x.recorded || !equal(again, x.have) {
		return nil, nil //nolint:nilnil // try again
	}
	return &x, nil
}

// contributionOf returns the contribution of a batch in the ledger, if there is
// one.
func contributionOf(ctx context.Context, ledger store.Auditor, id string) (metrics.Contribution, bool, error) {
	c, err := ledger.Contribution(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("eventmetrics: read contribution of batch %s: %w", id, err)
	}
	return c, true, nil
}

// isErasing reports whether an erasure has removed events and not corrected the
// ledger.
func (l *Ledger) isErasing(ctx context.Context, id, erasure string) (bool, error) {
	if erasure == "" {
		return false, nil
	}
	for _, err := range l.store.Attachment(ctx, id, ErasingAttachment(erasure)) {
		if errors.Is(err, store.ErrChanged) { // removed: it has
			return false, nil
		}
		return err == nil, err
	}
	return false, nil
}

// endErasing removes the note of an erasure of which the ledger was corrected.
func (l *Ledger) endErasing(ctx context.Context, id, erasure string) error {
	noted, err := l.isErasing(ctx, id, erasure)
	if err != nil || !noted {
		return err
	}
	retainer, ok := store.As[store.Retainer](l.store)
	if !ok {
		return nil
	}
	return retainer.ReplaceAttachment(ctx, id, ErasingAttachment(erasure), func(func([]byte, error) bool) {})
}

// erasedLately reports whether an erasure has begun less than cutOff ago.
func (l *Ledger) erasedLately(erasure string) bool {
	began, ok := store.IDTime(erasure)
	return ok && l.now().Sub(began) < cutOff
}

// DriftOf compares the contribution of a batch with its events; nil means that
// they agree. Errors: those of Recount; ErrErasing.
func (l *Ledger) DriftOf(ctx context.Context, ledger store.Auditor, b *store.Batch) (*Drift, error) {
	x, err := l.examine(ctx, ledger, b.ID, nil)
	if err != nil {
		return nil, err
	}
	if x.drift != nil && x.erasing {
		return nil, fmt.Errorf("batch %s: %w", b.ID, ErrErasing)
	}
	return x.drift, nil
}

// ReplaceEntry replaces the contribution of a batch by its sum as of an erasure.
// If another erasure happens meanwhile, or the ledger has the batch broken down
// by other dimensions, it recounts. It does nothing for a batch without a
// contribution. Then it removes the note of the erasure. It is safe to repeat.
// Errors: store.ErrNotFound; those of Recount, but no store.ErrEventsPurged.
func (l *Ledger) ReplaceEntry(ctx context.Context, ledger store.Auditor, id string, sum metrics.Contribution, erasure string) error {
	for {
		have, recorded, err := contributionOf(ctx, ledger, id)
		if err != nil {
			return err
		}
		x := examined{have: have, want: sum, recorded: recorded}
		if recorded && len(have.Dimensions()) > 0 && !sameDimensions(have, sum) {
			sums := l.sumsLike(have)
			x.want, erasure, err = l.recount(ctx, id, &sums)
		}
		if err == nil && recorded && compare(id, &x).differs() {
			err = ledger.Amend(ctx, id, x.want)
		}
		if err != nil {
			return ignorePurged(fmt.Errorf("eventmetrics: amend batch %s: %w", id, err))
		}
		b, err := l.store.Batch(ctx, id)
		if err != nil {
			return err
		}
		if b.Erasure == erasure {
			return l.endErasing(ctx, id, erasure)
		}
		if sum, erasure, err = l.Recount(ctx, id); err != nil {
			return ignorePurged(err)
		}
	}
}

// ignorePurged returns nil for events that were purged, which happens after they
// were compared with the ledger.
func ignorePurged(err error) error {
	if errors.Is(err, store.ErrEventsPurged) {
		return nil
	}
	return err
}
