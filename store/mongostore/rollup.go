package mongostore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// rollupID is the _id of the document, among those of the days, that says how
// far the rollup is.
const rollupID = "rollup"

// rollupDoc is the state of the rollup.
type rollupDoc struct {
	ID   string `bson:"_id"`
	Date string `bson:"date"` // empty, before all days
	// Epoch names this rollup; one made anew has another.
	Epoch string `bson:"epoch"`
	// Generation counts the plans.
	Generation int64 `bson:"generation"`
	// Plan is what turns the generation before into this one. It is empty
	// when that has been done.
	Plan []step `bson:"plan"`
	// Garbage are revisions that were in the rollup before the last plan.
	Garbage []revisionDoc `bson:"garbage"`
}

// same reports whether nothing has happened to the rollup between two reads.
func (r *rollupDoc) same(later *rollupDoc) bool {
	return r.Epoch == later.Epoch && r.Generation == later.Generation && len(r.Plan) == len(later.Plan)
}

// step is the part of a plan about one batch: the revision From is in the
// rollup, To shall be. Empty means none.
type step struct {
	BatchID string `bson:"batch_id"`
	From    string `bson:"from"`
	To      string `bson:"to"`
	// WasFolded and WasEpoch are what the entry said.
	WasFolded string `bson:"was_folded"`
	WasEpoch  string `bson:"was_epoch"`
}

type revisionDoc struct {
	BatchID  string `bson:"batch_id"`
	Revision string `bson:"revision"`
}

// dayDoc is a day of the rollup.
type dayDoc struct {
	ID      string     `bson:"_id"`
	Date    string     `bson:"date"`
	Metrics []countDoc `bson:"metrics"`
	// Spilled means that Metrics would be too long: the details have them.
	Spilled    bool      `bson:"spilled,omitempty"`
	Epoch      string    `bson:"epoch"`
	Generation int64     `bson:"generation"`       // that changed it last
	Details    int       `bson:"details"`          // number of documents
	Groups     int       `bson:"groups,omitempty"` // number of documents with groups
	Updated    time.Time `bson:"updated_at"`
}

// maxMetrics is the number of event types from which a day is spilled.
const maxMetrics = 10_000

// detailDoc has quarter hours and sketches of some types of a day.
type detailDoc struct {
	ID       string      `bson:"_id"` // date/generation/part
	Slots    bson.Binary `bson:"slots"`
	Subjects bson.Binary `bson:"subjects"`
}

func detailKey(date string, generation int64, i int) string {
	return fmt.Sprintf("%s/%015d/%06d", date, generation, i)
}

// readRollup reads the state of the rollup and starts a new one if there is
// none.
func (s *Store) readRollup(ctx context.Context) (*rollupDoc, error) {
	for {
		var r rollupDoc
		err := s.find(ctx, s.daily, eq("_id", rollupID), &r)
		if !errors.Is(err, mongo.ErrNoDocuments) {
			return &r, err
		}
		if err := s.restart(ctx, nil); err != nil && !errors.Is(err, errMoved) {
			return nil, err
		}
	}
}

// Rebuild makes the rollup anew from the ledger. Answers stay right meanwhile,
// but are slow until all is settled. It is safe to repeat.
func (s *Store) Rebuild(ctx context.Context) error {
	for {
		r, err := s.readRollup(ctx)
		if err == nil && len(r.Plan) > 0 {
			err = s.carryOut(ctx, r)
		} else if err == nil {
			err = s.restart(ctx, r)
		}
		if !errors.Is(err, errMoved) && (err != nil || len(r.Plan) == 0) {
			return wrap(err, "rebuild rollup")
		}
	}
}

// restart begins a new rollup with nothing in it, in place of was, which is
// nil if there is none. All entries are noted in the journal first, under the
// new epoch. Errors: errMoved if was is no more.
func (s *Store) restart(ctx context.Context, was *rollupDoc) error {
	next := rollupDoc{ID: rollupID, Epoch: bson.NewObjectID().Hex(), Generation: time.Now().UnixMilli(), Plan: []step{}, Garbage: []revisionDoc{}}
	if err := s.noteAll(ctx, next.Epoch); err != nil {
		return err
	}
	if err := s.install(ctx, was, &next); err != nil {
		return err
	}
	there, err := s.readRollup(ctx)
	if err != nil {
		return err
	}
	s.settler.kick()
	if there.Epoch == next.Epoch {
		return nil
	}
	return errors.Join(errMoved, s.remove(ctx, s.journal, eq("epoch", next.Epoch))) // another was quicker
}

// install puts a new rollup in the place of the one that was, if it still is.
func (s *Store) install(ctx context.Context, was, next *rollupDoc) error {
	if was == nil {
		_, err := s.insert(ctx, s.daily, next)
		return err
	}
	next.Generation = max(next.Generation, was.Generation+1)
	return s.do(ctx, func(ctx context.Context) error {
		filter := eq("_id", rollupID, "epoch", was.Epoch, "generation", was.Generation)
		_, err := s.daily.ReplaceOne(ctx, filter, next)
		return err
	})
}

