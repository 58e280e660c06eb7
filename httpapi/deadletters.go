package httpapi

import (
	"net/http"

	"github.com/eventmetrics/eventmetrics/queue"
)

// deadLetters serves GET /admin/queues/{name}/dlq.
func (h *Handler) deadLetters(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r)
	q := queue.DeadQuery{Cursor: p.text("cursor"), Limit: p.limit()}
	if err := p.err(); err != nil {
		return err
	}
	if err := h.checkQueue(r); err != nil {
		return err
	}
	dead, err := h.svc.DeadLetters(r.Context(), q)
	if err != nil {
		return err
	}
	stats, err := h.svc.QueueStats(r.Context())
	if err != nil {
		return err
	}
	page := deadLetterPageJSON{Queue: h.opts.QueueName, FailedCount: stats.Dead, Jobs: make([]deadLetterJSON, len(dead))}
	for i := range dead {
		page.Jobs[i] = newDeadLetter(&dead[i])
	}
	if len(dead) == q.Size() {
		page.NextCursor = dead[len(dead)-1].Cursor
	}
	return writeJSON(w, http.StatusOK, page)
}

func newDeadLetter(job *queue.DeadJob) deadLetterJSON {
	failures := make([]failureJSON, len(job.Failures))
	for i, f := range job.Failures {
		failures[i] = failureJSON{At: timeText(f.At), Attempt: f.Attempt, Error: f.Err}
	}
	return deadLetterJSON{
		ID:           job.Key(),
		Kind:         job.Kind,
		Data:         jobDataJSON{BatchID: job.ID},
		FailedReason: job.Err,
		Timestamp:    job.Died.UnixMilli(),
		Attempts:     job.Attempt,
		Failures:     failures,
	}
}

func (h *Handler) checkQueue(r *http.Request) error {
	if r.PathValue("name") == h.opts.QueueName {
		return nil
	}
	return problem{status: http.StatusNotFound, code: CodeNotFound, detail: "Queue not found"}
}

// jobOf returns the key of the job that the path names.
func (h *Handler) jobOf(r *http.Request) (string, error) {
	if err := h.checkQueue(r); err != nil {
		return "", err
	}
	job, err := queue.ParseKey(r.PathValue("id"))
	if err != nil {
		return "", queue.ErrNotFound
	}
	return job.Key(), nil
}

// retryDead serves POST /admin/queues/{name}/dlq/{id}/retry.
func (h *Handler) retryDead(w http.ResponseWriter, r *http.Request) error {
	key, err := h.jobOf(r)
	if err != nil {
		return err
	}
	if err := h.svc.RetryDead(r.Context(), key); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, retriedJSON{Message: "Job queued again", ID: key})
}

// retryAll serves POST /admin/queues/{name}/dlq/retry.
func (h *Handler) retryAll(w http.ResponseWriter, r *http.Request) error {
	if err := h.checkQueue(r); err != nil {
		return err
	}
	n, err := h.svc.RetryAllDead(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, retriedAllJSON{Message: "Jobs queued again", RetriedCount: n})
}

// discardDead serves DELETE /admin/queues/{name}/dlq/{id}.
func (h *Handler) discardDead(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r)
	reason := p.text("reason")
	if reason != "" && !printable(reason, 500) {
		p.fail("reason: want at most 500 printable ASCII characters")
	}
	if err := p.err(); err != nil {
		return err
	}
	key, err := h.jobOf(r)
	if err != nil {
		return err
	}
	if err := h.svc.DiscardDead(r.Context(), key, reason); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
