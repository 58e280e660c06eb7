package memlimiter

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/ulule/limiter/v3/drivers/store/memory"
)

// keyring holds the counters of all keys in two generations. A counter that is
// used moves to the young one. When the young one is full, or a window has
// passed, it becomes the old one, and the previous old one is dropped. Unless
// the keyring was full, the counters in that were not used for a window.
//
// The cleaner of the library is not used. Its goroutine ends only when the
// garbage collector finds the cache unused, the cache grows without bound
// between its runs, and a concurrent request can lose its count.
type keyring struct {
	room   int64 // keys per generation
	window time.Duration

	mu         sync.RWMutex // held for writing by turn
	young, old *memory.CacheWrapper
	turned     time.Time
	size       atomic.Int64 // keys in young
}

func (k *keyring) init(room int64, window time.Duration) {
	k.room, k.window = room, window
	k.young, k.old = newCache(), newCache()
	k.turned = time.Now()
}

// newCache returns a cache without a cleaner.
func newCache() *memory.CacheWrapper { return memory.NewCache(0) }

// count adds a request to key and returns the number in its window, and the
// time until that ends.
func (k *keyring) count(key string) (n int64, left time.Duration) {
	k.mu.RLock()
	if k.isDue() {
		k.mu.RUnlock()
		k.turn()
		k.mu.RLock()
	}
	defer k.mu.RUnlock()
	n, left = k.increment(k.counter(key))
	if left > k.window {
		// The clock was set back. The old window would last until the clock is
		// where it was, so the key gets a new one.
		k.young.Store(key, &memory.Counter{})
		n, left = k.increment(k.counter(key))
	}
	return n, min(max(1, left), k.window)
}

// increment uses a window that ends one nanosecond early. The library counts the
// instant of the end to the window, so a client that waits for ResetAfter would
// be too early.
func (k *keyring) increment(c *memory.Counter) (int64, time.Duration) {
	n, last := c.Increment(1, time.Now().Add(k.window).UnixNano()-1)
	return n, time.Duration(last + 1 - time.Now().UnixNano())
}

// counter returns the counter of key and moves it to the young generation.
func (k *keyring) counter(key string) *memory.Counter {
	if c, ok := k.young.Load(key); ok {
		return c
	}
	c, ok := k.old.Load(key)
	if !ok {
		c = &memory.Counter{}
	}
	c, loaded := k.young.LoadOrStore(key, c)
	if !loaded {
		k.size.Add(1)
	}
	return c
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
	k.old, k.young = k.young, newCache()
	k.turned = time.Now()
	k.size.Store(0)
}
