package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics/series"
	"github.com/eventmetrics/eventmetrics/queue"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/upload"
)

// Code is the kind of a problem, for programs. The list is closed.
type Code string

// The codes of problem details.
const (
	CodeBadRequest          Code = "bad_request"
	CodeUnauthenticated     Code = "unauthenticated"
	CodeForbidden           Code = "forbidden"
	CodeNotFound            Code = "not_found"
	CodeMethodNotAllowed    Code = "method_not_allowed"
	CodeTimeout             Code = "timeout"
	CodeConflict            Code = "conflict"
	CodeGone                Code = "gone"
	CodeInFlight            Code = "in_flight"
	CodeReadOtherwise       Code = "read_otherwise"
	CodeTooLarge            Code = "too_large"
	CodeTooManyDistinctRows Code = "too_many_distinct_rows"
	CodeUnsupportedMedia    Code = "unsupported_media_type"
	CodeOtherFormat         Code = "other_format"
	CodeSeveralFiles        Code = "several_files"
	CodeMissingColumn       Code = "missing_column"
	CodeDuplicateColumn     Code = "duplicate_column"
	CodeBadHeader           Code = "bad_header"
	CodeAmbiguousTime       Code = "ambiguous_time"
	CodeNoRows              Code = "no_rows"
	CodeNoValidRow          Code = "no_valid_row"
	CodeTooManyErrors       Code = "too_many_errors"
	CodeTooManyRepairs      Code = "too_many_repairs"
	CodeKeyReused           Code = "idempotency_key_reused"
	CodeUnknownDimension    Code = "unknown_dimension"
	CodeNoGroupUniques      Code = "no_group_uniques"
	CodeUnalignedZone       Code = "unaligned_zone"
	CodeNoSubject           Code = "no_subject"
	CodeTooManyRequests     Code = "too_many_requests"
	CodeAsOfInFuture        Code = "as_of_in_future"
	CodeInternal            Code = "internal"
	CodeUnsupported         Code = "not_supported"
	CodeBusy                Code = "busy"
	CodeStorageFull         Code = "storage_full"
)

// problem is an error that becomes the answer.
type problem struct {
	status int
	code   Code
	// detail says what is wrong, and what to do.
	detail string
	// message is the member error, which older clients read; "" means detail.
	message string
	header  http.Header
	// members is one of the types of answers.go for problems, or nil.
	members any
	// cause is logged, never sent.
	cause error
}

func (p problem) Error() string { return p.detail }

// fail answers with a problem.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, p problem) {
	if p.cause != nil && p.status >= 500 {
		h.logger.ErrorContext(r.Context(), "request failed", "request_id", requestIDOf(r), "code", p.code, "err", p.cause)
	}
	maps.Copy(w.Header(), p.header)
	text, err := p.encode(r)
	if err != nil {
		h.logger.ErrorContext(r.Context(), "encoding problem failed", "request_id", requestIDOf(r), "err", err)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.status)
	_, _ = w.Write(append(text, '\n'))
}

// encode returns the JSON object of a problem, with its members in alphabetical
// order.
func (p problem) encode(r *http.Request) ([]byte, error) {
	text, err := json.Marshal(problemMembersJSON{
		Type:      "urn:eventmetrics:problem:" + string(p.code),
		Title:     http.StatusText(p.status),
		Status:    p.status,
		Detail:    p.detail,
		Instance:  short(prefix(r) + r.URL.EscapedPath()),
		Code:      p.code,
		RequestID: requestIDOf(r),
		Error:     cmp.Or(p.message, p.detail),
	})
	if err != nil || p.members == nil {
		return text, err
	}
	more, err := json.Marshal(p.members)
	if err != nil {
		return text, err
	}
	all := map[string]json.RawMessage{}
	if err := errors.Join(json.Unmarshal(text, &all), json.Unmarshal(more, &all)); err != nil {
		return text, err
	}
	return json.Marshal(all)
}

func badRequest(detail string) problem {
	return problem{status: http.StatusBadRequest, code: CodeBadRequest, detail: detail}
}

