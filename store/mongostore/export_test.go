package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// DatabaseOf is databaseOf.
func DatabaseOf(uri string) string { return databaseOf(uri) }

// FoldJournal folds the journal on this goroutine.
func (s *Store) FoldJournal(ctx context.Context) { s.rollup.FoldJournal(ctx) }

// Unfolded returns the number of changes that are not in the rollup, or of
// which the journal still has a note.
func (s *Store) Unfolded(ctx context.Context) (int, error) {
	var state struct {
		Plan []bson.Raw `bson:"plan"`
	}
	if err := s.run.Find(ctx, s.run.DB.Collection("dailymetrics"), eq("_id", "rollup"), &state); err != nil {
		return 0, err
	}
	notes, err := s.run.Count(ctx, s.run.DB.Collection("journal"), eq())
	return len(state.Plan) + int(notes), err
}

// Beat shows that the Writers of this process are alive, and looks at all, as the
// Store does by itself now and then.
func (s *Store) Beat(ctx context.Context) error { return s.heart.Pulse(ctx) }

// StopFolding ends the folding in the background.
func (s *Store) StopFolding() { s.rollup.Close() }

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
