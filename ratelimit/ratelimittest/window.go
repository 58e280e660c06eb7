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

// reportsOneEnd compares the ends that two requests of a window report, by clocks
// that are read before and after each.
func reportsOneEnd(e *env) error {
	const limit = 10
	l := e.h.Open(e.TB, limit, e.h.Window)
	for i := range maxWindows {
		key := fmt.Sprint("k", i)
		earliest, latest, _, err := e.end(l, key)
		if err != nil {
			return err
		}
		e.wait(e.h.Window / 3)
		from, to, d, err := e.end(l, key)
		if err != nil {
			return err
		}
		if d.Remaining == limit-1 {
			continue // the machine was slow, and the window is over
		}
		if slack := 2 * e.h.Precision; from.After(latest.Add(slack)) || to.Before(earliest.Add(-slack)) {
			return fmt.Errorf("a request reported that its window ends at %v, a later one of the window %v", latest.Format("05.000"), to.Format("05.000"))
		}
		return nil
	}
	return fmt.Errorf("of %d windows none lasted for two requests a third of it apart", maxWindows)
}

// end asks and returns between which times the window ends as it is reported.
func (e *env) end(l ratelimit.Limiter, key string) (earliest, latest time.Time, d ratelimit.Decision, err error) {
	before := time.Now()
	if d, err = l.Allow(e.ctx, key); err != nil {
		return earliest, latest, d, fmt.Errorf("ask for the end of a window: %w", err)
	}
	return before.Add(d.ResetAfter), time.Now().Add(d.ResetAfter), d, nil
}

// lastsItsWindow uses a window up and asks again until it admits one: that must
// not be before its end, as the first request began it, and other keys must not
// shorten it. The wait before it makes a window that is aligned with the clock
// end early in one of the rounds.
func lastsItsWindow(e *env) error {
	for round := range 3 {
		e.wait(e.h.Window * 3 / 10)
		if err := e.lasts(e.h.Open(e.TB, 2, e.h.Window)); err != nil {
			return fmt.Errorf("round %d: %w", round+1, err)
		}
	}
	return nil
}

func (e *env) lasts(l ratelimit.Limiter) error {
	began := time.Now() // the window cannot have begun before
	if _, err := e.exhaust(l); err != nil {
		return err
	}
	for i := 0; time.Since(began) < maxWindows*e.h.Window; i++ {
		e.wait(e.h.Window / 20)
		if _, err := l.Allow(e.ctx, fmt.Sprintf("other %d", i)); err != nil {
			return fmt.Errorf("ask for another key: %w", err)
		}
		if i%5 != 4 { // silent for a quarter of a window
			continue
		}
		d, err := l.Allow(e.ctx, "k")
		if err != nil {
			return fmt.Errorf("ask in a window that is used up: %w", err)
		}
		if !d.Allowed {
			continue
		}
		if lasted := time.Since(began); lasted < e.h.Window-2*e.h.Precision {
			return fmt.Errorf("a window of %v that was used up admitted a request after %v", e.h.Window, lasted)
		}
		return nil
	}
	return fmt.Errorf("no request was allowed in %d windows", maxWindows)
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
