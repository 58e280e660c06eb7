package eventmetrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/examples/customqueue"
	"github.com/eventmetrics/eventmetrics/examples/customstore"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

const header = "candidate_id,test_id,event_type,timestamp\n"

// day is a file with n events of one type on 2025-11-08.
func day(n int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		fmt.Fprintf(&b, "C%d,T1,started,2025-11-08T09:00:00Z\n", i)
	}
	return b.String()
}

type rig struct {
	*eventmetrics.Service
	store *customstore.Store
	queue *customqueue.Queue
}

// newRig returns a Service on memory whose jobs are tried again at once. Its
// workers run until the test ends, if work is true.
func newRig(t *testing.T, st store.Store, work bool) *rig {
	memory := customstore.New()
	if st == nil {
		st = memory
	}
	q := customqueue.New(&customqueue.Options{Retry: queue.Retry{Base: time.Millisecond}})
	r := &rig{eventmetrics.New(st, q, &eventmetrics.Options{ReconcileEvery: 20 * time.Millisecond}), memory, q}
	if work {
		r.start(t)
	}
	return r
}

func (r *rig) start(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func (r *rig) upload(t *testing.T, content string) store.Batch {
	t.Helper()
	receipt, err := r.Upload(t.Context(), eventmetrics.File{Name: "events.csv", Body: strings.NewReader(content)})
	if err != nil {
		t.Fatal(err)
	}
	return receipt.Batch
}

func (r *rig) finish(t *testing.T, id string) store.Batch {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	b, err := r.Wait(ctx, id)
	if err != nil {
		t.Fatalf("batch is %s (%s): %v", b.Status, b.Cause, err)
	}
	return b
}

func (r *rig) process(t *testing.T, id string) store.Batch {
	t.Helper()
	if err := r.Process(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return r.finish(t, id)
}

// counts returns the metrics as "day type count" lines.
func (r *rig) counts(t *testing.T) []string {
	t.Helper()
	buckets, err := r.Series(t.Context(), metrics.Series{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, b := range buckets {
		lines = append(lines, fmt.Sprintf("%s %s %d", b.Start.Format(time.DateOnly), b.Type, b.Count))
	}
	return lines
}

func TestSampleFileCountsAsItSays(t *testing.T) {
	r := newRig(t, nil, true)
	f, err := os.Open("ingest/testdata/events.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	receipt, err := r.Upload(t.Context(), eventmetrics.File{Name: "events.csv", Body: f})
	if err != nil {
		t.Fatal(err)
	}
	if receipt.Batch.Events != 5 || receipt.Batch.Failed != 3 || receipt.Batch.Status != store.Uploaded {
		t.Errorf("stored %+v, want 5 events, 3 failed, uploaded", receipt.Batch)
	}
	var got []string
	for _, e := range receipt.Errors {
		got = append(got, fmt.Sprintf("%d %d %s %s", e.Row, e.Line, e.Column, e.Code))
	}
	want := []string{"6 7 candidate_id missing_value", "7 8 event_type missing_value", "8 9 timestamp missing_value"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := r.counts(t); got != nil {
		t.Errorf("counts before processing: %v", got)
	}
	if b := r.process(t, receipt.Batch.ID); b.Status != store.Completed {
		t.Fatalf("batch is %s: %s", b.Status, b.Cause)
	}
	want = []string{
		"2025-11-08 question_answered 1", "2025-11-08 test_abandoned 1", "2025-11-08 test_started 1",
		"2025-11-09 test_started 1", "2025-11-10 test_completed 1",
	}
	if d := cmp.Diff(want, r.counts(t)); d != "" {
		t.Error(d)
	}
}

func TestRepairFileMendedAndSentAgainAddsTheRest(t *testing.T) {
	r := newRig(t, nil, true)
	b := r.upload(t, day(2)+"C9,T1,=cmd(),yesterday\n")
	r.process(t, b.ID)
	var repair strings.Builder
	for chunk, err := range r.Repair(t.Context(), b.ID) {
		if err != nil {
			t.Fatal(err)
		}
		repair.Write(chunk)
	}
	mended := strings.ReplaceAll(repair.String(), ",yesterday,", ",2025-11-08,")
	r.process(t, r.upload(t, mended).ID)
	if d := cmp.Diff([]string{"2025-11-08 =cmd() 1", "2025-11-08 started 2"}, r.counts(t)); d != "" {
		t.Errorf("%s\nrepair file:\n%s", d, repair.String())
	}
}

func TestFilesThatAreRefusedLeaveNothing(t *testing.T) {
	broken := errors.New("broken body")
	var headerError *ingest.HeaderError
	var rejected *eventmetrics.RejectedError
	for _, tc := range []struct {
		name string
		body io.Reader
		want func(error) bool
	}{
		{"an empty file", strings.NewReader(""), is(eventmetrics.ErrNoRows)},
		{"a header alone", strings.NewReader(header), is(eventmetrics.ErrNoRows)},
		{"a missing column", strings.NewReader("candidate_id,test_id,event_type\nC1,T1,a\n"), func(err error) bool {
			return errors.As(err, &headerError) && cmp.Equal(headerError.Missing, []string{"timestamp"})
		}},
		{"no valid row", strings.NewReader(header + ",,,\nC1,T1,a,never\n"), func(err error) bool {
			return errors.As(err, &rejected) && rejected.Failed == 2 && len(rejected.Errors) == 2
		}},
		{"a body that breaks off", io.MultiReader(strings.NewReader(day(5000)), iotest.ErrReader(broken)), is(broken)},
		{"a file above the limit", strings.NewReader(day(100_000)), is(eventmetrics.ErrTooLarge)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st := customstore.New()
			s := eventmetrics.New(st, customqueue.New(nil), &eventmetrics.Options{MaxUploadBytes: 1 << 20})
			_, err := s.Upload(t.Context(), eventmetrics.File{Body: tc.body})
			if !tc.want(err) {
				t.Errorf("got %v", err)
			}
			batches, err := s.Batches(t.Context(), store.BatchQuery{})
			if err != nil || len(batches) > 0 {
				t.Errorf("left %v, %v", batches, err)
			}
			future := store.PruneQuery{Before: time.Now().Add(time.Hour)}
			if pruned, err := st.Prune(t.Context(), future); err != nil || pruned != (store.Pruned{}) {
				t.Errorf("left remainders: %+v, %v", pruned, err)
			}
		})
	}
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func TestFileOfTheGreatestSizeIsTaken(t *testing.T) {
	content := day(10)
	s := eventmetrics.New(customstore.New(), customqueue.New(nil), &eventmetrics.Options{MaxUploadBytes: int64(len(content))})
	if _, err := s.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(content)}); err != nil {
		t.Error(err)
	}
	if _, err := s.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(content + "\n")}); !errors.Is(err, eventmetrics.ErrTooLarge) {
		t.Errorf("one byte more: %v, want ErrTooLarge", err)
	}
}

func TestManyRejectedRowsAreAllInTheRepairFileAndFewInTheReceipt(t *testing.T) {
	r := newRig(t, nil, false)
	const bad = 50_000
	content := header + strings.Repeat("C1,T1,a,never\n", bad) + "C1,T1,a,2025-11-08\n" + strings.Repeat(",T1,a,2025-11-08\n", 10)
	receipt, err := r.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(content)})
	if err != nil {
		t.Fatal(err)
	}
	if receipt.Batch.Events != 1 || receipt.Batch.Failed != bad+10 || len(receipt.Errors) != 100 {
		t.Errorf("got %d events, %d failed, %d errors", receipt.Batch.Events, receipt.Batch.Failed, len(receipt.Errors))
	}
	var repair strings.Builder
	for chunk, err := range r.Repair(t.Context(), receipt.Batch.ID) {
		if err != nil {
			t.Fatal(err)
		}
		repair.Write(chunk)
	}
	lines := strings.Split(strings.TrimSuffix(repair.String(), "\n"), "\n")
	if len(lines) != bad+11 {
		t.Fatalf("repair file has %d lines, want a header and %d rows", len(lines), bad+10)
	}
	for i, line := range lines[1 : bad+1] {
		if !strings.Contains(line, fmt.Sprintf(",%d,%d,timestamp,", i+1, i+2)) {
			t.Fatalf("line %d is out of order: %s", i, line)
		}
	}
}

