package rollup

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
)

// stateID is the _id of the state of the rollup, which is a document among
// those of the days.
const stateID = "rollup"

// stateFormat changes with what a day has. A rollup of another one is rebuilt.
const stateFormat = 1

// errMoved means that the state of the rollup is not the one that was read any
// more.
var errMoved = errors.New("rollup moved on")

// stateDoc is the state of the rollup. The package comment has its states.
type stateDoc struct {
	ID   string `bson:"_id"`
	Date string `bson:"date"` // empty: before all days
	// Format is stateFormat, or less if an earlier release has made the rollup.
	Format int `bson:"format,omitempty"`
	// Epoch names this rollup; a rebuilt one has another.
	Epoch string `bson:"epoch"`
	// Generation counts the plans.
	Generation int64 `bson:"generation"`
	// Plan turns the generation before into this one. It is empty when all
	// its steps are done.
	Plan []step `bson:"plan"`
	// Garbage are the revisions that the last plan took out of the rollup.
	Garbage []revisionDoc `bson:"garbage"`
	Sum     int64         `bson:"sum,omitempty"`
}

// sealed returns the state with its checksum.
func (s stateDoc) sealed() stateDoc {
	s.Sum = 0
	s.Sum = checksum.Of(s)
	return s
}

// check returns metrics.ErrCorrupt if the state is not what was written.
func (s *stateDoc) check() error {
	return checksum.Check(s.Sum, s.sealed().Sum, "the state of the rollup")
}

// step is the part of a plan about one batch: it takes the revision From out of
// the rollup and puts To in. Empty means none. FromPurged and ToPurged say whether
// the events of the batch are purged, before and after.
type step struct {
	BatchID    string `bson:"batch_id"`
	From       string `bson:"from"`
	To         string `bson:"to"`
	FromPurged bool   `bson:"from_purged,omitempty"`
	ToPurged   bool   `bson:"to_purged,omitempty"`
	// WasFolded and WasEpoch are the members of the entry when the plan was
	// made.
	WasFolded string `bson:"was_folded"`
	WasEpoch  string `bson:"was_epoch"`
}

type revisionDoc struct {
	BatchID  string `bson:"batch_id"`
	Revision string `bson:"revision"`
}

// same reports whether the rollup has not changed between two reads.
func (s *stateDoc) same(later *stateDoc) bool {
	return s.Epoch == later.Epoch && s.Generation == later.Generation && len(s.Plan) == len(later.Plan)
}

// readState reads the state of the rollup and starts a new rollup if there is
// none, or its state is damaged: all of it can be computed again.
func (r *Rollup) readState(ctx context.Context) (*stateDoc, error) {
	for {
		var s stateDoc
		err := r.run.Find(ctx, r.days.daily, eq("_id", stateID, "date", ""), &s)
		was := &s
		switch {
		case errors.Is(err, mongo.ErrNoDocuments):
			was = nil
		case err != nil:
			return nil, err
		default:
			damage := s.check()
			if damage == nil {
				return &s, nil
			}
			r.log.ErrorContext(ctx, "state of rollup is damaged, rebuilding", "err", damage)
		}
		if err := r.restart(ctx, was); err != nil && !errors.Is(err, errMoved) {
			return nil, err
		}
	}
}

// advance replaces the state of the rollup if it is still the one that was
// read. It reports false if another process has replaced it, and may do so if an
// earlier try has but got no answer.
func (r *Rollup) advance(ctx context.Context, was, next *stateDoc) (bool, error) {
	filter := eq("_id", stateID, "date", "", "epoch", was.Epoch, "generation", was.Generation)
	if len(was.Plan) > 0 { // next has the same generation, but no plan
		filter = append(filter, eq("plan", eq("$ne", bson.A{}))...)
	}
	return r.run.Replace(ctx, r.days.daily, filter, next.sealed())
}

// checkState returns errMoved if s is not the state of the rollup any more.
func (r *Rollup) checkState(ctx context.Context, s *stateDoc) error {
	now, err := r.readState(ctx)
	if err == nil && !s.same(now) {
		err = errMoved
	}
	return err
}
