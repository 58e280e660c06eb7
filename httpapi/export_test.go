package httpapi

import "reflect"

// AnswerTypes returns the types of answers.go that answers consist of; the types
// of their members are found from them.
func AnswerTypes() []reflect.Type {
	var types []reflect.Type
	for _, v := range []any{
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