func TestSecondFileOnADayAdds(t *testing.T) {
	r := newRig(t, nil, true)
	r.process(t, r.upload(t, day(3)).ID)
	r.process(t, r.upload(t, day(4)).ID)
	if d := cmp.Diff([]string{"2025-11-08 started 7"}, r.counts(t)); d != "" {
		t.Error(d)
	}
}

func TestIdempotencyKeyReturnsTheFirstReceipt(t *testing.T) {
	r := newRig(t, nil, true)
	send := func(content string) (eventmetrics.Receipt, error) {
		return r.Upload(t.Context(), eventmetrics.File{Name: "a.csv", Body: strings.NewReader(content), IdempotencyKey: "k1"})
	}
	content := day(3) + ",,,\n"
	first, err := send(content)
	if err != nil {
		t.Fatal(err)
	}
	again, err := send(content)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Replayed {
		t.Error("the second receipt is not marked replayed")
	}
	again.Replayed = false
	if d := cmp.Diff(first, again); d != "" {
		t.Error(d)
	}
	if _, err := send(day(4)); !errors.Is(err, eventmetrics.ErrKeyReused) {
		t.Errorf("another content: %v, want ErrKeyReused", err)
	}
	if batches, _ := r.Batches(t.Context(), store.BatchQuery{}); len(batches) != 1 {
		t.Errorf("there are %d batches, want 1", len(batches))
	}
}

