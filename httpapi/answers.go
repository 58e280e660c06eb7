package httpapi

import (
	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/store"
)

// The JSON objects of answers. Each type is the schema of openapi.yaml that has
// its name without the suffix; a test compares them. Members are in alphabetical
// order, as they have been since the first version. A pointer is null when it is
// nil; a member with omitzero is absent then. Only the answers to GET /metrics
// and GET /metrics/explain have no type: they are appended by hand (format.go).

type sessionJSON struct {
	ExpiresAt *string `json:"expires_at"`
	Name      string  `json:"name"`
	Role      string  `json:"role"`
	SignIn    string  `json:"sign_in"`
	SignInURL *string `json:"sign_in_url"`
	SignedIn  bool    `json:"signed_in"`
}

type healthJSON struct {
	Status string  `json:"status"`
	Uptime float64 `json:"uptime"`
	// Version is that of the program, "" if it does not say it.
	Version string `json:"version"`
}

type livenessJSON struct {
	Status string `json:"status"`
}

type readinessJSON struct {
	Status string `json:"status"`
}

type noMetricsJSON struct {
	Message string `json:"message"`
}

type fileSchemaJSON struct {
	Columns    fileColumnsJSON `json:"columns"`
	Dimensions []string        `json:"dimensions"`
	Limits     fileLimitsJSON  `json:"limits"`
	Rules      []fileRuleJSON  `json:"rules"`
	Schema     string          `json:"schema"`
	Schemas    []string        `json:"schemas"`
}

type fileColumnsJSON struct {
	EventID   string   `json:"event_id"`
	EventType string   `json:"event_type"`
	Required  []string `json:"required"`
	Subject   string   `json:"subject"`
	Timestamp string   `json:"timestamp"`
}

type fileLimitsJSON struct {
	Columns     int   `json:"columns"`
	DedupeRows  int   `json:"dedupe_rows"`
	Errors      int   `json:"errors"`
	RepairBytes int64 `json:"repair_bytes"`
	RowBytes    int   `json:"row_bytes"`
	Rows        int64 `json:"rows"`
	UploadBytes int64 `json:"upload_bytes"`
	ValueBytes  int   `json:"value_bytes"`
}

type fileRuleJSON struct {
	Action    string      `json:"action"`
	Code      ingest.Code `json:"code"`
	Column    string      `json:"column"`
	Enum      []string    `json:"enum,omitzero"`
	Max       *float64    `json:"max,omitzero"`
	MaxLength int         `json:"max_length,omitzero"`
	Message   string      `json:"message,omitzero"`
	Min       *float64    `json:"min,omitzero"`
	Pattern   string      `json:"pattern,omitzero"`
	Required  bool        `json:"required,omitzero"`
}

type receiptJSON struct {
	BatchID         string        `json:"batch_id"`
	DuplicateCount  int64         `json:"duplicate_count"`
	DuplicateOf     *string       `json:"duplicate_of"`
	Errors          []*rowError   `json:"errors"`
	ErrorsTruncated bool          `json:"errors_truncated"`
	ErrorsURL       string        `json:"errors_url,omitzero"`
	ExpiresAt       string        `json:"expires_at,omitzero"`
	FailedCount     int64         `json:"failed_count"`
	InsertedCount   int64         `json:"inserted_count"`
	ProcessError    string        `json:"process_error,omitzero"`
	ReadAs          *readAsJSON   `json:"read_as"`
	Status          store.Status  `json:"status"`
	Warnings        []warningJSON `json:"warnings"`
}

// readAsJSON says how a file was understood.
type readAsJSON struct {
	DateOrder    string   `json:"date_order"`
	Delimiter    string   `json:"delimiter"`
	Encoding     string   `json:"encoding"`
	EncodingHint string   `json:"encoding_hint,omitzero"`
	Format       string   `json:"format"`
	HeaderLine   int64    `json:"header_line"`
	SkippedLines int64    `json:"skipped_lines"`
	TimeForms    []string `json:"time_forms"`
	TimeZone     string   `json:"time_zone"`
}

