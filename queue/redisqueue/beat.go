package redisqueue

import (
	"context"
	"slices"
	"time"
)

// heartbeat extends the lease of the consumer while it holds jobs, until ctx ends.
func (c *consumer) heartbeat(ctx context.Context) {
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
		if err := c.extend(ctx); err != nil {
			c.q.unreachable(ctx, err)
			next = min(pause/4, time.Second)
		}
		c.checkLease(ctx)
		timer.Reset(next)
	}
}

// extend extends the lease and marks the jobs that other consumers have as lost.
func (c *consumer) extend(ctx context.Context) error {
	id, jobs := c.snapshot()
	for some := range slices.Chunk(jobs, batch) {
		until := time.Now().Add(c.q.opts.Lease)
		lost, err := c.q.extend(ctx, id, some)
		if err != nil {
			return err
		}
		c.extended(ctx, id, until, lost)
	}
	return nil
}

func (c *consumer) snapshot() (id string, jobs []*held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for h := range c.held {
		if !h.lost {
			jobs = append(jobs, h)
		}
	}
	return c.id, jobs
}

// extend extends the lease of a consumer and returns the jobs that it has lost.
// It ends before the next extension is due.
func (q *Queue) extend(ctx context.Context, id string, jobs []*held) (lost []*held, err error) {
	args := make([]any, 3+2*len(jobs))
	args[0], args[1] = id, ceil(q.opts.Lease)
	for i, h := range jobs {
		args[2+i], args[2+len(jobs)+i] = h.key, h.owner
	}
	limit := min(q.opts.CallTimeout, q.opts.Lease/3)
	began := time.Now()
	args[len(args)-1] = q.clock.expected(began)
	v, err := q.evalBy(ctx, limit, "extend lease", q.script.extend, "", args...)
	if err != nil {
		return nil, err
	}
	parts, err := list(v, 2)
	if err != nil {
		return nil, err
	}
	if err := q.clock.learn(parts[0], began); err != nil {
		return nil, err
	}
	places, err := places(parts[1], len(jobs))
	for _, i := range places {
		lost = append(lost, jobs[i])
	}
	return lost, err
}

// extended stores until when the lease holds, and ends the lost jobs.
func (c *consumer) extended(ctx context.Context, id string, until time.Time, lost []*held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.id == id && until.After(c.until) {
		c.until = until
	}
	for _, h := range lost {
		if c.held[h] {
			c.lose(ctx, h)
		}
	}
}

// checkLease ends all jobs if the lease may have expired, because it could not be
// extended.
func (c *consumer) checkLease(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().After(c.until) {
		c.loseAll(ctx)
	}
}

func (c *consumer) loseAll(ctx context.Context) {
	for h := range c.held {
		c.lose(ctx, h)
	}
}

func (c *consumer) lose(ctx context.Context, h *held) {
	if h.lost {
		return
	}
	h.lost = true
	if h.ended {
		return // its result will be refused, if it is not stored already
	}
	c.q.opts.Logger.WarnContext(ctx, "lease of a job lost", "job", h.key, "attempt", h.job.Attempt)
	h.cancel(ErrLeaseLost)
}
