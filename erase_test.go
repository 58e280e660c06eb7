package eventmetrics_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
	"github.com/eventmetrics/eventmetrics/store/sqlitestore"
)

// sent is a row of a file; a rejected one has no time.
type sent struct {
	subject, eventType string
	hour               int
	rejected           bool
}

// subjects are values that a CSV file or a spreadsheet takes for something else.
var subjects = []string{"C1", "C10", "=1+1", "a,b", `q"uote`, "two words", "日本", strings.Repeat("long-", 30)}

func drawRows(rt *rapid.T) []sent {
	row := rapid.Custom(func(t *rapid.T) sent {
		return sent{
			rapid.SampledFrom(subjects).Draw(t, "subject"), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "type"),
			rapid.IntRange(0, 40).Draw(t, "hour"), rapid.IntRange(0, 2).Draw(t, "rejected") == 0,
		}
	})
	rows := rapid.SliceOfN(row, 0, 30).Draw(rt, "rows")
	return append(rows, sent{"kept", "a", 0, false}) // or nothing might be valid
}

func fileOf(rows []sent) string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"candidate_id", "test_id", "event_type", "timestamp"})
	for _, r := range rows {
		at := time.Date(2025, 11, 8, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.hour) * time.Hour).Format(time.RFC3339)
		if r.rejected {
			at = "never"
		}
		_ = w.Write([]string{r.subject, "T1", r.eventType, at})
	}
	w.Flush()
	return b.String()
}

// mill is a Service whose workers run until close.
type mill struct {
	*eventmetrics.Service
	store store.Store
	queue *memqueue.Queue
	close func()
}

func newMill(t *testing.T, st store.Store) *mill {
	t.Helper()
	q := memqueue.New(&memqueue.Options{Retry: queue.Retry{Base: time.Millisecond}})
	m := &mill{eventmetrics.New(st, q, &eventmetrics.Options{ReconcileEvery: -1, CleanupEvery: -1, ReprocessEvery: -1}), st, q, nil}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	m.close = func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	return m
}

func (m *mill) send(t *testing.T, rows []sent, process bool) string {
	t.Helper()
	r, err := m.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(fileOf(rows)), AllowDuplicate: true})
	if err != nil {
		t.Fatal(err)
	}
	if process {
		m.process(t, r.Batch.ID)
	}
	return r.Batch.ID
}

