package httpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// upload serves POST /uploads.
func (h *Handler) upload(w http.ResponseWriter, r *http.Request) error {
	if _, _, err := readUpload(r, nil); err != nil { // before the body is read
		return err
	}
	leave, err := h.uploadSlot(r.Context())
	if err != nil {
		return err
	}
	defer leave()
	body, done := h.guard(w, r)
	defer done()
	return body.cause(h.receive(w, r, body))
}

// receive stores or checks the file in a body, and answers.
func (h *Handler) receive(w http.ResponseWriter, r *http.Request, body *guarded) error {
	in, err := openFile(r, body)
	if err != nil {
		return err
	}
	defer in.close()
	want, file, err := readUpload(r, in)
	if err != nil {
		return err
	}
	if err := h.claimBatches(r, &file); err != nil {
		return err
	}
	q := quota{h: h, w: w, r: r}
	file.Admit = q.take
	if want.demo {
		if err := h.demoAllowed(r.Context()); err != nil {
			return err
		}
		file.Admit = nil
	}
	if want.dryRun {
		return h.dryRun(w, r, file, &q)
	}
	receipt, err := h.svc.Upload(r.Context(), file)
	if err != nil || receipt.DuplicateOf != "" || receipt.Replayed {
		q.giveBack()
	}
	if errors.Is(err, store.ErrNotFound) {
		return problem{
			status: http.StatusServiceUnavailable, code: CodeTimeout, cause: err,
			detail: "the upload took so long that cleanup removed it; nothing of it was kept",
		}
	}
	if err != nil {
		return err
	}
	return h.sendReceipt(w, r, &receipt, want)
}

// claimBatches makes an upload of RoleUploader its own, and refuses one that
// repairs a batch of another.
func (h *Handler) claimBatches(r *http.Request, file *eventmetrics.File) error {
	who := callerOf(r)
	if who.Role != RoleUploader {
		return nil
	}
	file.Uploader = who.Name
	if file.RepairOf == "" {
		return nil
	}
	return h.ownBatch(r, file.RepairOf)
}

// demoAllowed refuses events of a demonstration beside others.
func (h *Handler) demoAllowed(ctx context.Context) error {
	found, err := h.svc.Batches(ctx, store.BatchQuery{Limit: 1})
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return problem{status: http.StatusConflict, code: CodeConflict, detail: "demo: there are batches already"}
	}
	return nil
}

// uploadRequest is what an upload asks of the handler; the rest is in the File.
type uploadRequest struct {
	dryRun  bool
	demo    bool
	process bool
	wait    time.Duration
}

// readUpload reads the parameters and headers of an upload. The options of in,
// which may be nil, come from a form.
func readUpload(r *http.Request, in *incoming) (uploadRequest, eventmetrics.File, error) {
	p := newParams(r)
	if in != nil {
		for name, values := range in.options {
			p.query[name] = append(p.query[name], values...)
		}
	}
	want := uploadRequest{
		process: p.boolean("process"),
		dryRun:  p.boolean("dry_run"),
		demo:    p.boolean("demo"),
		wait:    parsePrefer(r).wait,
	}
	file := eventmetrics.File{
		Name:           p.text("file_name"),
		Zone:           p.zoneOrNil("timestamp_zone"),
		DateOrder:      p.dateOrder("timestamp_layout"),
		Schema:         p.text("schema"),
		Tolerance:      readTolerance(p),
		RepairOf:       p.text("repairs"),
		Dedupe:         readDedupe(p),
		AllowDuplicate: p.oneOf("on_duplicate", "answer", "allow") == "allow",
		IdempotencyKey: readKey(p, r),
	}
	encoding := p.text("encoding")
	if in != nil {
		file.Name, file.Format, file.Body = fileName(cmp.Or(in.name, file.Name)), in.format, in.body
		file.BodyMemory = in.memory
		encoding = readCharset(p, encoding, in.charset)
	}
	file.Encoding = p.encoding(encoding)
	return want, file, p.err()
}

