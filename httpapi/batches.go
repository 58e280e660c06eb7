package httpapi

import (
	"cmp"
	"context"
	"errors"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
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
	counts := p.boolean("counts")
	if err := p.err(); err != nil {
		return err
	}
	found, err := h.svc.Batches(r.Context(), q)
	if err != nil {
		return err
	}
	page := batchPageJSON{Count: len(found), Data: make([]batchJSON, len(found))}
	if counts {
		if page.StatusCounts, err = h.statusCounts(r.Context()); err != nil {
			return err
		}
	}
	for i := range found {
		page.Data[i] = h.newBatch(r, &found[i])
	}
	if len(found) == q.Size() {
		page.NextCursor = found[len(found)-1].ID
	}
	return writeJSON(w, http.StatusOK, page)
}

// countLimit is how far the batches of a status are counted: reading that many
// entries of an index takes some milliseconds, and no person needs more digits.
const countLimit = 10_000

func (h *Handler) statusCounts(ctx context.Context) (*statusCountsJSON, error) {
	n, err := h.svc.CountBatches(ctx, countLimit)
	if err != nil {
		return nil, err
	}
	return &statusCountsJSON{
		Completed: n[store.Completed], Failed: n[store.Failed], Processing: n[store.Processing],
		Queued: n[store.Queued], Uploaded: n[store.Uploaded],
	}, nil
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
	answer := h.newBatch(r, &b)
	if err := h.addRepairs(r, &b, &answer); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, answer)
}

// batchOf returns the batch with the id in the path, if the caller may read it.
func (h *Handler) batchOf(r *http.Request) (store.Batch, error) {
	id := r.PathValue("id")
	if !isBatchID(id) {
		return store.Batch{}, store.ErrNotFound
	}
	if err := h.ownBatch(r, id); err != nil {
		return store.Batch{}, err
	}
	return h.svc.Batch(r.Context(), id)
}

func (h *Handler) newBatch(r *http.Request, b *store.Batch) batchJSON {
	links := batchLinksJSON{Self: batchURL(r, b.ID)}
	if b.Status == store.Uploaded || b.Status == store.Failed {
		links.Process = links.Self + "/process"
	}
	if b.RejectedRows > 0 {
		links.Errors = links.Self + "/errors"
	}
	if b.RepairOf != "" {
		links.Repairs = batchURL(r, b.RepairOf)
	}
	return batchJSON{
		BatchID:        b.ID,
		FileName:       b.FileName,
		SHA256:         b.SHA256,
		Status:         b.Status,
		InsertedCount:  b.AcceptedRows,
		FailedCount:    b.RejectedRows,
		DuplicateCount: b.DuplicateRows,
		ErasedCount:    b.Erased,
		ExpiresAt:      h.expiresAt(b),
		CreatedAt:      timeText(b.Created),
		Damaged:        b.Damaged,
		UpdatedAt:      timeText(b.Updated),
		LastError:      orNull(b.LastError),
		Repairs:        orNull(b.RepairOf),
		Sealed:         b.EventsPurged,
		Links:          links,
	}
}

// expiresAt returns when a batch is removed unless it is processed, or "".
func (h *Handler) expiresAt(b *store.Batch) string {
	at := h.svc.ExpiresAt(*b)
	if at.IsZero() {
		return ""
	}
	return timeText(at)
}

// deleteBatch serves DELETE /batches/{id}.
func (h *Handler) deleteBatch(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if !isBatchID(id) {
		return store.ErrNotFound
	}
	err := h.svc.DeleteBatch(r.Context(), id)
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
	answer := queuedJSON{Message: "Batch queued for processing", BatchID: b.ID}
	prefer := parsePrefer(r)
	if prefer.async {
		w.Header().Set("Preference-Applied", "respond-async")
		return writeJSON(w, http.StatusAccepted, answer)
	}
	if prefer.wait > 0 {
		if b, err = h.await(r, b.ID, prefer.wait); err != nil {
			return err
		}
		answer.Status = b.Status
		appliedWait(w, prefer.wait)
	}
	return writeJSON(w, http.StatusOK, answer)
}

// await waits until the batch is completed or failed, for at most wait, and
// returns it as it is then.
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

// extension is what a repair file does not take over from the name of the file.
var extension = regexp.MustCompile(`(?i)(\.(csv|tsv|txt|ndjson|jsonl))?(\.(gz|zst))?$`)

// rejectedName names a repair file after the file of its batch, as the dashboard
// does.
func rejectedName(b *store.Batch) string {
	name := strings.NewReplacer("/", "_", `\`, "_").Replace(cmp.Or(b.FileName, b.ID))
	return extension.ReplaceAllString(name, "") + "-rejected.csv"
}

// bom begins each repair file: without it, Excel takes UTF-8 for an older encoding.
const bom = "\uFEFF"

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
			w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": rejectedName(&b)}))
			sent = true
			chunk = append([]byte(bom), chunk...)
		}
		if _, err := w.Write(chunk); err != nil {
			return cutShort(sent, err)
		}
	}
	return nil
}

// cutShort ends an answer after an error: with a problem if nothing was sent,
// else by cutting the connection, so that the client does not take a part for
// the whole.
func cutShort(sent bool, err error) error {
	if sent {
		panic(http.ErrAbortHandler)
	}
	return err
}