// toProblem returns the problem that answers an error.
func toProblem(err error) problem {
	var p problem
	if errors.As(err, &p) {
		return p
	}
	if header, ok := errors.AsType[*ingest.HeaderError](err); ok {
		return headerProblem(header)
	}
	if other, ok := errors.AsType[*ingest.FormatError](err); ok {
		return formatProblem(other)
	}
	if ambiguous, ok := errors.AsType[*ingest.AmbiguousTimeError](err); ok {
		return ambiguousProblem(ambiguous)
	}
	if unknown, ok := errors.AsType[*eventmetrics.UnknownSchemaError](err); ok {
		return badRequest("schema: " + strings.TrimPrefix(unknown.Error(), "eventmetrics: "))
	}
	if unknown, ok := errors.AsType[*eventmetrics.UnknownDimensionError](err); ok {
		return dimensionProblem(unknown)
	}
	if unaligned, ok := errors.AsType[*series.UnalignedZoneError](err); ok {
		return problem{
			status: http.StatusUnprocessableEntity, code: CodeUnalignedZone,
			detail: "tz: " + strings.TrimPrefix(unaligned.Error(), "series: ") + "; ask for a range without that day, or for UTC",
		}
	}
	if missing, ok := errors.AsType[*series.NoSubjectError](err); ok {
		return problem{
			status: http.StatusUnprocessableEntity, code: CodeNoSubject,
			detail: strings.TrimPrefix(missing.Error(), "series: ") + "; leave out uniques, or ask for other event types or days",
		}
	}
	if rejected, ok := errors.AsType[*eventmetrics.RejectedError](err); ok {
		return rejectedProblem(rejected)
	}
	if tolerance, ok := errors.AsType[*eventmetrics.ToleranceError](err); ok {
		return toleranceProblem(tolerance)
	}
	if reading, ok := errors.AsType[*upload.ReadingError](err); ok {
		return readingProblem(reading)
	}
	if repair, ok := errors.AsType[*upload.RepairError](err); ok {
		return problem{
			status: http.StatusUnprocessableEntity, code: CodeTooManyRepairs,
			detail: strings.TrimPrefix(repair.Error(), "eventmetrics: "), members: nothingStored(0, nil),
		}
	}
	if limit, ok := errors.AsType[*eventmetrics.DedupeLimitError](err); ok {
		return dedupeLimitProblem(limit)
	}
	if _, ok := errors.AsType[*eventmetrics.MemoryExceededError](err); ok {
		return problem{
			status: http.StatusRequestEntityTooLarge, code: CodeTooLarge, cause: err,
			detail: "the file has so many days, event types, groups or distinct rows that it needs more memory than an upload may take; split it. Nothing of it was kept",
		}
	}
	for _, known := range knownProblems() {
		if errors.Is(err, known.err) {
			p = known.problem
			p.cause = err
			return p
		}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem{status: http.StatusRequestEntityTooLarge, code: CodeTooLarge, detail: "the body is too large"}
	}
	return problem{status: http.StatusInternalServerError, code: CodeInternal, detail: "internal error", cause: err}
}

type knownProblem struct {
	err     error
	problem problem
}

