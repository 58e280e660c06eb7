package riverqueue_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/queuetest"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
)

func TestConformance(t *testing.T) {
	defer goleak.VerifyNone(t)
	queuetest.Run(t, queuetest.Harness{
		Open: func(t *testing.T, s queuetest.Settings) queue.Queue {
			return open(t, file(t), options(s))
		},
		Reopen: func(t *testing.T, q queue.Queue, s queuetest.Settings) queue.Queue {
			return open(t, snapshot(t, q.(*riverqueue.Queue)), options(s))
		},
		DoneWindow: true,
	})
}

func options(s queuetest.Settings) *riverqueue.Options {
	return &riverqueue.Options{
		Workers:      s.Workers,
		Retry:        s.Retry,
		DrainTimeout: s.DrainTimeout,
		DoneWindow:   s.DoneWindow,
	}
}

// snapshot copies what is committed, which is what a crash leaves.
func snapshot(t *testing.T, q *riverqueue.Queue) string {
	t.Helper()
	path := file(t)
	if _, err := q.DB().ExecContext(t.Context(), "VACUUM INTO ?", path); err != nil {
		t.Fatal(err)
	}
	return path
}
