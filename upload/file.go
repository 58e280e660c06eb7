package upload

import (
	"context"
	"io"
	"time"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/store"
)

// File is a file to upload.
type File struct {
	// Name is the name that the sender gives it. Bytes that are not UTF-8 are
	// replaced, and NULs are dropped.
	Name string
	// Body is its content. Upload reads it to the end, or until an error.
	Body io.Reader
	// BodyMemory is how many bytes of memory reading Body takes, for the window of
	// a decompressor for example. It counts within Options.Memory.
	BodyMemory int64
	// Format is the format of Body: ingest.CSV or ingest.NDJSON.
	Format ingest.Format
	// Encoding is how the text of Body is encoded; the zero value detects UTF-8
	// and UTF-16. Package charset has others.
	Encoding ingest.Encoding
	// Zone is the zone of timestamps that name none; nil means UTC, with a
	// warning for times of day.
	Zone *time.Location
	// DateOrder says whether the day or the month comes first in dates such as
	// 03/04/2025; by default it is detected.
	DateOrder ingest.DateOrder
	// Schema is a name in Options.Schemas; "" means Options.Schema.
	Schema string
	// IdempotencyKey makes it safe to send the file again: a second Upload
	// with the same key and content returns the Receipt of the first, and one
	// with other content fails with ErrKeyReused, for Options.KeyTTL. Empty
	// means none.
	IdempotencyKey string
	// Tolerance says how many rejected rows are too many; by default any number
	// is accepted, as long as one row is valid.
	Tolerance Tolerance
	// RepairOf is the id of the batch whose corrected repair file this is; ""
	// means none. See [Uploader.RepairStatus].
	RepairOf string
	// Uploader is the name of the user or program that sends the file, for
	// [Uploader.UploaderOf]; "" means that it is not recorded.
	Uploader string
	// Dedupe says which rows are skipped as duplicates; by default none.
	Dedupe Dedupe
	// AllowDuplicate stores the file even if another batch has the same
	// content under the same schema. Otherwise Upload returns the Receipt of
	// that batch. It has no effect on duplicate rows.
	AllowDuplicate bool
	// Admit is called once, when the first valid row of Body has been read and
	// before an event is stored; for a known idempotency key before Body is
	// read. An error refuses the file, and is returned. A server asks its rate
	// limiter here, so that a client over its limit is refused before its file is
	// read. Nil admits every file.
	Admit func(context.Context) error
}

// Receipt is the answer to an upload.
type Receipt struct {
	// Batch is the batch as it was stored, with the numbers of accepted,
	// rejected and duplicate rows.
	Batch store.Batch
	// Errors are the first rejected rows, at most Options.MaxErrors, with
	// their values shortened.
	Errors []ingest.RowError
	// ReadAs says how the file was understood. It is the zero value for a batch
	// that was archived.
	ReadAs ingest.ReadAs
	// Warnings are what is legal but suspicious: see ingest.WarningCodes and
	// WarningCodes, and the rules with Warn that accepted rows have broken.
	Warnings []ingest.Warning
	// Replayed means that the batch is that of an earlier Upload with the same
	// idempotency key.
	Replayed bool
	// DuplicateOf is the id of Batch if that is an earlier batch with the same
	// content, and nothing was stored; else "".
	DuplicateOf string
}