// knownProblems returns the problems of errors without data.
func knownProblems() []knownProblem {
	return []knownProblem{
		{store.ErrNotFound, problem{status: http.StatusNotFound, code: CodeNotFound, detail: "Batch not found"}},
		{queue.ErrNotFound, problem{status: http.StatusNotFound, code: CodeNotFound, detail: "Job not found"}},
		{queue.ErrBadCursor, problem{
			status: http.StatusBadRequest, code: CodeBadRequest, detail: "cursor: want the next_cursor of an earlier answer",
		}},
		{queue.ErrNotDead, problem{status: http.StatusConflict, code: CodeConflict, detail: "the job is no longer a dead letter"}},
		{eventmetrics.ErrNoRows, problem{
			status: http.StatusUnprocessableEntity, code: CodeNoRows, detail: "no rows", members: nothingStored(0, nil),
		}},
		{eventmetrics.ErrTooLarge, problem{
			status: http.StatusRequestEntityTooLarge, code: CodeTooLarge, detail: "the file is too large; nothing of it was kept",
		}},
		{eventmetrics.ErrTooManyRows, problem{
			status: http.StatusRequestEntityTooLarge, code: CodeTooLarge, detail: "the file has too many rows; nothing of it was kept",
		}},
		{eventmetrics.ErrInFlight, problem{
			status: http.StatusConflict, code: CodeInFlight,
			detail: "another upload with this Idempotency-Key, content or rows is under way; try again",
			header: http.Header{"Retry-After": {"5"}},
		}},
		{eventmetrics.ErrKeyReused, problem{
			status: http.StatusUnprocessableEntity, code: CodeKeyReused, detail: "this Idempotency-Key was used with other content",
		}},
		{eventmetrics.ErrNoOriginal, problem{status: http.StatusNotFound, code: CodeNotFound, detail: "Batch not found"}},
		{eventmetrics.ErrRowsPurged, problem{status: http.StatusGone, code: CodeGone, detail: "the rejected rows were purged"}},
		{store.ErrChanged, problem{status: http.StatusServiceUnavailable, code: CodeBusy, detail: "the batch changed while it was read; try again", header: http.Header{"Retry-After": {"1"}}}},
		{eventmetrics.ErrUnsupported, problem{
			status: http.StatusNotImplemented, code: CodeUnsupported, detail: "the store of this server does not support this",
		}},
		{series.ErrNoUniques, problem{
			status: http.StatusBadRequest, code: CodeBadRequest, detail: "uniques requires an interval of day, week or month, and UTC",
		}},
		{series.ErrNoGroupUniques, problem{
			status: http.StatusUnprocessableEntity, code: CodeNoGroupUniques,
			detail: "uniques: distinct candidates are not counted by dimension; leave out uniques, or group_by and where",
		}},
		{series.ErrBadRange, problem{status: http.StatusBadRequest, code: CodeBadRequest, detail: "from is after to"}},
		{eventmetrics.ErrFuture, problem{
			status: http.StatusUnprocessableEntity, code: CodeAsOfInFuture,
			detail: "as_of: is in the future",
		}},
		{series.ErrNoPrevious, problem{
			status: http.StatusBadRequest, code: CodeBadRequest, detail: "compare: requires date, or from and to, and an earlier range after the year 0",
		}},
		{series.ErrTooManyBuckets, problem{
			status: http.StatusBadRequest, code: CodeBadRequest, detail: "the answer is too long; ask for a shorter range or a longer interval",
		}},
		{errStalled, problem{
			status: http.StatusRequestTimeout, code: CodeTimeout, detail: "the upload stalled; nothing of it was kept",
			header: http.Header{"Connection": {"close"}},
		}},
		{store.ErrFull, storageFull("the store has no space left for this, and nothing was kept; try again when its operator has made room")},
		{queue.ErrFull, storageFull("the queue has no space left for this; try again when its operator has made room")},
		{eventmetrics.ErrBusy, unavailable("other requests use the memory that this one needs; try again")},
		{store.ErrUnavailable, unavailable("the store is unavailable; try again")},
		{queue.ErrUnavailable, unavailable("the queue is unavailable; try again")},
		{context.Canceled, problem{status: 499, code: CodeTimeout, detail: "the client closed the connection"}},
		{context.DeadlineExceeded, problem{status: http.StatusServiceUnavailable, code: CodeBusy, detail: "the request timed out"}},
	}
}

// dimensionProblem lists the known dimensions.
func dimensionProblem(e *eventmetrics.UnknownDimensionError) problem {
	return problem{
		status: http.StatusUnprocessableEntity, code: CodeUnknownDimension,
		detail:  strings.TrimPrefix(e.Error(), "eventmetrics: "),
		members: unknownDimensionProblemJSON{Dimensions: nonNil(e.Known)},
	}
}

// storageFull is the problem of a backend without space. It heals when an
// operator has made room, which takes longer than an outage.
func storageFull(detail string) problem {
	return problem{
		status: http.StatusInsufficientStorage, code: CodeStorageFull, detail: detail,
		header: http.Header{"Retry-After": {"60"}},
	}
}

// unavailable is the problem of a backend that cannot be reached.
func unavailable(detail string) problem {
	return problem{
		status: http.StatusServiceUnavailable, code: CodeBusy, detail: detail,
		header: http.Header{"Retry-After": {"5"}},
	}
}
