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
type occurrences struct {
	limit  int // of distinct fingerprints
	used   int
	prints []store.Fingerprint
	counts []uint32 // 0 for an empty slot; no file has so many rows that one wraps
}

// add counts a fingerprint and returns how often it has occurred. Errors:
// *DedupeLimitError.
func (o *occurrences) add(print store.Fingerprint) (uint32, error) {
	at := o.slot(print)
	if at >= 0 && o.counts[at] > 0 {
		o.counts[at]++
		return o.counts[at], nil
	}
	if o.used >= o.limit {
		return 0, &DedupeLimitError{o.limit}
	}
	if 5*(o.used+1) > 4*len(o.counts) {
		o.grow()
		at = o.slot(print)
	}
	o.used++
	o.prints[at], o.counts[at] = print, 1
	return 1, nil
}

// slot returns the slot of a fingerprint, or the empty one that it belongs in;
// -1 if there is none at all.
func (o *occurrences) slot(print store.Fingerprint) int {
	if len(o.counts) == 0 {
		return -1
	}
	place, _ := bits.Mul64(binary.LittleEndian.Uint64(print[:8]), uint64(len(o.counts)))
	at := int(place)
	for o.counts[at] > 0 && o.prints[at] != print {
		if at++; at == len(o.counts) {
			at = 0
		}
	}
	return at
}

// grow doubles the table, but not beyond what the limit needs.
func (o *occurrences) grow() {
	prints, counts := o.prints, o.counts
	size := min(max(2*len(counts), 1024), o.limit/4*5+8)
	o.prints, o.counts = make([]store.Fingerprint, size), make([]uint32, size)
	for i, n := range counts {
		if n > 0 {
			at := o.slot(prints[i])
			o.prints[at], o.counts[at] = prints[i], n
		}
	}
}
