package eventmetrics

import (
	"github.com/eventmetrics/eventmetrics/budget"
	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/retention"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/upload"
)

// The types of uploads; package upload documents their fields.
type (
	// File is a file to upload.
	File = upload.File
	// Receipt is the answer to an upload.
	Receipt = upload.Receipt
	// Preview describes what an upload would do.
	Preview = upload.Preview
	// ErrorGroup counts the rejected rows of one code and column.
	ErrorGroup = upload.ErrorGroup
	// Change is a count of the ledger before and after.
	Change = upload.Change
	// RepairStatus describes the batches that repair another one.
	RepairStatus = upload.RepairStatus
	// Tolerance says how many rejected rows make Upload refuse the whole file.
	Tolerance = upload.Tolerance
	// Dedupe says which rows of a file are duplicates.
	Dedupe = upload.Dedupe
	// ToleranceError means that more rows were rejected than Tolerance allows.
	ToleranceError = upload.ToleranceError
	// RejectedError means that no row of a file was accepted.
	RejectedError = upload.RejectedError
	// UnknownSchemaError means that there is no schema of a name.
	UnknownSchemaError = upload.UnknownSchemaError
	// DedupeLimitError means that a file has too many distinct rows.
	DedupeLimitError = upload.DedupeLimitError
	// MemoryExceededError means that an upload or a query alone needs more than
	// Options.UploadMemory or Options.QueryMemory.
	MemoryExceededError = budget.ExceededError
)

// The modes of Dedupe.
const (
	// DedupeNone skips no row.
	DedupeNone = upload.DedupeNone
	// DedupeEventID accepts each event id once.
	DedupeEventID = upload.DedupeEventID
	// DedupeOccurrence accepts the k-th of several equal rows of a file if no
	// other batch has a k-th such row.
	DedupeOccurrence = upload.DedupeOccurrence
)

// The types of reprocess and audit; package ledger documents their fields.
type (
	// Report is the result of a reprocess.
	Report = ledger.Report
	// Integrity has the findings of the audits of one Service.
	Integrity = ledger.Integrity
	// BatchCounts are the events of a batch by day and by type.
	BatchCounts = ledger.BatchCounts
	// Round describes one round of an audit.
	Round = ledger.Round
	// Pass describes the progress of the audit through the whole store.
	Pass = ledger.Pass
	// Drift is a difference between the events of a batch and the ledger.
	Drift = ledger.Drift
	// CellDrift is a difference in one day and event type of a batch.
	CellDrift = ledger.CellDrift
	// DriftCause says in what the ledger and the events differ.
	DriftCause = ledger.DriftCause
	// Unreadable is a batch that could not be audited.
	Unreadable = ledger.Unreadable
	// WrongDay is a day whose sum is not that of the ledger.
	WrongDay = ledger.WrongDay
)

// DriftCauses lists the causes: see [ledger.DriftCauses].
func DriftCauses() []DriftCause { return ledger.DriftCauses() }

// The types of retention and erasure; package retention documents their fields.
type (
	// Retention says how long data is kept.
	Retention = retention.Policy
	// RetentionReport is the result of ApplyRetention.
	RetentionReport = retention.Report
	// Erasure is a request to erase a subject.
	Erasure = retention.Erasure
	// ErasedCounts says what happens to the counts of an erased subject.
	ErasedCounts = retention.ErasedCounts
	// ErasureReceipt describes what an Erase has done.
	ErasureReceipt = retention.ErasureReceipt
)

// The modes of ErasedCounts.
const (
	// KeepCounts leaves the metrics as they are.
	KeepCounts = retention.KeepCounts
	// SubtractCounts removes the rows of the subject from the metrics.
	SubtractCounts = retention.SubtractCounts
)

// Errors of the parts of a Service.
var (
	// ErrTooManyRows means that a file has more rows than Options.Limits.Rows.
	ErrTooManyRows = upload.ErrTooManyRows
	// ErrNoBody means that File.Body is nil.
	ErrNoBody = upload.ErrNoBody
	// ErrNoRows means that a file has no data row.
	ErrNoRows = upload.ErrNoRows
	// ErrTooLarge means that a file exceeds Options.MaxUploadBytes.
	ErrTooLarge = upload.ErrTooLarge
	// ErrInFlight means that an upload with the same idempotency key, content
	// or rows is under way.
	ErrInFlight = upload.ErrInFlight
	// ErrKeyReused means that an idempotency key belongs to another content.
	ErrKeyReused = upload.ErrKeyReused
	// ErrNoOriginal means that there is no batch with the id File.RepairOf.
	ErrNoOriginal = upload.ErrNoOriginal
	// ErrBusy means that other uploads use the memory that this one needs, or
	// other queries. Trying again later may succeed.
	ErrBusy = budget.ErrBusy
	// ErrRowsPurged means that retention has removed the rejected rows.
	ErrRowsPurged = upload.ErrRowsPurged
	// ErrBadErasure means that an Erasure has no Subject or no valid Counts.
	ErrBadErasure = retention.ErrBadErasure
	// ErrUnsupported means that the store lacks an optional interface.
	ErrUnsupported = store.ErrUnsupported
)