// newReadAs returns nil for a batch that was archived.
func newReadAs(a *ingest.ReadAs) *readAsJSON {
	if a.Format == "" {
		return nil
	}
	return &readAsJSON{
		DateOrder: a.DateOrder, Delimiter: a.Delimiter, Encoding: a.Encoding, EncodingHint: a.EncodingHint, Format: a.Format,
		HeaderLine: a.HeaderLine, SkippedLines: a.SkippedLines, TimeForms: nonNil(a.TimeForms), TimeZone: a.TimeZone,
	}
}

type warningJSON struct {
	Code    ingest.Code `json:"code"`
	Column  string      `json:"column"`
	Count   int64       `json:"count"`
	Line    int64       `json:"line"`
	Message string      `json:"message"`
}

type dryRunJSON struct {
	ChangeCount          int              `json:"change_count"`
	Changes              []changeJSON     `json:"changes"`
	ChangesTruncated     bool             `json:"changes_truncated"`
	DryRun               bool             `json:"dry_run"`
	DuplicateCount       int64            `json:"duplicate_count"`
	DuplicateOf          *string          `json:"duplicate_of"`
	ErrorGroups          []errorGroupJSON `json:"error_groups"`
	ErrorGroupsTruncated bool             `json:"error_groups_truncated"`
	FailedCount          int64            `json:"failed_count"`
	InsertedCount        int64            `json:"inserted_count"`
	ReadAs               readAsJSON       `json:"read_as"`
	Warnings             []warningJSON    `json:"warnings"`
}

type errorGroupJSON struct {
	Code   ingest.Code `json:"code"`
	Column string      `json:"column"`
	Count  int64       `json:"count"`
	Sample *rowError   `json:"sample"`
}

type changeJSON struct {
	After      int64  `json:"after"`
	Before     int64  `json:"before"`
	Date       string `json:"date"`
	Difference int64  `json:"difference"`
	EventType  string `json:"event_type"`
}

type batchJSON struct {
	BatchID             string         `json:"batch_id"`
	CreatedAt           string         `json:"created_at"`
	Damaged             bool           `json:"damaged,omitzero"`
	DuplicateCount      int64          `json:"duplicate_count"`
	ErasedCount         int64          `json:"erased_count"`
	ExpiresAt           string         `json:"expires_at,omitzero"`
	FailedCount         int64          `json:"failed_count"`
	FileName            string         `json:"file_name"`
	InsertedCount       int64          `json:"inserted_count"`
	LastError           *string        `json:"last_error"`
	Links               batchLinksJSON `json:"links"`
	OpenErrorCount      *int64         `json:"open_error_count,omitzero"`
	RepairedBy          []repairJSON   `json:"repaired_by,omitzero"`
	RepairedByTruncated *bool          `json:"repaired_by_truncated,omitzero"`
	Repairs             *string        `json:"repairs"`
	Sealed              bool           `json:"sealed"`
	SHA256              string         `json:"sha256"`
	Status              store.Status   `json:"status"`
	UpdatedAt           string         `json:"updated_at"`
}

type batchLinksJSON struct {
	Errors  string `json:"errors,omitzero"`
	Process string `json:"process,omitzero"`
	Repairs string `json:"repairs,omitzero"`
	Self    string `json:"self"`
}

type repairJSON struct {
	BatchID       string       `json:"batch_id"`
	CreatedAt     string       `json:"created_at"`
	FailedCount   int64        `json:"failed_count"`
	FileName      string       `json:"file_name"`
	InsertedCount int64        `json:"inserted_count"`
	Status        store.Status `json:"status"`
	URL           string       `json:"url"`
}

type batchPageJSON struct {
	Count      int         `json:"count"`
	Data       []batchJSON `json:"data"`
	NextCursor string      `json:"next_cursor,omitzero"`

	StatusCounts *statusCountsJSON `json:"status_counts,omitzero"`
}

