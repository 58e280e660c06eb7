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
	return writeJSON(w, http.StatusOK, retentionReportJSON{
		DryRun:           dryRun,
		Periods:          newPeriods(h.svc.Options().Retention),
		SealedCount:      got.Purged,
		EventCount:       got.Events,
		ClearedCount:     got.Cleared,
		RejectedRowCount: got.Rows,
		BatchCount:       got.Archived,
		DeadLetterCount:  got.Dead,
		DriftedCount:     got.Drifted,
		Drifts:           newDrifts(got.Drifts),
		UnreadableCount:  got.Unreadable,
	})
}

func newPeriods(r eventmetrics.Retention) retentionPeriodsJSON {
	return retentionPeriodsJSON{
		Events:       secondsOrNull(r.Events),
		RejectedRows: secondsOrNull(r.Rejected),
		Batches:      secondsOrNull(r.Batches),
		DeadLetters:  secondsOrNull(r.Dead),
	}
}

func secondsOrNull(period time.Duration) *int64 {
	if period <= 0 {
		return nil
	}
	return new(int64(period / time.Second))
}
