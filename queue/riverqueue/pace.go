package riverqueue

import (
	"sync"
	"sync/atomic"
	"time"
)

// slowest is the longest time between two looks for jobs of other processes.
const slowest = 2 * time.Second

// news tells the clients of a queue that there may be jobs.
type news struct {
	adding  atomic.Int64  // calls under way that make jobs available
	changes atomic.Uint64 // calls that have ended
}

// changing begins a call that makes jobs available; the returned function ends it.
func (n *news) changing() (done func()) {
	n.adding.Add(1)
	return func() {
		n.changes.Add(1)
		n.adding.Add(-1)
	}
}

// pace decides, at each of many ticks, whether to look into the database. What this
// process changes is seen at the next tick. Changes of other processes are looked
// for less and less often, as long as there are none.
type pace struct {
	news *news

	mu    sync.Mutex
	seen  uint64        // news.changes before the last look
	wait  time.Duration // after the last look
	next  time.Time     // when there is a look in any case
	until time.Time     // a job becomes due before this
}

// due reports whether it is time to look. If it is, looked must be called.
func (p *pace) due() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, changes := time.Now(), p.news.changes.Load()
	if p.news.adding.Load() == 0 && changes == p.seen && now.After(p.until) && now.Before(p.next) {
		return false
	}
	if changes != p.seen {
		p.seen, p.wait = changes, 0
	}
	return true
}

// looked notes how many jobs there were.
func (p *pace) looked(jobs int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wait = min(max(2*p.wait, fetchInterval), slowest)
	if jobs > 0 {
		p.wait = 0
	}
	p.next = time.Now().Add(p.wait)
}

// expect notes that a job becomes due at a time. If that is soon, each tick before
// it is a time to look.
func (p *pace) expect(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	soon := time.Until(at)
	if end := time.Now().Add(soon + slowest); soon < 10*time.Second && end.After(p.until) {
		p.until = end
	}
}
