package riverqueue_test

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
)

func TestConsumeWaitsForSpaceOnAFullDisk(t *testing.T) {
	dir := testenv.Tmpfs(t, 4<<20)
	q, err := riverqueue.Open(t.Context(), filepath.Join(dir, "queue.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if err := q.Enqueue(t.Context(), queue.Job{Kind: "process", ID: "before"}); err != nil {
		t.Fatal(err)
	}
	release := testenv.FillDisk(t, dir)
	for n := 0; err == nil || !errors.Is(err, queue.ErrFull) || !errors.Is(err, queue.ErrUnavailable); n++ {
		if err = q.Enqueue(t.Context(), queue.Job{Kind: "process", ID: strconv.Itoa(n)}); n > 5000 {
			t.Fatalf("enqueue on a full disk: got %v, want %v", err, queue.ErrFull)
		}
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ran, ended := make(chan string, 10_000), make(chan error, 1)
	go func() {
		ended <- q.Consume(ctx, func(_ context.Context, j queue.Job) error {
			ran <- j.ID
			return nil
		})
	}()
	select {
	case err := <-ended:
		t.Fatalf("Consume has ended on a full disk: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	release()
	if id := <-ran; id != "before" {
		t.Errorf("job %q ran first", id)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
