package client

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
)

// File is a file to upload.
type File struct {
	Name string
	// NDJSON says that it is no CSV file.
	NDJSON bool
	// Size is the number of bytes, less than 0 if unknown.
	Size int64
	// Body is read to its end, or until the server has answered. It may be
	// read for a moment after that.
	Body io.Reader
	// Key makes it safe to send the file again.
	Key string
	// Query has the parameters of the upload, but for file_name.
	Query url.Values
}

// Receipt tells what became of an upload, or would become of it.
type Receipt struct {
	BatchID  string `json:"batch_id"`
	Inserted int64  `json:"inserted_count"`
	Failed   int64  `json:"failed_count"`
	// Duplicates is the number of rows that were left out.
	Duplicates int64 `json:"duplicate_count"`
	// DuplicateOf is the id of the earlier batch with the same content.
	DuplicateOf string     `json:"duplicate_of"`
	Rows        []RowError `json:"errors"` // the first of those that failed
	Truncated   bool       `json:"errors_truncated"`
	Warnings    []Warning  `json:"warnings"`
	Status      string     `json:"status"`
	// ProcessError says why a stored batch was not put in line.
	ProcessError string `json:"process_error"`
	// Replayed says that the file was there already.
	Replayed bool `json:"-"`

	// DryRun says that nothing was stored; Groups are the rejected rows then,
	// and Changes the first of AllChanges.
	DryRun     bool         `json:"dry_run"`
	Groups     []ErrorGroup `json:"error_groups"`
	Changes    []Change     `json:"changes"`
	AllChanges int          `json:"change_count"`
}

// Warning is a rule that stored rows have broken.
type Warning struct {
	Message string `json:"message"`
	Count   int64  `json:"count"`
	Line    int64  `json:"line"`
}

// ErrorGroup has the rejected rows of one reason.
type ErrorGroup struct {
	Count  int64    `json:"count"`
	Sample RowError `json:"sample"`
}

// Change is what would change in the metrics.
type Change struct {
	Date   string `json:"date"`
	Type   string `json:"event_type"`
	Before int64  `json:"before"`
	After  int64  `json:"after"`
}

// RowError tells of a rejected row.
type RowError struct {
	Line   int64  `json:"line"`
	Code   string `json:"code"`
	Reason string `json:"error_reason"`
}

// Upload sends a file. Errors: *[Error]; [ErrNoServer].
func (c *Client) Upload(ctx context.Context, f *File) (*Receipt, error) {
	query := url.Values{"file_name": {f.Name}}
	maps.Copy(query, f.Query)
	req, err := c.request(ctx, http.MethodPost, "uploads", query, f.Body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = f.Size
	if f.Size == 0 {
		req.Body = http.NoBody // 0 and a body would mean an unknown size
	}
	req.Header.Set("Content-Type", "text/csv")
	if f.NDJSON {
		req.Header.Set("Content-Type", "application/x-ndjson")
	}
	req.Header.Set("Idempotency-Key", f.Key)
	// Whoever is refused for another reason than the file need not send it.
	req.Header.Set("Expect", "100-continue")
	res, err := c.do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	receipt := &Receipt{Replayed: res.Header.Get("Idempotency-Replayed") == "true"}
	return receipt, decode(res.Body, receipt)
}

// Batch is the state of a batch.
type Batch struct {
	Status    string `json:"status"`
	LastError string `json:"last_error"`
}

// Batch returns the state of a batch. Errors: *[Error]; [ErrNoServer].
func (c *Client) Batch(ctx context.Context, id string) (*Batch, error) {
	body, err := c.Get(ctx, "batches/"+url.PathEscape(id), nil)
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // it was only read
	b := &Batch{}
	return b, decode(body, b)
}
