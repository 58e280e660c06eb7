package memqueue_test

import (
	"testing"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/queue/queuetest"
)

func TestConformance(t *testing.T) {
	queuetest.Run(t, queuetest.Harness{
		Open: func(_ *testing.T, s queuetest.Settings) queue.Queue {
			return memqueue.New(&memqueue.Options{
				Workers:      s.Workers,
				Retry:        s.Retry,
				DrainTimeout: s.DrainTimeout,
				DoneWindow:   s.DoneWindow,
			})
		},
		DoneWindow: true,
	})
}
