package mongostore

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Strays are documents that were left when their batch, or its events, were
// removed. A delete may miss documents that move to another shard meanwhile. Each
// delete looks again, an audit looks for strays, and Prune removes those of which
// it is certain that they should not be there.

// ownersPage is the number of batches of which one Inspect looks for strays.
const ownersPage = 100

// ownerState says whether a batch may have documents in a collection.
type ownerState int

const (
	owned   ownerState = iota // yes, or they are about to be removed
	removed                   // no: the batch was deleted, archived or purged
	unknown                   // there is no trace of the batch
)

// eachOwner calls use with the next batches, at most so many, that have
// documents in a collection. It returns the last of them, or "" if there are no
// more.
func (s *Store) eachOwner(ctx context.Context, c *mongo.Collection, after string, most int, use func(id string) error) (last string, _ error) {
	for range most {
		id, err := s.nextOwner(ctx, c, after)
		if errors.Is(err, mongo.ErrNoDocuments) {
			return "", nil
		}
		if err == nil {
			err = use(id)
		}
		if err != nil {
			return "", err
		}
		after = id
	}
	return after, nil
}

// nextOwner returns the first batch after another one that has documents in a
// collection. Errors: mongo.ErrNoDocuments.
func (s *Store) nextOwner(ctx context.Context, c *mongo.Collection, after string) (id string, err error) {
	member, from := "batch_id", after
	if c == s.attachments { // it has no other index than that of _id
		member = "_id"
		if after != "" {
			from = after + "0" // what follows the slash
		}
	}
	opts := options.FindOne().SetSort(eq(member, 1)).SetProjection(eq(member, 1))
	err = s.run.Do(ctx, func(ctx context.Context) error {
		doc, err := c.FindOne(ctx, eq(member, eq("$gt", from)), opts).Raw()
		if err == nil {
			id, _ = doc.Lookup(member).StringValueOK()
		}
		return err
	})
	if c == s.attachments {
		id, _, _ = strings.Cut(id, "/")
	}
	return id, err
}

// stateOf says whether a batch may have documents in a collection. What belongs
// to a batch is removed before its document, so what is still there when that is
// not is left over.
func (s *Store) stateOf(ctx context.Context, c *mongo.Collection, id string) (ownerState, error) {
	state := removed
	d, err := s.find(ctx, id)
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		if void, err := s.ledger.IsVoid(ctx, id); err != nil || !void {
			state = unknown
		}
	case err != nil:
		return owned, err
	case d.isDamaged() || c == s.fingerprints:
		return owned, nil
	case d.Status == statusArchived:
	case c == s.events && d.visible() && d.Purged && !d.Purging:
	default:
		return owned, nil
	}
	n, err := s.run.Count(ctx, c, s.ownedBy(c, id), options.Count().SetLimit(1))
	if n == 0 { // removed meanwhile
		state = owned
	}
	return state, err
}

// ownedBy selects what belongs to a batch in a collection.
func (s *Store) ownedBy(c *mongo.Collection, id string) bson.D {
	if c == s.attachments {
		return eq("_id", eq("$gte", id+"/", "$lt", id+"0"))
	}
	return eq("batch_id", id)
}

// pruneStrays removes the strays of the next batches. Where there is no trace of
// the batch they stay: its document may have been lost, and its events are all
// that is left of it.
func (s *Store) pruneStrays(ctx context.Context) error {
	s.straysLock.Lock()
	defer s.straysLock.Unlock()
	for _, c := range []*mongo.Collection{s.events, s.attachments, s.fingerprints, s.keys} {
		for begin := time.Now(); ; {
			last, err := s.eachOwner(ctx, c, s.straysAfter[c.Name()], straysPage, func(id string) error {
				state, err := s.stateOf(ctx, c, id)
				if err != nil || state != removed {
					return err
				}
				return s.removeStrays(ctx, c, id)
			})
			if err != nil {
				return err
			}
			if s.straysAfter[c.Name()] = last; last == "" || time.Since(begin) > straysTime {
				break
			}
		}
	}
	return nil
}

// One Prune looks for the strays of a page of batches in each collection, and of
// more as long as that takes less than straysTime: a Prune goes on where the one
// before ended, and must not take long itself.
const (
	straysPage = 10
	straysTime = 300 * time.Millisecond
)

func (s *Store) removeStrays(ctx context.Context, c *mongo.Collection, id string) error {
	switch c {
	case s.events:
		return s.removeEvents(ctx, id)
	case s.fingerprints:
		return s.removeFingerprints(ctx, id)
	}
	return s.run.Remove(ctx, c, s.ownedBy(c, id), nil)
}
