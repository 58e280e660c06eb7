package legacy_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/backends"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/legacy"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// target is where the data goes.
type target struct {
	options backends.Options
	page    int // of the source; 0 means its own
}

// targets are the kinds of targets, each empty.
func targets(t *testing.T) map[string]*target {
	t.Helper()
	return map[string]*target{
		"embedded":          {backends.Options{DataDir: t.TempDir(), Workers: 2}, 0},
		"MongoDB and Redis": {backends.Options{MongoURI: testenv.Mongo(t), RedisURL: testenv.Redis(t).URL, Workers: 2}, 0},
	}
}

// open opens the target until the test ends or the caller closes it.
func (g *target) open(t *testing.T) *backends.Backends {
	t.Helper()
	b, err := backends.Open(t.Context(), &g.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// run imports as a process of its own would.
func (g *target) run(ctx context.Context, t *testing.T, uri string, opts *legacy.Options) (*legacy.Report, error) {
	t.Helper()
	b := g.open(t)
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	src, err := legacy.Open(t.Context(), uri, g.options.MongoURI, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}()
	if g.page > 0 {
		legacy.SetPage(src, g.page)
	}
	return legacy.Import(ctx, src, b.Store, b.Queue, opts)
}

// daily returns what counts in the target: day, type and count.
func (g *target) daily(t *testing.T) map[string]int64 {
	t.Helper()
	b := g.open(t)
	defer b.Close()
	got := map[string]int64{}
	for d, err := range b.Store.DayCounts(t.Context(), metrics.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		got[d.Day.String()+" "+d.Type] = d.Count
	}
	return got
}

func (g *target) batches(t *testing.T) []store.Batch {
	t.Helper()
	b := g.open(t)
	defer b.Close()
	all, err := b.Store.Batches(t.Context(), store.BatchQuery{Limit: store.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// leave fills a database with the data of years of service.
func leave(t *testing.T) *original {
	t.Helper()
	o := newOriginal(t)
	o.index()
	first := o.batch(1, "completed", 4)
	o.fill(first, "started", "2025-11-08", 3)
	o.fill(first, "a.b", "2025-11-09", 1)
	second := o.batch(2, "completed", 3) // its day overwrote that of the first
	o.fill(second, "started", "2025-11-08", 2)
	o.fill(second, "$x", "2025-11-08", 1)
	o.fill(o.batch(3, "failed", 2), "started", "2025-11-10", 2)
	o.fill(o.batch(4, "queued", 1), "ended", "2025-11-10", 1)
	o.fill(o.batch(5, "processing", 1), "ended", "2025-11-10", 1)
	o.fill(o.batch(6, "uploaded", 5), "started", "2025-11-11", 5)
	o.batch(7, "uploaded", 0)                                     // all of its rows were wrong
	o.fill(uuid(1, 8), "started", "2025-11-12", 7)                // its insert died before the batch
	o.insert("events", o.event("", "started", "2025-11-13", nil), // without a batch id
		o.event("", "started", "2025-11-13", bson.M{"batch_id": nil}))
	o.daily("2025-11-08", "started", int32(2), "$x", int32(1))
	o.daily("2025-11-09", "a.b", int32(1))
	o.daily("2025-11-10", "ended", int32(1), "ghost", int32(9))
	return o
}

func TestImportRecountsWhatTheOriginalOverwrote(t *testing.T) {
	o := leave(t)
	for name, g := range targets(t) {
		t.Run(name, func(t *testing.T) {
			want := &legacy.Report{
				Batches: 7, Orphans: 2, Imported: 8, Empty: 1, Events: 25, Completed: 5, Unprocessed: 3, Counted: 11,
				Differences: []legacy.Difference{
					{Day: "2025-11-08", EventType: "started", Original: 2, Recount: 5},
					{Day: "2025-11-10", EventType: "ended", Original: 1, Recount: 2},
					{Day: "2025-11-10", EventType: "ghost", Original: 9, Recount: 0},
					{Day: "2025-11-10", EventType: "started", Original: 0, Recount: 2},
				},
			}
			wantDaily := map[string]int64{
				"2025-11-08 started": 5, "2025-11-08 $x": 1, "2025-11-09 a.b": 1, "2025-11-10 started": 2, "2025-11-10 ended": 2,
			}
			for run := range 2 {
				got, err := g.run(t.Context(), t, o.uri, nil)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("run %d: %s", run, d)
				}
				if d := cmp.Diff(wantDaily, g.daily(t)); d != "" {
					t.Errorf("run %d: %s", run, d)
				}
				want.Imported, want.Again = 0, 8 // nothing is imported twice
			}
		})
	}
}

func TestEventsAreKeptAsTheyWere(t *testing.T) {
	o := newOriginal(t)
	id := o.batch(1, "completed", 2)
	o.insert("events", o.event(id, "\U0001F600 \"quoted\", \\ \n\t", "2025-11-08", nil),
		o.event(id, "__proto__", "2025-11-08", bson.M{"candidate_id": "'=1+1"}))
	g := &target{backends.Options{DataDir: t.TempDir(), Workers: 1}, 0}
	if _, err := g.run(t.Context(), t, o.uri, nil); err != nil {
		t.Fatal(err)
	}
	batches := g.batches(t)
	if len(batches) != 1 || batches[0].FileName != "file-1.csv" || batches[0].IdempotencyKey != "legacy:"+id {
		t.Fatalf("got %+v", batches)
	}
	b := g.open(t)
	var got []metrics.Event
	for e, err := range b.Store.Events(t.Context(), batches[0].ID) {
		if err != nil {
			t.Fatal(err)
		}
		e.Fields = append([]metrics.Field(nil), e.Fields...)
		got = append(got, e)
	}
	fields := func(candidate string) []metrics.Field {
		return []metrics.Field{{Name: "candidate_id", Value: candidate}, {Name: "test_id", Value: "T1"}}
	}
	day := metrics.DayOf(created).Time().AddDate(0, 0, -2)
	want := []metrics.Event{
		{Row: 1, ID: uuid(2, 1), Type: "\U0001F600 \"quoted\", \\", Time: day.Add(1e6), Fields: fields("C1")},
		{Row: 2, ID: uuid(2, 2), Type: "__proto__", Time: day.Add(2e6), Fields: fields("'=1+1")},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestValuesAreReadAsThoseOfUploads imports what an upload would trim or take
// for missing.
func TestValuesAreReadAsThoseOfUploads(t *testing.T) {
	o := newOriginal(t)
	id := o.batch(1, "completed", 5)
	o.insert("events",
		o.event(id, "start\u00a0", "2025-11-08", bson.M{"candidate_id": "\u200bC1 ", "event_id": `\N`}),
		o.event(id, " start", "2025-11-08", bson.M{"candidate_id": "\ufeffC1", "event_id": "NULL"}),
		o.event(id, "start", "2025-11-08", bson.M{"candidate_id": "\u00a0\u200b"}),
		o.event(id, `\N`, "2025-11-08", nil),
		o.event(id, "start", "2025-11-08", bson.M{"event_id": "N/A", "timestamp": "2025-11-08 09:00:00 GMT"}))
	ambiguous := o.batch(2, "completed", 1)
	o.insert("events", o.event(ambiguous, "start", "2025-11-08", bson.M{"timestamp": "03/04/2025"}))

	g := &target{backends.Options{DataDir: t.TempDir(), Workers: 1}, 0}
	report, err := g.run(t.Context(), t, o.uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.Events != 3 || report.Rejected != 2 || report.Refused != 1 || len(report.Problems) != 1 || !strings.Contains(report.Problems[0].What, "03/04/2025") {
		t.Errorf("got %+v", report)
	}
	var got []string
	b := g.open(t)
	all, err := b.Store.Batches(t.Context(), store.BatchQuery{Limit: store.MaxLimit})
	if err != nil || len(all) != 1 {
		t.Fatalf("%d batches, %v", len(all), err)
	}
	for e, err := range b.Store.Events(t.Context(), all[0].ID) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%q %q %q", e.ID, e.Type, e.Fields[0].Value))
	}
	want := []string{`"" "start" "C1"`, `"" "start" "C1"`, `"" "start" "C2"`}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestWhichBatchesCountIsAChoice(t *testing.T) {
	o := leave(t)
	for which, counted := range map[legacy.Which]int64{legacy.Completed: 7, legacy.Tried: 11, legacy.All: 25} {
		t.Run(string(which), func(t *testing.T) {
			g := &target{backends.Options{DataDir: t.TempDir(), Workers: 1}, 0}
			got, err := g.run(t.Context(), t, o.uri, &legacy.Options{Process: which})
			if err != nil || got.Counted != counted || got.Completed+got.Unprocessed != 8 {
				t.Errorf("%+v %v, want %d events to count", got, err, counted)
			}
		})
	}
}

// after is a log that calls stop once it has seen so many records.
type after struct {
	slog.Handler
	left atomic.Int64
	stop func()
}

func (a *after) Enabled(context.Context, slog.Level) bool { return true }

func (a *after) Handle(context.Context, slog.Record) error {
	if a.left.Add(-1) == 0 {
		a.stop()
	}
	return nil
}

// TestImportGoesOnWhereItBrokeOff breaks every import off a little later than
// the one before, until one ends.
func TestImportGoesOnWhereItBrokeOff(t *testing.T) {
	o := leave(t)
	for name, g := range targets(t) {
		t.Run(name, func(t *testing.T) {
			for records := int64(1); ; records++ {
				ctx, stop := context.WithCancel(t.Context())
				log := &after{Handler: slog.DiscardHandler, stop: stop}
				log.left.Store(records)
				report, err := g.run(ctx, t, o.uri, &legacy.Options{Process: legacy.All, Logger: slog.New(log)})
				stop()
				if err == nil {
					if records < 3 || report.Counted != 25 || report.Imported+report.Again != 8 {
						t.Errorf("after %d records: %+v", records, report)
					}
					break
				}
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("after %d records: %v", records, err)
				}
			}
			var events int64
			for _, b := range g.batches(t) {
				if b.Status != store.Completed {
					t.Errorf("batch %s is %s", b.FileName, b.Status)
				}
				events += b.AcceptedRows
			}
			if events != 25 {
				t.Errorf("the target has %d events, want 25", events)
			}
			var counted int64
			for _, n := range g.daily(t) {
				counted += n
			}
			if counted != 25 {
				t.Errorf("%d events count, want 25", counted)
			}
		})
	}
}

func TestHostileDocumentsCostOnlyThemselves(t *testing.T) {
	o := newOriginal(t)
	id := o.batch(1, "completed", 99)
	docs := []any{}
	add := func(change bson.M) { docs = append(docs, o.event(id, "ok", "2025-11-08", change)) }
	add(nil)
	add(bson.M{"timestamp": nil})
	add(bson.M{"timestamp": "2025-11-08T09:00:00Z"}) // text is a time, too
	add(bson.M{"timestamp": "Invalid Date"})
	add(bson.M{"timestamp": bson.DateTime(8640000000000000)}) // the last one of JavaScript
	add(bson.M{"timestamp": int64(1762592400000)})            // Unix time
	add(bson.M{"timestamp": 1762592400000.5})                 // a double, in the same unit
	add(bson.M{"timestamp": bson.D{{Key: "date", Value: 1}}})
	add(bson.M{"timestamp": true})
	add(bson.M{"event_type": ""})
	add(bson.M{"event_type": nil})
	add(bson.M{"event_type": bson.A{"a", "b"}})
	add(bson.M{"event_type": strings.Repeat("x", 1025)})
	add(bson.M{"event_type": "nul\x00"})
	add(bson.M{"event_type": int32(7)})
	add(bson.M{"candidate_id": bson.D{{Key: "gt", Value: ""}}})
	add(bson.M{"candidate_id": bson.NewObjectID()})
	add(bson.M{"test_id": bson.Binary{Data: []byte{1}}})
	add(bson.M{"event_id": nil})
	add(bson.M{"event_id": int64(5)})
	o.insert("events", docs...)
	o.insert("batches",
		bson.D{{Key: "_id", Value: bson.NewObjectID()}},
		bson.D{{Key: "_id", Value: bson.NewObjectID()}, {Key: "batch_id", Value: int32(5)}, {Key: "status", Value: bson.A{}}})
	none := o.batch(2, "completed", 1)
	o.insert("events", o.event(none, "", "2025-11-08", nil))
	o.daily("2025-11-08", "ok", 9.0, nil, int64(3), "x", "many")
	o.insert("dailymetrics", bson.D{{Key: "date", Value: 5}}, bson.D{{Key: "metrics", Value: "none"}}, bson.D{{Key: "metrics", Value: bson.A{1, "x"}}})

	g := &target{backends.Options{DataDir: t.TempDir(), Workers: 1}, 0}
	got, err := g.run(t.Context(), t, o.uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &legacy.Report{
		Batches: 4, Imported: 1, Refused: 1, Troubled: 2, Events: 8, Rejected: 13, Completed: 1, Counted: 8,
		Rejections: []legacy.Rejection{
			{From: id, Events: 12, Reasons: []string{
				"event " + uuid(2, 2) + ": timestamp is missing",
				"event " + uuid(2, 4) + ": timestamp is not a time; use the form 2025-11-08T09:00:00Z, 2025-11-08 09:00:00, 2025-11-08, 31/12/2025 09:00, or Unix time in s, ms, µs or ns",
				"event " + uuid(2, 5) + ": timestamp is not a time; use the form 2025-11-08T09:00:00Z, 2025-11-08 09:00:00, 2025-11-08, 31/12/2025 09:00, or Unix time in s, ms, µs or ns",
			}},
			{From: none, Events: 1, Reasons: []string{"event " + uuid(2, 21) + ": event_type is missing"}},
		},
		Problems: []legacy.Problem{{What: "a batch without batch_id"}, {What: "a batch without batch_id"}},
		Differences: []legacy.Difference{
			{Day: "2025-11-08", EventType: "", Original: 3},
			{Day: "2025-11-08", EventType: "7", Recount: 1},
			{Day: "2025-11-08", EventType: "ok", Original: 9, Recount: 7},
		},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(legacy.Rejection{}, "Batch")); d != "" {
		t.Error(d)
	}
}

func TestChangedSourceIsAProblem(t *testing.T) {
	o := newOriginal(t)
	id := o.batch(1, "completed", 1)
	o.fill(id, "a", "2025-11-08", 1)
	g := &target{backends.Options{DataDir: t.TempDir(), Workers: 1}, 0}
	if _, err := g.run(t.Context(), t, o.uri, nil); err != nil {
		t.Fatal(err)
	}
	o.fill(id, "a", "2025-11-08", 1)
	got, err := g.run(t.Context(), t, o.uri, nil)
	if err != nil || got.Troubled != 1 || got.Problems[0].From != id {
		t.Errorf("%+v %v", got, err)
	}
	if d := cmp.Diff(map[string]int64{"2025-11-08 a": 1}, g.daily(t)); d != "" {
		t.Error(d)
	}
}

func TestManyBatchesAreReadInPages(t *testing.T) {
	o := newOriginal(t)
	o.index()
	const n = 13 // each kind has two pages and one
	var batches, events []any
	for i := range n {
		id := uuid(1, i)
		if i%2 == 0 { // the others are orphans
			batches = append(batches, bson.D{{Key: "batch_id", Value: id}, {Key: "status", Value: "completed"}})
		}
		events = append(events, o.event(id, "a", "2025-11-08", nil))
	}
	o.insert("batches", batches...)
	o.insert("events", events...)
	g := &target{backends.Options{DataDir: t.TempDir(), Workers: 4}, 3}
	got, err := g.run(t.Context(), t, o.uri, &legacy.Options{Process: legacy.All})
	if err != nil || got.Batches != 7 || got.Orphans != 6 || got.Counted != n {
		t.Errorf("%+v %v", got, err)
	}
}
