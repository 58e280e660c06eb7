package upload

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/eventmetrics/eventmetrics/store"
)

// DedupeLimitError means that more distinct rows of a file are known or repeat, or
// in a dry run are new, than Options.MaxDedupeRows. Nothing was stored.
type DedupeLimitError struct {
	// Limit is Options.MaxDedupeRows.
	Limit int
}

// Error names the limit and what to do.
func (e *DedupeLimitError) Error() string {
	return fmt.Sprintf("eventmetrics: more than %d distinct rows that are known or repeat, the limit for counting them; "+
		"split the file and keep equal rows together", e.Limit)
}

// seenTable counts how often each fingerprint occurred. It is a hash table with
// open addressing of 20 bytes a slot, of which at most 4 in 5 are used. A limit
// of 0 admits no fingerprint.
type seenTable struct {
	limit        int // of distinct fingerprints
	used         int
	fingerprints []store.Fingerprint
	counts       []uint32 // 0 for an empty slot; no file has so many rows that one wraps
}

// add counts a fingerprint and returns how often it has occurred. Errors:
// *DedupeLimitError.
func (t *seenTable) add(fp store.Fingerprint) (uint32, error) {
	at := t.slot(fp)
	if at >= 0 && t.counts[at] > 0 {
		t.counts[at]++
		return t.counts[at], nil
	}
	if t.used >= t.limit {
		return 0, &DedupeLimitError{t.limit}
	}
	if 5*(t.used+1) > 4*len(t.counts) {
		t.grow()
		at = t.slot(fp)
	}
	t.used++
	t.fingerprints[at], t.counts[at] = fp, 1
	return 1, nil
}

// slot returns the slot of a fingerprint, or the empty one where it belongs; -1
// if the table is empty.
func (t *seenTable) slot(fp store.Fingerprint) int {
	if len(t.counts) == 0 {
		return -1
	}
	// The first bytes of a row's fingerprint are its minute.
	place, _ := bits.Mul64(binary.LittleEndian.Uint64(fp[8:]), uint64(len(t.counts)))
	at := int(place)
	for t.counts[at] > 0 && t.fingerprints[at] != fp {
		if at++; at == len(t.counts) {
			at = 0
		}
	}
	return at
}

// nextSize is the number of slots after the next growth.
func (t *seenTable) nextSize() int { return min(max(2*len(t.counts), 1024), t.limit/4*5+8) }

// grow doubles the table, up to what the limit needs.
func (t *seenTable) grow() {
	old, counts := t.fingerprints, t.counts
	size := t.nextSize()
	t.fingerprints, t.counts = make([]store.Fingerprint, size), make([]uint32, size)
	for i, n := range counts {
		if n > 0 {
			at := t.slot(old[i])
			t.fingerprints[at], t.counts[at] = old[i], n
		}
	}
}
