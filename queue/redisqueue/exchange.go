package redisqueue

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

// batch bounds the jobs and the results of one call.
const batch = 500

var errGaveUp = errors.New("redisqueue: gave up to store results")

// request is a call of work.lua. It is repeated as it is until it is answered.
type request struct {
	began   time.Time
	want    int
	fence   string
	results []result
	args    []any
}

// answer is what it returns.
type answer struct {
	taken        []*held
	refused      []string
	back, buried []string
	pause        time.Duration // until there may be more; less than 0 means never
}

func (c *consumer) newRequest(ctx context.Context) *request {
	c.number++
	r := &request{
		began:   time.Now(),
		fence:   c.id + "." + strconv.FormatInt(c.number, 10),
		results: c.unsaid[:min(len(c.unsaid), batch)],
	}
	if ctx.Err() == nil {
		r.want = min(c.free()+len(r.results), batch)
	}
	r.args = c.q.workArgs(c.number, r)
	return r
}

func (q *Queue) workArgs(number int64, r *request) []any {
	var keys, fences, others []any
	for _, s := range r.results {
		if s.operation == complete {
			keys, fences = append(keys, s.key), append(fences, s.fence)
		} else {
			others = append(others, s.args(q)...)
		}
	}
	args := []any{
		number, r.want, ceil(q.opts.Lease), q.opts.Retry.Attempts(), ceil(q.opts.DoneWindow), r.fence, len(keys),
	}
	return append(append(append(args, keys...), fences...), others...)
}

// exchange calls Redis until it answers.
func (c *consumer) exchange(ctx context.Context, r *request) (answer, error) {
	for try := 0; ; try++ {
		v, err := c.q.eval(context.WithoutCancel(ctx), "work", c.q.script.work, c.id, r.args...)
		if err == nil {
			c.q.reachable(ctx)
			return c.q.readAnswer(v, r)
		}
		if !errors.Is(err, queue.ErrUnavailable) {
			return answer{}, err
		}
		c.q.unreachable(ctx, err)
		if c.hopeless(ctx) {
			c.q.opts.Logger.WarnContext(ctx, "results not stored: the jobs will run again", "jobs", c.holds(), "err", err)
			return answer{}, errGaveUp
		}
		rest(ctx, backoff(try))
	}
}

// hopeless reports whether it is no use to wait for Redis any longer.
func (c *consumer) hopeless(ctx context.Context) bool {
	if ctx.Err() == nil || c.active.Load() > 0 {
		return false
	}
	if c.ended.IsZero() {
		c.ended = time.Now()
	}
	return time.Since(c.ended) >= c.q.opts.CallTimeout
}

// backoff is the pause before a call is repeated: 10 ms to 1.5 s, part of it
// left to chance.
func backoff(try int) time.Duration {
	d := min(10*time.Millisecond<<min(try, 10), time.Second)
	return d/2 + rand.N(d)
}

// rest pauses, but ends when ctx ends; if it has ended before, it does not
// matter any more.
func rest(ctx context.Context, d time.Duration) {
	done := ctx.Done()
	if ctx.Err() != nil {
		done = nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-done:
	}
}

func (q *Queue) readAnswer(v any, r *request) (a answer, err error) {
	parts, err := list(v, 5)
	if err != nil {
		return a, err
	}
	if a.taken, err = q.readTaken(parts[0], r); err != nil {
		return a, err
	}
	for i, to := range []*[]string{&a.refused, &a.back, &a.buried} {
		if *to, err = texts(parts[i+1], -1); err != nil {
			return a, err
		}
	}
	ms, ok := parts[4].(int64)
	if !ok {
		return a, errAnswer
	}
	a.pause = time.Duration(min(ms, poll.Milliseconds())) * time.Millisecond
	return a, nil
}

// readTaken reads the keys and attempts of jobs.
func (q *Queue) readTaken(v any, r *request) ([]*held, error) {
	pairs, err := list(v, -1)
	if err != nil || len(pairs)%2 != 0 {
		return nil, errors.Join(errAnswer, err)
	}
	taken := make([]*held, len(pairs)/2)
	for i := range taken {
		key, _ := pairs[2*i].(string)
		attempt, ok := pairs[2*i+1].(int64)
		job, err := queue.ParseKey(key)
		if err != nil || !ok {
			return nil, errors.Join(errAnswer, err)
		}
		job.Attempt, job.MaxAttempts = int(attempt), q.opts.Retry.Attempts()
		taken[i] = &held{job: job, key: key, fence: r.fence, until: r.began.Add(q.opts.Lease)}
	}
	return taken, nil
}
