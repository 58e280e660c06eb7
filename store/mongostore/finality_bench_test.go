//go:build unix

package mongostore_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store/mongostore"
)

// BenchmarkUnpurgedDays compares the look for days with events in a year, to which
// each of many batches contributes, with reading its counts.
func BenchmarkUnpurgedDays(b *testing.B) {
	for _, batches := range []int{30, 300, 1000} {
		uri := testenv.Mongo(b)
		st, err := mongostore.Open(b.Context(), uri, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = st.Close() })
		first := metrics.DayOf(start)
		last := first + yearDays - 1
		putYear(b, uri, batches, first)
		b.Run(fmt.Sprintf("%d batches/counts", batches), func(b *testing.B) {
			for b.Loop() {
				for _, err := range st.DayCounts(b.Context(), metrics.Filter{From: first, To: last}) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
		b.Run(fmt.Sprintf("%d batches/unpurged days", batches), func(b *testing.B) {
			for b.Loop() {
				days, err := st.UnpurgedDays(b.Context(), first, last)
				if err != nil || len(days) != yearDays {
					b.Fatal(len(days), err)
				}
			}
		})
	}
}

// BenchmarkPastYearOverHTTP asks for the metrics of a finished year and of one that
// ends today, in turns. Each has 1,000 batches that contribute to all its days, and
// events that are not purged: the finished year is not final.
func BenchmarkPastYearOverHTTP(b *testing.B) {
	today := metrics.DayOf(time.Now().UTC())
	years := map[string]metrics.Day{"past": today - 3*yearDays, "open": today - yearDays + 1}
	times := map[string][]time.Duration{}
	get := map[string]func(){}
	for name, first := range years {
		uri := testenv.Mongo(b)
		st, err := mongostore.Open(b.Context(), uri, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = st.Close() })
		putYear(b, uri, 1000, first)
		h, err := httpapi.New(eventmetrics.New(st, memqueue.New(nil), nil), &httpapi.Options{Token: "t"})
		if err != nil {
			b.Fatal(err)
		}
		url := fmt.Sprintf("/metrics?from=%s&to=%s&finality=true", first, first+yearDays-1)
		get[name] = func() {
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
			r.Header.Set("Authorization", "Bearer t")
			w, begin := httptest.NewRecorder(), time.Now()
			h.ServeHTTP(w, r)
			times[name] = append(times[name], time.Since(begin))
			if w.Code != http.StatusOK {
				b.Fatal(w.Code, w.Body)
			}
		}
		get[name]()
	}
	clear(times)
	for b.Loop() {
		get["past"]()
		get["open"]()
	}
	for name, all := range times {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, name+"-p50-ms")
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, name+"-p99-ms")
	}
}

// putYear puts batches with an event on each day of a year into a database, as if
// they had been recorded and folded, which would take minutes.
func putYear(b *testing.B, uri string, batches int, first metrics.Day) {
	b.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Disconnect(b.Context())
	db := client.Database(mongostore.DatabaseOf(uri))
	put := func(collection string, docs []any) {
		if _, err := db.Collection(collection).InsertMany(b.Context(), docs); err != nil {
			b.Fatal(err)
		}
	}
	var state struct {
		Epoch      string `bson:"epoch"`
		Generation int64  `bson:"generation"`
	}
	if err := db.Collection("dailymetrics").FindOne(b.Context(), bson.M{"_id": "rollup"}).Decode(&state); err != nil {
		b.Fatal(err)
	}
	var entries, days []any
	for i := range batches {
		id, revision := batchID(i), fmt.Sprintf("%024x", i)
		entries = append(entries, bson.M{"_id": id, "revision": revision, "folded": revision, "epoch": state.Epoch, "void": false, "purged": false, "folded_purged": false})
		var shares []any
		for n := range yearDays {
			date := (first + metrics.Day(n)).String()
			shares = append(shares, bson.M{
				"_id": id + "/" + revision + "/" + date + "/000000", "batch_id": id, "revision": revision, "date": date, "sealed": false,
				"metrics": bson.A{bson.M{"event_type": "done", "count": 1}}, "slots": bson.Binary{}, "subjects": bson.Binary{},
			})
		}
		put("shares", shares)
	}
	for n := range yearDays {
		date := (first + metrics.Day(n)).String()
		days = append(days, bson.M{
			"_id": date, "date": date, "epoch": state.Epoch, "generation": state.Generation, "written": state.Generation, "unpurged": batches,
			"metrics": bson.A{bson.M{"event_type": "done", "count": batches}},
		})
	}
	put("contributions", entries)
	put("dailymetrics", days)
}
