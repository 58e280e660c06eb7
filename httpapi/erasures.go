package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/eventmetrics/eventmetrics"
)

// maxErasureBody is far more than a subject may have.
const maxErasureBody = 64 << 10

// erase serves POST /admin/erasures. The subject is in the body, where no log
// of requests sees it.
func (h *Handler) erase(w http.ResponseWriter, r *http.Request) error {
	e, err := parseErasure(w, r)
	if err != nil {
		return err
	}
	got, err := h.svc.Erase(r.Context(), e)
	if errors.Is(err, eventmetrics.ErrBadErasure) {
		return badRequest("give a subject, and for counts keep or subtract")
	}
	if err != nil {
		return err
	}
	ids := got.ChangedIDs
	return writeJSON(w, http.StatusOK, object{
		"erasure_id":         got.ID,
		"time":               timeText(got.Time),
		"counts":             got.Counts,
		"dry_run":            got.DryRun,
		"complete":           got.Complete(),
		"subject_column":     h.svc.Options().Subject,
		"subject_hash":       got.SubjectHash,
		"batch_count":        got.Batches,
		"changed_count":      got.Changed,
		"changed_batches":    nonNil(ids),
		"changed_truncated":  int64(len(ids)) < got.Changed,
		"event_count":        got.Events,
		"rejected_row_count": got.Rows,
		"dead_letter_count":  got.DeadLetters,
		"cause_count":        got.LastErrors,
		"sealed_count":       got.Purged,
		"unreadable_count":   got.Unreadable,
		"unsettled":          got.MoreUploads,
		"what_stays":         whatStays(&got),
	})
}

func parseErasure(w http.ResponseWriter, r *http.Request) (eventmetrics.Erasure, error) {
	var e eventmetrics.Erasure
	if content, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || content != "application/json" {
		return e, problem{
			status: http.StatusUnsupportedMediaType, code: CodeUnsupportedMedia, detail: "send application/json",
			header: http.Header{"Accept": {"application/json"}},
		}
	}
	var body struct {
		Subject string                    `json:"subject"`
		Counts  eventmetrics.ErasedCounts `json:"counts"`
		DryRun  bool                      `json:"dry_run"`
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxErasureBody))
	d.DisallowUnknownFields()
	err := d.Decode(&body)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return eventmetrics.Erasure{Subject: body.Subject, Counts: body.Counts, DryRun: body.DryRun}, nil
		}
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return e, err
	}
	return e, badRequest("the body: want one JSON object with subject, counts and dry_run") // err may cite the subject
}

// whatStays lists what an erasure leaves, and why.
func whatStays(r *eventmetrics.ErasureReceipt) []object {
	stays := []object{
		{"what": "sketches", "why": "they hold parts of hashes, no values"},
		{"what": "fingerprints", "why": "they are hashes of rows, so that what is sent again does not come back"},
		{"what": "forgotten_batches", "why": "only their counts are left, which name nobody"},
		{"what": "file_names", "why": "they and idempotency keys are the words of the sender"},
	}
	if r.Counts == eventmetrics.KeepCounts {
		stays = append(stays, object{"what": "counts", "why": "it was asked for"})
	}
	if r.Purged > 0 {
		stays = append(stays, object{"what": "counts_of_sealed_batches", "why": "their raw events are gone, and nobody can tell whose they were"})
	}
	return stays
}
