package upload

import (
	"errors"
	"fmt"
	"strings"

	"github.com/eventmetrics/eventmetrics/ingest"
)

// Errors of an Uploader.
var (
	// ErrNoBody means that File.Body is nil.
	ErrNoBody = errors.New("eventmetrics: the file has no body")
	// ErrNoText means that File.IdempotencyKey, File.RepairOf or File.Uploader is
	// not UTF-8, or has a NUL.
	ErrNoText = errors.New("eventmetrics: idempotency key, repaired batch or uploader is no text")
	// ErrNoRows means that a file has no data row.
	ErrNoRows = errors.New("eventmetrics: no rows")
	// ErrTooLarge means that a file has more bytes than Options.MaxUploadBytes.
	ErrTooLarge = errors.New("eventmetrics: file too large")
	// ErrTooManyRows means that a file has more rows than Options.Limits.Rows.
	// Those after them were not read, and nothing was stored.
	ErrTooManyRows = errors.New("eventmetrics: file has too many rows")
	// ErrInFlight means that an upload with the same idempotency key, content
	// or rows is under way. Trying again later may succeed.
	ErrInFlight = errors.New("eventmetrics: upload with this idempotency key, content or rows in flight")
	// ErrKeyReused means that the idempotency key belongs to another content.
	ErrKeyReused = errors.New("eventmetrics: idempotency key used with another content")
	// ErrNoOriginal means that there is no batch with the id File.RepairOf.
	ErrNoOriginal = errors.New("eventmetrics: no such batch to repair")
	// ErrRowsPurged means that retention has removed the rejected rows of a
	// batch.
	ErrRowsPurged = errors.New("eventmetrics: rejected rows purged")
)

// UnknownSchemaError means that there is no schema of a name.
type UnknownSchemaError struct {
	Name string
	// Known are the names of Options.Schemas, sorted.
	Known []string
}

// Error cites the name and lists the known ones.
func (e *UnknownSchemaError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("eventmetrics: unknown schema %.40q; there are none by name", e.Name)
	}
	return fmt.Sprintf("eventmetrics: unknown schema %.40q; there are %s", e.Name, strings.Join(e.Known, ", "))
}

// RejectedError means that no row of a file was accepted. Nothing was stored.
type RejectedError struct {
	// Rejected is the number of rejected rows.
	Rejected int64
	// Errors are the first of them.
	Errors []ingest.RowError
	// ReadAs says how the file was understood.
	ReadAs ingest.ReadAs
}

// Error counts the rows and cites the first.
func (e *RejectedError) Error() string {
	if len(e.Errors) == 0 {
		return fmt.Sprintf("eventmetrics: no valid row among %d", e.Rejected)
	}
	return fmt.Sprintf("eventmetrics: no valid row among %d, the first: %s", e.Rejected, &e.Errors[0])
}