func (m *mill) process(t *testing.T, id string) {
	t.Helper()
	if err := m.Process(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if b, err := m.Wait(t.Context(), id); err != nil || b.Status != store.Completed {
		t.Fatalf("batch is %s (%s), %v", b.Status, b.LastError, err)
	}
}

// measured is all that the metrics say, sketches included.
func (m *mill) measured(t *testing.T) []byte {
	t.Helper()
	var all metrics.Contribution
	for d, err := range m.store.DayCounts(t.Context(), metrics.Filter{Slots: true, Subjects: true}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	text, err := all.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// traces lists where a subject still is.
func (m *mill) traces(t *testing.T, id, subject string) (found []string) {
	t.Helper()
	for e, err := range m.store.Events(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Field("candidate_id") == subject {
			found = append(found, "event")
		}
	}
	var repair bytes.Buffer
	for chunk, err := range m.RepairFile(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		repair.Write(chunk)
	}
	rows, err := csv.NewReader(&repair).ReadAll()
	if err != nil {
		t.Fatalf("the repair file is no CSV: %v", err)
	}
	for _, row := range rows {
		if strings.TrimPrefix(row[0], "'") == subject {
			found = append(found, "repair line")
		}
	}
	var listed []ingest.RowError
	for chunk, err := range m.store.Attachment(t.Context(), id, "errors") {
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(chunk, &listed); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range listed {
		if e.Record[0].Value == subject {
			found = append(found, "error")
		}
	}
	return found
}

func without(rows []sent, subject string) []sent {
	return slices.DeleteFunc(slices.Clone(rows), func(r sent) bool { return r.subject == subject })
}

func erasureLaw(t *testing.T, rt *rapid.T, open func() store.Store) {
	m, model := newMill(t, open()), newMill(t, memstore.New())
	defer m.close()
	defer model.close()
	counts := rapid.SampledFrom([]eventmetrics.ErasedCounts{eventmetrics.KeepCounts, eventmetrics.SubtractCounts})
	var files [][]sent
	var ids []string
	processed := rapid.IntRange(0, 3).Draw(rt, "processed")
	for i := range 3 {
		files = append(files, drawRows(rt))
		ids = append(ids, m.send(t, files[i], i < processed))
	}
	counted := slices.Clone(files) // that the metrics should have
	for range rapid.IntRange(1, 3).Draw(rt, "erasures") {
		e := eventmetrics.Erasure{Subject: rapid.SampledFrom(subjects).Draw(rt, "erased"), Counts: counts.Draw(rt, "counts")}
		var want eventmetrics.ErasureReceipt
		for i := range files {
			rest := without(files[i], e.Subject)
			if len(rest) < len(files[i]) {
				want.Changed++
			}
			for _, r := range files[i] {
				if r.subject == e.Subject && r.rejected {
					want.Rows++
				} else if r.subject == e.Subject {
					want.Events++
				}
			}
			if e.Counts == eventmetrics.SubtractCounts && len(rest) < len(files[i]) { // what was kept before stays
				counted[i] = without(counted[i], e.Subject)
			}
			files[i] = rest
		}
		for _, run := range []struct {
			dry  bool
			want eventmetrics.ErasureReceipt
		}{{true, want}, {false, want}, {false, eventmetrics.ErasureReceipt{}}} {
			e.DryRun = run.dry
			got, err := m.Erase(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Complete() || got.Batches != 3 || got.Events != run.want.Events || got.Rows != run.want.Rows || got.Changed != run.want.Changed {
				rt.Fatalf("dry run %v: got %+v, want %d events and %d rows in %d batches", run.dry, got, run.want.Events, run.want.Rows, run.want.Changed)
			}
		}
		for _, id := range ids {
			if found := m.traces(t, id, e.Subject); len(found) > 0 {
				rt.Fatalf("the subject is still in %v", found)
			}
		}
	}
	for i := range counted {
		if i >= processed {
			m.process(t, ids[i])
		}
		model.send(t, counted[i], true)
	}
	if !bytes.Equal(model.measured(t), m.measured(t)) {
		rt.Fatal("the metrics are not those of the rows that count")
	}
	report, err := m.Reprocess(t.Context())
	if err != nil || report.Batches != 3 || report.Drifted != 0 || report.Unreadable != 0 {
		rt.Fatalf("Reprocess: %+v, %v", report, err)
	}
}

func TestErasureLaw(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) { erasureLaw(t, rt, func() store.Store { return memstore.New() }) })
}

func TestErasureLawOnSQLite(t *testing.T) {
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		if n++; n > 15 {
			return
		}
		st, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "events.db"), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		erasureLaw(t, rt, func() store.Store { return st })
	})
}

func TestErasureIsChecked(t *testing.T) {
	s := eventmetrics.New(memstore.New(), memqueue.New(nil), nil)
	for _, e := range []eventmetrics.Erasure{{}, {Subject: "C1"}, {Counts: eventmetrics.KeepCounts}, {Subject: "C1", Counts: "both"}} {
		if _, err := s.Erase(t.Context(), e); !errors.Is(err, eventmetrics.ErrBadErasure) {
			t.Errorf("%+v: %v, want ErrBadErasure", e, err)
		}
	}
	plain := eventmetrics.New(struct{ store.Store }{memstore.New()}, memqueue.New(nil), nil)
	if _, err := plain.Erase(t.Context(), eventmetrics.Erasure{Subject: "C1", Counts: eventmetrics.KeepCounts}); !errors.Is(err, eventmetrics.ErrUnsupported) {
		t.Errorf("on a store that cannot: %v, want ErrUnsupported", err)
	}
}

// crashed fails the first Amend after an Erase, as if the process was lost
// between.
type crashed struct {
	*memstore.Store
	armed bool
}

var errLost = errors.New("lost")

func (c *crashed) Amend(ctx context.Context, id string, sum metrics.Contribution) error {
	if c.armed {
		c.armed = false
		return errLost
	}
	return c.Store.Amend(ctx, id, sum)
}

