package mongostore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/mongo"
)

// layoutVersion is the version of the collections and their documents. A release
// that changes them in a way that this one would not understand has a greater
// one, and migrates the documents before it changes the version: each step must
// be safe to repeat, since there are no transactions.
//
// Version 2 added checksums. Documents without one are read as before, so nothing
// is migrated; but version 1 changes documents without their checksums. Version 3
// added further keys of batches, which version 2 would drop from their documents.
// Version 4 added blocks, of which version 3 would find no events.
const layoutVersion = 4

// layoutID is the _id of the only document in the collection layout.
const layoutID = "eventmetrics"

// ErrVersion means that the database has the layout of a newer release. The
// message says what to run.
var ErrVersion = errors.New("mongostore: database of another version")

type layoutDoc struct {
	ID      string `bson:"_id"`
	Version int    `bson:"version"`
}

// checkLayout returns ErrVersion if this release cannot read the database. A
// database without a version has version 1, or is new.
func (s *Store) checkLayout(ctx context.Context) error {
	var d layoutDoc
	err := s.run.Find(ctx, s.layout, eq("_id", layoutID), &d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil
	}
	if err == nil && d.Version > layoutVersion {
		err = fmt.Errorf("%w: it has version %d, of a newer release, and this program reads version %d: "+
			"run the newer release, or restore a backup from before the upgrade", ErrVersion, d.Version, layoutVersion)
	}
	return err
}

// markLayout notes the version of a database that has none, or an earlier one.
func (s *Store) markLayout(ctx context.Context) error {
	added, err := s.run.Insert(ctx, s.layout, layoutDoc{layoutID, layoutVersion})
	if err == nil && !added {
		_, err = s.run.Update(ctx, s.layout, eq("_id", layoutID, "version", eq("$lt", layoutVersion)), eq("$set", eq("version", layoutVersion)))
	}
	if err != nil {
		return err
	}
	return s.checkLayout(ctx) // another process may have been quicker
}
