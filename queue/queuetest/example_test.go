package queuetest_test

import (
	"testing"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
	"github.com/eventmetrics/eventmetrics/queue/queuetest"
)

// The test of a queue, in a _test.go file of its package. Each queue must have the
// Settings that the suite asks for.
func Example() {
	TestConformance := func(t *testing.T) {
		queuetest.Run(t, queuetest.Harness{
			Open: func(_ *testing.T, s queuetest.Settings) queue.Queue { // or yours
				return memqueue.New(&memqueue.Options{Workers: s.Workers, Retry: s.Retry})
			},
		})
	}
	_ = TestConformance
	// Output:
}
