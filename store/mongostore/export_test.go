package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// DatabaseOf is databaseOf.
func DatabaseOf(uri string) string { return databaseOf(uri) }

// Settle settles on this goroutine.
func (s *Store) Settle(ctx context.Context) { s.settle(ctx) }

// Unsettled returns the number of batches that the rollup does not have as
// they are.
func (s *Store) Unsettled(ctx context.Context) (int, error) {
	r, err := s.readRollup(ctx)
	if err != nil {
		return 0, err
	}
	ch, err := s.changes(ctx, r)
	if err != nil {
		return 0, err
	}
	return len(r.Plan) + len(ch.plan()), nil
}

// StopSettling ends the settling in the background.
func (s *Store) StopSettling() { s.settler.stop() }

// Document encodes an event of a batch and returns also the names of its
// members.
func Document(batch string, e *metrics.Event) (bson.Raw, []string) {
	w := eventEncoder{batch: batch}
	doc := bson.Raw(w.append(nil, e, ""))
	var names []string
	members(string(doc), func(m member) bool {
		names = append(names, m.key)
		return true
	})
	return doc, names
}

// Decode decodes a document.
func Decode(doc bson.Raw) (metrics.Event, error) { return decodeEvent(doc, nil) }
