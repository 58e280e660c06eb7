package history_test

import (
	"slices"
	"time"
)

// arm lets the server be killed before one of its next changes, now and then.
func (h *history) arm() error {
	if !chance(h.rng, 25) {
		return nil
	}
	fuse := int64(1 + h.rng.IntN(pick(h.rng, []int{5, 20, 60})))
	h.note("the server will be killed before its change number %d", fuse)
	return h.set(&settings{Fuse: &fuse})
}

// opKill kills the server at a random moment.
func (h *history) opKill() error {
	wait := time.Duration(h.rng.IntN(30)) * time.Millisecond
	h.note("kill after %s", wait)
	server := h.server
	timer := time.AfterFunc(wait, func() { _ = server.cmd.Process.Kill() })
	defer timer.Stop()
	if err := h.opUpload(); err != nil {
		return err
	}
	server.kill()
	if h.server != server {
		return nil
	}
	return h.startServer()
}

// opRestart starts the server again with other dimensions.
func (h *history) opRestart() error {
	var dimensions []string
	for _, name := range allDimensions {
		if chance(h.rng, 50) {
			dimensions = append(dimensions, name)
		}
	}
	gently := chance(h.rng, 50)
	h.note("restart with dimensions %v, gently %v", dimensions, gently)
	h.order.Dimensions = slices.Clip(dimensions)
	if gently {
		if err := h.server.end(); err != nil {
			return err
		}
	} else {
		h.server.kill()
	}
	return h.startServer()
}

// opClock sets the clock of the server.
func (h *history) opClock() error {
	jump := pick(h.rng, []time.Duration{
		3 * time.Minute, 47 * time.Minute, 5*time.Hour + 7*time.Minute, 26*time.Hour + 13*time.Minute, 11*day + time.Hour, 35*day + 2*time.Hour,
		-4 * time.Minute, -139 * time.Minute, -29 * time.Hour, -8*day - 3*time.Hour,
	})
	if h.offset+jump < -60*day {
		jump = -jump
	}
	h.note("the clock is set by %s", jump)
	return h.setClock(h.offset + jump)
}

func (h *history) setClock(offset time.Duration) error {
	before := h.now()
	h.model.retireKeys(before)
	h.offset, h.order.Offset = offset, offset
	for _, b := range h.model.where(func(b *batch) bool { return b.state == queued }) {
		b.recordedTo = latest(b.recordedTo, before)
		if h.now().Before(b.recordedFrom) {
			b.recordedFrom = h.now()
		}
	}
	return h.set(&settings{Offset: &offset})
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
