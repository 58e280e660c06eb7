package httpapi

import (
	"net/http"

	"github.com/eventmetrics/eventmetrics/store"
)

// addRepairs adds which of the rejected rows of a batch its repairs have
// accepted.
func (h *Handler) addRepairs(r *http.Request, b *store.Batch, answer *batchJSON) error {
	repairs, err := h.svc.RepairStatus(r.Context(), b.ID)
	if err != nil {
		return err
	}
	answer.RepairedBy = make([]repairJSON, len(repairs.Newest))
	for i := range repairs.Newest {
		by := &repairs.Newest[i]
		answer.RepairedBy[i] = repairJSON{
			BatchID: by.ID, FileName: by.FileName, Status: by.Status, CreatedAt: timeText(by.Created),
			InsertedCount: by.AcceptedRows, FailedCount: by.RejectedRows, URL: batchURL(r, by.ID),
		}
	}
	answer.RepairedByTruncated = new(int64(len(repairs.Newest)) < repairs.Batches)
	answer.OpenErrorCount = new(repairs.Open(b.RejectedRows))
	return nil
}
