package memqueue_test

import (
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/queue/queuetest"
)

func TestConformance(t *testing.T) {
	open := func(_ *testing.T, s queuetest.Settings) queue.Queue {
		return memqueue.New(&memqueue.Options{
			Workers:      s.Workers,
			Retry:        s.Retry,
			DrainTimeout: s.DrainTimeout,
			DoneWindow:   s.DoneWindow,
		})
	}
	queuetest.Run(t, queuetest.Harness{
		Open:      open,
		OpenOther: func(t *testing.T, _ queue.Queue, s queuetest.Settings) queue.Queue { return open(t, s) },
		Shift: func(_ *testing.T, q queue.Queue, d time.Duration) {
			if d < 0 { // its clock is monotonic: it cannot be set back
				q.(*memqueue.Queue).Age(-d)
			}
		},
		DoneWindow: true,
	})
}
