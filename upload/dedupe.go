package upload

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// Dedupe says which rows of a file are duplicates of a row of another batch or
// of an earlier row of the file. Duplicates are counted and skipped.
type Dedupe string

const (
	// DedupeNone skips no row.
	DedupeNone Dedupe = ""
	// DedupeEventID accepts each event id once, whatever the rest of the row.
	// The file must have the column Schema.EventID; a row without a value there
	// is rejected.
	DedupeEventID Dedupe = "event_id"
	// DedupeOccurrence accepts the k-th of several equal rows of a file if no
	// other batch has a k-th such row. So rows that are sent again, in any file,
	// add nothing, and repeated rows count as often as in the file that repeats
	// them most. Rows are equal if type, time, event id and all other values
	// are equal. The order of columns and the format of timestamps do not
	// matter, and an empty value equals a missing one.
	DedupeOccurrence Dedupe = "occurrence"
)

const (
	// gatherRows is the number of rows whose fingerprints are claimed together.
	gatherRows = 64 << 10
	// gatherBytes and gatherFields bound the memory of such rows: fewer are
	// claimed together if they are long or have many columns.
	gatherBytes  = 8 << 20
	gatherFields = 8 * gatherRows
)

// claims knows which rows are taken.
type claims struct {
	// claim returns the batches that have the fingerprints, "" for those that
	// no other batch has.
	claim func(ctx context.Context, fps []store.Fingerprint) ([]string, error)
	// own is what claim returns for a fingerprint that it was called with before,
	// and that no batch had then.
	own string
}

// dedupeFilter skips duplicates.
type dedupeFilter struct {
	hasher  rowHasher // of the goroutine that reads
	repeats rowHasher // of the one that stores
	claims  claims
	// seen counts the occurrences of the rows that are known or repeat. It is nil
	// unless they count: with DedupeOccurrence.
	seen    *seenTable
	sum     *metrics.Aggregator // of the events that are no duplicates
	dropped int64

	again []int               // the places of rows whose next occurrence is to be claimed
	next  []store.Fingerprint // of those occurrences
}

// newDedupeFilter returns the filter for a Dedupe, nil for DedupeNone.
func (u *Uploader) newDedupeFilter(d Dedupe, c claims) (*dedupeFilter, error) {
	f := &dedupeFilter{hasher: rowHasher{mode: d}, claims: c, sum: metrics.NewAggregator(&u.opts.Sums)}
	switch d {
	case DedupeNone:
		return nil, nil //nolint:nilnil // no filter accepts all rows
	case DedupeEventID:
		return f, nil
	case DedupeOccurrence:
		f.seen = &seenTable{limit: u.opts.MaxDedupeRows}
		return f, nil
	}
	return nil, fmt.Errorf("eventmetrics: unknown Dedupe %.40q", string(d))
}

// fingerprint adds the fingerprints of the last n rows of a chunk.
func (f *dedupeFilter) fingerprint(c *chunk, n int) {
	for i := c.n - n; i < c.n; i++ {
		c.fingerprints = append(c.fingerprints, f.hasher.fingerprint(&c.events[i]))
		c.fields += len(c.events[i].Fields)
	}
}

// dropDuplicates removes the duplicates from a chunk. Errors: ErrInFlight,
// *DedupeLimitError.
func (f *dedupeFilter) dropDuplicates(ctx context.Context, c *chunk) error {
	owners, err := f.claim(ctx, c.fingerprints)
	if err != nil {
		return err
	}
	if f.seen != nil {
		if err := f.claimRepeats(ctx, c.fingerprints, owners); err != nil {
			return err
		}
	}
	kept := 0
	for i := range c.events[:c.n] {
		if owners[i] != "" {
			continue
		}
		if err := f.sum.Add(&c.events[i]); err != nil {
			return fmt.Errorf("eventmetrics: sum row %d: %w", c.events[i].Row, err)
		}
		if kept != i {
			c.events[kept], c.events[i] = c.events[i], c.events[kept] // each has the memory of its Fields
		}
		kept++
	}
	f.dropped += int64(c.n - kept)
	c.n = kept
	return nil
}

// claim claims fingerprints. Errors: ErrInFlight.
func (f *dedupeFilter) claim(ctx context.Context, fps []store.Fingerprint) ([]string, error) {
	owners, err := f.claims.claim(ctx, fps)
	if errors.Is(err, store.ErrClaimed) {
		return nil, ErrInFlight
	}
	if err != nil {
		return nil, fmt.Errorf("eventmetrics: claim rows: %w", err)
	}
	return owners, nil
}

// claimRepeats claims further occurrences of rows whose first one is taken, and
// sets their owners. A row that no batch had, and that does not repeat, is not
// remembered here: the store knows it when it comes again. Errors: ErrInFlight,
// *DedupeLimitError.
func (f *dedupeFilter) claimRepeats(ctx context.Context, fps []store.Fingerprint, owners []string) error {
	f.again, f.next = f.again[:0], f.next[:0]
	for i, owner := range owners {
		if owner == "" {
			continue
		}
		k, err := f.seen.add(fps[i])
		if err == nil && k == 1 && owner == f.claims.own { // the first one was accepted
			k, err = f.seen.add(fps[i])
		}
		if err != nil {
			return err
		}
		if k > 1 {
			f.again, f.next = append(f.again, i), append(f.next, f.repeats.occurrence(fps[i], k))
		}
	}
	if len(f.again) == 0 {
		return nil
	}
	had, err := f.claim(ctx, f.next)
	for n := range had {
		owners[f.again[n]] = had[n]
	}
	return err
}

// schema returns a schema with the columns that the Dedupe needs.
func (d Dedupe) schema(schema ingest.Schema) ingest.Schema {
	if d == DedupeEventID {
		schema.Required = append(slices.Clone(schema.Required), schema.EventID)
	}
	return schema
}
