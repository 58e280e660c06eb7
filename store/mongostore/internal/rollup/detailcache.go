package rollup

import (
	"container/list"
	"sync"
)

// maxDetailBytes is the size of the details that are kept in memory: about two
// years of twenty types with full sketches.
const maxDetailBytes = 64 << 20

// detailCache holds the details that were used last. It cannot be stale: each
// generation of a day has keys of its own.
type detailCache struct {
	mu    sync.Mutex
	bytes int
	byKey map[string]*list.Element
	used  list.List // of *detail, the last used first
}

// detail is a detailDoc in memory. Subjects are nil if they were not asked for.
type detail struct {
	key             string
	slots, subjects []byte
}

func (d *detail) size() int { return 200 + len(d.key) + len(d.slots) + len(d.subjects) }

// get returns the detail of a key, or nil if it is not there, or without the
// subjects that are asked for. It is shared; callers must not change it.
func (c *detailCache) get(key string, subjects bool) *detail {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.byKey[key]
	if at == nil {
		return nil
	}
	d := at.Value.(*detail)
	if subjects && d.subjects == nil {
		return nil
	}
	c.used.MoveToFront(at)
	return d
}

// put keeps a detail, which the caller must not change any more.
func (c *detailCache) put(d *detail) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil {
		c.byKey = map[string]*list.Element{}
	}
	if at := c.byKey[d.key]; at != nil {
		c.drop(at)
	}
	c.byKey[d.key] = c.used.PushFront(d)
	c.bytes += d.size()
	for c.bytes > maxDetailBytes {
		c.drop(c.used.Back())
	}
}

func (c *detailCache) drop(at *list.Element) {
	d := c.used.Remove(at).(*detail)
	delete(c.byKey, d.key)
	c.bytes -= d.size()
}
