package ratelimittest_test

import (
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics/ratelimit"
	"github.com/eventmetrics/eventmetrics/ratelimit/memlimiter"
	"github.com/eventmetrics/eventmetrics/ratelimit/ratelimittest"
)

// The test of a limiter, in a _test.go file of its package.
func Example() {
	TestConformance := func(t *testing.T) {
		ratelimittest.Run(t, ratelimittest.Harness{
			Open: func(t testing.TB, limit int64, window time.Duration) ratelimit.Limiter { // or yours
				l, err := memlimiter.New(&memlimiter.Options{Limit: limit, Window: window})
				if err != nil {
					t.Fatal(err)
				}
				return l
			},
		})
	}
	_ = TestConformance
	// Output:
}
