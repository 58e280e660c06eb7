package upload

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// The tags make fingerprints of different meaning differ. Stores keep the
// results, so neither the tags nor the text that is hashed may change.
const (
	tagEventID    = "i"
	tagRow        = "r"
	tagOccurrence = "o"
	tagFile       = "eventmetrics file 1\n"
)

// minuteBytes is the part of the fingerprint of a row that is its minute. So the
// fingerprints of rows that are near in time are near each other, as they mostly
// are in files, and a store finds all those of a file in a few places.
const minuteBytes = 4

// rowHasher computes the fingerprints of the rows of one file.
type rowHasher struct {
	mode  Dedupe
	text  []byte
	names []string // of the fields of the row before
	order []int    // of those names, sorted
	half  xxhash.Digest
}

// fingerprint returns the fingerprint of an event id, or of the first occurrence
// of a row.
func (h *rowHasher) fingerprint(e *metrics.Event) store.Fingerprint {
	if h.mode == DedupeEventID {
		h.text = append(append(h.text[:0], tagEventID...), e.ID...)
		return h.hash(h.text)
	}
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
	fp := h.hash(b)
	binary.BigEndian.PutUint32(fp[:minuteBytes], uint32(e.Time.Unix()/int64(time.Minute/time.Second)))
	return fp
}

// occurrence returns the fingerprint of the k-th of several equal rows, from that
// of the first.
func (h *rowHasher) occurrence(first store.Fingerprint, k uint32) store.Fingerprint {
	h.text = append(append(h.text[:0], tagOccurrence...), first[:]...)
	fp := h.hash(binary.BigEndian.AppendUint32(h.text, k))
	copy(fp[:minuteBytes], first[:])
	return fp
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

// hash returns a hash of a text: two of 64 bits that differ in their seed. It is
// not one of cryptography: who may send rows may send wrong ones anyway.
func (h *rowHasher) hash(text []byte) (fp store.Fingerprint) {
	h.half.ResetWithSeed(1)
	_, _ = h.half.Write(text) // never fails
	binary.BigEndian.PutUint64(fp[:8], h.half.Sum64())
	binary.BigEndian.PutUint64(fp[8:], xxhash.Sum64(text))
	return fp
}

// fileFingerprint identifies the content of a file together with its schema.
func fileFingerprint(digest, schema string) []store.Fingerprint {
	sum := sha256.Sum256([]byte(tagFile + digest + schema))
	return []store.Fingerprint{store.Fingerprint(sum[:16])}
}
