package httpapi

import (
	"net/http"

	"github.com/eventmetrics/eventmetrics/store"
)

// checkRepairs looks for the batch that an upload says it repairs.
func (h *Handler) checkRepairs(r *http.Request, id string) error {
	if id == "" {
		return nil
	}
	if !isBatchID(id) {
		return store.ErrNotFound
	}
	_, err := h.svc.Batch(r.Context(), id)
	return err
}

// addRepairs adds to the body of a batch what was made good of its rejected
// rows.
func (h *Handler) addRepairs(r *http.Request, b *store.Batch, body object) error {
	repairs, err := h.svc.RepairStatus(r.Context(), b.ID)
	if err != nil {
		return err
	}
	list := make([]object, len(repairs.Newest))
	for i := range repairs.Newest {
		by := &repairs.Newest[i]
		list[i] = object{
			"batch_id": by.ID, "file_name": by.FileName, "status": by.Status, "created_at": timeText(by.Created),
			"inserted_count": by.AcceptedRows, "failed_count": by.RejectedRows, "url": batchURL(r, by.ID),
		}
	}
	body["repaired_by"] = list
	body["repaired_by_truncated"] = int64(len(list)) < repairs.Batches
	body["open_error_count"] = repairs.Open(b.RejectedRows)
	return nil
}
