package httpapi

import (
	"net/http"

	"github.com/eventmetrics/eventmetrics/ledger"
)

// How much of a batch contents shows: enough to see what is in it.
const (
	contentErrors = 10
	contentDays   = 100
	contentTypes  = 100
)

// contents serves GET /batches/{id}/contents.
func (h *Handler) contents(w http.ResponseWriter, r *http.Request) error {
	b, err := h.batchOf(r)
	if err != nil {
		return err
	}
	rejected, err := h.svc.RejectedRows(r.Context(), b.ID)
	if err != nil {
		return err
	}
	counts, err := h.svc.BatchCounts(r.Context(), b.ID)
	if err != nil {
		return err
	}
	rejected = rejected[:min(len(rejected), contentErrors)]
	return writeJSON(w, http.StatusOK, contentsJSON{
		BatchID:         b.ID,
		DayCount:        len(counts.Days),
		Days:            newDays(counts.Days),
		Errors:          rowErrors(rejected),
		ErrorsTruncated: int64(len(rejected)) < b.RejectedRows,
		TypeCount:       len(counts.Types),
		Types:           newTypes(counts.Types),
	})
}

// newDays returns the first days.
func newDays(all []ledger.DayCount) []contentDayJSON {
	days := make([]contentDayJSON, min(len(all), contentDays))
	for i := range days {
		days[i] = contentDayJSON{Count: all[i].Count, Date: all[i].Day.String()}
	}
	return days
}

// newTypes returns the most frequent event types.
func newTypes(all []ledger.TypeCount) []contentTypeJSON {
	types := make([]contentTypeJSON, min(len(all), contentTypes))
	for i := range types {
		types[i] = contentTypeJSON{Count: all[i].Count, EventType: all[i].Type}
	}
	return types
}
