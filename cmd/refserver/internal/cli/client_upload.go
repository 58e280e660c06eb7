package cli

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
)

// uploadRequest describes a file to upload.
type uploadRequest struct {
	name string
	// ndjson means NDJSON instead of CSV.
	ndjson bool
	// size is the number of bytes; negative if unknown.
	size int64
	// body is read to its end, or until the server has answered. A read may
	// still be in progress for a moment after that.
	body io.Reader
	// key is the idempotency key.
	key string
	// query has the parameters of the upload except file_name.
	query url.Values
}

// uploadResult is the answer to an upload or a dry run.
type uploadResult struct {
	BatchID  string `json:"batch_id"`
	Accepted int64  `json:"inserted_count"`
	Rejected int64  `json:"failed_count"`
	// Duplicates is the number of skipped rows.
	Duplicates int64 `json:"duplicate_count"`
	// DuplicateOf is the id of the earlier batch with the same content.
	DuplicateOf string       `json:"duplicate_of"`
	ReadAs      *readAs      `json:"read_as"`
	Rows        []rowError   `json:"errors"` // the first rejected rows
	Warnings    []rowWarning `json:"warnings"`
	Status      string       `json:"status"`
	// ExpiresAt is when the batch is removed unless it is processed, or "".
	ExpiresAt string `json:"expires_at"`
	// ProcessError says why the stored batch could not be queued.
	ProcessError string `json:"process_error"`
	// Replayed means that an earlier request with this key stored the batch.
	Replayed bool `json:"-"`
	// Replaced is the batch that was deleted for this one.
	Replaced string `json:"-"`

	// DryRun means that nothing was stored. Groups are the rejected rows by
	// reason, Changes the first ChangeCount changes of the metrics.
	DryRun      bool           `json:"dry_run"`
	Groups      []errorGroup   `json:"error_groups"`
	Changes     []metricChange `json:"changes"`
	ChangeCount int            `json:"change_count"`
}

// rowWarning is something suspicious about stored rows.
type rowWarning struct {
	Code    string `json:"code"`
	Column  string `json:"column"`
	Message string `json:"message"`
	Count   int64  `json:"count"`
	Line    int64  `json:"line"`
}

// errorGroup counts the rejected rows of one reason.
type errorGroup struct {
	Count  int64    `json:"count"`
	Sample rowError `json:"sample"`
}

// metricChange is a count before and after an upload.
type metricChange struct {
	Date   string `json:"date"`
	Type   string `json:"event_type"`
	Before int64  `json:"before"`
	After  int64  `json:"after"`
}

// rowError is a rejected row.
type rowError struct {
	Line   int64  `json:"line"`
	Code   string `json:"code"`
	Reason string `json:"error_reason"`
}

// upload sends a file. Errors: *[serverError]; [errNoServer].
func (c *client) upload(ctx context.Context, r *uploadRequest) (*uploadResult, error) {
	query := url.Values{"file_name": {r.name}}
	maps.Copy(query, r.query)
	req, err := c.request(ctx, http.MethodPost, "uploads", query, r.body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = r.size
	if r.size == 0 {
		req.Body = http.NoBody // length 0 with a body would mean an unknown length
	}
	req.Header.Set("Content-Type", "text/csv")
	if r.ndjson {
		req.Header.Set("Content-Type", "application/x-ndjson")
	}
	req.Header.Set("Idempotency-Key", r.key)
	// The server may refuse before the file is sent: a wrong token, the rate
	// limit.
	req.Header.Set("Expect", "100-continue")
	res, err := c.do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	result := &uploadResult{Replayed: res.Header.Get("Idempotency-Replayed") == "true"}
	return result, decode(res.Body, result)
}

// batchState is the state of a batch.
type batchState struct {
	Status    string `json:"status"`
	LastError string `json:"last_error"`
}

// batch returns the state of a batch. Errors: *[serverError]; [errNoServer].
func (c *client) batch(ctx context.Context, id string) (*batchState, error) {
	b := &batchState{}
	return b, c.read(ctx, "batches/"+url.PathEscape(id), nil, b)
}