// readCharset returns the encoding of a file, which the option and the content
// type may both name.
func readCharset(p *params, option, charset string) string {
	if option != "" && charset != "" && !strings.EqualFold(option, charset) {
		p.fail("encoding: is %.40q, but the content type says %.40q", option, charset)
	}
	return cmp.Or(option, charset)
}

// readTolerance reads how many rejected rows are too many.
func readTolerance(p *params) eventmetrics.Tolerance {
	t := eventmetrics.Tolerance{Strict: p.oneOf("mode", "partial", "strict") == "strict"}
	if n := p.count("max_errors"); n != nil {
		t.MaxErrors = cmp.Or(*n, -1)
	}
	if ratio := p.ratio("max_error_ratio"); ratio != nil {
		t.MaxErrorRatio = cmp.Or(*ratio, -1)
	}
	return t
}

func readDedupe(p *params) eventmetrics.Dedupe {
	text := p.oneOf("dedupe", "none", string(eventmetrics.DedupeEventID), string(eventmetrics.DedupeOccurrence))
	if text == "none" {
		return eventmetrics.DedupeNone
	}
	return eventmetrics.Dedupe(text)
}

// readKey reads the header Idempotency-Key.
func readKey(p *params, r *http.Request) string {
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) == 0 {
		return ""
	}
	if len(keys) > 1 || !printable(keys[0], 255) {
		p.fail("Idempotency-Key: want one value of 1 to 255 printable ASCII characters")
	}
	return keys[0]
}

// uploadSlot waits until fewer than MaxUploads uploads are under way. The
// returned function ends this one.
func (h *Handler) uploadSlot(ctx context.Context) (leave func(), err error) {
	select {
	case h.uploads <- struct{}{}:
		return func() { <-h.uploads }, nil
	case <-time.After(slotWait):
		return nil, problem{
			status: http.StatusServiceUnavailable, code: CodeBusy, detail: "too many concurrent uploads; try again",
			header: http.Header{"Retry-After": {"1"}},
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// sendReceipt processes the batch if that is asked for, and answers.
func (h *Handler) sendReceipt(w http.ResponseWriter, r *http.Request, receipt *eventmetrics.Receipt, want uploadRequest) error {
	answer := newReceipt(r, receipt)
	answer.ExpiresAt = h.expiresAt(&receipt.Batch)
	earlier := receipt.DuplicateOf != "" || receipt.Replayed
	if want.process && (!earlier || h.ownBatch(r, receipt.Batch.ID) == nil) {
		// The batch is stored even if this fails, and the answer must say so.
		b, err := h.processUploaded(r, receipt.Batch, want.wait)
		if err != nil {
			h.logger.ErrorContext(r.Context(), "queuing uploaded batch failed", "request_id", requestIDOf(r), "batch", b.ID, "err", err)
			answer.ProcessError = "the batch was stored and could not be queued; process it again"
		}
		answer.Status, answer.ExpiresAt = b.Status, h.expiresAt(&b)
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

// slotWait is how long an upload waits for its slot.
const slotWait = 2 * time.Second

// processUploaded queues a batch, and waits for it if the request asks for that.
// A batch that is completed or queued already, because it is an earlier one,
// stays as it is.
func (h *Handler) processUploaded(r *http.Request, b store.Batch, wait time.Duration) (store.Batch, error) {
	if b.Status == store.Completed { // it may even be archived
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

func newReceipt(r *http.Request, receipt *eventmetrics.Receipt) receiptJSON {
	b := &receipt.Batch
	answer := receiptJSON{
		BatchID:         b.ID,
		InsertedCount:   b.AcceptedRows,
		FailedCount:     b.RejectedRows,
		DuplicateCount:  b.DuplicateRows,
		DuplicateOf:     orNull(receipt.DuplicateOf),
		Errors:          rowErrors(receipt.Errors),
		ErrorsTruncated: int64(len(receipt.Errors)) < b.RejectedRows,
		ReadAs:          newReadAs(&receipt.ReadAs),
		Warnings:        newWarnings(receipt.Warnings),
		Status:          b.Status,
	}
	if b.RejectedRows > 0 {
		answer.ErrorsURL = batchURL(r, b.ID) + "/errors"
	}
	return answer
}
