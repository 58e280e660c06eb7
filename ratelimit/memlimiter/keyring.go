package memlimiter

import (
	"sync"
	"sync/atomic"
	"time"
)

// counter counts the requests of a key in one window after the other.
type counter struct {
	mu  sync.Mutex
	n   int64 // requests of the window
	end time.Time
}

// take counts a request unless the window is used up. It returns the number in
// the window with this one, and the end of the window.
func (c *counter) take(limit int64, window time.Duration) (int64, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); !now.Before(c.end) {
		c.n, c.end = 0, now.Add(window)
	}
	if c.n < limit {
		c.n++
		return c.n, c.end
	}
	return limit + 1, c.end
}

// giveBack uncounts a request of the window with this end.
func (c *counter) giveBack(end time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end.Equal(end) && c.n > 0 {
		c.n--
	}
}

// keyring holds the counters of all keys in two generations. A counter that is
// used moves to the young one. When the young one is full, or a window has
// passed, it becomes the old one, and the previous old one is dropped. Unless
// the keyring was full, the counters in that were not used for a window.
type keyring struct {
	room   int64 // keys per generation
	window time.Duration

	mu         sync.RWMutex // held for writing by turn
	young, old *sync.Map    // of *counter by key
	turned     time.Time
	size       atomic.Int64 // keys in young
}

func (k *keyring) init(room int64, window time.Duration) {
	k.room, k.window = room, window
	k.young, k.old = &sync.Map{}, &sync.Map{}
	k.turned = time.Now()
}

// take counts a request of key, see counter.take.
func (k *keyring) take(key string, limit int64) (c *counter, n int64, end time.Time) {
	k.mu.RLock()
	if k.isDue() {
		k.mu.RUnlock()
		k.turn()
		k.mu.RLock()
	}
	defer k.mu.RUnlock()
	c = k.counter(key)
	n, end = c.take(limit, k.window)
	return c, n, end
}

// counter returns the counter of key and moves it to the young generation.
func (k *keyring) counter(key string) *counter {
	if c, ok := k.young.Load(key); ok {
		return c.(*counter) //nolint:forcetypeassert // nothing else is in the maps
	}
	c, ok := k.old.Load(key)
	if !ok {
		c = &counter{}
	}
	c, loaded := k.young.LoadOrStore(key, c)
	if !loaded {
		k.size.Add(1)
	}
	return c.(*counter) //nolint:forcetypeassert // nothing else is in the maps
}

// isDue reports whether it is time for turn. The caller holds mu.
func (k *keyring) isDue() bool {
	return k.size.Load() >= k.room || time.Since(k.turned) >= k.window
}

// turn makes the young generation the old one.
func (k *keyring) turn() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.isDue() {
		return // another goroutine was first
	}
	k.old, k.young = k.young, &sync.Map{}
	k.turned = time.Now()
	k.size.Store(0)
}