// statusCountsJSON counts batches, up to countLimit of each status.
type statusCountsJSON struct {
	Completed  int64 `json:"completed"`
	Failed     int64 `json:"failed"`
	Processing int64 `json:"processing"`
	Queued     int64 `json:"queued"`
	Uploaded   int64 `json:"uploaded"`
}

// contentsJSON describes what is in a batch. The counts of days and types are of all,
// the lists are cut.
type contentsJSON struct {
	BatchID         string            `json:"batch_id"`
	DayCount        int               `json:"day_count"`
	Days            []contentDayJSON  `json:"days"`
	Errors          []*rowError       `json:"errors"`
	ErrorsTruncated bool              `json:"errors_truncated"`
	TypeCount       int               `json:"type_count"`
	Types           []contentTypeJSON `json:"types"`
}

type contentDayJSON struct {
	Count int64  `json:"count"`
	Date  string `json:"date"`
}

type contentTypeJSON struct {
	Count     int64  `json:"count"`
	EventType string `json:"event_type"`
}

type deletedBatchJSON struct {
	BatchID string `json:"batch_id"`
}

// queuedJSON has a member in camelCase, which older clients expect.
type queuedJSON struct {
	BatchID string       `json:"batchId"`
	Message string       `json:"message"`
	Status  store.Status `json:"status,omitzero"`
}

type queueListJSON struct {
	Count int         `json:"count"`
	Data  []queueJSON `json:"data"`
}

type queueJSON struct {
	DeadCount            int64   `json:"dead_count"`
	DelayedCount         int64   `json:"delayed_count"`
	OldestWaitingSeconds float64 `json:"oldest_waiting_seconds"`
	Queue                string  `json:"queue"`
	RunningCount         int64   `json:"running_count"`
	WaitingCount         int64   `json:"waiting_count"`
}

type deadLetterPageJSON struct {
	FailedCount int64            `json:"failed_count"`
	Jobs        []deadLetterJSON `json:"jobs"`
	NextCursor  string           `json:"next_cursor,omitzero"`
	Queue       string           `json:"queue"`
}

// deadLetterJSON has members in camelCase, and a time in milliseconds since
// 1970, which older clients expect.
type deadLetterJSON struct {
	Attempts     int           `json:"attempts"`
	Data         jobDataJSON   `json:"data"`
	FailedReason string        `json:"failedReason"`
	Failures     []failureJSON `json:"failures"`
	ID           string        `json:"id"`
	Kind         string        `json:"kind"`
	Timestamp    int64         `json:"timestamp"`
}

// failureJSON is an attempt that failed.
type failureJSON struct {
	At      string `json:"at"`
	Attempt int    `json:"attempt"`
	Error   string `json:"error"`
}

type jobDataJSON struct {
	BatchID string `json:"batchId"`
}

type retriedJSON struct {
	ID      string `json:"id"`
	Message string `json:"message"`
}

type retriedAllJSON struct {
	Message      string `json:"message"`
	RetriedCount int64  `json:"retried_count"`
}

type reprocessReportJSON struct {
	AmendedCount    int64          `json:"amended_count"`
	BatchCount      int64          `json:"batch_count"`
	DriftedCount    int64          `json:"drifted_count"`
	Drifts          []driftJSON    `json:"drifts"`
	EventCount      int64          `json:"event_count"`
	FilledCount     int64          `json:"filled_count"`
	Rebuilt         bool           `json:"rebuilt"`
	SealedCount     int64          `json:"sealed_count"`
	UnfilledCount   int64          `json:"unfilled_count"`
	UnreadableCount int64          `json:"unreadable_count"`
	WrongDays       []wrongDayJSON `json:"wrong_days"`
}

type driftJSON struct {
	BatchID        string                  `json:"batch_id"`
	Cause          eventmetrics.DriftCause `json:"cause"`
	Cells          []driftCellJSON         `json:"cells"`
	CellsTruncated bool                    `json:"cells_truncated"`
	Difference     int64                   `json:"difference"`
	EventCount     int64                   `json:"event_count"`
	LedgerCount    int64                   `json:"ledger_count"`
}

