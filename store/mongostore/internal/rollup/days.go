package rollup

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/checksum"
	"github.com/eventmetrics/eventmetrics/store/mongostore/internal/command"
)

// maxMetrics is the number of event types above which a day has its counts in
// its details only.
const maxMetrics = 10_000

// days are the two collections with the sums of days, and what is kept of them
// in memory.
type days struct {
	run            *command.Runner
	now            func() time.Time
	daily, details *mongo.Collection
	cache          dayCache
	detailCache    detailCache
}

// dayDoc is the sum of a day.
type dayDoc struct {
	ID      string     `bson:"_id"`
	Date    string     `bson:"date"`
	Metrics []countDoc `bson:"metrics"`
	// Spilled means that there are too many counts for Metrics.
	Spilled    bool   `bson:"spilled,omitempty"`
	Epoch      string `bson:"epoch"`
	Generation int64  `bson:"generation"` // whose plan changed it last
	// Written is the generation whose plan changed the counts last; 0 means Generation.
	Written int64 `bson:"written,omitempty"`
	Details int   `bson:"details"`          // number of documents
	Groups  int   `bson:"groups,omitempty"` // number of documents with groups
	// Unpurged is the number of batches in it whose events are not purged.
	Unpurged int       `bson:"unpurged,omitempty"`
	Updated  time.Time `bson:"updated_at"`
	Sum      int64     `bson:"sum,omitempty"`
}

// written returns the generation that the details have.
func (d *dayDoc) written() int64 { return cmp.Or(d.Written, d.Generation) }

// sealed returns the day with its checksum.
func (d dayDoc) sealed() dayDoc {
	d.Sum = 0
	d.Sum = checksum.Of(d)
	return d
}

// check returns metrics.ErrCorrupt if the document is not what was written.
func (d *dayDoc) check() error {
	return checksum.Check(d.Sum, d.sealed().Sum, "the sum of %.10q", d.Date)
}

func checkDays(days []dayDoc) error {
	for i := range days {
		if err := days[i].check(); err != nil {
			return err
		}
	}
	return nil
}

// read reads a day, nil if there is none. Errors: metrics.ErrCorrupt if it is one of
// the epoch of the state.
func (d *days) read(ctx context.Context, s *stateDoc, date string) (*dayDoc, error) {
	var day dayDoc
	err := d.run.Find(ctx, d.daily, eq("_id", date, "date", date), &day)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil //nolint:nilnil // no day is an answer
	}
	if err == nil && day.Epoch == s.Epoch {
		err = day.check()
	}
	return &day, err
}

// sum reads all details of a day.
func (d *days) sum(ctx context.Context, day *dayDoc) (metrics.Contribution, error) {
	totals, err := d.readDetails(ctx, []dayDoc{*day}, metrics.AllParts())
	if err != nil {
		return nil, err
	}
	groups, err := d.readGroups(ctx, []dayDoc{*day}, metrics.AllParts())
	return totals.WithGroups(groups), err
}

// find reads the first days between from and to, at most limit, with the epoch
// of the state. Last is the date of the last document read if there may be
// more. Errors: errMoved.
func (d *days) find(ctx context.Context, s *stateDoc, from, to metrics.Day, limit int) (found []dayDoc, last string, err error) {
	opts := options.Find().SetSort(eq("date", 1)).SetLimit(int64(limit))
	found, err = command.FindAll[dayDoc](ctx, d.run, d.daily, dates(from, to), opts)
	if err == nil {
		err = checkDays(found)
	}
	if err != nil {
		return nil, "", err
	}
	if len(found) == limit {
		last = found[limit-1].Date
	}
	found = slices.DeleteFunc(found, func(day dayDoc) bool { return day.Epoch != s.Epoch })
	return found, last, notLater(found, s)
}

// dayOrState is a day or, with an empty date, the state of the rollup.
type dayOrState struct {
	Day  dayDoc     `bson:",inline"`
	Plan []bson.Raw `bson:"plan,omitempty"`
}

// since reads the days that changed after a generation, for a state without a
// plan. It reads the state with them, which is before all days: so what it
// returns is of that state also if an older copy of the database answers.
// Errors: errMoved.
func (d *days) since(ctx context.Context, s *stateDoc, generation int64) ([]dayDoc, error) {
	newer := eq("epoch", s.Epoch, "generation", eq("$gt", generation), "date", eq("$gt", ""))
	filter := eq("$or", bson.A{eq("_id", stateID), newer})
	found, err := command.FindAll[dayOrState](ctx, d.run, d.daily, filter, options.Find().SetSort(eq("date", 1)))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || len(found[0].Plan) > 0 {
		return nil, errMoved
	}
	if now := &found[0].Day; now.Date != "" || now.Epoch != s.Epoch || now.Generation != s.Generation {
		return nil, errMoved
	}
	changed := make([]dayDoc, 0, len(found)-1)
	for i := range found[1:] {
		changed = append(changed, found[i+1].Day)
	}
	if err := checkDays(changed); err != nil {
		return nil, err
	}
	return changed, notLater(changed, s)
}

// notLater returns errMoved if a day is of a later generation than the state.
func notLater(found []dayDoc, s *stateDoc) error {
	if slices.ContainsFunc(found, func(day dayDoc) bool { return day.Generation > s.Generation }) {
		return errMoved
	}
	return nil
}

// write brings a day to the generation of the state with a new sum, unless another
// process has changed it since it was read as was. It reports whether it has.
func (d *days) write(ctx context.Context, s *stateDoc, was *dayDoc, day metrics.Day, sum metrics.Contribution, unpurged int) (bool, error) {
	date := day.String()
	next := dayDoc{
		ID: date, Date: date, Epoch: s.Epoch, Generation: s.Generation, Written: s.Generation,
		Unpurged: unpurged, Updated: d.now(), Metrics: []countDoc{},
	}
	totals := sum.Totals()
	if next.Spilled = len(totals) > maxMetrics; !next.Spilled {
		next.Metrics = countsOf(totals)
	}
	var err error
	if next.Groups, err = d.writeGroups(ctx, date, s.Generation, sum); err != nil {
		return false, err
	}
	if next.Details, err = d.writeDetails(ctx, date, s.Generation, totals); err != nil {
		return false, err
	}
	written, err := d.replace(ctx, was, &next)
	if !written || err != nil {
		return written, err
	}
	before := eq("$gte", date+"/", "$lt", detailKey(date, s.Generation, 0))
	return true, d.run.Remove(ctx, d.details, eq("_id", before), nil)
}

// writePurged brings a day to the generation of the state as write does, with the
// counts that it has.
func (d *days) writePurged(ctx context.Context, s *stateDoc, was *dayDoc, unpurged int) (bool, error) {
	next := *was
	next.Generation, next.Written, next.Unpurged, next.Updated = s.Generation, was.written(), unpurged, d.now()
	return d.replace(ctx, was, &next)
}

// replace puts a day in the place of was, which is nil if there was none, and
// reports whether that was still so.
func (d *days) replace(ctx context.Context, was, next *dayDoc) (bool, error) {
	if was == nil {
		return d.run.Insert(ctx, d.daily, next.sealed())
	}
	return d.run.Replace(ctx, d.daily, eq("_id", was.ID, "date", was.Date, "epoch", was.Epoch, "generation", was.Generation), next.sealed())
}
