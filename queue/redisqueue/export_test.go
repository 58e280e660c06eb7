package redisqueue

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// Caller makes the calls of a consumer one by one.
type Caller struct {
	q      *Queue
	id     string
	number int64
	holds  map[*held]bool
	last   *request
}

// NewCaller returns a Caller.
func NewCaller(q *Queue) *Caller { return &Caller{q: q, id: rand.Text(), holds: map[*held]bool{}} }

// ID returns the id of the consumer in Redis.
func (c *Caller) ID() string { return c.id }

// Lease is a job that a Caller has leased.
type Lease struct{ held *held }

// Key returns the key of the job.
func (l Lease) Key() string { return l.held.key }

// Owner returns the value in Redis for the consumer that has the job.
func (l Lease) Owner() string { return l.held.owner }

// Attempt returns the number of the attempt.
func (l Lease) Attempt() int { return l.held.job.Attempt }

// Metadata returns the metadata of the job.
func (l Lease) Metadata() string { return l.held.job.Metadata }

// Result is what to store about a job: complete, retry, bury or release.
type Result struct {
	Lease
	Operation string
}

// Answer is the answer of Redis to a call.
type Answer struct {
	Taken, Refused []Lease
	Back, Buried   []string
}

// Work stores results and takes as many jobs as it wants.
func (c *Caller) Work(ctx context.Context, want int, results ...Result) (Answer, error) {
	c.number++
	c.last = &request{id: c.id, number: c.number, want: want}
	for _, r := range results {
		c.last.results = append(c.last.results, result{r.held, operation(r.Operation), errors.New("failed")})
		delete(c.holds, r.held)
	}
	c.q.prepare(c.last, len(c.holds))
	a, err := c.Resend(ctx)
	for _, l := range a.Taken {
		c.holds[l.held] = true
	}
	return a, err
}

// Holds returns how many jobs the Caller thinks it has.
func (c *Caller) Holds() int { return len(c.holds) }

// Resend makes the last call again, as after a lost answer.
func (c *Caller) Resend(ctx context.Context) (Answer, error) {
	a, err := c.q.send(ctx, c.last)
	answer := Answer{Back: a.back, Buried: a.buried}
	for _, h := range a.taken {
		answer.Taken = append(answer.Taken, Lease{h})
	}
	for _, r := range a.refused {
		answer.Refused = append(answer.Refused, Lease{r.held})
	}
	return answer, err
}

// Extend extends the lease and reports whether the job is still held.
func (c *Caller) Extend(ctx context.Context, l Lease) (bool, error) {
	lost, err := c.q.extend(ctx, c.id, []*held{l.held})
	return len(lost) == 0, err
}

// ServerWasSetForward makes a queue remember a clock of Redis that was behind the
// present one by d more.
func (q *Queue) ServerWasSetForward(d time.Duration) {
	q.clock.mu.Lock()
	defer q.clock.mu.Unlock()
	if q.clock.millis > 0 {
		q.clock.millis -= d.Milliseconds()
	}
}

// Client returns the client of a queue.
func (q *Queue) Client() redis.UniversalClient { return q.client }

// Key returns the key in Redis with a name of the layout.
func (q *Queue) Key(name string) string { return q.key(name) }