type driftCellJSON struct {
	Cause       eventmetrics.DriftCause `json:"cause"`
	Date        string                  `json:"date"`
	Difference  int64                   `json:"difference"`
	EventCount  int64                   `json:"event_count"`
	EventType   string                  `json:"event_type"`
	LedgerCount int64                   `json:"ledger_count"`
}

type wrongDayJSON struct {
	Date                string   `json:"date"`
	Difference          int64    `json:"difference"`
	Error               *string  `json:"error"`
	EventTypes          []string `json:"event_types"`
	EventTypesTruncated bool     `json:"event_types_truncated"`
	LedgerCount         int64    `json:"ledger_count"`
	SumCount            int64    `json:"sum_count"`
}

type cleanupReportJSON struct {
	BatchCount     int64 `json:"batch_count"`
	DryRun         bool  `json:"dry_run"`
	EventCount     int64 `json:"event_count"`
	RemainderCount int64 `json:"remainder_count"`
}

type retentionReportJSON struct {
	BatchCount       int64                `json:"batch_count"`
	ClearedCount     int64                `json:"cleared_count"`
	DeadLetterCount  int64                `json:"dead_letter_count"`
	DriftedCount     int64                `json:"drifted_count"`
	Drifts           []driftJSON          `json:"drifts"`
	DryRun           bool                 `json:"dry_run"`
	EventCount       int64                `json:"event_count"`
	Periods          retentionPeriodsJSON `json:"periods"`
	RejectedRowCount int64                `json:"rejected_row_count"`
	SealedCount      int64                `json:"sealed_count"`
	UnreadableCount  int64                `json:"unreadable_count"`
}

// retentionPeriodsJSON has periods in seconds; null means permanently.
type retentionPeriodsJSON struct {
	Batches      *int64 `json:"batches"`
	DeadLetters  *int64 `json:"dead_letters"`
	Events       *int64 `json:"events"`
	RejectedRows *int64 `json:"rejected_rows"`
}

type integrityJSON struct {
	BatchPass       auditPassJSON    `json:"batch_pass"`
	Damages         []damageJSON     `json:"damages"`
	DayPass         auditPassJSON    `json:"day_pass"`
	Drifts          []driftJSON      `json:"drifts"`
	IntervalSeconds float64          `json:"interval_seconds"`
	LastRound       *auditRoundJSON  `json:"last_round"`
	LedgerChecked   bool             `json:"ledger_checked"`
	OK              bool             `json:"ok"`
	RoundCount      int64            `json:"round_count"`
	Total           *auditRoundJSON  `json:"total"`
	Truncated       bool             `json:"truncated"`
	Unreadable      []unreadableJSON `json:"unreadable"`
	WrongDays       []wrongDayJSON   `json:"wrong_days"`
}

// damageJSON is a part of the store that is not what was written.
type damageJSON struct {
	BatchID *string `json:"batch_id"`
	Error   string  `json:"error"`
	Part    string  `json:"part"`
}

type auditRoundJSON struct {
	BatchCount      int64   `json:"batch_count"`
	DayCount        int64   `json:"day_count"`
	DurationSeconds float64 `json:"duration_seconds"`
	EventCount      int64   `json:"event_count"`
	SealedCount     int64   `json:"sealed_count"`
	StartedAt       string  `json:"started_at"`
}

type auditPassJSON struct {
	BeganAt            *string `json:"began_at"`
	CompleteCount      int64   `json:"complete_count"`
	CompletedAt        *string `json:"completed_at"`
	CompletedSeenCount int64   `json:"completed_seen_count"`
	SeenCount          int64   `json:"seen_count"`
}

type unreadableJSON struct {
	BatchID string `json:"batch_id"`
	Error   string `json:"error"`
}

