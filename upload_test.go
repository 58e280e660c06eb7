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
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

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
	if receipt.Batch.AcceptedRows != 5 || receipt.Batch.RejectedRows != 3 || receipt.Batch.Status != store.Uploaded {
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
		t.Fatalf("batch is %s: %s", b.Status, b.LastError)
	}
	want = []string{
		"2025-11-08 question_answered 1", "2025-11-08 test_abandoned 1", "2025-11-08 test_started 1",
		"2025-11-09 test_started 1", "2025-11-10 test_completed 1",
	}
	if d := cmp.Diff(want, r.counts(t)); d != "" {
		t.Error(d)
	}
}

func TestRepairFileCorrectedAndSentAgainAddsTheRest(t *testing.T) {
	r := newRig(t, nil, true)
	b := r.upload(t, day(2)+"C9,T1,=cmd(),yesterday\n")
	r.process(t, b.ID)
	var repair strings.Builder
	for chunk, err := range r.RepairFile(t.Context(), b.ID) {
		if err != nil {
			t.Fatal(err)
		}
		repair.Write(chunk)
	}
	corrected := strings.ReplaceAll(repair.String(), ",yesterday,", ",2025-11-08,")
	r.process(t, r.upload(t, corrected).ID)
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
		{"no valid row", strings.NewReader(header + ",,x,\nC1,T1,a,never\n"), func(err error) bool {
			return errors.As(err, &rejected) && rejected.Rejected == 2 && len(rejected.Errors) == 2
		}},
		{"a body that breaks off", io.MultiReader(strings.NewReader(day(5000)), iotest.ErrReader(broken)), is(broken)},
		{"a file above the limit", strings.NewReader(day(100_000)), is(eventmetrics.ErrTooLarge)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st := memstore.New()
			s := eventmetrics.New(st, memqueue.New(nil), &eventmetrics.Options{MaxUploadBytes: 1 << 20})
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

func TestAdmitIsAskedBeforeAnEventIsStored(t *testing.T) {
	r := newRig(t, nil, false)
	const admitted = "candidate_id,test_id,event_type,timestamp\nC1,T1,a,2025-11-08T09:00:00Z\n"
	refusal := errors.New("not now")
	asked := 0
	// A Body that goes on without end: a refused file is not read to its end.
	endless := func() io.Reader {
		return io.MultiReader(strings.NewReader(admitted), &endlessly{text: "C1,T1,a,2025-11-08T09:00:00Z\n"})
	}
	file := eventmetrics.File{Body: endless(), Admit: func(context.Context) error { asked++; return refusal }}
	if _, err := r.Upload(t.Context(), file); !errors.Is(err, refusal) {
		t.Errorf("upload: %v", err)
	}
	file.Body = endless()
	if _, err := r.DryRun(t.Context(), file); !errors.Is(err, refusal) || asked != 2 {
		t.Errorf("dry run: %v, asked %d times", err, asked)
	}
	file.Schema = "unknown"
	if _, err := r.Upload(t.Context(), file); asked != 2 {
		t.Errorf("a file with a mistake is asked about: %v", err)
	}
	file.Schema = ""
	for _, mistake := range []string{"", "a,b\n1,2\n", "candidate_id,test_id,event_type,timestamp\n", "candidate_id,test_id,event_type,timestamp\nC1,T1,a,never\n"} {
		file.Body = strings.NewReader(mistake)
		if _, err := r.Upload(t.Context(), file); err == nil || asked != 2 {
			t.Errorf("a file without a valid row is asked about: %v", err)
		}
	}
	file.Schema, file.IdempotencyKey = "", "key"
	file.Body, file.Admit = strings.NewReader(admitted), nil
	if _, err := r.Upload(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	file.Admit = func(context.Context) error { return refusal }
	if _, err := r.Upload(t.Context(), file); !errors.Is(err, refusal) {
		t.Errorf("with the key of an earlier upload: %v", err)
	}
}

func TestFileOfTheGreatestSizeIsTaken(t *testing.T) {
	content := day(10)
	s := eventmetrics.New(memstore.New(), memqueue.New(nil), &eventmetrics.Options{MaxUploadBytes: int64(len(content))})
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
	if receipt.Batch.AcceptedRows != 1 || receipt.Batch.RejectedRows != bad+10 || len(receipt.Errors) != 100 {
		t.Errorf("got %d events, %d failed, %d errors", receipt.Batch.AcceptedRows, receipt.Batch.RejectedRows, len(receipt.Errors))
	}
	var repair strings.Builder
	for chunk, err := range r.RepairFile(t.Context(), receipt.Batch.ID) {
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

func TestIdempotencyKeyReturnsTheFirstReceipt(t *testing.T) {
	r := newRig(t, nil, true)
	send := func(content string) (eventmetrics.Receipt, error) {
		return r.Upload(t.Context(), eventmetrics.File{Name: "a.csv", Body: strings.NewReader(content), IdempotencyKey: "k1"})
	}
	content := day(3) + ",,x,\n"
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

func TestRepairFileHasABound(t *testing.T) {
	s := eventmetrics.New(memstore.New(), memqueue.New(nil), &eventmetrics.Options{MaxRepairBytes: 1000})
	content := day(1) + strings.Repeat("C1,T1,a,never\n", 50_000)
	receipt, err := s.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(content)})
	if err != nil || receipt.Batch.RejectedRows != 50_000 {
		t.Fatalf("%d failed, %v", receipt.Batch.RejectedRows, err)
	}
	var repair strings.Builder
	for chunk, err := range s.RepairFile(t.Context(), receipt.Batch.ID) {
		if err != nil {
			t.Fatal(err)
		}
		repair.Write(chunk)
	}
	if repair.Len() > 1200 || !strings.Contains(repair.String(), ",cut,") || !strings.HasSuffix(repair.String(), "\n") {
		t.Errorf("%d bytes:\n%s", repair.Len(), repair.String())
	}
}

// endlessly yields a text without end.
type endlessly struct {
	text string
	at   int
}

func (r *endlessly) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.text[r.at%len(r.text)]
		r.at++
	}
	return len(p), nil
}
