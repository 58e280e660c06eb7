package upload

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/eventmetrics/eventmetrics/store"
)

// DedupeLimitError means that a file has more distinct rows than can be told
// apart. Nothing was stored.
type DedupeLimitError struct {
	// Limit is Options.MaxDedupeRows.
	Limit int
}

// Error says what to do about it.
func (e *DedupeLimitError) Error() string {
	return fmt.Sprintf("eventmetrics: more than %d distinct rows, which is too many to find repeated ones among; "+
		"split the file, and keep equal rows together", e.Limit)
}

// occurrences counts how often each fingerprint occurred: an open-addressing
// table of 20 bytes a slot, with 4 of 5 slots in use at most. Without a limit it
// takes none.
type seenTable struct {
	limit        int // of distinct fingerprints
	used         int
	fingerprints []store.Fingerprint
	counts       []uint32 // 0 for an empty slot; no file has so many rows that one wraps
}

// add counts a fingerprint and returns how often it has occurred. Errors:
// *DedupeLimitError.
func (t *seenTable) add(print store.Fingerprint) (uint32, error) {
	at := t.slot(print)
	if at >= 0 && t.counts[at] > 0 {
		t.counts[at]++
		return t.counts[at], nil
	}
	if t.used >= t.limit {
		return 0, &DedupeLimitError{t.limit}
	}
	if 5*(t.used+1) > 4*len(t.counts) {
		t.grow()
		at = t.slot(print)
	}
	t.used++
	t.fingerprints[at], t.counts[at] = print, 1
	return 1, nil
}

// slot returns the slot of a fingerprint, or the empty one that it belongs in;
// -1 if there is none at all.
func (t *seenTable) slot(print store.Fingerprint) int {
	if len(t.counts) == 0 {
		return -1
	}
	place, _ := bits.Mul64(binary.LittleEndian.Uint64(print[:8]), uint64(len(t.counts)))
	at := int(place)
	for t.counts[at] > 0 && t.fingerprints[at] != print {
		if at++; at == len(t.counts) {
			at = 0
		}
	}
	return at
}

// grow doubles the table, but not beyond what the limit needs.
func (t *seenTable) grow() {
	prints, counts := t.fingerprints, t.counts
	size := min(max(2*len(counts), 1024), t.limit/4*5+8)
	t.fingerprints, t.counts = make([]store.Fingerprint, size), make([]uint32, size)
	for i, n := range counts {
		if n > 0 {
			at := t.slot(prints[i])
			t.fingerprints[at], t.counts[at] = prints[i], n
		}
	}
}
