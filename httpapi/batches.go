package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/eventmetrics/eventmetrics/store"
)

// batches serves GET /batches.
func (h *Handler) batches(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r)
	q := store.BatchQuery{
		Statuses: readStatuses(p),
		RepairOf: p.batchID("repairs", "want the id of a batch"),
		Limit:    p.limit(),
		After:    p.batchID("cursor", "want the next_cursor of an earlier answer"),
	}
	if err := p.err(); err != nil {
		return err
	}
	found, err := h.svc.Batches(r.Context(), q)
	if err != nil {
		return err
	}
	data := make([]object, len(found))
	for i := range found {
		data[i] = batchBody(r, &found[i])
	}
	body := object{"count": len(data), "data": data}
	if len(found) == q.Size() {
		body["next_cursor"] = found[len(found)-1].ID
	}
	return writeJSON(w, http.StatusOK, body)
}

// readStatuses reads the statuses that batches may have; none means any.
func readStatuses(p *params) []store.Status {
	var statuses []store.Status
	for _, text := range p.texts("status") {
		status := store.Status(text)
		if !slices.Contains(store.Statuses(), status) {
			p.fail("status: want %s", alternatives(store.Statuses()))
			break
		}
		statuses = append(statuses, status)
	}
	return statuses
}

// batch serves GET /batches/{id}.
func (h *Handler) batch(w http.ResponseWriter, r *http.Request) error {
	b, err := h.batchOf(r)
	if err != nil {
		return err
	}
	body := batchBody(r, &b)
	if err := h.addRepairs(r, &b, body); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, body)
}

// batchOf finds the batch that the path names.
func (h *Handler) batchOf(r *http.Request) (store.Batch, error) {
	id := r.PathValue("id")
	if !isBatchID(id) {
		return store.Batch{}, store.ErrNotFound
	}
	return h.svc.Batch(r.Context(), id)
}

func batchBody(r *http.Request, b *store.Batch) object {
	self := batchURL(r, b.ID)
	links := object{"self": self}
	if b.Status == store.Uploaded || b.Status == store.Failed {
		links["process"] = self + "/process"
	}
	if b.RejectedRows > 0 {
		links["errors"] = self + "/errors"
	}
	body := object{
		"batch_id":        b.ID,
		"file_name":       b.FileName,
		"sha256":          b.SHA256,
		"status":          b.Status,
		"inserted_count":  b.AcceptedRows,
		"failed_count":    b.RejectedRows,
		"duplicate_count": b.DuplicateRows,
		"erased_count":    b.Erased,
		"created_at":      timeText(b.Created),
		"updated_at":      timeText(b.Updated),
		"last_error":      nil,
		"repairs":         nil,
		"sealed":          b.EventsPurged,
		"links":           links,
	}
	if b.LastError != "" {
		body["last_error"] = b.LastError
	}
	if b.RepairOf != "" {
		body["repairs"] = b.RepairOf
		links["repairs"] = batchURL(r, b.RepairOf)
	}
	return body
}

// deleteBatch serves DELETE /batches/{id}.
func (h *Handler) deleteBatch(w http.ResponseWriter, r *http.Request) error {
	b, err := h.batchOf(r)
	if err != nil {
		return err
	}
	err = h.svc.DeleteBatch(r.Context(), b.ID)
	if errors.Is(err, store.ErrConflict) {
		return problem{status: http.StatusConflict, code: CodeConflict, detail: "the batch is being processed; delete it afterwards"}
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// process serves POST /batches/{id}/process.
func (h *Handler) process(w http.ResponseWriter, r *http.Request) error {
	b, err := h.batchOf(r)
	if err != nil {
		return err
	}
	err = h.svc.Process(r.Context(), b.ID)
	if errors.Is(err, store.ErrConflict) {
		return problem{
			status: http.StatusBadRequest, code: CodeConflict,
			detail: "Batch already processed or invalid status",
		}
	}
	if err != nil {
		return err
	}
	body := object{"message": "Batch queued for processing", "batchId": b.ID}
	prefer := parsePrefer(r)
	if prefer.async {
		w.Header().Set("Preference-Applied", "respond-async")
		return writeJSON(w, http.StatusAccepted, body)
	}
	if prefer.wait > 0 {
		if b, err = h.await(r, b.ID, prefer.wait); err != nil {
			return err
		}
		body["status"] = b.Status
		appliedWait(w, prefer.wait)
	}
	return writeJSON(w, http.StatusOK, body)
}

// await returns the batch when it is completed or failed, or as it is when the
// wait is over.
func (h *Handler) await(r *http.Request, id string, wait time.Duration) (store.Batch, error) {
	if wait == 0 {
		return h.svc.Batch(r.Context(), id)
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	b, err := h.svc.Wait(ctx, id)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return h.svc.Batch(r.Context(), id)
	}
	return b, err
}

// repair serves GET /batches/{id}/errors.
func (h *Handler) repair(w http.ResponseWriter, r *http.Request) error {
	b, err := h.batchOf(r)
	if err != nil {
		return err
	}
	if b.RejectedRows == 0 {
		return problem{status: http.StatusNotFound, code: CodeNotFound, detail: "no row of this batch was rejected"}
	}
	sent := false
	for chunk, err := range h.svc.RepairFile(r.Context(), b.ID) {
		if err != nil {
			return cutShort(sent, err)
		}
		if !sent {
			w.Header().Set("Content-Type", "text/csv; charset=utf-8")
			w.Header().Set("Content-Disposition", `attachment; filename="`+b.ID+`-errors.csv"`)
			sent = true
		}
		if _, err := w.Write(chunk); err != nil {
			return cutShort(sent, err)
		}
	}
	return nil
}

// cutShort ends an answer in which something went wrong: with a problem if
// nothing was sent, else by cutting the connection, so that nobody takes a
// part for the whole.
func cutShort(sent bool, err error) error {
	if sent {
		panic(http.ErrAbortHandler)
	}
	return err
}
