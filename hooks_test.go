package eventmetrics_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/store/memstore"
)

// hooked returns a rig with these options.
func hooked(t *testing.T, st store.Store, opts eventmetrics.Options) *rig {
	t.Helper()
	q := memqueue.New(&memqueue.Options{Retry: queue.Retry{Base: time.Millisecond}})
	return &rig{Service: eventmetrics.New(st, q, &opts), queue: q}
}

func TestBeforeAcceptRejectsRows(t *testing.T) {
	type key struct{}
	var asked []string
	r := hooked(t, memstore.New(), eventmetrics.Options{BeforeAccept: func(ctx context.Context, e *metrics.Event) error {
		asked = append(asked, fmt.Sprintln(e.Row, e.Field("candidate_id"), e.Type, ctx.Value(key{})))
		if e.Row == 2 {
			return fmt.Errorf("not this one: %w", metrics.ErrTooManyDays) // whose own code is another
		}
		return nil
	}})
	file := eventmetrics.File{Body: strings.NewReader(header + "C1,T,a,2025-11-08\nC2,T,b,2025-11-08\n,T,c,2025-11-08\nC4,T,d,2025-11-08\n")}
	receipt, err := r.Upload(context.WithValue(t.Context(), key{}, "v"), file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"1 C1 a v\n", "2 C2 b v\n", "4 C4 d v\n"}, asked); d != "" {
		t.Error(d)
	}
	if e := receipt.Errors[0]; e.Row != 2 || e.Code != "rejected" || !strings.HasPrefix(e.Message, "not this one") {
		t.Errorf("first rejected row: %+v", e)
	}
	r.start(t)
	r.process(t, receipt.Batch.ID)
	if d := cmp.Diff([]string{"2025-11-08 a 1", "2025-11-08 d 1"}, r.counts(t)); d != "" {
		t.Error(d)
	}
}

func TestAPanicOfBeforeAcceptEndsTheUpload(t *testing.T) {
	r := hooked(t, memstore.New(), eventmetrics.Options{BeforeAccept: func(context.Context, *metrics.Event) error { panic("hook") }})
	_, err := r.Upload(t.Context(), eventmetrics.File{Body: strings.NewReader(day(1))})
	if err == nil || !strings.Contains(err.Error(), "panic: hook") {
		t.Errorf("Upload returned %v", err)
	}
	if left, err := r.Batches(t.Context(), store.BatchQuery{}); len(left) > 0 || err != nil {
		t.Errorf("batches are left: %v, %v", left, err)
	}
}

func TestAfterCompletedIsToldOfCompletedBatches(t *testing.T) {
	told := make(chan store.Batch, 10)
	r := hooked(t, memstore.New(), eventmetrics.Options{AfterCompleted: func(_ context.Context, b store.Batch) {
		told <- b
		if b.AcceptedRows == 2 {
			panic("hook")
		}
	}})
	r.start(t)
	for n := 1; n <= 3; n++ {
		id := r.upload(t, day(n)).ID
		if b := r.process(t, id); b.Status != store.Completed {
			t.Errorf("batch of %d events is %s: %s", n, b.Status, b.LastError)
		}
		if b := <-told; b.ID != id || b.Status != store.Completed || b.AcceptedRows != int64(n) {
			t.Errorf("told of %+v", b)
		}
	}
	if d := cmp.Diff([]string{"2025-11-08 started 6"}, r.counts(t)); d != "" {
		t.Error(d)
	}
	// A hook that panics costs no attempt.
	poll(t, func() []bool {
		stats, err := r.QueueStats(t.Context())
		if err != nil || stats.Running+stats.Waiting+stats.Delayed > 0 {
			return nil
		}
		if stats.Dead > 0 || len(told) > 0 {
			t.Errorf("%d dead letters, told %d times more", stats.Dead, len(told))
		}
		return []bool{true}
	})
}

// forgetful is a store whose answers are lost once: that a batch was completed,
// or how it is.
type forgetful struct {
	store.Store
	mu   sync.Mutex
	lose map[string]error
}

func (f *forgetful) take(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.lose[what]
	delete(f.lose, what)
	return err
}

func (f *forgetful) SetStatus(ctx context.Context, id string, from []store.Status, to store.Status, cause string) error {
	if err := f.Store.SetStatus(ctx, id, from, to, cause); err != nil {
		return err
	}
	return f.take(string(to))
}

func (f *forgetful) Batch(ctx context.Context, id string) (store.Batch, error) {
	b, err := f.Store.Batch(ctx, id)
	if err == nil && b.Status == store.Completed {
		err = f.take("batch")
	}
	return b, err
}

func TestAfterCompletedIsNotLostWithAnAttempt(t *testing.T) {
	for name, lose := range map[string]map[string]error{
		"the answer to the mark is lost":        {"completed": errors.New("connection lost")},
		"the batch cannot be read":              {"batch": errors.New("connection lost")},
		"store unavailable after the mark":      {"completed": store.ErrUnavailable},
		"store unavailable when it is asked":    {"batch": store.ErrUnavailable},
		"the mark and then the batch, together": {"completed": errors.New("lost"), "batch": errors.New("lost")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := make(chan string, 10)
			r := hooked(t, &forgetful{Store: memstore.New(), lose: lose}, eventmetrics.Options{
				AfterCompleted: func(_ context.Context, b store.Batch) { told <- b.ID },
			})
			id := r.upload(t, day(1)).ID
			if err := r.Process(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			r.start(t)
			if got := <-told; got != id {
				t.Errorf("told of %s, want %s", got, id)
			}
		})
	}
}

func TestAfterCompletedCutOffByAShutdownIsMadeAgain(t *testing.T) {
	q := memqueue.New(&memqueue.Options{DrainTimeout: -1})
	calls := make(chan context.Context, 10)
	s := eventmetrics.New(memstore.New(), q, &eventmetrics.Options{AfterCompleted: func(ctx context.Context, _ store.Batch) {
		calls <- ctx
		if len(calls) == 1 {
			<-ctx.Done() // as slow as it may be
		}
	}})
	r := &rig{Service: s, queue: q}
	id := r.upload(t, day(1)).ID
	if err := r.Process(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	poll(t, func() []int { return make([]int, len(calls)) })
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r.start(t)
	poll(t, func() []int { return make([]int, len(calls)-1) })
	if b := r.finish(t, id); b.Status != store.Completed {
		t.Errorf("batch is %s: %s", b.Status, b.LastError)
	}
}
