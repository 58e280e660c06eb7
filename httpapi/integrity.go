package httpapi

import (
	"net/http"

	"github.com/eventmetrics/eventmetrics"
)

// integrity serves GET /admin/integrity.
func (h *Handler) integrity(w http.ResponseWriter, _ *http.Request) error {
	all := h.svc.Integrity()
	return writeJSON(w, http.StatusOK, h.newIntegrity(&all))
}

// audit serves POST /admin/integrity.
func (h *Handler) audit(w http.ResponseWriter, r *http.Request) error {
	all, err := h.svc.Audit(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, h.newIntegrity(&all))
}

func (h *Handler) newIntegrity(all *eventmetrics.Integrity) integrityJSON {
	answer := integrityJSON{
		OK:              all.OK,
		LedgerChecked:   all.LedgerChecked,
		IntervalSeconds: max(h.svc.Options().AuditEvery, 0).Seconds(),
		RoundCount:      all.Rounds,
		BatchPass:       newPass(&all.Batches),
		DayPass:         newPass(&all.Days),
		Damages:         make([]damageJSON, len(all.Damages)),
		Drifts:          newDrifts(all.Drifts),
		Unreadable:      make([]unreadableJSON, len(all.Unreadable)),
		WrongDays:       newWrongDays(all.WrongDays),
		Truncated:       all.Truncated,
	}
	for i, u := range all.Unreadable {
		answer.Unreadable[i] = unreadableJSON{BatchID: u.BatchID, Error: u.Err}
	}
	for i, d := range all.Damages {
		answer.Damages[i] = damageJSON{Part: d.Part, BatchID: orNull(d.BatchID), Error: d.Err}
	}
	if all.Rounds > 0 {
		answer.LastRound, answer.Total = newRound(&all.Last), newRound(&all.Total)
	}
	return answer
}

func newRound(r *eventmetrics.Round) *auditRoundJSON {
	return &auditRoundJSON{
		StartedAt: timeText(r.Started), DurationSeconds: r.Took.Seconds(),
		BatchCount: r.Batches, SealedCount: r.Purged, EventCount: r.Events, DayCount: r.Days,
	}
}

func newPass(p *eventmetrics.Pass) auditPassJSON {
	return auditPassJSON{
		BeganAt: timeOrNull(p.Began), SeenCount: p.Seen,
		CompleteCount: p.Complete, CompletedAt: timeOrNull(p.Ended), CompletedSeenCount: p.Saw,
	}
}

func newWrongDays(days []eventmetrics.WrongDay) []wrongDayJSON {
	list := make([]wrongDayJSON, len(days))
	for i, d := range days {
		list[i] = wrongDayJSON{
			Date: d.Day.String(), LedgerCount: d.Ledger, SumCount: d.Sum, Difference: d.Sum - d.Ledger,
			EventTypes: nonNil(d.Types), EventTypesTruncated: d.Truncated, Error: orNull(d.Err),
		}
	}
	return list
}

func newDrifts(drifts []eventmetrics.Drift) []driftJSON {
	list := make([]driftJSON, len(drifts))
	for i, d := range drifts {
		list[i] = driftJSON{
			BatchID: d.BatchID, Cause: d.Cause, Cells: make([]driftCellJSON, len(d.Cells)), CellsTruncated: d.Truncated,
			LedgerCount: d.Ledger, EventCount: d.Events, Difference: d.Ledger - d.Events,
		}
		for j, c := range d.Cells {
			list[i].Cells[j] = driftCellJSON{
				Date: c.Day.String(), EventType: c.Type, Cause: c.Cause,
				LedgerCount: c.Ledger, EventCount: c.Events, Difference: c.Ledger - c.Events,
			}
		}
	}
	return list
}
