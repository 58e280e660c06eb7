package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/store"
)

var uploadParams = []string{
	"process", "mode", "max_errors", "max_error_ratio", "dry_run", "dedupe", "on_duplicate", "repairs", "schema",
	"timestamp_zone", "timestamp_layout", "file_name",
}

// upload serves POST /uploads.
func (h *Handler) upload(w http.ResponseWriter, r *http.Request) error {
	want, err := parseUpload(r)
	if err != nil {
		return err
	}
	if _, err := h.svc.Schema(want.schema); err != nil {
		return err
	}
	select {
	case h.uploads <- struct{}{}:
		defer func() { <-h.uploads }()
	case <-time.After(slotWait):
		return problem{
			status: http.StatusServiceUnavailable, code: CodeBusy, detail: "too many uploads at a time; try again",
			header: http.Header{"Retry-After": {"1"}},
		}
	case <-r.Context().Done():
		return r.Context().Err()
	}
	body, done := h.guard(w, r)
	defer done()
	file, closeFile, err := h.file(r, body)
	if err != nil {
		return err
	}
	defer closeFile()
	if err := h.checkRepairs(r, want.repairs); err != nil {
		return err
	}
	if err := h.limit(w, r); err != nil { // last: what is no upload costs none
		return err
	}
	file.Zone, file.IdempotencyKey = want.zone, want.key
	file.Tolerance, file.RepairOf = want.tolerance, want.repairs
	file.DateOrder, file.Schema = want.order, want.schema
	file.Dedupe, file.AllowDuplicate = want.dedupe, want.allowDuplicate
	if want.dryRun {
		return h.dryRun(w, r, file)
	}
	receipt, err := h.svc.Upload(r.Context(), file)
	if errors.Is(err, store.ErrNotFound) {
		return problem{
			status: http.StatusServiceUnavailable, code: CodeTimeout, cause: err,
			detail: "the upload took so long that it was cleaned up; nothing of it was kept",
		}
	}
	if err != nil {
		return err
	}
	answer := receiptBody(r, &receipt)
	if want.process {
		// Whatever comes of it, the batch is there, and the answer must say so.
		b, err := h.processUploaded(r, receipt.Batch, want.wait)
		if err != nil {
			h.logger.ErrorContext(r.Context(), "uploaded batch not put in line", "request_id", requestIDOf(r), "batch", b.ID, "err", err)
			answer["process_error"] = "the batch was stored and could not be put in line; process it again"
		}
		answer["status"] = b.Status
		if want.wait > 0 {
			appliedWait(w, want.wait)
		}
	}
	if receipt.Replayed {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	w.Header().Set("Location", batchURL(r, receipt.Batch.ID))
	if receipt.DuplicateOf != "" {
		return writeJSON(w, http.StatusOK, answer)
	}
	return writeJSON(w, http.StatusCreated, answer)
}

// slotWait is how long an upload waits for a place.
const slotWait = 2 * time.Second

// processUploaded puts a batch in line and waits for it if it is asked to. A
// batch that is past that already, because it is an earlier one, stays.
func (h *Handler) processUploaded(r *http.Request, b store.Batch, wait time.Duration) (store.Batch, error) {
	if b.Status == store.Completed { // it may even be forgotten
		return b, nil
	}
	err := h.svc.Process(r.Context(), b.ID)
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return b, err
	}
	now, err := h.await(r, b.ID, wait)
	if err != nil {
		return b, err
	}
	return now, nil
}

// uploadWish is what an upload asks for beside its body.
type uploadWish struct {
	key       string
	zone      *time.Location
	order     ingest.DateOrder
	schema    string
	tolerance eventmetrics.Tolerance
	repairs   string
	dryRun    bool
	process   bool
	wait      time.Duration

	dedupe         eventmetrics.Dedupe
	allowDuplicate bool
}

func parseUpload(r *http.Request) (uploadWish, error) {
	var want uploadWish
	var err error
	query := r.URL.Query()
	if want.process, err = parseBool(query, "process"); err != nil {
		return want, err
	}
	if want.zone, err = parseZone(query, "timestamp_zone"); err != nil {
		return want, err
	}
	if want.dryRun, err = parseBool(query, "dry_run"); err != nil {
		return want, err
	}
	if want.tolerance, err = parseTolerance(query); err != nil {
		return want, err
	}
	want.repairs = query.Get("repairs")
	if want.order, err = parseDateOrder(query, "timestamp_layout"); err != nil {
		return want, err
	}
	want.schema = query.Get("schema")
	if want.dedupe, err = parseDedupe(query); err != nil {
		return want, err
	}
	if want.allowDuplicate, err = parseOnDuplicate(query); err != nil {
		return want, err
	}
	if keys := r.Header.Values("Idempotency-Key"); len(keys) > 0 {
		if len(keys) > 1 || !printable(keys[0], 255) {
			return want, badRequest("Idempotency-Key: want one value of 1 to 255 printable ASCII characters")
		}
		want.key = keys[0]
	}
	want.wait = parsePrefer(r).wait
	return want, nil
}

// receiptBody is the answer to an upload.
func receiptBody(r *http.Request, receipt *eventmetrics.Receipt) object {
	b := &receipt.Batch
	body := object{
		"batch_id":         b.ID,
		"inserted_count":   b.AcceptedRows,
		"failed_count":     b.RejectedRows,
		"duplicate_count":  b.DuplicateRows,
		"duplicate_of":     nil,
		"errors":           rowErrors(receipt.Errors),
		"errors_truncated": int64(len(receipt.Errors)) < b.RejectedRows,
		"warnings":         warnings(receipt.Warnings),
		"status":           b.Status,
	}
	if receipt.DuplicateOf != "" {
		body["duplicate_of"] = receipt.DuplicateOf
	}
	if b.RejectedRows > 0 {
		body["errors_url"] = batchURL(r, b.ID) + "/errors"
	}
	return body
}

// limit asks the limiter about an upload.
func (h *Handler) limit(w http.ResponseWriter, r *http.Request) error {
	if h.opts.Limiter == nil {
		return nil
	}
	decision, err := h.opts.Limiter.Allow(r.Context(), h.opts.Source.Key(r))
	if err != nil {
		return problem{
			status: http.StatusServiceUnavailable, code: CodeBusy, detail: "the rate limiter is away; try again",
			header: http.Header{"Retry-After": {"1"}}, cause: err,
		}
	}
	decision.WriteHeader(w.Header())
	if !decision.Allowed {
		seconds := int64((decision.ResetAfter + time.Second - 1) / time.Second)
		return problem{
			status: http.StatusTooManyRequests, code: CodeTooManyRequests,
			detail: "too many uploads from this address; try again in " + strconv.FormatInt(seconds, 10) + " s",
		}
	}
	return nil
}
