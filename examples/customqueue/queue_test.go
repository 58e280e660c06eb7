package customqueue_test

import (
	"testing"

	"github.com/eventmetrics/eventmetrics/examples/customqueue"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/queuetest"
)

func TestConformance(t *testing.T) {
	queuetest.Run(t, queuetest.Harness{
		Open: func(_ *testing.T, s queuetest.Settings) queue.Queue {
			return customqueue.New(&customqueue.Options{
				Workers:      s.Workers,
				Retry:        s.Retry,
				DrainTimeout: s.DrainTimeout,
				DoneWindow:   s.DoneWindow,
			})
		},
		DoneWindow: true,
	})
}
