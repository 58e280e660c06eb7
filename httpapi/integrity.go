package httpapi

import (
	"net/http"
	"time"

	"github.com/eventmetrics/eventmetrics"
)

// integrity serves GET /admin/integrity.
func (h *Handler) integrity(w http.ResponseWriter, _ *http.Request) error {
	all := h.svc.Integrity()
	return writeJSON(w, http.StatusOK, h.integrityBody(&all))
}

// audit serves POST /admin/integrity.
func (h *Handler) audit(w http.ResponseWriter, r *http.Request) error {
	all, err := h.svc.Audit(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, h.integrityBody(&all))
}

func (h *Handler) integrityBody(all *eventmetrics.Integrity) object {
	unreadable := make([]object, len(all.Unreadable))
	for i, u := range all.Unreadable {
		unreadable[i] = object{"batch_id": u.BatchID, "error": u.Err}
	}
	body := object{
		"ok":               all.OK,
		"ledger_checked":   all.LedgerChecked,
		"interval_seconds": max(h.svc.Options().AuditEvery, 0).Seconds(),
		"round_count":      all.Rounds,
		"last_round":       nil,
		"total":            nil,
		"batch_pass":       passBody(&all.Batches),
		"day_pass":         passBody(&all.Days),
		"drifts":           driftBodies(all.Drifts),
		"unreadable":       unreadable,
		"wrong_days":       wrongDayBodies(all.WrongDays),
		"truncated":        all.Truncated,
	}
	if all.Rounds > 0 {
		body["last_round"], body["total"] = roundBody(&all.Last), roundBody(&all.Total)
	}
	return body
}

func roundBody(r *eventmetrics.Round) object {
	return object{
		"started_at": timeText(r.Started), "duration_seconds": r.Took.Seconds(),
		"batch_count": r.Batches, "sealed_count": r.Purged, "event_count": r.Events, "day_count": r.Days,
	}
}

func passBody(p *eventmetrics.Pass) object {
	return object{
		"began_at": timeOrNil(p.Began), "seen_count": p.Seen,
		"complete_count": p.Complete, "completed_at": timeOrNil(p.Ended), "completed_seen_count": p.Saw,
	}
}

func timeOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return timeText(t)
}

func wrongDayBodies(days []eventmetrics.WrongDay) []object {
	list := make([]object, len(days))
	for i, d := range days {
		list[i] = object{
			"date": d.Day.String(), "ledger_count": d.Ledger, "sum_count": d.Sum, "difference": d.Sum - d.Ledger,
			"event_types": append([]string{}, d.Types...), "event_types_truncated": d.Truncated, "error": nil,
		}
		if d.Err != "" {
			list[i]["error"] = d.Err
		}
	}
	return list
}

func driftBodies(drifts []eventmetrics.Drift) []object {
	list := make([]object, len(drifts))
	for i, d := range drifts {
		cells := make([]object, len(d.Cells))
		for j, c := range d.Cells {
			cells[j] = object{
				"date": c.Day.String(), "event_type": c.Type, "cause": c.Cause,
				"ledger_count": c.Ledger, "event_count": c.Events, "difference": c.Ledger - c.Events,
			}
		}
		list[i] = object{
			"batch_id": d.BatchID, "cause": d.Cause, "cells": cells, "cells_truncated": d.Truncated,
			"ledger_count": d.Ledger, "event_count": d.Events, "difference": d.Ledger - d.Events,
		}
	}
	return list
}