func TestErasureThatWasCutOffIsEnded(t *testing.T) {
	for name, end := range map[string]func(*mill) error{
		"by Reprocess": func(m *mill) error {
			_, err := m.Reprocess(t.Context())
			return err
		},
		"by the same again": func(m *mill) error {
			_, err := m.Erase(t.Context(), eventmetrics.Erasure{Subject: "C1", Counts: eventmetrics.SubtractCounts})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			st := &crashed{Store: memstore.New()}
			m, model := newMill(t, st), newMill(t, memstore.New())
			defer m.close()
			defer model.close()
			rows := []sent{{"C1", "a", 1, false}, {"C2", "a", 2, false}, {"C1", "b", 3, false}}
			m.send(t, rows, true)
			model.send(t, without(rows, "C1"), true)
			st.armed = true
			r, err := m.Erase(t.Context(), eventmetrics.Erasure{Subject: "C1", Counts: eventmetrics.SubtractCounts})
			if err != nil || r.Unreadable != 1 || r.Events != 2 || r.Complete() {
				t.Fatalf("the first time: %+v, %v; want an unreadable batch", r, err)
			}
			if err := end(m); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(model.measured(t), m.measured(t)) {
				t.Error("the counts of the subject are still in the metrics")
			}
		})
	}
}

// meddling calls a function before a Record, or after an Erase.
type meddling struct {
	*memstore.Store
	beforeRecord, afterErase func()
}

func (s *meddling) Record(ctx context.Context, id string, c metrics.Contribution) error {
	if f := s.beforeRecord; f != nil {
		s.beforeRecord = nil
		f()
	}
	return s.Store.Record(ctx, id, c)
}

func (s *meddling) Erase(ctx context.Context, id string, e store.Erasure) (int64, error) {
	n, err := s.Store.Erase(ctx, id, e)
	if f := s.afterErase; f != nil {
		s.afterErase = nil
		f()
	}
	return n, err
}

func TestErasureBesideAWorker(t *testing.T) {
	st := &meddling{Store: memstore.New()}
	m, model := newMill(t, st), newMill(t, memstore.New())
	defer m.close()
	defer model.close()
	rows := []sent{{"C1", "a", 1, false}, {"C2", "a", 2, false}}
	st.beforeRecord = func() { // the worker has read the sum of the upload
		r, err := m.Erase(t.Context(), eventmetrics.Erasure{Subject: "C1", Counts: eventmetrics.SubtractCounts})
		if err != nil || r.Events != 1 {
			t.Errorf("Erase: %+v, %v", r, err)
		}
	}
	m.send(t, rows, true)
	model.send(t, without(rows, "C1"), true)
	if !bytes.Equal(model.measured(t), m.measured(t)) {
		t.Error("the worker recorded the subject's counts")
	}
}

func TestErasureFindsUploadsThatEndMeanwhile(t *testing.T) {
	st := &meddling{Store: memstore.New()}
	m := newMill(t, st)
	defer m.close()
	rows := []sent{{"C1", "a", 1, false}, {"C2", "a", 2, false}}
	m.send(t, rows, true)
	var late string
	st.afterErase = func() { late = m.send(t, append(rows, rows...), false) }
	r, err := m.Erase(t.Context(), eventmetrics.Erasure{Subject: "C1", Counts: eventmetrics.KeepCounts})
	if err != nil || !r.Complete() || r.Events != 3 || r.Changed != 2 {
		t.Errorf("got %+v, %v; want the events of both batches", r, err)
	}
	if found := m.traces(t, late, "C1"); len(found) > 0 {
		t.Errorf("the subject is still in %v", found)
	}
}