func TestSameKeyInFlightIsRefused(t *testing.T) {
	r := newRig(t, nil, false)
	body, feed := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := r.Upload(t.Context(), eventmetrics.File{Body: body, IdempotencyKey: "k"})
		done <- err
	}()
	_, _ = io.WriteString(feed, header) // returns when the upload reads
	_, err := r.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(day(1)), IdempotencyKey: "k"})
	if !errors.Is(err, eventmetrics.ErrInFlight) {
		t.Errorf("got %v, want ErrInFlight", err)
	}
	_, _ = io.WriteString(feed, "C1,T1,a,2025-11-08\n")
	_ = feed.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestTwoServicesWithOneKeyStoreOneBatch(t *testing.T) {
	r := newRig(t, nil, false)
	services := []*eventmetrics.Service{r.Service, eventmetrics.New(r.store, r.queue, nil)}
	ids := make([]string, len(services))
	var uploads sync.WaitGroup
	for i, s := range services {
		uploads.Go(func() {
			receipt, err := s.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(day(20_000)), IdempotencyKey: "k"})
			if err != nil {
				t.Error(err)
			}
			ids[i] = receipt.Batch.ID
		})
	}
	uploads.Wait()
	if ids[0] != ids[1] {
		t.Errorf("two batches %v, want one", ids)
	}
}

