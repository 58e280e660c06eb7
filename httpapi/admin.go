package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
)

// reprocess serves POST /admin/reprocess.
func (h *Handler) reprocess(w http.ResponseWriter, r *http.Request) error {
	report, err := h.svc.Reprocess(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, reprocessReportJSON{
		BatchCount:      report.Batches,
		EventCount:      report.Events,
		SealedCount:     report.Purged,
		UnreadableCount: report.Unreadable,
		DriftedCount:    report.Drifted,
		AmendedCount:    report.Amended,
		FilledCount:     report.Filled,
		UnfilledCount:   report.Unfilled,
		Drifts:          newDrifts(report.Drifts),
		WrongDays:       newWrongDays(report.WrongDays),
		Rebuilt:         report.Rebuilt,
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
	return writeJSON(w, http.StatusOK, cleanupReportJSON{
		DryRun:         dryRun,
		BatchCount:     pruned.Batches,
		EventCount:     pruned.Events,
		RemainderCount: pruned.Unfinished,
	})
}

// health serves GET /health.
func (h *Handler) health(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, healthJSON{Status: "ok", Uptime: time.Since(h.started).Seconds(), Version: h.opts.Version})
}

// healthz serves GET /healthz, which answers while the process runs.
func (h *Handler) healthz(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, livenessJSON{Status: "ok"})
}

// readyz serves GET /readyz, which answers 200 while the store and the queue
// are available and have space, and the handler is not draining.
func (h *Handler) readyz(w http.ResponseWriter, r *http.Request) error {
	if h.draining() {
		return problem{status: http.StatusServiceUnavailable, code: CodeBusy, detail: "shutting down"}
	}
	err := h.svc.Ping(r.Context())
	if errors.Is(err, store.ErrFull) || errors.Is(err, queue.ErrFull) {
		p := storageFull("no disk space for uploads is left; queries are answered")
		p.cause = err
		return p
	}
	if err != nil {
		return problem{status: http.StatusServiceUnavailable, code: CodeBusy, detail: "the store or the queue is unavailable", cause: err}
	}
	return writeJSON(w, http.StatusOK, readinessJSON{Status: "ready"})
}
