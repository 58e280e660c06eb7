package eventmetrics_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// BenchmarkDimensions uploads and records a file by none, one and three
// dimensions: 100 tests, 20 countries and 3 devices, 20 event types on 30 days,
// whose events are in the order of time within an hour or so.
func BenchmarkDimensions(b *testing.B) {
	path := filepath.Join(b.TempDir(), "events.csv")
	writeDimensions(b, path)
	for _, dimensions := range [][]string{nil, {"test_id"}, {"test_id", "country", "device"}} {
		open := func(b *testing.B) (*eventmetrics.Service, *sqlitestore.Store) {
			st, err := sqlitestore.Open(b.Context(), filepath.Join(b.TempDir(), "events.db"), nil)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = st.Close() })
			return eventmetrics.New(st, memqueue.New(nil), &eventmetrics.Options{Dimensions: dimensions}), st
		}
		b.Run(fmt.Sprint("dimensions=", len(dimensions), "/upload"), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				service, _ := open(b)
				b.StartTimer()
				uploadFile(b, service, path)
			}
			reportRows(b, 0)
		})
		b.Run(fmt.Sprint("dimensions=", len(dimensions), "/record"), func(b *testing.B) {
			service, st := open(b)
			recordUploads(b, service, st, path)
		})
	}
}

// recordUploads uploads a file again and again, and measures its Record.
func recordUploads(b *testing.B, service *eventmetrics.Service, st *sqlitestore.Store, path string) {
	b.Helper()
	for b.Loop() {
		b.StopTimer()
		id := uploadFile(b, service, path)
		c := pendingOf(b, st, id)
		b.StartTimer()
		if err := st.Record(b.Context(), id, c); err != nil {
			b.Fatal(err)
		}
	}
}

// pendingOf returns the sum that an upload has made.
func pendingOf(b *testing.B, st *sqlitestore.Store, id string) metrics.Contribution {
	b.Helper()
	c, err := st.Pending(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func writeDimensions(b *testing.B, path string) {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	_, _ = w.WriteString("candidate_id,test_id,event_type,timestamp,country,device\n")
	rng := rand.New(rand.NewPCG(1, 1))
	first := time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC)
	types, devices := benchTypes(), strings.Fields("phone tablet computer")
	for i := range benchRows() {
		at := first.Add(time.Duration(i*30*86400/benchRows()+rng.Int64N(3600)) * time.Second)
		_, _ = fmt.Fprintf(w, "C%06d,T%03d,%s,%s,c%02d,%s\n", rng.IntN(100_000), rng.IntN(100), types[rng.IntN(20)], at.Format(time.RFC3339), rng.IntN(20), devices[rng.IntN(3)])
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkGroups asks for the groups of a year: 365 days, 20 event types, 100
// values of a dimension, in 1,000 batches.
func BenchmarkGroups(b *testing.B) {
	_, st, _ := openBench(b)
	by := eventmetrics.New(st, memqueue.New(nil), &eventmetrics.Options{Dimensions: []string{"test_id"}})
	types := benchTypes()
	for i := range 1000 {
		sum := metrics.NewAggregator(&metrics.AggregatorOptions{Subject: "candidate_id", Dimensions: []string{"test_id"}})
		for k := range 2000 {
			at := time.Date(2025, 1, 1, 0, 0, (i*2000+k)*7919%86400, 0, time.UTC).AddDate(0, 0, i%365)
			e := metrics.Event{Type: types[k%20], Time: at, Fields: []metrics.Field{{Name: "test_id", Value: fmt.Sprint("T", k/20)}}}
			if err := sum.Add(&e); err != nil {
				b.Fatal(err)
			}
		}
		if err := complete(b.Context(), st, fmt.Sprintf("0199d2f8-0000-7000-8000-%012d", i), sum.Contribution()); err != nil {
			b.Fatal(err)
		}
	}
	api, err := httpapi.New(by, &httpapi.Options{Token: "t"})
	if err != nil {
		b.Fatal(err)
	}
	for _, query := range []string{"", "?group_by=test_id&group=none", "?group_by=test_id&group=none&top=10&interval=month", "?where.test_id=T7", "?group_by=test_id&tz=Asia/Kathmandu&interval=month"} {
		b.Run("metrics"+query, func(b *testing.B) { ask(b, api, "/metrics"+query) })
	}
}
