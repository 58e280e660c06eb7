package memqueue_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
)

// In a bubble of synctest time passes at once, so the waits can be real and
// exact.
func TestTheDefaultWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(&memqueue.Options{Retry: queue.Retry{Jitter: -1}})
		begin := time.Now()
		if err := q.Enqueue(t.Context(), queue.Job{Kind: "test", ID: "1", RunAt: begin.Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		var starts []time.Duration
		ctx, stop := context.WithCancel(t.Context())
		err := q.Consume(ctx, func(_ context.Context, j queue.Job) error {
			starts = append(starts, time.Since(begin))
			if j.Last() {
				stop()
			}
			return errors.New("failed")
		})
		if err != nil {
			t.Error("Consume:", err)
		}
		want := []time.Duration{60 * time.Second, 65 * time.Second, 75 * time.Second}
		if diff := cmp.Diff(want, starts); diff != "" {
			t.Errorf("starts of the attempts (-want +got):\n%s", diff)
		}
		if s, err := q.Stats(t.Context()); err != nil || s != (queue.Stats{Dead: 1}) {
			t.Errorf("Stats is %+v, %v; want one dead job", s, err)
		}
	})
}

func TestTheDefaultDrainAndDoneWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(nil)
		job := queue.Job{Kind: "test", ID: "1"}
		enqueue := func(want int64) {
			t.Helper()
			if err := q.Enqueue(t.Context(), job); err != nil {
				t.Fatal(err)
			}
			if s, err := q.Stats(t.Context()); err != nil || s.Waiting != want {
				t.Errorf("Stats is %+v, %v; want %d waiting", s, err, want)
			}
		}
		enqueue(1)
		ctx, stop := context.WithCancel(t.Context())
		var drained time.Duration
		err := q.Consume(ctx, func(ctx context.Context, _ queue.Job) error {
			begin := time.Now()
			stop()
			<-ctx.Done()
			drained = time.Since(begin)
			return nil
		})
		if err != nil || drained != 10*time.Second {
			t.Errorf("Consume: %v, and its job had %v to drain; want 10 s", err, drained)
		}
		<-time.After(24 * time.Hour)
		enqueue(0)
		<-time.After(time.Nanosecond)
		enqueue(1)
	})
}
