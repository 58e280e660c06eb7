package httpapi

import (
	"context"
	"net/http"
)

// queues serves GET /admin/queues.
func (h *Handler) queues(w http.ResponseWriter, r *http.Request) error {
	state, err := h.queueState(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, object{"count": 1, "data": []object{state}})
}

// queue serves GET /admin/queues/{name}.
func (h *Handler) queue(w http.ResponseWriter, r *http.Request) error {
	if err := h.checkQueue(r); err != nil {
		return err
	}
	state, err := h.queueState(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, state)
}

func (h *Handler) queueState(ctx context.Context) (object, error) {
	stats, err := h.svc.QueueStats(ctx)
	if err != nil {
		return nil, err
	}
	return object{
		"queue":                  h.opts.QueueName,
		"waiting_count":          stats.Waiting,
		"delayed_count":          stats.Delayed,
		"running_count":          stats.Running,
		"dead_count":             stats.Dead,
		"oldest_waiting_seconds": stats.OldestWaiting.Seconds(),
	}, nil
}
