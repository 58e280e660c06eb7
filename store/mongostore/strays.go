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

// An owner is the id of a batch, or batch/generation in the collection of blocks: a
// process that was lost in an erasure may leave blocks of a generation of their own.

func splitOwner(owner string) (id, generation string) {
	id, generation, _ = strings.Cut(owner, "/")
	return id, generation
}

// eachOwner calls use with the next owners, at most so many, that have
// documents in a collection. It returns the last of them, or "" if there are no
// more.
func (s *Store) eachOwner(ctx context.Context, c *mongo.Collection, after string, most int, use func(owner string) error) (last string, _ error) {
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

// nextOwner returns the first owner after another one that has documents in a
// collection. Errors: mongo.ErrNoDocuments.
func (s *Store) nextOwner(ctx context.Context, c *mongo.Collection, after string) (owner string, err error) {
	member, from := "batch_id", after
	if s.isByKey(c) {
		member = "_id"
		if after != "" {
			from = after + "0" // what follows the slash
		}
	}
	opts := options.FindOne().SetSort(eq(member, 1)).SetProjection(eq(member, 1))
	err = s.run.Do(ctx, func(ctx context.Context) error {
		doc, err := c.FindOne(ctx, eq(member, eq("$gt", from)), opts).Raw()
		if err == nil {
			owner, _ = doc.Lookup(member).StringValueOK()
		}
		return err
	})
	switch c {
	case s.attachments:
		owner, _, _ = strings.Cut(owner, "/")
	case s.blocks:
		id, rest := splitOwner(owner)
		generation, _, _ := strings.Cut(rest, "/")
		owner = id + "/" + generation
	}
	return owner, err
}

// isByKey reports whether a collection has no other index than that of _id, which
// begins with the batch.
func (s *Store) isByKey(c *mongo.Collection) bool { return c == s.attachments || c == s.blocks }

// stateOf says whether an owner may have documents in a collection. What belongs
// to a batch is removed before its document, so what is still there when that is
// not is left over.
func (s *Store) stateOf(ctx context.Context, c *mongo.Collection, owner string) (ownerState, error) {
	state := removed
	id, generation := splitOwner(owner)
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
	case (c == s.events || c == s.blocks) && d.visible() && d.Purged && !d.Purging:
	case c == s.events && d.visible() && d.hasBlocks():
	case c == s.blocks && d.visible() && !d.owns(generation):
	default:
		return owned, nil
	}
	n, err := s.run.Count(ctx, c, s.ownedBy(c, owner), options.Count().SetLimit(1))
	if n == 0 { // removed meanwhile
		state = owned
	}
	return state, err
}

// ownedBy selects what belongs to an owner in a collection.
func (s *Store) ownedBy(c *mongo.Collection, owner string) bson.D {
	if s.isByKey(c) {
		return eq("_id", eq("$gte", owner+"/", "$lt", owner+"0"))
	}
	return eq("batch_id", owner)
}

// pruneStrays removes the strays of the next batches. Where there is no trace of
// the batch they stay: its document may have been lost, and its events are all
// that is left of it.
func (s *Store) pruneStrays(ctx context.Context) error {
	s.straysLock.Lock()
	defer s.straysLock.Unlock()
	for _, c := range []*mongo.Collection{s.events, s.blocks, s.attachments, s.fingerprints, s.keys} {
		for begin := time.Now(); ; {
			last, err := s.eachOwner(ctx, c, s.straysAfter[c.Name()], straysPage, func(owner string) error {
				state, err := s.stateOf(ctx, c, owner)
				if err != nil || state != removed {
					return err
				}
				return s.removeStrays(ctx, c, owner)
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

func (s *Store) removeStrays(ctx context.Context, c *mongo.Collection, owner string) error {
	switch c {
	case s.events:
		return s.removeEvents(ctx, owner)
	case s.blocks:
		return s.removeBlocks(ctx, owner)
	case s.fingerprints:
		return s.removeFingerprints(ctx, owner)
	}
	return s.run.Remove(ctx, c, s.ownedBy(c, owner), nil)
}
