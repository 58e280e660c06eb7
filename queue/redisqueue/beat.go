package redisqueue

import (
	"context"
	"maps"
	"slices"
	"time"
)

// beat extends the leases of the jobs that the consumer holds, until ctx ends.
func (c *consumer) beat(ctx context.Context) {
	pause := c.q.opts.Lease / 3
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		next := pause
		for part := range slices.Chunk(c.snapshot(), batch) {
			if err := c.extend(ctx, part); err != nil {
				c.q.unreachable(ctx, err)
				next = min(pause/4, time.Second)
			}
		}
		c.lapse(ctx)
		timer.Reset(next)
	}
}

func (c *consumer) snapshot() []*held {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.held))
}

func (c *consumer) extend(ctx context.Context, some []*held) error {
	until := time.Now().Add(c.q.opts.Lease)
	lost, err := c.q.extend(ctx, some)
	if err != nil {
		return err
	}
	c.extended(ctx, some, lost, until)
	return nil
}

// extend extends leases and returns the keys of those that are lost. It takes
// no longer than until it would be time again.
func (q *Queue) extend(ctx context.Context, some []*held) ([]string, error) {
	args := make([]any, 1+2*len(some))
	args[0] = ceil(q.opts.Lease)
	for i, h := range some {
		args[1+i], args[1+len(some)+i] = h.key, h.owner
	}
	limit := min(q.opts.CallTimeout, q.opts.Lease/3)
	v, err := q.evalBy(ctx, limit, "extend leases", q.script.extend, "", args...)
	if err != nil {
		return nil, err
	}
	return texts(v, -1)
}

// extended notes what is held for longer, and ends what is lost.
func (c *consumer) extended(ctx context.Context, some []*held, lost []string, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range some {
		h.until = until
	}
	for _, h := range some {
		if slices.Contains(lost, h.key) && c.held[h.key] == h {
			c.lose(ctx, h)
		}
	}
}

// lapse ends what may be another's by now, because Redis could not be told
// that it is still worked on.
func (c *consumer) lapse(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.held {
		if time.Now().After(h.until) {
			c.lose(ctx, h)
		}
	}
}

func (c *consumer) lose(ctx context.Context, h *held) {
	if h.lost {
		return
	}
	h.lost = true
	c.q.opts.Logger.WarnContext(ctx, "lease of a job lost", "job", h.key, "attempt", h.job.Attempt)
	h.cancel(ErrLeaseLost)
}
