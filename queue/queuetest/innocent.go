package queuetest

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

// innocents has a job that kills its process each time, as soon as all other jobs
// that may run beside it do. The others need a moment for themselves.
func innocents(e *env) {
	s := Settings{Workers: others + 1, Retry: attempts(2)}
	q := e.open(s)
	e.enqueue(q, killerAndOthers()...)
	var done atomic.Int64 // of the others
	gate, open := newGate()
	defer open()
	ended := func() bool {
		s := e.stats(q)
		return s.Waiting+s.Delayed+s.Running == 0
	}
	for deaths := 0; !ended(); deaths++ {
		if deaths > 3 {
			e.Fatalf("a job with 2 attempts has killed %d processes, and is not dead", deaths)
		}
		p := &mortal{first: deaths == 0, done: &done, gate: gate, kill: make(chan struct{}, 2*others)}
		e.consume(q, p.handle)
		e.eventually("the process is killed, or all jobs have ended", func() bool { return len(p.kill) > 0 || ended() })
		if n := p.beside.Load(); n > 0 {
			e.Errorf("%d last attempts ran beside other jobs: after a lost process, a last attempt runs alone", n)
		}
		if len(p.kill) > 0 {
			q = e.reopen(q, s)
		}
	}
	if dead := keys(e.dead(q, queue.DeadQuery{})); dead != "test:killer" {
		e.Errorf("Dead lists %q, want the job that killed its process alone: the others did nothing", dead)
	}
	if n := done.Load(); n != others {
		e.Errorf("%d of %d jobs that did nothing were completed", n, others)
	}
}

// others is the number of jobs beside the one that kills its process.
const others = 3

func killerAndOthers() []queue.Job {
	jobs := []queue.Job{{Kind: "test", ID: "killer"}}
	for i := range others {
		jobs = append(jobs, queue.Job{Kind: "test", ID: strconv.Itoa(i)})
	}
	return jobs
}

// mortal is a process that one of its jobs kills.
type mortal struct {
	first   bool // the process has all jobs as their first attempts
	running atomic.Int64
	beside  atomic.Int64 // later attempts that did not run alone
	done    *atomic.Int64
	gate    <-chan struct{}
	kill    chan struct{}
}

func (p *mortal) handle(ctx context.Context, j queue.Job) error {
	p.running.Add(1)
	defer p.running.Add(-1)
	if !p.first {
		if !p.alone(ctx) {
			p.beside.Add(1)
		} else if j.ID != "killer" {
			p.done.Add(1)
			return nil
		}
	}
	if j.ID == "killer" {
		for p.first && p.running.Load() <= others && ctx.Err() == nil {
			<-time.After(time.Millisecond)
		}
		p.kill <- struct{}{}
	}
	return block(ctx, p.gate)
}

// alone reports whether one job runs for a while.
func (p *mortal) alone(ctx context.Context) bool {
	for begin := time.Now(); time.Since(begin) < quiet && ctx.Err() == nil; <-time.After(time.Millisecond) {
		if p.running.Load() > 1 {
			return false
		}
	}
	return true
}
