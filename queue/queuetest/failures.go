package queuetest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/eventmetrics/eventmetrics/queue"
)

// failures lets each attempt fail with an error of its own, the first with one that
// is long and has characters that a queue may have to quote.
func failures(e *env) {
	q := e.open(Settings{Retry: attempts(3)})
	long := "\"one\"\n\\ <é> \x01" + strings.Repeat("déjà vu, ", 100_000)
	before := time.Now()
	e.consume(q, func(_ context.Context, j queue.Job) error {
		switch j.Attempt {
		case 1:
			return longError(long)
		case 2:
			panic("second")
		default:
			return longError("third")
		}
	})
	e.enqueue(q, theJob)
	d := e.onlyDeadLetter(q)
	if got := numbersOf(d); got != "1 2 3" {
		e.Fatalf("the failures are those of the attempts %q, want \"1 2 3\": each attempt of a dead letter, oldest first", got)
	}
	at := before.Add(-time.Second)
	for _, f := range d.Failures {
		if f.At.Before(at) || f.At.After(time.Now().Add(time.Second)) || f.At.Location() != time.UTC {
			e.Errorf("attempt %d is of %v, want a time after the attempt before it, in the last seconds and UTC", f.Attempt, f.At)
		}
		at = f.At
	}
	first := d.Failures[0].Err
	if !utf8.ValidString(first) || len(first) > 4096 || len(first) < 20 || !strings.HasPrefix(long, first[:20]) {
		e.Errorf("Err of the first attempt has %d bytes and begins %.40q, want the start of its message, at most 4096 bytes in whole characters", len(first), first)
	}
	if second := d.Failures[1].Err; !strings.Contains(second, "second") {
		e.Errorf("Err of the second attempt is %.80q, want that of its panic", second)
	}
	if last := d.Failures[2].Err; last != "third" || d.Err != last {
		e.Errorf("Err of the last attempt is %.80q and that of the job %.80q, want \"third\" twice", last, d.Err)
	}
}

// failuresBounded lets a job die in two rounds of more attempts than are kept.
func failuresBounded(e *env) {
	const rounds, most = 3, 12
	q := e.open(Settings{Retry: queue.Retry{MaxAttempts: most, Base: time.Millisecond, Max: time.Millisecond, Jitter: -1}})
	var round atomic.Int64
	e.consume(q, func(_ context.Context, j queue.Job) error {
		return fmt.Errorf("round %d attempt %d", round.Load(), j.Attempt)
	})
	e.enqueue(q, theJob)
	var want []string
	for r := range rounds {
		if r > 0 {
			round.Add(1)
			if err := q.Retry(e.Context(), theJob.Key()); err != nil {
				e.Fatalf("Retry of a dead job: %v", err)
			}
		}
		for i := range most {
			want = append(want, fmt.Sprintf("round %d attempt %d", r, i+1))
		}
		want = want[max(0, len(want)-queue.MaxFailures):]
		var got []string
		for _, f := range e.onlyDeadLetter(q).Failures {
			got = append(got, f.Err)
		}
		if strings.Join(got, ", ") != strings.Join(want, ", ") {
			e.Errorf("after round %d of %d attempts the dead letter has the failures %q, want the last %d of all rounds: %q", r, most, got, queue.MaxFailures, want)
		}
	}
	e.discard(q, theJob.Key())
	e.enqueue(q, theJob)
	if got := e.onlyDeadLetter(q).Failures; len(got) != most {
		e.Errorf("a job that was discarded and enqueued again has %d failures, want its own %d", len(got), most)
	}
}

// failuresCount lets a job be put back once and complete once before it dies.
func failuresCount(e *env) {
	q := e.open(Settings{Retry: attempts(2), DrainTimeout: -1})
	e.runTheJob(q)()
	e.consume(q, func(context.Context, queue.Job) error { return errJob })
	if got := numbersOf(e.onlyDeadLetter(q)); got != "1 2" {
		e.Errorf("a job that was put back and then failed twice has failures of the attempts %q, want \"1 2\": an attempt that does not count is none", got)
	}
}

// onlyDeadLetter waits for a dead letter and returns it.
func (e *env) onlyDeadLetter(q queue.Queue) queue.DeadJob {
	e.Helper()
	e.eventually("the job is dead", func() bool { return e.stats(q).Dead == 1 })
	dead := e.dead(q, queue.DeadQuery{})
	if len(dead) != 1 {
		e.Fatalf("Dead lists %s, want the one that Stats counts", keys(dead))
	}
	return dead[0]
}

// numbersOf returns the numbers of the attempts that failed.
func numbersOf(d queue.DeadJob) string {
	s := make([]string, len(d.Failures))
	for i, f := range d.Failures {
		s[i] = strconv.Itoa(f.Attempt)
	}
	return strings.Join(s, " ")
}
