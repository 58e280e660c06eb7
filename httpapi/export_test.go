package httpapi

import (
	"io"
	"reflect"
	"time"
)

// NewReadAhead makes a reader that reads ahead.
func NewReadAhead(r io.Reader, stop func()) interface {
	io.Reader
	Close()
} {
	return newReadAhead(r, stop)
}

// SetClock replaces the clock of sessions and of the ends of tokens.
func (h *Handler) SetClock(now func() time.Time) { h.now = now }

// AnswerTypes returns the types of answers.go that answers consist of; the types
// of their members are found from them.
func AnswerTypes() []reflect.Type {
	var types []reflect.Type
	for _, v := range []any{
		sessionJSON{},
		contentsJSON{},
		healthJSON{},
		livenessJSON{},
		readinessJSON{},
		noMetricsJSON{},
		fileSchemaJSON{},
		receiptJSON{},
		dryRunJSON{},
		batchJSON{},
		batchPageJSON{},
		deletedBatchJSON{},
		queuedJSON{},
		queueListJSON{},
		deadLetterPageJSON{},
		retriedJSON{},
		retriedAllJSON{},
		reprocessReportJSON{},
		cleanupReportJSON{},
		retentionReportJSON{},
		integrityJSON{},
		erasureReceiptJSON{},
		problemMembersJSON{},
		noRowsProblemJSON{},
		missingColumnProblemJSON{},
		readAsJSON{},
		readOtherwiseProblemJSON{},
		readingDifferenceJSON{},
		otherFormatProblemJSON{},
		ambiguousTimeProblemJSON{},
		noValidRowProblemJSON{},
		tooManyErrorsProblemJSON{},
		tooManyDistinctRowsProblemJSON{},
		unknownDimensionProblemJSON{},
	} {
		types = append(types, reflect.TypeOf(v))
	}
	return types
}
