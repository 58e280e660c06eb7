package sqlitestore_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// someEvents returns events with random candidates out of a million, random
// tests out of a hundred thousand, and random seconds of a month.
func someEvents(n int) []metrics.Event {
	rng := rand.New(rand.NewPCG(1, 1))
	pool := make([]string, 1_000_000)
	for i := range pool {
		pool[i] = fmt.Sprintf("C%09d", rng.IntN(1e9))
	}
	types := strings.Fields("test_started test_finished test_paused test_resumed answer_given page_left")
	start := time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC)
	events := make([]metrics.Event, n)
	fields := make([]metrics.Field, 2*n)
	for i := range events {
		// As out of a file: the strings of a row are neighbours.
		row := fmt.Sprintf("%s,T%05d,%s", pool[rng.IntN(len(pool))], rng.IntN(1e5), types[rng.IntN(len(types))])
		fields[2*i] = metrics.Field{Name: "candidate_id", Value: row[:10]}
		fields[2*i+1] = metrics.Field{Name: "test_id", Value: row[11:17]}
		events[i] = metrics.Event{
			Row: int64(i + 1), Type: row[18:], Fields: fields[2*i : 2*i+2],
			Time: start.Add(time.Duration(rng.IntN(30*86400)) * time.Second),
		}
	}
	return events
}

// fill uploads events, times over.
func fill(tb testing.TB, st store.Store, id string, events []metrics.Event, times int) {
	tb.Helper()
	w, err := st.Begin(tb.Context(), id)
	if err != nil {
		tb.Fatal(err)
	}
	for range times {
		for part := range slices.Chunk(events, 2000) {
			if err := w.Write(tb.Context(), part); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if _, err := w.Commit(tb.Context(), store.Batch{Created: time.Now()}, nil); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkWrite writes and commits parsed events. In the case of ten million
// rows, the million candidates come back ten times.
func BenchmarkWrite(b *testing.B) {
	events := someEvents(1_000_000)
	for _, times := range []int{1, 10} {
		b.Run(fmt.Sprint("rows=", times*len(events)), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "events.db")
			st, err := sqlitestore.Open(b.Context(), path, nil)
			if err != nil {
				b.Fatal(err)
			}
			for i := 0; b.Loop(); i++ {
				fill(b, st, strconv.Itoa(i), events, times)
			}
			rows := float64(b.N * times * len(events))
			b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
			if err := st.Close(); err != nil {
				b.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(info.Size())/rows, "B/row")
		})
	}
}

func BenchmarkEvents(b *testing.B) {
	st := opened(b, filepath.Join(b.TempDir(), "events.db"))
	fill(b, st, "a", someEvents(1_000_000), 1)
	n := 0
	for b.Loop() {
		for _, err := range st.Events(b.Context(), "a") {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}

// aContribution has the given days and types, and about n events a day.
func aContribution(rng *rand.Rand, first, days, types, n int) metrics.Contribution {
	a := metrics.NewAggregator(&metrics.AggregatorOptions{Subject: "s"})
	fields := []metrics.Field{{Name: "s"}}
	for day := range days {
		for i := range n {
			fields[0].Value = strconv.Itoa(rng.IntN(1_000_000))
			t := metrics.Day(first + day).Time().Add(time.Duration(rng.IntN(86400)) * time.Second)
			_ = a.Add(&metrics.Event{Type: fmt.Sprint("event_type_", i%types), Time: t, Fields: fields})
		}
	}
	return a.Contribution()
}

func upload(tb testing.TB, st store.Store, id string) {
	tb.Helper()
	fill(tb, st, id, []metrics.Event{{Row: 1, Type: "t"}}, 1)
}

// BenchmarkDaily reads 365 days with 20 event types that 10,000 batches have
// made.
func BenchmarkDaily(b *testing.B) {
	st := opened(b, filepath.Join(b.TempDir(), "events.db"))
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 10_000 {
		id := fmt.Sprintf("%06d", i)
		upload(b, st, id)
		if err := st.Record(b.Context(), id, aContribution(rng, 20_000+i%365, 1, 20, 200)); err != nil {
			b.Fatal(err)
		}
	}
	for _, q := range []metrics.Filter{{}, {Slots: true}, {Subjects: true}} {
		b.Run(fmt.Sprintf("slots=%t/subjects=%t", q.Slots, q.Subjects), func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				n := 0
				for _, err := range st.DayCounts(b.Context(), q) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				took = append(took, time.Since(start))
				if n != 365*20 {
					b.Fatalf("%d dailies", n)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// BenchmarkRecord records contributions of a number of days and 20 types, with
// the subjects of a thousand events a day.
func BenchmarkRecord(b *testing.B) {
	for _, days := range []int{1, 30} {
		b.Run(fmt.Sprint("days=", days), func(b *testing.B) {
			st := opened(b, filepath.Join(b.TempDir(), "events.db"))
			c := aContribution(rand.New(rand.NewPCG(1, 1)), 20_000, days, 20, 20_000)
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				id := fmt.Sprintf("%06d", i)
				upload(b, st, id)
				b.StartTimer()
				if err := st.Record(b.Context(), id, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
