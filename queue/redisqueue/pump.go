package redisqueue

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"
)

// poll is how long an idle consumer waits for a wake-up before it looks for jobs.
// A wake-up is lost if the process that got it is lost.
const poll = 2 * time.Second

// pumpState is the state of the pump of a consumer.
type pumpState struct {
	number   int64       // of the last call
	unstored []result    // results to store
	look     bool        // there may be jobs to take
	wakes    bool        // the marker was taken since the last call
	alone    bool        // a job runs alone, or waits until it can: take no other until a result
	due      *time.Timer // ends when a delayed job is due
	ended    time.Time   // since when only results are left to be stored
}

func newPumpState() pumpState {
	due := time.NewTimer(time.Hour)
	due.Stop()
	return pumpState{look: true, due: due}
}

// pump takes jobs, starts their handlers and stores the results, until ctx has
// ended and all results are stored.
func (c *consumer) pump(ctx, work context.Context) error {
	defer c.due.Stop()
	defer c.hush(ctx)
	for {
		more, err := c.gather(ctx)
		if err != nil || !more {
			return err
		}
		r := c.newRequest(ctx, true)
		a, err := c.exchange(ctx, r)
		if errors.Is(err, errGaveUp) {
			return nil
		}
		if err != nil {
			return err
		}
		c.accept(ctx, work, r, a)
	}
}

// gather waits until there is a reason to call Redis. It returns false if there
// will be none.
func (c *consumer) gather(ctx context.Context) (bool, error) {
	for {
		c.collect()
		c.alone = c.alone && len(c.unstored) == 0
		ending := ctx.Err() != nil
		if ending {
			c.hush(ctx)
		}
		if len(c.unstored) > 0 || c.wakes || !ending && c.look && c.free() > 0 {
			return true, nil
		}
		if ending && c.holds() == 0 {
			return false, nil
		}
		if err := c.wait(ctx, ending); err != nil {
			return false, err
		}
	}
}

// wait waits for a result, a wake-up, a delayed job or the end of ctx.
func (c *consumer) wait(ctx context.Context, ending bool) error {
	done := ctx.Done()
	if ending {
		done = nil
	} else if c.free() > 0 {
		c.askForWake()
	}
	select {
	case r := <-c.results:
		c.unstored = append(c.unstored, r)
	case h := <-c.heard:
		return c.hear(ctx, h)
	case <-c.due.C:
		c.look = true
	case <-done:
	}
	return nil
}

// collect takes the results that are there. It yields to handlers that are about
// to return, so that one call stores all their results.
func (c *consumer) collect() {
	for seen := 0; ; seen = len(c.unstored) {
		for len(c.results) > 0 {
			c.unstored = append(c.unstored, <-c.results)
		}
		if len(c.unstored) == seen {
			return
		}
		runtime.Gosched()
	}
}

// accept handles the answer of Redis.
func (c *consumer) accept(ctx, work context.Context, r *request, a answer) {
	c.wakes = false
	c.unstored = c.unstored[len(r.results):]
	c.resultsStored(ctx, r, a)
	for _, key := range a.buried {
		c.q.opts.Logger.ErrorContext(ctx, "job is dead", "job", key, "err", "the process was lost")
	}
	if len(a.back) > 0 {
		c.q.opts.Logger.WarnContext(ctx, "jobs of a lost process put back", "jobs", len(a.back))
	}
	// If the answer took long, its lease may be about to expire.
	late := time.Since(r.began) > c.q.opts.Lease/3
	for _, h := range a.taken {
		if late || ctx.Err() != nil {
			c.hold(h, func(error) {})
			c.unstored = append(c.unstored, result{h, release, nil})
		} else {
			c.start(work, h)
		}
	}
	if r.want > 0 {
		c.alone = a.alone
		c.look = late || len(a.taken) == r.want || a.pause == 0
		c.due.Stop()
		if a.pause > 0 && a.pause < poll {
			c.due.Reset(a.pause)
		}
	}
}

// resultsStored removes the jobs whose results are stored, or refused because
// another consumer has the job.
func (c *consumer) resultsStored(ctx context.Context, r *request, a answer) {
	c.mu.Lock()
	for _, s := range r.results {
		delete(c.held, s.held)
	}
	if until := r.began.Add(c.q.opts.Lease); len(a.taken) > 0 && until.After(c.until) {
		c.until = until
	}
	c.mu.Unlock()
	for _, s := range r.results {
		if slices.ContainsFunc(a.refused, func(o result) bool { return o.held == s.held }) {
			c.q.opts.Logger.WarnContext(ctx, "result of a job refused: its lease was lost", "job", s.key, "attempt", s.job.Attempt)
		} else {
			s.log(ctx, c.q)
		}
	}
}

func (c *consumer) hold(h *held, cancel context.CancelCauseFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.cancel = cancel
	c.held[h] = true
}

func (c *consumer) holds() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held)
}

// free returns how many jobs the consumer may take.
func (c *consumer) free() int {
	if c.alone {
		return 0
	}
	return c.q.opts.Workers - c.holds()
}
