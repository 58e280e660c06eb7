package history_test

import (
	"fmt"
	"net/http"
	"strings"
)

// opFull leaves the server without space, until it refuses something or some
// operations were carried out nevertheless.
func (h *history) opFull() error {
	if h.full || len(h.place.fill) == 0 {
		return nil
	}
	if err := h.settle(); err != nil {
		return err
	}
	what := pick(h.rng, h.place.fill)
	h.note("%s is full", what.name)
	h.full, h.emptied = true, what.empty
	if err := what.fill(h.rng.Int64N(300_000)); err != nil {
		return err
	}
	if chance(h.rng, 30) {
		h.note("restart with it full")
		h.server.kill()
		return h.startServer()
	}
	return nil
}

// makeRoom ends a full disk.
func (h *history) makeRoom() error {
	if !h.full {
		return nil
	}
	h.note("there is room again")
	h.full = false
	return h.emptied()
}

// refused looks at a request that was refused for want of space, and makes
// room.
func (h *history) refused(r *request, a *answer) error {
	h.note("refused: %d %s", a.status, a.code())
	own := strings.HasPrefix(r.path, "/-/") // of the test
	if code := a.code(); code != "storage_full" && code != "busy" && !own {
		return fmt.Errorf("%s %s without space: %s", r.method, r.path, a)
	}
	nothingHappened := r.method == http.MethodPost && strings.HasPrefix(r.path, "/uploads")
	waiting := len(h.model.where(func(b *batch) bool { return b.state == queued })) > 0
	if nothingHappened && !waiting {
		if err := h.checkQuery(h.drawQuery()); err != nil {
			return fmt.Errorf("while there is no space: %w", err)
		}
	}
	return h.makeRoom()
}