func TestErasureClearsTexts(t *testing.T) {
	st := memstore.New()
	var log bytes.Buffer
	q := memqueue.New(&memqueue.Options{Retry: queue.Retry{MaxAttempts: 1}})
	s := eventmetrics.New(st, q, &eventmetrics.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	r := &rig{s, st, q}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	texts := map[string]string{}
	const subject = "candidate-4711-of-north"
	for _, text := range []string{"row of candidate-4711-of-north, odd", "value candidate-4711-o… is odd", "of candidate-4711-of-northern", "no word of anybody"} {
		b := r.upload(t, day(1))
		texts[b.ID] = text
		if err := r.Process(t.Context(), b.ID); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		ended <- q.Consume(ctx, func(_ context.Context, job queue.Job) error { return errors.New(texts[job.ID]) })
	}()
	poll(t, func() []queue.DeadJob {
		dead, err := q.Dead(t.Context(), queue.DeadQuery{})
		if err != nil || len(dead) < 4 {
			return nil
		}
		return dead
	})
	if err := s.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := s.Erase(t.Context(), eventmetrics.Erasure{Subject: subject, Counts: eventmetrics.KeepCounts})
	if err != nil || got.DeadLetters != 2 || got.LastErrors != 2 || got.Changed != 2 {
		t.Errorf("got %+v, %v; want two dead letters and two causes", got, err)
	}
	var left []string
	dead, err := q.Dead(t.Context(), queue.DeadQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range dead {
		left = append(left, job.Err)
	}
	batches, err := s.Batches(t.Context(), store.BatchQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		left = append(left, string(b.Status)+" "+b.LastError)
	}
	slices.Sort(left)
	want := []string{"failed erased", "failed erased", "failed no word of anybody", "failed of candidate-4711-of-northern", "no word of anybody", "of candidate-4711-of-northern"}
	if d := cmp.Diff(want, left); d != "" {
		t.Error(d)
	}
	again, err := s.Erase(t.Context(), eventmetrics.Erasure{Subject: subject, Counts: eventmetrics.KeepCounts})
	if err != nil || again.DeadLetters != 0 || again.Changed != 0 {
		t.Errorf("again: %+v, %v; want nothing", again, err)
	}
	if strings.Contains(log.String(), subject) {
		t.Errorf("the log names the subject:\n%s", log.String())
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestErasureOfRowsThatCouldNotBeSplit(t *testing.T) {
	r := newRig(t, nil, false)
	const file = header + "C1,T1,a,2025-11-08\n" + // valid
		`"C2,T1,a,2025-11-08` + "\n" + // a quote that does not close
		"C3,T1,a,2025-11-08,C2,,,\n" + // too many fields
		"C3,C2,a,never\n" + // of another column
		"C3,T1,a,never\n"
	b := r.upload(t, file)
	got, err := r.Erase(t.Context(), eventmetrics.Erasure{Subject: "C2", Counts: eventmetrics.KeepCounts})
	if err != nil || got.Rows != 2 {
		t.Errorf("got %+v, %v; want two rows", got, err)
	}
	text, err := r.repair(t, b.ID)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(text) {
		rows = append(rows, strings.Join(strings.Split(line, ",")[:4], ","))
	}
	want := []string{"candidate_id,test_id,event_type,timestamp", "C3,C2,a,never", "C3,T1,a,never"}
	if d := cmp.Diff(want, rows); d != "" {
		t.Error(d)
	}
}

func TestAReceiptNamesTheSchemasThatItCannotReach(t *testing.T) {
	for _, tc := range []struct {
		name, row   string
		unreachable []string
		complete    bool
	}{
		{"events without a subject", "a,2025-11-08,C1,\n", []string{"default", "visits"}, false},
		{"the subject in a column of its own", "a,2025-11-08,C2,C1\n", []string{"default", "visits"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			own := ingest.Schema{EventType: "kind", Time: "at", Required: []string{}}
			s := eventmetrics.New(memstore.New(), memqueue.New(nil), &eventmetrics.Options{
				Schema: own, Subject: "candidate_id", Schemas: map[string]ingest.Schema{"visits": own, "tests": {}},
			})
			f := eventmetrics.File{Body: strings.NewReader("kind,at,person,candidate_id\n" + tc.row)}
			if _, err := s.Upload(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			got, err := s.Erase(t.Context(), eventmetrics.Erasure{Subject: "C1", Counts: eventmetrics.KeepCounts})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.unreachable, got.Unreachable); d != "" || got.Complete() != tc.complete {
				t.Errorf("complete %v %s", got.Complete(), d)
			}
		})
	}
}
