// Package checksum computes the checksums that documents carry. They find damage,
// not forgery.
package checksum

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/metrics"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Of returns the checksum of documents, which must marshal the same each time:
// see [Sorted] for maps. It is never 0, which stands for no checksum.
func Of(docs ...any) int64 {
	var parts [][]byte
	for _, doc := range docs {
		b, err := bson.Marshal(doc)
		if err != nil { // the same document cannot be stored either
			b = []byte(err.Error())
		}
		parts = append(parts, b)
	}
	return Bytes(parts...)
}

// Bytes returns the checksum of byte strings and their lengths. It is never 0.
func Bytes(parts ...[]byte) int64 {
	var sum uint32
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, binary.LittleEndian.AppendUint64(nil, uint64(len(p))))
		sum = crc32.Update(sum, castagnoli, p)
	}
	return max(int64(sum), 1)
}

// Sorted returns the members of a map, ascending by name.
func Sorted[V any](m map[string]V) bson.D {
	d := bson.D{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		d = append(d, bson.E{Key: name, Value: m[name]})
	}
	return d
}

// Check compares the checksum that a document carries with the one that it should
// have. A document without one was written by an earlier release. The format and
// args name the document. Errors: metrics.ErrCorrupt.
func Check(carried, want int64, format string, args ...any) error {
	if carried != 0 && carried != want {
		return Corrupt(format+" is not what was written", args...)
	}
	return nil
}

// Corrupt returns an error that is metrics.ErrCorrupt.
func Corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{metrics.ErrCorrupt}, args...)...)
}
