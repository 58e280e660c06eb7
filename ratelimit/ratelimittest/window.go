package ratelimittest

import (
	"errors"
	"fmt"
	"time"

	"github.com/eventmetrics/eventmetrics/ratelimit"
)

// maxWindows is the number of windows for which a check waits for the end of one.
const maxWindows = 20

func reportsItsReset(e *env) error {
	l := e.h.Open(e.TB, 2, long)
	for i := range 5 {
		d, err := l.Allow(e.ctx, "k")
		if err != nil {
			return fmt.Errorf("request %d: %w", i+1, err)
		}
		if d.ResetAfter <= 0 || d.ResetAfter > long {
			return fmt.Errorf("request %d: the window of %v ends after %v", i+1, long, d.ResetAfter)
		}
	}
	return nil
}

func beginsNextWindow(e *env) error {
	const limit = 3
	l := e.h.Open(e.TB, limit, e.h.Window)
	for range 2 {
		d, err := e.exhaust(l)
		if err != nil {
			return err
		}
		e.wait(d.ResetAfter)
		if d, err = e.untilAllowed(l); err != nil {
			return err
		}
		if d.Remaining != limit-1 {
			return fmt.Errorf("a new window with room for %d has %d remaining after a request, want %d", limit, d.Remaining, limit-1)
		}
	}
	return nil
}

func admitsWhoWaits(e *env) error {
	l := e.h.Open(e.TB, 1, e.h.Window)
	for i := range 3 {
		if _, err := e.exhaust(l); err != nil {
			return err
		}
		e.wait(e.h.Window / 3) // to be told the rest of a window
		d, err := e.exhaust(l)
		if err != nil {
			return err
		}
		told := d.ResetAfter
		e.wait(told + e.h.Precision)
		if d, err = l.Allow(e.ctx, "k"); err != nil {
			return fmt.Errorf("ask after the window: %w", err)
		}
		if !d.Allowed {
			return fmt.Errorf("wait %d: a client that waited as told, %v, was told to wait %v more", i+1, told, d.ResetAfter)
		}
	}
	return nil
}

func endsInSpiteOfDenials(e *env) error {
	l := e.h.Open(e.TB, 1, e.h.Window)
	d, err := e.exhaust(l)
	if err != nil {
		return err
	}
	// The end that was promised first, by a clock that is read after it.
	end := time.Now().Add(d.ResetAfter + 2*e.h.Precision)
	for giveUp := end.Add(maxWindows * e.h.Window); time.Now().Before(giveUp); e.wait(e.h.Window / 20) {
		asked := time.Now()
		if d, err = l.Allow(e.ctx, "k"); err != nil {
			return fmt.Errorf("denied request: %w", err)
		}
		if d.Allowed {
			return nil
		}
		if late := asked.Add(d.ResetAfter).Sub(end); late > 0 {
			return fmt.Errorf("a denied request moved the end of the window by %v", late)
		}
	}
	return fmt.Errorf("a client that kept asking was denied for %d windows", maxWindows)
}

// exhaust asks until it is denied.
func (e *env) exhaust(l ratelimit.Limiter) (ratelimit.Decision, error) {
	for range 1000 {
		d, err := l.Allow(e.ctx, "k")
		if err != nil {
			return d, fmt.Errorf("use up the window: %w", err)
		}
		if !d.Allowed {
			return d, nil
		}
	}
	return ratelimit.Decision{}, errors.New("none of 1000 requests was denied")
}

// untilAllowed asks until it is allowed.
func (e *env) untilAllowed(l ratelimit.Limiter) (ratelimit.Decision, error) {
	for giveUp := time.Now().Add(maxWindows * e.h.Window); time.Now().Before(giveUp); e.wait(e.h.Window / 20) {
		d, err := l.Allow(e.ctx, "k")
		if err != nil {
			return d, fmt.Errorf("ask after the window: %w", err)
		}
		if d.Allowed {
			return d, nil
		}
	}
	return ratelimit.Decision{}, fmt.Errorf("no request was allowed in %d windows after a denial", maxWindows)
}

func (e *env) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-e.ctx.Done():
	}
}