// noteAll notes all entries for the rollup of an epoch.
func (s *Store) noteAll(ctx context.Context, epoch string) error {
	for last := ""; ; {
		var ids []string
		opts := options.Find().SetSort(eq("_id", 1)).SetLimit(explainPage).SetProjection(eq("_id", 1))
		err := s.each(ctx, s.contributions, eq("_id", eq("$gt", last)), opts, func(raw bson.Raw) error {
			ids = append(ids, raw.Lookup("_id").StringValue())
			return nil
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		var p piece
		for _, id := range ids {
			doc, err := bson.Marshal(noteDoc{ID: epoch + "/" + id, BatchID: id, Noted: s.now(), Epoch: epoch})
			if err != nil {
				return err
			}
			p.add(doc)
		}
		if _, err := s.insertAll(ctx, s.journal, p.docs); err != nil {
			return err
		}
		last = ids[len(ids)-1]
	}
}

// readDay reads a day of the rollup with all its details. A day that is not
// of the epoch is empty.
func (s *Store) readDay(ctx context.Context, r *rollupDoc, date string) (*dayDoc, metrics.Contribution, error) {
	var d dayDoc
	err := s.find(ctx, s.daily, eq("_id", date), &d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil, nil //nolint:nilnil // no day is an answer
	}
	if err != nil || d.Epoch != r.Epoch || d.Generation >= r.Generation {
		return &d, nil, err
	}
	totals, err := s.readDetails(ctx, []dayDoc{d}, withAll)
	if err != nil {
		return &d, nil, err
	}
	groups, err := s.readGroups(ctx, []dayDoc{d}, withAll)
	return &d, totals.WithGroups(groups), err
}

// errMoved means that what was being read is of another generation by now.
var errMoved = errors.New("rollup moved on")

// readDetails reads what q asks for of days, in their order, from memory where
// it can. Errors: errMoved.
func (s *Store) readDetails(ctx context.Context, days []dayDoc, q metrics.Filter) (metrics.Contribution, error) {
	found := map[string]*detail{}
	for keys := range detailKeys(days) {
		keys = slices.DeleteFunc(keys, func(key string) bool {
			found[key] = s.detailCache.get(key, q.Subjects)
			return found[key] != nil
		})
		if err := s.fetchDetails(ctx, keys, q, found); err != nil {
			return nil, err
		}
	}
	var all metrics.Contribution
	for i := range days {
		for n := range days[i].Details {
			d := found[detailKey(days[i].Date, days[i].Generation, n)]
			if d == nil {
				return nil, errMoved
			}
			c, err := metrics.JoinParts(d.slots, d.subjects, q)
			if err != nil {
				return nil, err
			}
			all = append(all, c...)
		}
	}
	return all, nil
}

// fetchDetails reads details from the database into found, and keeps them.
func (s *Store) fetchDetails(ctx context.Context, keys []string, q metrics.Filter, found map[string]*detail) error {
	if len(keys) == 0 {
		return nil
	}
	opts := options.Find()
	if !q.Subjects {
		opts.SetProjection(eq("subjects", 0))
	}
	return s.each(ctx, s.details, eq("_id", eq("$in", keys)), opts, func(raw bson.Raw) error {
		var d detailDoc
		if err := bson.Unmarshal(raw, &d); err != nil {
			return err
		}
		found[d.ID] = &detail{key: d.ID, slots: slices.Clone(d.Slots.Data)} // the document is valid until the next
		if q.Subjects {
			found[d.ID].subjects = append([]byte{}, d.Subjects.Data...) // never nil
		}
		s.detailCache.put(found[d.ID])
		return nil
	})
}

// detailKeys yields the keys of the details of days, some at a time.
func detailKeys(days []dayDoc) func(func([]string) bool) {
	return func(yield func([]string) bool) {
		var keys []string
		for i := range days {
			for n := range days[i].Details {
				keys = append(keys, detailKey(days[i].Date, days[i].Generation, n))
				if len(keys) == 50 {
					if !yield(keys) {
						return
					}
					keys = nil
				}
			}
		}
		if len(keys) > 0 {
			yield(keys)
		}
	}
}

// writeDay brings a day to the generation of the rollup, unless it is not what
// it was any more; it says whether it has.
func (s *Store) writeDay(ctx context.Context, r *rollupDoc, was *dayDoc, day metrics.Day, sum metrics.Contribution) (bool, error) {
	date := day.String()
	next := dayDoc{ID: date, Date: date, Epoch: r.Epoch, Generation: r.Generation, Updated: s.now(), Metrics: []countDoc{}}
	totals := sum.Totals()
	if next.Spilled = len(totals) > maxMetrics; !next.Spilled {
		next.Metrics = countsOf(totals)
	}
	var err error
	if next.Groups, err = s.writeGroups(ctx, date, r.Generation, sum); err != nil {
		return false, err
	}
	for some := range slices.Chunk(totals, shareTypes) {
		slots, err := some.AppendPart(nil, withSlots)
		if err != nil {
			return false, err
		}
		subjects, err := some.AppendPart(nil, withSubjects)
		if err != nil {
			return false, err
		}
		key := detailKey(date, r.Generation, next.Details)
		_, err = s.insert(ctx, s.details, detailDoc{ID: key, Slots: bson.Binary{Data: slots}, Subjects: bson.Binary{Data: subjects}})
		if err != nil {
			return false, err
		}
		next.Details++
	}
	written, err := s.replaceDay(ctx, was, &next)
	if !written || err != nil {
		return written, err
	}
	return true, s.remove(ctx, s.details, eq("_id", eq("$gte", date+"/", "$lt", detailKey(date, r.Generation, 0))))
}

// replaceDay writes a day in the place of what was there, nil for nothing, and
// says whether that was still so.
func (s *Store) replaceDay(ctx context.Context, was, next *dayDoc) (replaced bool, err error) {
	if was == nil {
		return s.insert(ctx, s.daily, next)
	}
	err = s.do(ctx, func(ctx context.Context) error {
		r, err := s.daily.ReplaceOne(ctx, eq("_id", was.ID, "epoch", was.Epoch, "generation", was.Generation), next)
		replaced = err == nil && r.MatchedCount > 0
		return err
	})
	return replaced, err
}