type erasureReceiptJSON struct {
	BatchCount         int64                     `json:"batch_count"`
	CauseCount         int64                     `json:"cause_count"`
	ChangedBatches     []string                  `json:"changed_batches"`
	ChangedCount       int64                     `json:"changed_count"`
	ChangedTruncated   bool                      `json:"changed_truncated"`
	Complete           bool                      `json:"complete"`
	Counts             eventmetrics.ErasedCounts `json:"counts"`
	DeadLetterCount    int64                     `json:"dead_letter_count"`
	DryRun             bool                      `json:"dry_run"`
	ErasureID          string                    `json:"erasure_id"`
	EventCount         int64                     `json:"event_count"`
	LeftBatches        []string                  `json:"left_batches"`
	LeftCount          int64                     `json:"left_count"`
	LeftNameCount      int64                     `json:"left_name_count"`
	RejectedRowCount   int64                     `json:"rejected_row_count"`
	SealedCount        int64                     `json:"sealed_count"`
	SubjectColumn      string                    `json:"subject_column"`
	SubjectHash        string                    `json:"subject_hash"`
	TextCount          int64                     `json:"text_count"`
	Time               string                    `json:"time"`
	UnfinishedCount    int64                     `json:"unfinished_count"`
	UnreachableSchemas []string                  `json:"unreachable_schemas"`
	UnreadableCount    int64                     `json:"unreadable_count"`
	Unsettled          bool                      `json:"unsettled"`
	WhatStays          []staysJSON               `json:"what_stays"`
}

type staysJSON struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// problemMembersJSON is what every problem has. The types below are what
// problems of one code have beside it.
type problemMembersJSON struct {
	Code      Code   `json:"code"`
	Detail    string `json:"detail"`
	Error     string `json:"error"`
	Instance  string `json:"instance"`
	RequestID string `json:"request_id"`
	Status    int    `json:"status"`
	Title     string `json:"title"`
	Type      string `json:"type"`
}

// noRowsProblemJSON says that nothing was stored, in the members of a receipt.
type noRowsProblemJSON struct {
	Errors        []*rowError `json:"errors"`
	FailedCount   int64       `json:"failed_count"`
	InsertedCount int64       `json:"inserted_count"`
}

type missingColumnProblemJSON struct {
	noRowsProblemJSON

	DidYouMean     map[string]string `json:"did_you_mean,omitzero"`
	FoundColumns   []string          `json:"found_columns"`
	MissingColumns []string          `json:"missing_columns"`
}

type readOtherwiseProblemJSON struct {
	BatchID     string                  `json:"batch_id"`
	Differences []readingDifferenceJSON `json:"differences"`
}

type readingDifferenceJSON struct {
	Earlier string `json:"earlier"`
	Now     string `json:"now"`
	Option  string `json:"option"`
}

type otherFormatProblemJSON struct {
	noRowsProblemJSON

	Format string `json:"format"`
}

type ambiguousTimeProblemJSON struct {
	noRowsProblemJSON

	Column   string        `json:"column"`
	Readings []readingJSON `json:"readings"`
}

type readingJSON struct {
	Date            string `json:"date"`
	Line            int64  `json:"line"`
	TimestampLayout string `json:"timestamp_layout"`
	Value           string `json:"value"`
}

type noValidRowProblemJSON struct {
	noRowsProblemJSON

	ErrorsTruncated bool       `json:"errors_truncated"`
	ReadAs          readAsJSON `json:"read_as"`
}

type tooManyErrorsProblemJSON struct {
	noRowsProblemJSON

	ErrorsTruncated bool       `json:"errors_truncated"`
	Limit           string     `json:"limit"`
	LimitValue      float64    `json:"limit_value"`
	ReadAs          readAsJSON `json:"read_as"`
	RowCount        int64      `json:"row_count"`
	Stopped         bool       `json:"stopped"`
}

type tooManyDistinctRowsProblemJSON struct {
	LimitValue int `json:"limit_value"`
}

type unknownDimensionProblemJSON struct {
	Dimensions []string `json:"dimensions"`
}