func TestAHundredCallsToProcessMakeOneJob(t *testing.T) {
	r := newRig(t, nil, false)
	b := r.upload(t, day(5))
	var calls sync.WaitGroup
	for range 100 {
		calls.Go(func() {
			if err := r.Process(t.Context(), b.ID); err != nil && !errors.Is(err, store.ErrConflict) {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	stats, err := r.Queue().Stats(t.Context())
	if err != nil || stats.Waiting != 1 {
		t.Errorf("%d jobs waiting, %v; want 1", stats.Waiting, err)
	}
	r.start(t)
	r.finish(t, b.ID)
	if err := r.Process(t.Context(), b.ID); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Process of a completed batch: %v, want ErrConflict", err)
	}
	if d := cmp.Diff([]string{"2025-11-08 started 5"}, r.counts(t)); d != "" {
		t.Error(d)
	}
}

// flaky is a store whose Record fails as long as it is told to.
type flaky struct {
	store.Store
	mu   sync.Mutex
	fail int // times; below 0 for ever
}

var errFlaky = errors.New("database is away")

func (f *flaky) Unwrap() store.Store { return f.Store }

func (f *flaky) Record(ctx context.Context, id string, c metrics.Contribution) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != 0 {
		f.fail--
		return errFlaky
	}
	return f.Store.Record(ctx, id, c)
}

func (f *flaky) set(fail int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

func TestBatchSurvivesTwoFailures(t *testing.T) {
	r := newRig(t, &flaky{Store: customstore.New(), fail: 2}, true)
	if b := r.process(t, r.upload(t, day(5)).ID); b.Status != store.Completed {
		t.Errorf("batch is %s: %s", b.Status, b.Cause)
	}
	if d := cmp.Diff([]string{"2025-11-08 started 5"}, r.counts(t)); d != "" {
		t.Error(d)
	}
}

func TestFailedBatchIsADeadLetterAndCanBeProcessedAgain(t *testing.T) {
	st := &flaky{Store: customstore.New(), fail: -1}
	r := newRig(t, st, true)
	b := r.process(t, r.upload(t, day(5)).ID)
	if b.Status != store.Failed || !strings.Contains(b.Cause, errFlaky.Error()) {
		t.Fatalf("batch is %s: %q, want failed with the cause", b.Status, b.Cause)
	}
	st.set(0)
	again := r.process(t, b.ID) // at once, whether the queue has buried the job yet or not
	if again.Status != store.Completed {
		t.Fatalf("batch is %s: %s", again.Status, again.Cause)
	}
	if d := cmp.Diff([]string{"2025-11-08 started 5"}, r.counts(t)); d != "" {
		t.Error(d)
	}
	if dead, _ := r.Queue().Dead(t.Context(), queue.DeadQuery{}); len(dead) > 0 {
		t.Errorf("dead letters are left: %v", dead)
	}
}

// poll waits until f returns something.
func poll[T any](t *testing.T, f func() []T) []T {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		if got := f(); len(got) > 0 {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing came")
		}
		time.Sleep(time.Millisecond) // between looks at another goroutine's work
	}
}

func TestReconcileFindsWhatACrashLeft(t *testing.T) {
	r := newRig(t, nil, false)
	lost, interrupted := r.upload(t, day(1)), r.upload(t, day(2))
	for _, step := range []struct {
		id string
		to store.Status
	}{{lost.ID, store.Queued}, {interrupted.ID, store.Processing}} {
		if err := r.store.SetStatus(t.Context(), step.id, []store.Status{store.Uploaded}, step.to, ""); err != nil {
			t.Fatal(err)
		}
	}
	r.start(t)
	for _, b := range []store.Batch{lost, interrupted} {
		if b := r.finish(t, b.ID); b.Status != store.Completed {
			t.Errorf("batch is %s: %s", b.Status, b.Cause)
		}
	}
	if d := cmp.Diff([]string{"2025-11-08 started 3"}, r.counts(t)); d != "" {
		t.Error(d)
	}
}

func TestDeletedBatchTakesItsShareAlong(t *testing.T) {
	r := newRig(t, nil, true)
	a, b := r.upload(t, day(3)), r.upload(t, day(4))
	r.process(t, a.ID)
	r.process(t, b.ID)
	if err := r.DeleteBatch(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"2025-11-08 started 4"}, r.counts(t)); d != "" {
		t.Error(d)
	}
	if err := r.DeleteBatch(t.Context(), a.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("second delete: %v, want ErrNotFound", err)
	}
}

func TestReprocessRightsTheLedger(t *testing.T) {
	r := newRig(t, nil, true)
	b := r.upload(t, day(3))
	r.process(t, b.ID)
	report, err := r.Reprocess(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(eventmetrics.Report{Batches: 1, Events: 3}, report); d != "" {
		t.Errorf("a ledger that agrees: %s", d)
	}
	ledger, ok := store.As[store.Amender](r.store)
	if !ok {
		t.Skip("the store cannot be made to drift")
	}
	if err := ledger.Amend(t.Context(), b.ID, nil); err != nil {
		t.Fatal(err)
	}
	report, err = r.Reprocess(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := eventmetrics.Report{
		Batches: 1, Events: 3, Drifted: 1, Amended: 1,
		Drifts: []eventmetrics.Drift{{BatchID: b.ID, Ledger: 0, Events: 3}},
	}
	if d := cmp.Diff(want, report); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"2025-11-08 started 3"}, r.counts(t)); d != "" {
		t.Error(d)
	}
}

func TestCleanupSparesWhatIsInLine(t *testing.T) {
	memory := customstore.New()
	s := eventmetrics.New(memory, customqueue.New(nil), &eventmetrics.Options{CleanupTTL: time.Nanosecond})
	r := &rig{Service: s, store: memory}
	idle, queued := r.upload(t, day(3)), r.upload(t, day(4))
	if err := r.Process(t.Context(), queued.ID); err != nil {
		t.Fatal(err)
	}
	want := store.Pruned{Batches: 1, Events: 3}
	for _, dryRun := range []bool{true, false} {
		got := poll(t, func() []store.Pruned { // until the clock has moved on
			pruned, err := r.Cleanup(t.Context(), dryRun)
			if err != nil {
				t.Fatal(err)
			}
			if pruned == (store.Pruned{}) {
				return nil
			}
			return []store.Pruned{pruned}
		})
		if d := cmp.Diff(want, got[0]); d != "" {
			t.Errorf("dry run %v: %s", dryRun, d)
		}
	}
	if _, err := r.Batch(t.Context(), idle.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("idle batch: %v, want ErrNotFound", err)
	}
	if _, err := r.Batch(t.Context(), queued.ID); err != nil {
		t.Errorf("queued batch: %v", err)
	}
}

func TestHostileNamesAreCountedLikeOthers(t *testing.T) {
	r := newRig(t, nil, true)
	names := []string{"$x", "<img src=x onerror=alert(1)>", "__proto__", "a.b", "constructor", strings.Repeat("😀", 200)}
	content := header
	var contentSb541 strings.Builder
	for _, name := range names {
		contentSb541.WriteString("C1,T1," + name + ",2025-11-08\n")
	}
	content += contentSb541.String()
	r.process(t, r.upload(t, content).ID)
	var want []string
	for _, name := range names {
		want = append(want, "2025-11-08 "+name+" 1")
	}
	if d := cmp.Diff(want, r.counts(t)); d != "" {
		t.Error(d)
	}
}
