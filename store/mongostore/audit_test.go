package mongostore_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/internal/test/audittest"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
)

func TestAuditsRaiseNoFalseAlarm(t *testing.T) {
	audittest.Beside(t, newSeveral(t, testenv.Mongo(t)), 8)
}

func TestAuditFindsASumThatWasTamperedWith(t *testing.T) {
	uri := testenv.Mongo(t)
	st, db := opened(t, uri), database(t, uri)
	right := random(t, rand.New(rand.NewPCG(1, 2)), 40)
	enter(t, st, batchID(1), right)
	foldAll(t, st)
	day := right[0].Day
	_, err := db.Collection("dailymetrics").UpdateOne(t.Context(), bson.M{"date": day.String()}, bson.M{"$inc": bson.M{"metrics.0.count": 2}, "$unset": bson.M{"sum": ""}})
	if err != nil {
		t.Fatal(err)
	}
	fresh := opened(t, uri) // the other one has the day in memory
	all, err := eventmetrics.New(fresh, memqueue.New(nil), nil).Audit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for _, d := range right.Totals() {
		if d.Day == day {
			n += d.Count
		}
	}
	want := []eventmetrics.WrongDay{{Day: day, Ledger: n, Sum: n + 2, Types: []string{right[0].Type}}}
	if d := cmp.Diff(want, all.WrongDays); d != "" || all.OK {
		t.Errorf("ok %t, %s", all.OK, d)
	}
	report, err := eventmetrics.New(fresh, memqueue.New(nil), nil).Reprocess(t.Context())
	if d := cmp.Diff(want, report.WrongDays); d != "" || err != nil || !report.Rebuilt {
		t.Errorf("Reprocess: rebuilt %t, %v, %s", report.Rebuilt, err, d)
	}
	if all, err = eventmetrics.New(fresh, memqueue.New(nil), nil).Audit(t.Context()); err != nil || !all.OK {
		t.Errorf("after Reprocess: ok %t, %v", all.OK, err)
	}
	dailyIs(t, fresh, metrics.Merge(right))
}
