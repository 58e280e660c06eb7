package eventmetrics

import (
	"github.com/eventmetrics/eventmetrics/ledger"
	"github.com/eventmetrics/eventmetrics/retention"
	"github.com/eventmetrics/eventmetrics/store"
	"github.com/eventmetrics/eventmetrics/upload"
)

// The types of the parts, by the names that programs use most.
type (
	File               = upload.File
	Receipt            = upload.Receipt
	Preview            = upload.Preview
	ErrorGroup         = upload.ErrorGroup
	Change             = upload.Change
	RepairStatus       = upload.RepairStatus
	Tolerance          = upload.Tolerance
	ToleranceError     = upload.ToleranceError
	RejectedError      = upload.RejectedError
	UnknownSchemaError = upload.UnknownSchemaError
	Dedupe             = upload.Dedupe
	DedupeLimitError   = upload.DedupeLimitError
	Report             = ledger.Report
	Drift              = ledger.Drift
	CellDrift          = ledger.CellDrift
	DriftCause         = ledger.DriftCause
	Integrity          = ledger.Integrity
	Round              = ledger.Round
	Pass               = ledger.Pass
	Unreadable         = ledger.Unreadable
	WrongDay           = ledger.WrongDay
	Retention          = retention.Policy
	RetentionReport    = retention.Report
	Erasure            = retention.Erasure
	ErasedCounts       = retention.ErasedCounts
	ErasureReceipt     = retention.ErasureReceipt
)

const (
	DedupeNone       = upload.DedupeNone
	DedupeEventID    = upload.DedupeEventID
	DedupeOccurrence = upload.DedupeOccurrence
	KeepCounts       = retention.KeepCounts
	SubtractCounts   = retention.SubtractCounts
)

var (
	ErrNoRows      = upload.ErrNoRows
	ErrTooLarge    = upload.ErrTooLarge
	ErrInFlight    = upload.ErrInFlight
	ErrKeyReused   = upload.ErrKeyReused
	ErrNoOriginal  = upload.ErrNoOriginal
	ErrRowsPurged  = upload.ErrRowsPurged
	ErrBadErasure  = retention.ErrBadErasure
	ErrUnsupported = store.ErrUnsupported
)

// DriftCauses lists the causes: see [ledger.DriftCauses].
func DriftCauses() []DriftCause { return ledger.DriftCauses() }
