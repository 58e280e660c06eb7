package queue

import (
	"errors"
	"math/rand/v2"
	"time"
)

// Retry configures how often a failed job is tried, and when. The zero value is
// the default: 3 attempts, with a wait of 5 s after the first and of 10 s after
// the second.
type Retry struct {
	// MaxAttempts is the number of attempts before a job is dead; 0 means 3.
	MaxAttempts int
	// Base is the wait after the first attempt; it doubles with each further
	// one. 0 means 5 s.
	Base time.Duration
	// Max caps the wait; 0 means 1 h.
	Max time.Duration
	// Jitter is the part of the wait by which it is randomly shortened or
	// prolonged; 0 means 0.1, less than 0 means none.
	Jitter float64
}

// Attempts returns MaxAttempts with its default applied.
func (r Retry) Attempts() int {
	if r.MaxAttempts <= 0 {
		return 3
	}
	return r.MaxAttempts
}

// Delay returns the wait after the given failed attempt, which counts from 1.
func (r Retry) Delay(attempt int) time.Duration {
	base, limit, jitter := r.Base, r.Max, r.jitter()
	if base <= 0 {
		base = 5 * time.Second
	}
	if limit <= 0 {
		limit = time.Hour
	}
	d := base
	for ; attempt > 1 && d < limit; attempt-- {
		d *= 2
	}
	d = min(d, limit)
	if jitter > 0 {
		d += time.Duration((2*rand.Float64() - 1) * jitter * float64(d))
	}
	return d
}

// jitter returns Jitter with its default applied.
func (r Retry) jitter() float64 {
	if r.Jitter == 0 {
		return 0.1
	}
	return r.Jitter
}

// MaxDelay returns a bound of Delay, whatever the jitter. It is at most 40 years.
func (r Retry) MaxDelay(attempt int) time.Duration {
	const years = 20 * 365 * 24 * time.Hour // more would overflow
	jitter := min(max(r.jitter(), 0), 1)
	r.Jitter = -1
	return time.Duration((1 + jitter) * float64(min(r.Delay(attempt), years)))
}

// Permanent wraps an error so that the job is dead without further attempts.
// Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// IsPermanent reports whether err wraps an error that [Permanent] returned.
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }
