package memqueue

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

// Consume implements [queue.Queue].
func (q *Queue) Consume(ctx context.Context, h queue.Handler) error {
	// Running jobs outlive ctx for the drain timeout, so theirs is another.
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

// next waits for a job and takes it; nil means that ctx has ended.
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

// take takes the first job that is ready. If there is none it says how long
// to pause and what to listen to.
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

// call runs the handler and makes an error of its panic.
func call(ctx context.Context, h queue.Handler, j queue.Job) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return h(ctx, j)
}

// finish says where a job goes after an attempt. An attempt that was cut off
// by the end of Consume has not been.
func (q *Queue) finish(e *entry, err error, cut bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	now := time.Now()
	switch {
	case err == nil:
		e.state, e.at = done, now
		q.done = append(q.done, e)
	case cut:
		e.Attempt--
		q.wait(e, now)
	case e.Last() || queue.IsPermanent(err):
		q.deaths++
		e.state, e.at, e.death, e.err = dead, now, q.deaths, shorten(err.Error())
		q.dead = append(q.dead, e)
	default:
		q.wait(e, now.Add(q.opts.Retry.Delay(e.Attempt)))
	}
}

// shorten keeps the start of a message, in whole characters.
func shorten(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), 1000)], "")
}
