package mongostore

import (
	"context"
	"math/rand/v2"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/heartbeat"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// startHeart keeps the Writers of this process alive.
func (s *Store) startHeart() {
	s.heart = heartbeat.Start(heartbeat.Options[bson.ObjectID]{Every: s.opts.Heartbeat, Pulse: s.pulse, Log: s.run.Log})
}

// newBeat returns a number that no unfinished upload has.
func newBeat() int64 { return rand.Int64() }

// beat is the change that shows that a Writer is alive. Prune looks at the time, a
// Claim at the number.
func (s *Store) beat() bson.D {
	return eq("$set", eq("updated_at", s.now(), "beat", newBeat()))
}

// pulse shows that Writers are alive, and returns the beats of all unfinished
// uploads.
func (s *Store) pulse(ctx context.Context, own []bson.ObjectID) (map[bson.ObjectID]int64, error) {
	for some := range slices.Chunk(own, command.MaxKeys) {
		err := s.run.UpdateAll(ctx, s.batches, eq("status", statusUploading, "writer", eq("$in", some)), s.beat())
		if err != nil {
			return nil, err
		}
	}
	beats := map[bson.ObjectID]int64{}
	opts := options.Find().SetProjection(eq("writer", 1, "beat", 1))
	err := s.run.Each(ctx, s.batches, eq("status", statusUploading), opts, func(doc bson.Raw) error {
		writer, isWriter := doc.Lookup("writer").ObjectIDOK() // else it is damaged, and Prune has it
		if beat, ok := doc.Lookup("beat").Int64OK(); ok && isWriter {
			beats[writer] = beat
		}
		return nil
	})
	return beats, err
}

// keepAlive shows that the Writer of a batch is alive. Errors: store.ErrNotFound if
// the batch has none.
func (s *Store) keepAlive(ctx context.Context, id string) error {
	alive, err := s.run.Update(ctx, s.batches, eq("_id", id, "status", statusUploading), s.beat())
	if err == nil && !alive {
		err = store.ErrNotFound
	}
	return err
}
