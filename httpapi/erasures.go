package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/eventmetrics/eventmetrics"
)

// maxErasureBody is far more than the longest subject.
const maxErasureBody = 64 << 10

// erase serves POST /admin/erasures. The subject is in the body, which is not
// logged.
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
	return writeJSON(w, http.StatusOK, erasureReceiptJSON{
		ErasureID:          got.ID,
		Time:               timeText(got.Time),
		Counts:             got.Counts,
		DryRun:             got.DryRun,
		Complete:           got.Complete(),
		SubjectColumn:      h.svc.Options().Caps.Subject,
		SubjectHash:        got.SubjectHash,
		BatchCount:         got.Batches,
		ChangedCount:       got.Changed,
		ChangedBatches:     nonNil(got.ChangedIDs),
		ChangedTruncated:   int64(len(got.ChangedIDs)) < got.Changed,
		EventCount:         got.Events,
		RejectedRowCount:   got.Rows,
		DeadLetterCount:    got.DeadLetters,
		CauseCount:         got.LastErrors,
		TextCount:          got.Texts,
		LeftCount:          got.Left,
		LeftBatches:        nonNil(got.LeftIDs),
		LeftNameCount:      got.LeftNames,
		UnfinishedCount:    got.Unfinished,
		SealedCount:        got.Purged,
		UnreadableCount:    got.Unreadable,
		Unsettled:          got.MoreUploads,
		UnreachableSchemas: nonNil(got.Unreachable),
		WhatStays:          whatStays(&got),
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

// whatStays lists what an erasure does not remove, and why.
func whatStays(r *eventmetrics.ErasureReceipt) []staysJSON {
	stays := []staysJSON{
		{"sketches", "they hold parts of hashes, no values"},
		{"fingerprints", "they are hashes of rows, which keep rows that are sent again out"},
		{"forgotten_batches", "only their counts remain, which name no subject"},
		{"jobs", "the queue keeps errors and request ids of jobs that are not dead for at most a day"},
	}
	if r.Counts == eventmetrics.KeepCounts {
		stays = append(stays, staysJSON{"counts", "the request asked to keep them"})
	}
	if r.Purged > 0 {
		stays = append(stays, staysJSON{"counts_of_sealed_batches", "their raw events were purged, so that the subject's share is unknown"})
	}
	return stays
}
