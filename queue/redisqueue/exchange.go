package redisqueue

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
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
	id      string // of the consumer
	number  int64  // of its call
	want    int
	results []result
	args    []any
}

// answer is what it returns.
type answer struct {
	taken        []*held
	refused      []result
	back, buried []string
	pause        time.Duration // until there may be more; less than 0 means never
}

// newRequest makes the next call: to store results, and if take is true, to
// take as many jobs as there is room for.
func (c *consumer) newRequest(ctx context.Context, take bool) *request {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &request{id: c.id, results: c.unsaid[:min(len(c.unsaid), batch)]}
	busy := len(c.held) - len(r.results)
	if take && ctx.Err() == nil {
		r.want = min(max(c.q.opts.Workers-busy, 0), batch)
	}
	c.number++
	r.number = c.number
	c.q.prepare(r, busy)
	return r
}

// prepare makes the arguments of the call of a consumer that goes on with so
// many other jobs. What is completed comes first.
func (q *Queue) prepare(r *request, busy int) {
	r.began = time.Now()
	slices.SortStableFunc(r.results, func(a, b result) int { return cmp.Compare(a.rank(), b.rank()) })
	var keys, owners, others []any
	for _, s := range r.results {
		if s.operation == complete {
			keys, owners = append(keys, s.key), append(owners, s.owner)
		} else {
			others = append(others, s.args(q)...)
		}
	}
	r.args = slices.Concat([]any{
		r.id, r.number, r.want, busy, ceil(q.opts.Lease), q.opts.Retry.Attempts(), ceil(q.opts.DoneWindow), len(keys),
	}, keys, owners, others)
}

// exchange calls Redis until it answers.
func (c *consumer) exchange(ctx context.Context, r *request) (answer, error) {
	for try := 0; ; try++ {
		a, err := c.q.send(context.WithoutCancel(ctx), r)
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
		if time.Since(r.began) > c.q.opts.Lease {
			c.renew(ctx, r)
		}
	}
}

// renew makes the call anew in another name, when it has gone without an answer
// for so long that what it may have taken is no longer this consumer's. Nobody
// extends the lease of the old name, and so what it has goes to others. The new
// call takes nothing: as long as answers are lost, each job taken would lose an
// attempt a lease, and die without ever having run.
func (c *consumer) renew(ctx context.Context, r *request) {
	c.mu.Lock()
	c.loseAll(ctx)
	c.id, c.number = rand.Text(), 0
	c.mu.Unlock()
	c.look = true // once Redis answers
	*r = *c.newRequest(ctx, false)
}

// send makes the call once.
func (q *Queue) send(ctx context.Context, r *request) (answer, error) {
	v, err := q.eval(ctx, "take jobs and store results", q.script.work, r.id, r.args...)
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
	return d/2 + mathrand.N(d)
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
	parts, err := list(v, 6)
	if err != nil {
		return a, err
	}
	if a.taken, err = q.readTaken(parts[0], parts[1], r); err != nil {
		return a, err
	}
	refused, err := places(parts[2], len(r.results))
	if err != nil {
		return a, err
	}
	for _, i := range refused {
		a.refused = append(a.refused, r.results[i])
	}
	for i, to := range []*[]string{&a.back, &a.buried} {
		if *to, err = texts(parts[i+3], -1); err != nil {
			return a, err
		}
	}
	ms, ok := parts[5].(int64)
	if !ok {
		return a, errAnswer
	}
	a.pause = time.Duration(min(ms, poll.Milliseconds())) * time.Millisecond
	return a, nil
}

// readTaken reads the keys and attempts of jobs, and their origins unless none
// has one.
func (q *Queue) readTaken(v, from any, r *request) ([]*held, error) {
	pairs, err := list(v, -1)
	if err != nil || len(pairs)%2 != 0 {
		return nil, errors.Join(errAnswer, err)
	}
	origins, err := texts(from, -1)
	if err != nil || len(origins) != 0 && len(origins) != len(pairs)/2 {
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
		if len(origins) > 0 {
			job.Metadata = origins[i]
		}
		taken[i] = &held{job: job, key: key, owner: r.id + "." + strconv.FormatInt(r.number, 10) + "/" + strconv.FormatInt(attempt, 10)}
	}
	return taken, nil
}
