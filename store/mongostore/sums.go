package mongostore

import (
	"context"
	"encoding/binary"
	"hash/crc32"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
)

// A batch's document has the sum of the checksums of its events. Documents of
// events carry nothing, and an erasure subtracts what it removes.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// eventSummer computes checksums of events. It is not safe for concurrent use.
type eventSummer struct{ buffer []byte }

// of returns the checksum of an event: of what Events yields, not of how it is
// stored.
func (s *eventSummer) of(e *metrics.Event) int64 {
	b := binary.AppendVarint(s.buffer[:0], e.Row)
	b = binary.AppendVarint(b, e.Time.Unix())
	b = binary.AppendVarint(b, int64(e.Time.Nanosecond()))
	b = appendSized(appendSized(b, e.ID), e.Type)
	for i := range e.Fields {
		b = appendSized(appendSized(b, e.Fields[i].Name), e.Fields[i].Value)
	}
	s.buffer = b
	return int64(crc32.Checksum(b, castagnoli))
}

func appendSized(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// sumClaims returns the number of documents of a batch's fingerprints, and the
// sum of the checksums of their keys.
func (s *Store) sumClaims(ctx context.Context, id string) (n, sum int64, err error) {
	opts := options.Find().SetProjection(eq("_id", 1)).SetBatchSize(10_000)
	err = s.run.Do(ctx, func(ctx context.Context) error {
		n, sum = 0, 0
		cursor, err := s.fingerprints.Find(ctx, eq("batch_id", id), opts)
		if err != nil {
			return err
		}
		defer cursor.Close(context.WithoutCancel(ctx)) //nolint:errcheck // cursor.Err has it
		for cursor.Next(ctx) {
			key := cursor.Current.Lookup("_id")
			n, sum = n+1, sum+checksum.Bytes([]byte{byte(key.Type)}, key.Value)
		}
		return cursor.Err()
	})
	return n, sum, err
}
