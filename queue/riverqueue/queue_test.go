package riverqueue_test

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventmetrics/eventmetrics/internal/test/powercut"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/queuetest"
	"github.com/eventmetrics/eventmetrics/queue/riverqueue"
)

func TestConformance(t *testing.T) {
	defer goleak.VerifyNone(t)
	queuetest.Run(t, queuetest.Harness{
		Open: func(t *testing.T, s queuetest.Settings) queue.Queue {
			return openOnDisk(t, file(t), s, nil)
		},
		Reopen: func(t *testing.T, q queue.Queue, s queuetest.Settings) queue.Queue {
			return openOnDisk(t, snapshot(t, q.(*onDisk)), s, nil)
		},
		PowerCut: func(t *testing.T, s queuetest.Settings) (queue.Queue, func() queue.Queue) {
			d := powercut.Watch(t)
			return openOnDisk(t, d.Path("queue.db"), s, nil), func() queue.Queue {
				d = d.Cut(t)
				return openOnDisk(t, d.Path("queue.db"), s, nil)
			}
		},
		OpenPair: func(t *testing.T, s queuetest.Settings) (a, b queue.Queue) {
			path, shared := file(t), func(o *riverqueue.Options) { o.Shared = true }
			return openOnDisk(t, path, s, shared), openOnDisk(t, path, s, shared)
		},
		OpenOther: func(t *testing.T, q queue.Queue, s queuetest.Settings) queue.Queue {
			return openOnDisk(t, q.(*onDisk).path, s, func(o *riverqueue.Options) { o.Name = "other" })
		},
		Cut: func(_ *testing.T, q queue.Queue) func() {
			d := q.(*onDisk)
			d.gone.Store(true)
			return func() { d.gone.Store(false) }
		},
		Shift:      shift,
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
func snapshot(t *testing.T, q *onDisk) string {
	t.Helper()
	path := file(t)
	if _, err := q.db.ExecContext(t.Context(), "VACUUM INTO ?", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// shift adds d to all times of the jobs.
func shift(t *testing.T, q queue.Queue, d time.Duration) {
	t.Helper()
	by := fmt.Sprintf("%+.3f seconds", d.Seconds())
	_, err := q.(*onDisk).db.ExecContext(t.Context(), `UPDATE river_job SET
		created_at = strftime('%Y-%m-%d %H:%M:%f', created_at, ?1), scheduled_at = strftime('%Y-%m-%d %H:%M:%f', scheduled_at, ?1),
		attempted_at = strftime('%Y-%m-%d %H:%M:%f', attempted_at, ?1), finalized_at = strftime('%Y-%m-%d %H:%M:%f', finalized_at, ?1)`, by)
	if err != nil {
		t.Fatal(err)
	}
}
