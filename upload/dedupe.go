package upload

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

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

// The tags make fingerprints of different meaning differ. Stores keep the
// results, so the tags must not change.
const (
	tagEventID    = "eventmetrics event id 1\n"
	tagRow        = "eventmetrics row 1\n"
	tagOccurrence = "eventmetrics occurrence 1\n"
	tagFile       = "eventmetrics file 1\n"
)

const (
	// gatherRows is the number of rows whose fingerprints are claimed together.
	gatherRows = 64 << 10
	// gatherBytes and gatherFields bound the memory of such rows: fewer are
	// claimed together if they are long or have many columns.
	gatherBytes  = 8 << 20
	gatherFields = 8 * gatherRows
)

// claim returns the batches that have the fingerprints, "" for those that no
// other batch has.
type claim func(ctx context.Context, fps []store.Fingerprint) ([]string, error)

// dedupeFilter skips duplicates.
type dedupeFilter struct {
	hasher  rowHasher
	claim   claim
	sum     *metrics.Aggregator // of the events that are no duplicates
	dropped int64
}

// newDedupeFilter returns the filter for a Dedupe, nil for DedupeNone.
func (u *Uploader) newDedupeFilter(d Dedupe, claim claim) (*dedupeFilter, error) {
	switch d {
	case DedupeNone:
		return nil, nil //nolint:nilnil // no filter accepts all rows
	case DedupeEventID, DedupeOccurrence:
		return &dedupeFilter{
			hasher: rowHasher{mode: d, seen: seenTable{limit: u.opts.MaxDedupeRows}},
			claim:  claim, sum: metrics.NewAggregator(&u.opts.Sums),
		}, nil
	}
	return nil, fmt.Errorf("eventmetrics: unknown Dedupe %.40q", string(d))
}

// fingerprint adds the fingerprints of the last n rows of a chunk. Errors:
// *DedupeLimitError.
func (f *dedupeFilter) fingerprint(c *chunk, n int) error {
	for i := c.n - n; i < c.n; i++ {
		fp, err := f.hasher.fingerprint(&c.events[i])
		if err != nil {
			return err
		}
		c.fingerprints = append(c.fingerprints, fp)
		c.fields += len(c.events[i].Fields)
	}
	return nil
}

// dropDuplicates removes the duplicates from a chunk. Errors: ErrInFlight.
func (f *dedupeFilter) dropDuplicates(ctx context.Context, c *chunk) error {
	owners, err := f.claim(ctx, c.fingerprints)
	if errors.Is(err, store.ErrClaimed) {
		return ErrInFlight
	}
	if err != nil {
		return fmt.Errorf("eventmetrics: claim rows: %w", err)
	}
	kept := 0
	for i := range c.events[:c.n] {
		if owners[i] != "" {
			continue
		}
		if err := f.sum.Add(&c.events[i]); err != nil {
			return fmt.Errorf("eventmetrics: sum row %d: %w", c.events[i].Row, err)
		}
		c.events[kept], c.events[i] = c.events[i], c.events[kept] // each has the memory of its Fields
		kept++
	}
	f.dropped += int64(c.n - kept)
	c.n = kept
	return nil
}

// schema returns a schema with the columns that the Dedupe needs.
func (d Dedupe) schema(schema ingest.Schema) ingest.Schema {
	if d == DedupeEventID {
		schema.Required = append(slices.Clone(schema.Required), schema.EventID)
	}
	return schema
}

// rowHasher computes the fingerprints of the rows of one file, in their order.
type rowHasher struct {
	mode  Dedupe
	seen  seenTable
	text  []byte
	names []string // of the fields of the row before
	order []int    // of those names, sorted
}

// fingerprint returns the fingerprint of the next row. Errors:
// *DedupeLimitError.
func (h *rowHasher) fingerprint(e *metrics.Event) (store.Fingerprint, error) {
	if h.mode == DedupeEventID {
		h.text = append(append(h.text[:0], tagEventID...), e.ID...)
		return fingerprint(h.text), nil
	}
	row := h.content(e)
	k, err := h.seen.add(row)
	if err != nil {
		return store.Fingerprint{}, err
	}
	h.text = append(append(h.text[:0], tagOccurrence...), row[:]...)
	return fingerprint(binary.BigEndian.AppendUint64(h.text, uint64(k))), nil
}

// content returns the fingerprint of the content of a row.
func (h *rowHasher) content(e *metrics.Event) store.Fingerprint {
	b := append(h.text[:0], tagRow...)
	b = appendText(b, e.Type)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(e.Time.Nanosecond()))
	b = appendText(b, e.ID)
	for _, i := range h.sorted(e.Fields) {
		if f := &e.Fields[i]; f.Value != "" {
			b = appendText(appendText(b, f.Name), f.Value)
		}
	}
	h.text = b
	return fingerprint(b)
}

// sorted returns the indexes of the fields in the order of their names. These
// are nearly always the names of the row before.
func (h *rowHasher) sorted(fields []metrics.Field) []int {
	same := slices.EqualFunc(fields, h.names, func(f metrics.Field, name string) bool { return f.Name == name })
	if same {
		return h.order
	}
	h.names, h.order = h.names[:0], h.order[:0]
	for i := range fields {
		h.names = append(h.names, fields[i].Name)
		h.order = append(h.order, i)
	}
	slices.SortFunc(h.order, func(a, b int) int { return strings.Compare(h.names[a], h.names[b]) })
	return h.order
}

// appendText appends the length and the bytes of a text.
func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func fingerprint(text []byte) store.Fingerprint {
	sum := sha256.Sum256(text)
	return store.Fingerprint(sum[:16])
}
