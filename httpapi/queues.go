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
	return writeJSON(w, http.StatusOK, queueListJSON{Count: 1, Data: []queueJSON{state}})
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

func (h *Handler) queueState(ctx context.Context) (queueJSON, error) {
	stats, err := h.svc.QueueStats(ctx)
	if err != nil {
		return queueJSON{}, err
	}
	return queueJSON{
		Queue:                h.opts.QueueName,
		WaitingCount:         stats.Waiting,
		DelayedCount:         stats.Delayed,
		RunningCount:         stats.Running,
		DeadCount:            stats.Dead,
		OldestWaitingSeconds: stats.OldestWaiting.Seconds(),
	}, nil
}
