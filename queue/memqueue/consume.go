package memqueue

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics/internal/text/clip"
	"github.com/eventmetrics/eventmetrics/queue"
)

// maxMessage is the length in bytes at which the error of an attempt is cut.
const maxMessage = 1000

// Consume implements [queue.Queue].
func (q *Queue) Consume(ctx context.Context, h queue.Handler) error {
	// Handlers continue after ctx has ended, so they have another context.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var workers sync.WaitGroup
	for range q.opts.Workers {
		workers.Go(func() {
			for e := q.next(ctx); e != nil; e = q.next(ctx) {
				err := call(work, h, e.Job)
				q.finish(e, err, work.Err() != nil)
			}
		})
	}
	<-ctx.Done()
	defer time.AfterFunc(q.opts.DrainTimeout, cancel).Stop()
	workers.Wait()
	return nil
}

// next waits for a job and takes it. It returns nil when ctx has ended.
func (q *Queue) next(ctx context.Context) *entry {
	for ctx.Err() == nil {
		e, pause, changed := q.take()
		if e != nil {
			return e
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// take takes the first job that is ready. If there is none, it returns how long
// to wait, and a channel that is closed when the wait should end earlier.
func (q *Queue) take() (*entry, time.Duration, <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return nil, time.Hour, q.changed
	}
	e := q.waiting[0]
	if pause := time.Until(e.at); pause > 0 {
		return nil, pause, q.changed
	}
	q.waiting = q.waiting[1:]
	q.running++
	e.state = running
	e.Attempt++
	return e, 0, nil
}

// call calls the handler and returns its panic as an error.
func call(ctx context.Context, h queue.Handler, j queue.Job) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return h(ctx, j)
}

// finish moves a job to its next state after an attempt. Ended reports that the
// context of the handlers has ended: an error then is that of the end of
// Consume, so the attempt does not count.
func (q *Queue) finish(e *entry, err error, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	now := time.Now()
	switch {
	case err == nil:
		e.state, e.at = done, now
		q.done = append(q.done, e)
	case ended:
		e.Attempt--
		q.putBack(e)
	case e.Last() || queue.IsPermanent(err):
		e.fail(now, err)
		q.deaths++
		e.state, e.at, e.death = dead, now, q.deaths
		q.dead = append(q.dead, e)
	default:
		e.fail(now, err)
		q.wait(e, now.Add(q.opts.Retry.Delay(e.Attempt)))
	}
}

// fail keeps the error of an attempt.
func (e *entry) fail(now time.Time, err error) {
	e.failures = append(e.failures, queue.Failure{Attempt: e.Attempt, At: now.UTC(), Err: clip.Text(err.Error(), maxMessage)})
	e.failures = e.failures[max(0, len(e.failures)-queue.MaxFailures):]
}
