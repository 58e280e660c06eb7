package ratelimit

import (
	"log/slog"
	"sync"
	"time"
)

// health decides whether the primary of a fallback may be called.
type health struct {
	pause time.Duration
	log   *slog.Logger

	mu      sync.Mutex
	down    bool
	retryAt time.Time // if down: no probe before
	probing bool
	stuck   int // overdue calls that have not returned
}

// call is one call of the primary.
type call struct {
	probe   bool
	overdue bool
	ended   bool
}

// begin returns a new call, or nil if the primary must not be called now.
func (h *health) begin() *call {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stuck > 0 {
		return nil
	}
	if !h.down {
		return &call{}
	}
	if h.probing || time.Now().Before(h.retryAt) {
		return nil
	}
	h.probing = true
	return &call{probe: true}
}

// overdue marks c as having taken longer than the timeout. It does nothing after
// end.
func (h *health) overdue(c *call) {
	h.mu.Lock()
	if c.ended {
		h.mu.Unlock()
		return
	}
	c.overdue = true
	h.stuck++
	changed := h.failed(c)
	h.mu.Unlock()
	if changed {
		h.logDown(errOverdue)
	}
}

// end marks c as returned. An error after the end of the caller's context is no
// failure of the primary.
func (h *health) end(c *call, err error, callerEnded bool) {
	h.mu.Lock()
	c.ended = true
	changed := false
	switch {
	case c.overdue:
		h.stuck--
	case err == nil:
		changed = h.succeeded(c)
	case callerEnded:
		h.probing = h.probing && !c.probe
	default:
		changed = h.failed(c)
	}
	h.mu.Unlock()
	if !changed {
		return
	}
	if err != nil {
		h.logDown(err)
		return
	}
	h.log.Info("rate limiter available again")
}

// failed records a failure and reports whether it begins the fallback.
func (h *health) failed(c *call) bool {
	switch {
	case c.probe:
		h.probing = false
		h.retryAt = time.Now().Add(h.pause)
		return false
	case h.down:
		return false
	}
	h.down = true
	h.retryAt = time.Now().Add(h.pause)
	return true
}

// succeeded records a success and reports whether it ends the fallback. Only a
// probe can end it: other calls began before the failure.
func (h *health) succeeded(c *call) bool {
	if !c.probe {
		return false
	}
	h.probing, h.down = false, false
	return true
}

func (h *health) logDown(err error) {
	h.log.Warn("rate limiter unavailable, counting locally", "pause", h.pause, "err", err)
}
