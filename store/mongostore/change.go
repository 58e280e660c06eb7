package mongostore

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/store"
)

// errUnchanged is returned by the function of change if there is nothing to do.
var errUnchanged = errors.New("nothing to change")

// change replaces the document of a visible batch by what f makes of it, in one
// atomic step, with its checksum. It returns the document as it is then. If
// another process changes the document meanwhile, f is called again with that
// one. Errors: store.ErrNotFound; metrics.ErrCorrupt; those of f.
func (s *Store) change(ctx context.Context, id string, f func(d *batchDoc) error) (*batchDoc, error) {
	for call := newCall(); ; {
		d, err := s.read(ctx, id)
		if err != nil || d.Moved == call { // an earlier try got no answer
			return d, err
		}
		next := *d
		next.Attached, next.Pieces, next.Stale = maps.Clone(d.Attached), maps.Clone(d.Pieces), slices.Clone(d.Stale)
		next.Copies, next.StaleBlocks = slices.Clone(d.Copies), slices.Clone(d.StaleBlocks)
		if err := f(&next); err != nil {
			if errors.Is(err, errUnchanged) {
				err = nil
			}
			return d, err
		}
		next.Moved = call
		if d.Sum != 0 { // an earlier release has written no checksums
			next.Sum = next.sum()
		}
		moved := eq("moved", d.Moved)
		if d.Moved == 0 {
			moved = eq("moved", eq("$exists", false))
		}
		replaced, err := s.run.Replace(ctx, s.batches, append(moved, eq("_id", id, "status", d.Status)...), next)
		if err != nil || replaced {
			return &next, err
		}
	}
}

// newCall returns the number of a change, see batchDoc.Moved.
func newCall() int64 { return rand.Int64N(1<<62) + 1 }

// hidden are the statuses of batches that are not visible.
func hidden() bson.A {
	return bson.A{statusUploading, statusRemoving, statusRemoved, statusArchiving, statusArchived}
}

// notHidden selects batches that are visible, or damaged.
func notHidden() bson.E { return bson.E{Key: "status", Value: eq("$nin", hidden())} }

// isKept reports whether a batch with a status has a checksum.
func isKept(status store.Status) bool {
	return slices.Contains(store.Statuses(), status) || status == statusArchiving || status == statusArchived
}
