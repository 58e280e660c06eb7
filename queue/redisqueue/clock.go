package redisqueue

import (
	"sync"
	"time"
)

// serverClock predicts the clock of Redis by the monotonic clock of this process, so
// that the scripts notice when it is set forward.
type serverClock struct {
	mu     sync.Mutex
	millis int64 // what Redis showed
	at     time.Time
}

// expected returns what the clock of Redis shows now, in milliseconds, or somewhat
// more; 0 if there was no call yet.
func (c *serverClock) expected(now time.Time) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.millis == 0 {
		return 0
	}
	return c.millis + ceil(now.Sub(c.at))
}

// learn stores what the clock showed in the answer to a call that began then, or
// was first sent then if the answer is that of an earlier one.
func (c *serverClock) learn(shown any, began time.Time) error {
	millis, ok := shown.(int64)
	if !ok {
		return errAnswer
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.millis, c.at = millis, began
	return nil
}
