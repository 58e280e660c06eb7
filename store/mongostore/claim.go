package mongostore

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/fingerprints"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// Claim implements [store.Deduper]. The document of a fingerprint names the
// batch that has it, or had it before the batch was deleted. It also names the
// call of Claim that wrote it, so that a command that is sent again recognises
// its own documents.
func (s *Store) Claim(ctx context.Context, id string, fps []store.Fingerprint) ([]string, error) {
	if err := s.keepAlive(ctx, id); err != nil {
		return nil, wrap(err, "claim fingerprints for batch %q", id)
	}
	sorted, places := fingerprints.Distinct(fps)
	c := claim{s: s, id: id, call: newClaim(id), fps: sorted, owners: make([]string, len(sorted)), known: map[string]string{id: ""}}
	err := c.run(ctx)
	if err == nil {
		var shared []int
		shared, err = s.addOwners(ctx, sorted, c.owners)
		err = errors.Join(err, c.giveBack(ctx, shared))
	}
	if err != nil {
		return nil, wrap(err, "claim fingerprints for batch %q", id)
	}
	return fingerprints.Answers(c.owners, places, id), nil
}

// claim is one call of Claim. It identifies a fingerprint by its index in fps,
// here called its place.
type claim struct {
	s      *Store
	id     string
	call   int64
	fps    []store.Fingerprint // ascending, each once
	owners []string            // the answers; "" means that the batch got it
	known  map[string]string   // the owner that a document with a batch's id means: the batch, or "" for none
}

// run inserts first, which is enough for a new file. A refused insert costs more
// than a query. So if some of the first thousand are refused, run queries
// before it inserts the rest. The first thousand are a random sample of the
// file, since fingerprints have no order.
func (c *claim) run(ctx context.Context) error {
	rest := make([]int, len(c.fps))
	for i := range rest {
		rest[i] = i
	}
	first := min(command.MaxKeys, len(rest))
	refused, err := c.insert(ctx, rest[:first])
	if err != nil {
		return err
	}
	look := len(refused) > 0
	rest = append(refused, rest[first:]...)
	for turn := 0; len(rest) > 0; turn++ {
		if turn > 1 { // reads may lag
			if err := command.Pause(ctx, claimPause); err != nil {
				return err
			}
		}
		var taken []int
		if look {
			if rest, taken, err = c.look(ctx, rest); err != nil {
				return err
			}
		}
		if rest, err = c.insert(ctx, rest); err != nil {
			return err
		}
		rest, look = append(rest, taken...), true
		slices.Sort(rest)
	}
	return nil
}

// insert adds documents for fingerprints and returns the places of those that
// have one already.
func (c *claim) insert(ctx context.Context, places []int) ([]int, error) {
	refused := make([][]int, len(places)/command.MaxDocs+1)
	err := c.s.inPieces(ctx, len(places), command.MaxDocs, func(ctx context.Context, from, to int) error {
		docs := make([]bson.Raw, 0, to-from)
		for _, place := range places[from:to] {
			docs = append(docs, c.doc(&c.fps[place]))
		}
		there, err := c.s.run.InsertNew(ctx, c.s.fingerprints, docs)
		for _, i := range there {
			refused[from/command.MaxDocs] = append(refused[from/command.MaxDocs], places[from+i])
		}
		return err
	})
	return slices.Concat(refused...), err
}

// look reads the documents of fingerprints and sets their owners. It returns
// the places without a document, and those whose batch is deleted. It has tried
// to take over the latter.
func (c *claim) look(ctx context.Context, places []int) (missing, taken []int, err error) {
	docs, err := c.s.ownerDocs(ctx, c.fps, places)
	if err != nil {
		return nil, nil, err
	}
	if err := c.s.resolve(ctx, docs, c.known, c.s.fence); err != nil {
		return nil, nil, err
	}
	gone := map[string][]int{}
	for i, place := range places {
		switch d := docs[i]; {
		case d.batch == "":
			missing = append(missing, place)
		case d.batch == c.id && d.call == c.call: // given now
		case d.batch == c.id, c.known[d.batch] != "":
			c.owners[place] = d.batch
		default:
			gone[d.batch] = append(gone[d.batch], place)
			taken = append(taken, place)
		}
	}
	for id, places := range gone {
		if err := c.takeOver(ctx, id, places); err != nil {
			return nil, nil, err
		}
	}
	return missing, taken, nil
}

// takeOver takes fingerprints from a deleted batch. Another call may take them
// first; the next look finds out.
func (c *claim) takeOver(ctx context.Context, from string, places []int) error {
	return c.s.inPieces(ctx, len(places), command.MaxKeys, func(ctx context.Context, first, end int) error {
		keys := make(bson.A, 0, end-first)
		for _, place := range places[first:end] {
			keys = append(keys, c.fps[place][:])
		}
		return c.s.run.UpdateAll(ctx, c.s.fingerprints, eq("batch_id", from, "_id", eq("$in", keys)),
			eq("$set", eq("batch_id", c.id, "claim", c.call)))
	})
}
