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

// batch is the greatest number of jobs, and of results, of one call.
const batch = 500

var errGaveUp = errors.New("redisqueue: gave up storing results")

// request is a call of work.lua. It is repeated unchanged until Redis answers.
type request struct {
	began   time.Time
	id      string // of the consumer
	number  int64  // of its call
	want    int
	results []result
	args    []any
}

// answer is the answer of work.lua.
type answer struct {
	taken        []*held
	refused      []result
	back, buried []string
	pause        time.Duration // until there may be more; less than 0 means never
	alone        bool          // no more until a result is stored: see work.lua
}

// newRequest returns the next call. It stores results and, if take is true, takes
// as many jobs as there are free workers.
func (c *consumer) newRequest(ctx context.Context, take bool) *request {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &request{id: c.id, results: c.unstored[:min(len(c.unstored), batch)]}
	busy := len(c.held) - len(r.results)
	if take && ctx.Err() == nil && !c.alone {
		r.want = min(max(c.q.opts.Workers-busy, 0), batch)
	}
	c.number++
	r.number = c.number
	c.q.prepare(r, busy)
	return r
}

// prepare sets the arguments of the call. Busy is the number of jobs that the
// consumer still runs. Completed jobs come first.
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
		r.id, r.number, r.want, busy, ceil(q.opts.Lease), q.opts.Retry.Attempts(), q.lastPause(), ceil(q.opts.DoneWindow), len(keys),
	}, keys, owners, others)
}

// lastPause returns the wait before the last attempt of a lost job, in ms.
func (q *Queue) lastPause() int64 {
	return ceil(q.opts.Retry.Delay(max(q.opts.Retry.Attempts()-1, 1)))
}

// exchange repeats a call until Redis answers. Errors: errGaveUp.
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
		if c.gaveUp(ctx) {
			c.q.opts.Logger.WarnContext(ctx, "results not stored: the jobs will run again", "jobs", c.holds(), "err", err)
			return answer{}, errGaveUp
		}
		pause(ctx, backoff(try))
		if time.Since(r.began) > c.q.opts.Lease {
			c.renew(ctx, r)
		}
	}
}

// renew replaces a call by one under another id, when the call had no answer for
// longer than a lease. The jobs that it may have taken are then no longer this
// consumer's: the lease of the old id is not extended, so other consumers run
// them. The new call takes no jobs. As long as answers are lost, each job taken
// would lose an attempt per lease, and be dead without ever having run.
func (c *consumer) renew(ctx context.Context, r *request) {
	c.mu.Lock()
	c.loseAll(ctx)
	c.id, c.number = rand.Text(), 0
	c.mu.Unlock()
	c.look = true // when Redis answers
	*r = *c.newRequest(ctx, false)
}

// send makes the call once.
func (q *Queue) send(ctx context.Context, r *request) (answer, error) {
	args := append(slices.Clip(r.args), q.clock.expected(time.Now()))
	v, err := q.eval(ctx, "take jobs and store results", q.script.work, r.id, args...)
	if err != nil {
		return answer{}, err
	}
	return q.readAnswer(v, r)
}

// gaveUp reports whether the consumer must end without storing its results: ctx
// and all handlers have ended CallTimeout ago.
func (c *consumer) gaveUp(ctx context.Context) bool {
	if ctx.Err() == nil || c.active.Load() > 0 {
		return false
	}
	if c.ended.IsZero() {
		c.ended = time.Now()
	}
	return time.Since(c.ended) >= c.q.opts.CallTimeout
}

// backoff returns the pause before a call is repeated: 10 ms to 1.5 s, partly
// random.
func backoff(try int) time.Duration {
	d := min(10*time.Millisecond<<min(try, 10), time.Second)
	return d/2 + mathrand.N(d)
}

// pause waits for d or until ctx ends. If ctx has ended before the call, it waits
// for d.
func pause(ctx context.Context, d time.Duration) {
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
	parts, err := list(v, 7)
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
	ms, ok := parts[6].(int64)
	if !ok {
		return a, errAnswer
	}
	if err := q.clock.learn(parts[5], r.began); err != nil {
		return a, err
	}
	a.alone = ms == -2
	a.pause = time.Duration(min(ms, poll.Milliseconds())) * time.Millisecond
	return a, nil
}

// readTaken reads the keys and attempts of jobs, and their metadata if any job has
// some.
func (q *Queue) readTaken(v, from any, r *request) ([]*held, error) {
	pairs, err := list(v, -1)
	if err != nil || len(pairs)%2 != 0 {
		return nil, errors.Join(errAnswer, err)
	}
	metadata, err := texts(from, -1)
	if err != nil || len(metadata) != 0 && len(metadata) != len(pairs)/2 {
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
		if len(metadata) > 0 {
			job.Metadata = metadata[i]
		}
		taken[i] = &held{job: job, key: key, owner: r.id + "." + strconv.FormatInt(r.number, 10) + "/" + strconv.FormatInt(attempt, 10)}
	}
	return taken, nil
}
