// Package ratelimittest is the conformance suite for implementations of
// [ratelimit.Limiter]. An implementation runs it from a test of its own:
//
//	func TestConformance(t *testing.T) {
//		ratelimittest.Run(t, ratelimittest.Harness{
//			Open: func(t testing.TB, limit int64, window time.Duration) ratelimit.Limiter {
//				return mylimiter.New(limit, window)
//			},
//		})
//	}
//
// The failure of a check explains the rule. No check depends on the speed of the
// machine, except that counting must not take more than an hour. The tests of this
// package have a broken limiter for each rule.
//
// # Rules
//
// The sentences are those of package ratelimit; below each are the rules that test
// it.
//
// Allow counts one request of key and decides about it, safe for concurrent use, by
// several processes too:
//   - a window allows exactly its limit
//   - a window allows exactly its limit to concurrent requests
//   - concurrent requests that begin a window are all counted
//   - two limiters on shared counters allow exactly the limit
//
// Any string may be a key:
//   - keys are counted independently
//   - unusual keys are keys like others
//
// The limit and the window of a Limiter do not change. Remaining is at least 0:
//   - limit and window are reported
//   - remaining counts down to 0 and stays there
//
// ResetAfter is the time until the window ends, above 0 and at most the window:
//   - reset is above 0 and within the window
//   - all requests of a window report the same end
//   - a client that waits for ResetAfter is allowed
//
// The first request of a key begins its window; other keys and denied requests do
// not change it:
//   - a window begins with its first request and lasts as long as it says
//   - a new window allows the whole limit again
//   - denied requests do not make the window longer
//
// Allow returns when ctx ends, with its error:
//   - an ended context is returned as an error and counts nothing
//
// GiveBack makes an allowed request uncounted; after the end of that window it
// changes nothing:
//   - each request that is given back makes room for one
//   - a request that is given back after its window changes nothing
//   - requests that are given back concurrently are all given back
//   - an ended context gives nothing back
//
// ErrUnavailable means that the counters could not be reached:
//   - counters that are gone are ErrUnavailable
package ratelimittest
