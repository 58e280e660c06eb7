package mongostore

import (
	"context"
	"fmt"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// insertEvents inserts the documents of events. Where a file has an event id
// twice, the later one is stored as id%row.
func (s *Store) insertEvents(ctx context.Context, batch string, docs []bson.Raw) error {
	for len(docs) > 0 {
		refused, err := s.run.InsertAll(ctx, s.events, docs)
		if err != nil {
			return fmt.Errorf("insert events: %w", err)
		}
		w := eventEncoder{batch: batch}
		again := make([]bson.Raw, 0, len(refused))
		var fields []metrics.Field
		for _, place := range refused {
			e, err := decodeEvent(docs[place], fields[:0])
			if err != nil {
				return err
			}
			fields = e.Fields
			taken := docs[place].Lookup("event_id").StringValue()
			again = append(again, w.append(nil, &e, taken+"%"+strconv.FormatInt(e.Row, 10)))
		}
		docs = again
	}
	return nil
}
