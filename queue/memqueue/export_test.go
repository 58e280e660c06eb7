package memqueue

import "time"

// Age makes all times in the queue earlier.
func (q *Queue) Age(d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range q.jobs {
		e.at = e.at.Add(-d)
	}
	close(q.changed)
	q.changed = make(chan struct{})
}
