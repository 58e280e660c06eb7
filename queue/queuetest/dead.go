package queuetest

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/eventmetrics/eventmetrics/queue"
)

func deadChecks() []check {
	return []check{
		{name: "dead letters are listed latest first", run: latestFirst},
		{name: "a cursor continues the listing without loss", run: paging},
		{name: "an unknown cursor is refused", run: badCursor},
		{name: "the error of a dead letter is its message, shortened", run: shortened},
		{name: "a dead letter has the number, time and error of each attempt, oldest first", run: failures},
		{name: "a dead letter keeps the last failures, and those before a retry", run: failuresBounded},
		{name: "a failure is that of an attempt that counts", run: failuresCount},
		{name: "dead letters stay while other jobs run", run: deadStay},
		{name: "dead letters stay however many there are", run: deadMany},
		{name: "dead letters stay for weeks", run: deadOld, field: "Shift"},
	}
}

func latestFirst(e *env) {
	q := e.open(Settings{})
	before := time.Now()
	var want []string
	for i := range 4 {
		j := queue.Job{Kind: "test", ID: strconv.Itoa(i)}
		e.kill(q, j)
		want = append([]string{j.Key()}, want...)
	}
	dead := e.dead(q, queue.DeadQuery{})
	if got := keys(dead); got != strings.Join(want, " ") {
		e.Errorf("Dead lists %s, want %s: the latest to die first", got, strings.Join(want, " "))
	}
	for _, d := range dead {
		if d.Died.Before(before.Add(-time.Second)) || d.Died.After(time.Now().Add(time.Second)) {
			e.Errorf("job %s died at %v by the listing, want a time in the last seconds", d.Key(), d.Died)
		}
		if d.Died.Location() != time.UTC {
			e.Errorf("job %s: Died is in %v, want UTC", d.Key(), d.Died.Location())
		}
	}
}

func keys(list []queue.DeadJob) string {
	s := make([]string, len(list))
	for i, d := range list {
		s[i] = d.Key()
	}
	return strings.Join(s, " ")
}

func badCursor(e *env) {
	q := e.open(Settings{})
	e.kill(q, queue.Job{Kind: "test", ID: "1"})
	for _, cursor := range []string{"nonsense", " ", "\x00"} {
		if _, err := q.Dead(e.Context(), queue.DeadQuery{Cursor: cursor}); !errors.Is(err, queue.ErrBadCursor) {
			e.Errorf("Dead with cursor %q: %v, want ErrBadCursor", cursor, err)
		}
	}
}

// paging also lets a job die and one be discarded between two pages.
func paging(e *env) {
	const n, size = 25, 7
	q := e.open(Settings{})
	var jobs []queue.Job
	for i := range n {
		jobs = append(jobs, queue.Job{Kind: "test", ID: strconv.Itoa(i)})
	}
	e.kill(q, jobs...)
	seen := map[string]int{}
	query := queue.DeadQuery{Limit: size}
	for range n {
		page := e.dead(q, query)
		if len(page) > size {
			e.Fatalf("Dead with Limit %d returned %d jobs", size, len(page))
		}
		for _, d := range page {
			seen[d.Key()]++
		}
		if len(page) < size {
			break
		}
		query.Cursor = page[len(page)-1].Cursor
		if len(seen) == size {
			e.discard(q, page[len(page)-1].Key())
			e.kill(q, queue.Job{Kind: "test", ID: "late"})
		}
	}
	for _, j := range jobs {
		if seen[j.Key()] != 1 {
			e.Errorf("paging showed job %s %d times, want once: a cursor continues after the job it is of, whatever dies or is discarded meanwhile", j.Key(), seen[j.Key()])
		}
	}
}

func (e *env) discard(q queue.Queue, key string) {
	e.Helper()
	if err := q.Discard(e.Context(), key, "test"); err != nil {
		e.Fatalf("Discard(%q) of a dead job: %v", key, err)
	}
}

type longError string

func (l longError) Error() string { return string(l) }

func shortened(e *env) {
	q := e.open(Settings{Retry: attempts(1)})
	long := strings.Repeat("déjà vu, ", 100_000)
	e.consume(q, func(_ context.Context, j queue.Job) error {
		if j.ID == "long" {
			return longError(long)
		}
		return longError("no such batch")
	})
	e.enqueue(q, queue.Job{Kind: "test", ID: "long"}, queue.Job{Kind: "test", ID: "short"})
	e.eventually("both failed jobs are dead", func() bool { return e.stats(q).Dead == 2 })
	for _, d := range e.dead(q, queue.DeadQuery{}) {
		switch {
		case d.ID == "short" && d.Err != "no such batch":
			e.Errorf("Err is %.80q, want the message of the error, \"no such batch\"", d.Err)
		case d.ID == "long" && (len(d.Err) < 20 || len(d.Err) > 4096):
			e.Errorf("Err of a message of %d bytes has %d, want it shortened to at most 4096 and not to nothing", len(long), len(d.Err))
		case d.ID == "long" && !strings.HasPrefix(long, d.Err[:20]):
			e.Errorf("Err is %.80q, want the start of the message", d.Err)
		case !utf8.ValidString(d.Err):
			e.Errorf("Err ends in %q, want whole characters", d.Err[len(d.Err)-8:])
		}
	}
}

func deadStay(e *env) {
	q := e.open(Settings{})
	e.kill(q, theJob)
	e.staysDead(q, "")
}

// staysDead checks that theJob is the only dead letter after another job has run.
func (e *env) staysDead(q queue.Queue, when string) {
	e.Helper()
	var log deliveries
	e.consume(q, log.wrap(func(context.Context, queue.Job) error { return nil }))
	e.enqueue(q, queue.Job{Kind: "test", ID: "other"})
	e.eventually("another job has run", func() bool { return len(log.list()) == 1 })
	e.waitIdle(q)
	if got := keys(e.dead(q, queue.DeadQuery{})); got != theJob.Key() {
		e.Errorf("%sDead lists %q, want %q: a dead letter stays until it is retried or discarded", when, got, theJob.Key())
	}
}

func deadMany(e *env) {
	const n = 1100
	q := e.open(Settings{Workers: 50})
	jobs := make([]queue.Job, n)
	for i := range jobs {
		jobs[i] = queue.Job{Kind: "test", ID: strconv.Itoa(i)}
	}
	e.enqueue(q, jobs...)
	stop := e.consume(q, func(context.Context, queue.Job) error { return queue.Permanent(errJob) })
	e.waitIdle(q)
	stop()
	listed := map[string]bool{}
	for d, err := range queue.AllDead(e.Context(), q) {
		if err != nil {
			e.Fatalf("Dead: %v", err)
		}
		listed[d.Key()] = true
	}
	if s := e.stats(q); len(listed) != n || s.Dead != n {
		e.Errorf("%d jobs are dead; Dead lists %d different ones and Stats counts %d: no dead letter is dropped", n, len(listed), s.Dead)
	}
}

func deadOld(e *env) {
	q := e.open(Settings{})
	e.kill(q, theJob)
	e.shift(q, -30*24*time.Hour)
	e.staysDead(q, "after 30 days ")
}
