package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/upload"
)

// The problems of files that are refused.

func headerProblem(e *ingest.HeaderError) problem {
	code := CodeBadHeader
	switch {
	case len(e.Missing) > 0:
		code = CodeMissingColumn
	case len(e.Duplicate) > 0:
		code = CodeDuplicateColumn
	}
	return problem{
		status: http.StatusUnprocessableEntity, code: code,
		detail: strings.TrimPrefix(e.Error(), "ingest: "),
		members: missingColumnProblemJSON{
			noRowsProblemJSON: nothingStored(0, nil),
			MissingColumns:    nonNil(e.Missing),
			FoundColumns:      nonNil(e.Found),
			DidYouMean:        e.Guess,
		},
	}
}

// formatProblem names the format that a file has.
func formatProblem(e *ingest.FormatError) problem {
	return problem{
		status: http.StatusUnprocessableEntity, code: CodeOtherFormat, detail: e.Hint,
		members: otherFormatProblemJSON{noRowsProblemJSON: nothingStored(0, nil), Format: e.Format},
	}
}

// readingProblem names the options that differ from those of the earlier batch.
func readingProblem(e *upload.ReadingError) problem {
	members := readOtherwiseProblemJSON{BatchID: e.Batch}
	for _, d := range e.Differences {
		members.Differences = append(members.Differences, readingDifferenceJSON{Option: d.Option, Earlier: d.Earlier, Now: d.Now})
	}
	return problem{
		status: http.StatusConflict, code: CodeReadOtherwise,
		detail: strings.TrimPrefix(e.Error(), "eventmetrics: "), members: members,
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
		status: http.StatusUnprocessableEntity, code: CodeNoValidRow, detail: "no valid row; nothing was stored" + hint(&e.ReadAs),
		members: noValidRowProblemJSON{
			noRowsProblemJSON: nothingStored(e.Rejected, e.Errors),
			ErrorsTruncated:   int64(len(e.Errors)) < e.Rejected,
			ReadAs:            *newReadAs(&e.ReadAs),
		},
	}
}

func toleranceProblem(e *eventmetrics.ToleranceError) problem {
	return problem{
		status: http.StatusUnprocessableEntity, code: CodeTooManyErrors,
		detail: strings.TrimPrefix(e.Error(), "eventmetrics: ") + "; nothing was stored" + hint(&e.ReadAs),
		members: tooManyErrorsProblemJSON{
			noRowsProblemJSON: nothingStored(e.Rejected, e.Errors),
			ErrorsTruncated:   int64(len(e.Errors)) < e.Rejected,
			RowCount:          e.Rows,
			Stopped:           e.Stopped,
			Limit:             e.Limit,
			LimitValue:        e.Value,
			ReadAs:            *newReadAs(&e.ReadAs),
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

// hint returns what to do about values that are not UTF-8, or "".
func hint(a *ingest.ReadAs) string {
	if a.EncodingHint == "" {
		return ""
	}
	return fmt.Sprintf(". The file seems to be %s: upload it with encoding=%s, or save it as UTF-8", a.EncodingHint, a.EncodingHint)
}

// nothingStored returns the members of a receipt that every refused file has.
func nothingStored(failed int64, errs []ingest.RowError) noRowsProblemJSON {
	return noRowsProblemJSON{FailedCount: failed, Errors: rowErrors(errs)}
}
