package redisqueue

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/redis/go-redis/v9"
)

// Caller makes the calls of a consumer one by one.
type Caller struct {
	q      *Queue
	id     string
	number int64
	last   *request
}

// NewCaller returns a Caller.
func NewCaller(q *Queue) *Caller { return &Caller{q: q, id: rand.Text()} }

// Lease is a job that a Caller has leased.
type Lease struct{ held *held }

// Key returns the key of the job.
func (l Lease) Key() string { return l.held.key }

// Owner returns what Redis knows the holder by.
func (l Lease) Owner() string { return l.held.owner }

// Attempt returns the number of the attempt.
func (l Lease) Attempt() int { return l.held.job.Attempt }

// Result is what to store about a job: complete, retry, bury or release.
type Result struct {
	Lease
	Operation string
}

// Answer is what Redis says to a call.
type Answer struct {
	Taken                 []Lease
	Refused, Back, Buried []string
}

// Work stores results and takes as many jobs as it wants.
func (c *Caller) Work(ctx context.Context, want int, results ...Result) (Answer, error) {
	c.number++
	list := make([]result, len(results))
	for i, r := range results {
		list[i] = result{r.held, operation(r.Operation), errors.New("failed")}
	}
	c.last = c.q.newRequest(c.id, c.number, want, list)
	return c.Resend(ctx)
}

// Resend makes the last call again, as after a lost answer.
func (c *Caller) Resend(ctx context.Context) (Answer, error) {
	a, err := c.q.send(ctx, c.id, c.last)
	answer := Answer{Refused: a.refused, Back: a.back, Buried: a.buried}
	for _, h := range a.taken {
		answer.Taken = append(answer.Taken, Lease{h})
	}
	return answer, err
}

// Extend extends a lease and reports whether it is still held.
func (c *Caller) Extend(ctx context.Context, l Lease) (bool, error) {
	lost, err := c.q.extend(ctx, []*held{l.held})
	return len(lost) == 0, err
}

// Client returns the client of a queue.
func (q *Queue) Client() redis.UniversalClient { return q.client }

// Key returns the key in Redis of one of the things that a queue is made of.
func (q *Queue) Key(name string) string { return q.key(name) }
