package ratelimit

import (
	"log/slog"
	"sync"
	"time"
)

// health knows whether the primary of a fallback may be asked.
type health struct {
	pause time.Duration
	log   *slog.Logger

	mu      sync.Mutex
	away    bool
	retryAt time.Time // when away: no probe before
	probing bool
	stuck   int // overdue calls that have not come back
}

// call is one question to the primary.
type call struct {
	probe   bool
	overdue bool
	ended   bool
}

// begin returns a new call, or nil when the primary must not be asked now.
func (h *health) begin() *call {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stuck > 0 {
		return nil
	}
	if !h.away {
		return &call{}
	}
	if h.probing || time.Now().Before(h.retryAt) {
		return nil
	}
	h.probing = true
	return &call{probe: true}
}

// overdue says that c has had its time. It may come too late, after end.
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
		h.logAway(errOverdue)
	}
}

// end says that c has come back. An error after the caller left tells nothing
// about the primary.
func (h *health) end(c *call, err error, callerLeft bool) {
	h.mu.Lock()
	c.ended = true
	changed := false
	switch {
	case c.overdue:
		h.stuck--
	case err == nil:
		changed = h.succeeded(c)
	case callerLeft:
		h.probing = h.probing && !c.probe
	default:
		changed = h.failed(c)
	}
	h.mu.Unlock()
	if !changed {
		return
	}
	if err != nil {
		h.logAway(err)
		return
	}
	h.log.Info("rate limiter is back")
}

// failed reports whether c is the first failure.
func (h *health) failed(c *call) bool {
	switch {
	case c.probe:
		h.probing = false
		h.retryAt = time.Now().Add(h.pause)
		return false
	case h.away:
		return false
	}
	h.away = true
	h.retryAt = time.Now().Add(h.pause)
	return true
}

// succeeded reports whether c ends the fallback. Only a probe can: other calls
// began before the failure.
func (h *health) succeeded(c *call) bool {
	if !c.probe {
		return false
	}
	h.probing, h.away = false, false
	return true
}

func (h *health) logAway(err error) {
	h.log.Warn("rate limiter is away, counting locally", "pause", h.pause, "err", err)
}
