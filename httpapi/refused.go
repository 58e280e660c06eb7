package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
)

// The problems of files that are refused.

func headerProblem(e *ingest.HeaderError) problem {
	return problem{
		status: http.StatusUnprocessableEntity, code: CodeMissingColumn,
		detail: strings.TrimPrefix(e.Error(), "ingest: "),
		members: missingColumnProblemJSON{
			noRowsProblemJSON: nothingStored(0, nil),
			MissingColumns:    nonNil(e.Missing),
			FoundColumns:      nonNil(e.Found),
			DidYouMean:        e.Guess,
		},
	}
}

// ambiguousProblem shows both readings, by the value of timestamp_layout that
// asks for each.
func ambiguousProblem(e *ingest.AmbiguousTimeError) problem {
	reading := func(order ingest.DateOrder, r ingest.Reading) readingJSON {
		return readingJSON{TimestampLayout: order.String(), Line: r.Line, Value: r.Value, Date: r.Time.Format(time.DateOnly)}
	}
	return problem{
		status: http.StatusUnprocessableEntity, code: CodeAmbiguousTime,
		detail: strings.TrimPrefix(e.Error(), "ingest: ") + "; say timestamp_layout=dmy or mdy",
		members: ambiguousTimeProblemJSON{
			noRowsProblemJSON: nothingStored(0, nil),
			Column:            e.Column,
			Readings:          []readingJSON{reading(ingest.DayFirst, e.DayFirst), reading(ingest.MonthFirst, e.MonthFirst)},
		},
	}
}

func rejectedProblem(e *eventmetrics.RejectedError) problem {
	return problem{
		status: http.StatusUnprocessableEntity, code: CodeNoValidRow, detail: "no valid row; nothing was stored",
		members: noValidRowProblemJSON{
			noRowsProblemJSON: nothingStored(e.Rejected, e.Errors),
			ErrorsTruncated:   int64(len(e.Errors)) < e.Rejected,
		},
	}
}

func toleranceProblem(e *eventmetrics.ToleranceError) problem {
	return problem{
		status: http.StatusUnprocessableEntity, code: CodeTooManyErrors,
		detail: strings.TrimPrefix(e.Error(), "eventmetrics: ") + "; nothing was stored",
		members: tooManyErrorsProblemJSON{
			noRowsProblemJSON: nothingStored(e.Rejected, e.Errors),
			ErrorsTruncated:   int64(len(e.Errors)) < e.Rejected,
			RowCount:          e.Rows,
			Stopped:           e.Stopped,
			Limit:             e.Limit,
			LimitValue:        e.Value,
		},
	}
}

func dedupeLimitProblem(e *eventmetrics.DedupeLimitError) problem {
	return problem{
		status: http.StatusRequestEntityTooLarge, code: CodeTooManyDistinctRows,
		detail:  strings.TrimPrefix(e.Error(), "eventmetrics: ") + "; nothing was stored",
		members: tooManyDistinctRowsProblemJSON{LimitValue: e.Limit},
	}
}

// nothingStored returns the members of a receipt that every refused file has.
func nothingStored(failed int64, errs []ingest.RowError) noRowsProblemJSON {
	return noRowsProblemJSON{FailedCount: failed, Errors: rowErrors(errs)}
}
