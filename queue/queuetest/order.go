package queuetest

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
)

func orderChecks() []check {
	return []check{
		{name: "jobs run in the order in which they were enqueued", run: orderOfEnqueue},
		{name: "delayed jobs run in the order of their times, to the millisecond", run: orderOfTimes},
		{name: "a retried dead letter runs after the jobs that wait", run: orderOfRetry},
	}
}

// runsInOrder has one worker run the jobs of a queue.
func (e *env) runsInOrder(q queue.Queue, rule string, want ...string) {
	e.Helper()
	var log deliveries
	stop := e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.eventually("all jobs have run", func() bool { return len(log.list()) >= len(want) })
	stop()
	var got []string
	for _, d := range log.list() {
		got = append(got, d.ID)
	}
	if !slices.Equal(got, want) {
		e.Errorf("one worker ran the jobs %v, want %v: %s", got, want, rule)
	}
}

func orderOfEnqueue(e *env) {
	q := e.open(Settings{Workers: 1})
	var want []string
	var bulk []queue.Job
	for i := range 30 {
		// Their ids have another order.
		j := queue.Job{Kind: "test", ID: strconv.Itoa(i * 7 % 30)}
		want = append(want, j.ID)
		if i < 15 {
			e.enqueue(q, j)
		} else {
			bulk = append(bulk, j)
		}
	}
	e.enqueue(q, bulk...)
	e.runsInOrder(q, "the one that was enqueued first is the next", want...)
}

func orderOfTimes(e *env) {
	var want []string
	for i := range 20 {
		want = append(want, strconv.Itoa(i))
	}
	for lead := 200 * time.Millisecond; ; lead *= 2 {
		q := e.open(Settings{Workers: 1})
		begin := time.Now().Add(lead)
		var jobs []queue.Job
		for i, id := range slices.Backward(want) {
			jobs = append(jobs, queue.Job{Kind: "test", ID: id, RunAt: begin.Add(time.Duration(i) * 3 * time.Millisecond)})
		}
		e.enqueue(q, jobs...)
		if time.Now().Before(begin) { // a slow backend needs a later time
			e.runsInOrder(q, "their times differ by 3 ms", want...)
			return
		}
	}
}

func orderOfRetry(e *env) {
	q := e.open(Settings{Workers: 1})
	e.kill(q, theJob)
	e.enqueue(q, queue.Job{Kind: "test", ID: "waits"})
	<-time.After(5 * time.Millisecond) // the clock of a backend may count in milliseconds
	if err := q.Retry(e.Context(), theJob.Key()); err != nil {
		e.Fatalf("Retry of a dead job: %v", err)
	}
	e.runsInOrder(q, "a retried job waits from the Retry on", "waits", theJob.ID)
}
