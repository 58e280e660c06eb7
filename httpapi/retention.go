package httpapi

import (
	"net/http"
	"time"

	"github.com/eventmetrics/eventmetrics"
)

// retain serves POST /admin/retention.
func (h *Handler) retain(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r)
	dryRun := p.boolean("dry_run")
	if err := p.err(); err != nil {
		return err
	}
	got, err := h.svc.ApplyRetention(r.Context(), dryRun)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, object{
		"dry_run":            dryRun,
		"periods":            periods(h.svc.Options().Retention),
		"sealed_count":       got.Purged,
		"event_count":        got.Events,
		"cleared_count":      got.Cleared,
		"rejected_row_count": got.Rows,
		"batch_count":        got.Archived,
		"dead_letter_count":  got.Dead,
		"drifted_count":      got.Drifted,
		"drifts":             driftBodies(got.Drifts),
		"unreadable_count":   got.Unreadable,
	})
}

// periods shows the periods in seconds; null means for ever.
func periods(r eventmetrics.Retention) object {
	body := object{}
	for name, period := range map[string]time.Duration{
		"events": r.Events, "rejected_rows": r.Rejected, "batches": r.Batches, "dead_letters": r.Dead,
	} {
		body[name] = nil
		if period > 0 {
			body[name] = int64(period / time.Second)
		}
	}
	return body
}
