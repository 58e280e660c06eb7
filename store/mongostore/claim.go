package mongostore

import (
	"context"
	"math/rand/v2"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/internal/fingerprints"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// Claim implements [store.Deduper]. The document of a fingerprint says which
// batch has it, or had it before it was removed, and which call put it there:
// a command that is sent again finds what it has done the first time.
func (s *Store) Claim(ctx context.Context, id string, prints []store.Fingerprint) ([]string, error) {
	alive, err := s.run.Update(ctx, s.batches, eq("_id", id, "status", statusUploading), eq("$set", eq("updated_at", s.now())))
	if err == nil && !alive {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, wrap(err, "claim fingerprints for batch %q", id)
	}
	sorted, places := fingerprints.Distinct(prints)
	c := claim{s: s, id: id, call: rand.Int64(), prints: sorted, owners: make([]string, len(sorted)), known: map[string]string{id: ""}}
	if err := c.run(ctx); err != nil {
		return nil, wrap(err, "claim fingerprints for batch %q", id)
	}
	return fingerprints.Answers(c.owners, places, id), nil
}

// claim is one call of Claim. Fingerprints go by their place in prints.
type claim struct {
	s      *Store
	id     string
	call   int64
	prints []store.Fingerprint // ascending, each once
	owners []string            // the answers; "" means that it was given
	known  map[string]string   // what ids of batches are worth: themselves, or ""
}

// run inserts first, which is all there is to do for a new file. A refusal
// costs more than a look, so the first few tell whether to look before the
// rest is inserted; they are a sample of the file, whose order they do not have.
func (c *claim) run(ctx context.Context) error {
	rest := make([]int, len(c.prints))
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
		if turn > 1 { // reads may lag behind
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

// insert adds documents for fingerprints that had none, and returns those that
// have one after all.
func (c *claim) insert(ctx context.Context, places []int) ([]int, error) {
	refused := make([][]int, len(places)/command.MaxDocs+1)
	err := c.s.inPieces(ctx, len(places), command.MaxDocs, func(ctx context.Context, from, to int) error {
		docs := make([]bson.Raw, 0, to-from)
		for _, place := range places[from:to] {
			docs = append(docs, c.doc(&c.prints[place]))
		}
		there, err := c.s.run.InsertNew(ctx, c.s.fingerprints, docs)
		for _, i := range there {
			refused[from/command.MaxDocs] = append(refused[from/command.MaxDocs], places[from+i])
		}
		return err
	})
	return slices.Concat(refused...), err
}

// look finds the documents of fingerprints and notes their owners. It returns
// those that have no document, and those whose batch is gone, which it has
// tried to take over.
func (c *claim) look(ctx context.Context, places []int) (missing, taken []int, err error) {
	docs, err := c.s.printDocs(ctx, c.prints, places)
	if err != nil {
		return nil, nil, err
	}
	if err := c.s.judge(ctx, docs, c.known, c.s.fence); err != nil {
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

// takeOver takes fingerprints from a batch that is gone. Whether it has them
// then is for the next look.
func (c *claim) takeOver(ctx context.Context, from string, places []int) error {
	return c.s.inPieces(ctx, len(places), command.MaxKeys, func(ctx context.Context, first, end int) error {
		keys := make(bson.A, 0, end-first)
		for _, place := range places[first:end] {
			keys = append(keys, c.prints[place][:])
		}
		return c.s.run.Do(ctx, func(ctx context.Context) error {
			_, err := c.s.fingerprints.UpdateMany(ctx, eq("batch_id", from, "_id", eq("$in", keys)),
				eq("$set", eq("batch_id", c.id, "call", c.call)))
			return err
		})
	})
}
