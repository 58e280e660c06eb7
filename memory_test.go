package eventmetrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/budget"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// small returns a Service that has little memory.
func small() *rig {
	st, q := memstore.New(), memqueue.New(nil)
	return &rig{eventmetrics.New(st, q, &eventmetrics.Options{
		UploadMemory: eventmetrics.LeastUploadMemory, QueryMemory: eventmetrics.LeastQueryMemory, Dimensions: []string{"code"},
		Caps: metrics.AggregatorOptions{MaxValues: 10_000},
		Now:  func() time.Time { return time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC) }, // not that of synctest
	}), st, q}
}

// manyGroups is a file whose rows are in a group of their own, by day and value.
func manyGroups(days, values int) string {
	var b strings.Builder
	b.WriteString("candidate_id,test_id,event_type,timestamp,code\n")
	for i := range values {
		for d := range days {
			fmt.Fprintf(&b, "C%d,T1,started,2025-11-%02dT09:00:00Z,code-%06d\n", i, d+1, i)
		}
	}
	return b.String()
}

func TestUploadThatAloneNeedsTooMuchMemoryIsRefused(t *testing.T) {
	r := small()
	var exceeded *eventmetrics.MemoryExceededError
	f := eventmetrics.File{Body: strings.NewReader(manyGroups(25, 2000))}
	if _, err := r.Upload(t.Context(), f); !errors.As(err, &exceeded) || exceeded.Limit != eventmetrics.LeastUploadMemory {
		t.Errorf("got %v", err)
	}
	f.Body = strings.NewReader(manyGroups(25, 2000))
	if _, err := r.DryRun(t.Context(), f); !errors.As(err, &exceeded) {
		t.Errorf("dry run: got %v", err)
	}
	f = eventmetrics.File{Body: strings.NewReader(""), BodyMemory: 20 << 20}
	if _, err := r.Upload(t.Context(), f); !errors.As(err, &exceeded) {
		t.Errorf("a body that needs much memory: got %v", err)
	}
	batches, err := r.Batches(t.Context(), store.BatchQuery{})
	if err != nil || len(batches) > 0 {
		t.Errorf("there are %d batches, %v", len(batches), err)
	}
	r.upload(t, manyGroups(2, 100)) // all memory was given back
}

func TestUploadWaitsForTheMemoryOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := small()
		var ends []func()
		for range 2 { // as many as have room
			in, out := io.Pipe()
			done := make(chan error, 1)
			go func() {
				_, err := r.Upload(t.Context(), eventmetrics.File{Body: in})
				done <- err
			}()
			ends = append(ends, func() {
				_ = out.CloseWithError(io.ErrUnexpectedEOF)
				if err := <-done; !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		file := func() eventmetrics.File {
			return eventmetrics.File{Body: strings.NewReader(day(1)), Admit: func(context.Context) error {
				t.Error("a file was admitted while there was no memory")
				return nil
			}}
		}
		start := time.Now()
		if _, err := r.Upload(t.Context(), file()); !errors.Is(err, eventmetrics.ErrBusy) || time.Since(start) != budget.DefaultTimeout {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Upload(ctx, file()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		waits := make(chan error, 1)
		go func() {
			_, err := r.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(day(1))})
			waits <- err
		}()
		time.Sleep(time.Second)
		ends[0]()
		ends[1]()
		if err := <-waits; err != nil {
			t.Errorf("with room: %v", err)
		}
	})
}

func TestBatchesBeingProcessedCountAsUploads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := small()
		b := r.upload(t, day(1))
		in, out := io.Pipe()
		done := make(chan error, 1)
		go func() {
			_, err := r.Upload(t.Context(), eventmetrics.File{Body: in, BodyMemory: 8 << 20})
			done <- err
		}()
		synctest.Wait()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		if err := r.Process(t.Context(), b.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(25 * time.Second) // longer than a job waits at once
		if now, err := r.Batch(t.Context(), b.ID); err != nil || now.Status == store.Completed || now.Status == store.Failed {
			t.Errorf("without memory the batch is %s, %v", now.Status, err)
		}
		_ = out.CloseWithError(io.ErrUnexpectedEOF)
		<-done
		if now, err := r.Wait(t.Context(), b.ID); err != nil || now.Status != store.Completed {
			t.Errorf("with memory the batch is %s: %s, %v", now.Status, now.LastError, err)
		}
		stop()
		<-ended
	})
}

func TestQueryThatAloneNeedsTooMuchMemoryIsRefused(t *testing.T) {
	r := small()
	for i := range 8 { // each has other values
		r.count(t, r.upload(t, strings.ReplaceAll(manyGroups(20, 900), "code-", fmt.Sprintf("%d-code-", i))).ID)
	}
	var exceeded *eventmetrics.MemoryExceededError
	if _, err := r.Query(t.Context(), series.Query{GroupBy: []string{"code"}}); !errors.As(err, &exceeded) || exceeded.Limit != eventmetrics.LeastQueryMemory {
		t.Errorf("got %v", err)
	}
	got, err := r.Query(t.Context(), series.Query{GroupBy: []string{"code"}, From: dayOf("2025-11-03"), To: dayOf("2025-11-03"), Top: 10})
	if err != nil || got.Collapsed != 8*900-10 {
		t.Errorf("a day: %v, %d groups are collapsed", err, got.Collapsed)
	}
}

func TestQueryWaitsForTheMemoryOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := small()
		r.count(t, r.upload(t, day(1)).ID)
		hold := func(use func(more func(int64) error)) {
			t.Helper()
			err := r.QueryFunc(t.Context(), series.Query{}, func(got *series.Result, more func(int64) error) error {
				if got.Count != 1 {
					t.Errorf("got %d events", got.Count)
				}
				use(more)
				return io.EOF
			})
			if !errors.Is(err, io.EOF) {
				t.Errorf("the error of use is lost: %v", err)
			}
		}
		hold(func(more func(int64) error) {
			if err := more(eventmetrics.LeastQueryMemory - 16<<20); err != nil {
				t.Error(err)
			}
			start := time.Now()
			if _, err := r.Query(t.Context(), series.Query{}); !errors.Is(err, eventmetrics.ErrBusy) || time.Since(start) != budget.DefaultTimeout {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := r.Query(ctx, series.Query{}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			var exceeded *eventmetrics.MemoryExceededError
			if err := more(1); !errors.As(err, &exceeded) {
				t.Errorf("got %v", err)
			}
		})
		hold(func(func(int64) error) {})
	})
}

func TestOptionsRefuseTooLittleMemory(t *testing.T) {
	for _, o := range []eventmetrics.Options{
		{UploadMemory: eventmetrics.LeastUploadMemory - 1}, {QueryMemory: eventmetrics.LeastQueryMemory - 1}, {UploadMemory: -1},
	} {
		if err := o.Validate(); err == nil {
			t.Errorf("uploads %d, queries %d were accepted", o.UploadMemory, o.QueryMemory)
		}
	}
	o := eventmetrics.Options{UploadMemory: eventmetrics.LeastUploadMemory, QueryMemory: eventmetrics.LeastQueryMemory}
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
}
