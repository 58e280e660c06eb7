package httpapi

import (
	"net/http"
	"time"
)

// reprocess serves POST /admin/reprocess.
func (h *Handler) reprocess(w http.ResponseWriter, r *http.Request) error {
	report, err := h.svc.Reprocess(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, object{
		"batch_count":      report.Batches,
		"event_count":      report.Events,
		"sealed_count":     report.Purged,
		"unreadable_count": report.Unreadable,
		"drifted_count":    report.Drifted,
		"amended_count":    report.Amended,
		"filled_count":     report.Filled,
		"unfilled_count":   report.Unfilled,
		"drifts":           driftBodies(report.Drifts),
		"wrong_days":       wrongDayBodies(report.WrongDays),
		"rebuilt":          report.Rebuilt,
	})
}

// cleanup serves POST /admin/cleanup.
func (h *Handler) cleanup(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r)
	dryRun := p.boolean("dry_run")
	if err := p.err(); err != nil {
		return err
	}
	pruned, err := h.svc.Cleanup(r.Context(), dryRun)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, object{
		"dry_run":         dryRun,
		"batch_count":     pruned.Batches,
		"event_count":     pruned.Events,
		"remainder_count": pruned.Unfinished,
	})
}

// health serves GET /health.
func (h *Handler) health(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, object{"status": "ok", "uptime": time.Since(h.started).Seconds()})
}

// healthz serves GET /healthz: the process runs.
func (h *Handler) healthz(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, object{"status": "ok"})
}

// readyz serves GET /readyz: the process can do its work.
func (h *Handler) readyz(w http.ResponseWriter, r *http.Request) error {
	if h.draining() {
		return problem{status: http.StatusServiceUnavailable, code: CodeBusy, detail: "shutting down"}
	}
	if err := h.svc.Ping(r.Context()); err != nil {
		return problem{status: http.StatusServiceUnavailable, code: CodeBusy, detail: "the store or the queue is away", cause: err}
	}
	return writeJSON(w, http.StatusOK, object{"status": "ready"})
}
