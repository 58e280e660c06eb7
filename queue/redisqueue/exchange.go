package redisqueue

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
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
	results, want := c.unsaid[:min(len(c.unsaid), batch)], 0
	if ctx.Err() == nil {
		want = min(c.free()+len(results), batch)
	}
	c.number++
	return c.q.newRequest(c.id, c.number, want, results)
}

// newRequest makes the call of a consumer with the number.
func (q *Queue) newRequest(id string, number int64, want int, results []result) *request {
	r := &request{
		began:   time.Now(),
		want:    want,
		fence:   id + "." + strconv.FormatInt(number, 10),
		results: results,
	}
	var keys, owners, others []any
	for _, s := range r.results {
		if s.operation == complete {
			keys, owners = append(keys, s.key), append(owners, s.owner)
		} else {
			others = append(others, s.args(q)...)
		}
	}
	r.args = []any{
		number, want, ceil(q.opts.Lease), q.opts.Retry.Attempts(), ceil(q.opts.DoneWindow), r.fence, len(keys),
	}
	r.args = slices.Concat(r.args, keys, owners, others)
	return r
}

// exchange calls Redis until it answers.
func (c *consumer) exchange(ctx context.Context, r *request) (answer, error) {
	for try := 0; ; try++ {
		a, err := c.q.send(context.WithoutCancel(ctx), c.id, r)
		if err == nil {
			c.q.reachable(ctx)
			return a, nil
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

// send makes the call once, in the name of a consumer.
func (q *Queue) send(ctx context.Context, id string, r *request) (answer, error) {
	v, err := q.eval(ctx, "take jobs and store results", q.script.work, id, r.args...)
	if err != nil {
		return answer{}, err
	}
	return q.readAnswer(v, r)
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
		taken[i] = &held{job: job, key: key, owner: r.fence + "/" + strconv.FormatInt(attempt, 10), until: r.began.Add(q.opts.Lease)}
	}
	return taken, nil
}
