package httpapi

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/eventmetrics/eventmetrics"
)

// parseTolerance reads mode, max_errors and max_error_ratio.
func parseTolerance(query url.Values) (eventmetrics.Tolerance, error) {
	var t eventmetrics.Tolerance
	switch mode := query.Get("mode"); mode {
	case "", "partial":
	case "strict":
		t.Strict = true
	default:
		return t, badRequest("mode: want partial or strict")
	}
	if text := query.Get("max_errors"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return t, badRequest("max_errors: want a number of rows, 0 or more")
		}
		if t.MaxErrors = n; n == 0 {
			t.MaxErrors = -1
		}
	}
	if text := query.Get("max_error_ratio"); text != "" {
		ratio, err := strconv.ParseFloat(text, 64)
		if err != nil || !(ratio >= 0 && ratio <= 1) { // not NaN either
			return t, badRequest("max_error_ratio: want a number from 0 to 1, such as 0.05")
		}
		if t.MaxErrorRatio = ratio; ratio == 0 {
			t.MaxErrorRatio = -1
		}
	}
	return t, nil
}

func toleranceProblem(e *eventmetrics.ToleranceError) problem {
	return problem{
		status: http.StatusUnprocessableEntity, code: CodeTooManyErrors,
		detail: strings.TrimPrefix(e.Error(), "eventmetrics: ") + "; nothing was stored",
		members: object{
			"inserted_count":   0,
			"failed_count":     e.Failed,
			"row_count":        e.Rows,
			"stopped":          e.Stopped,
			"limit":            e.Limit,
			"limit_value":      e.Value,
			"errors":           rowErrors(e.Errors),
			"errors_truncated": int64(len(e.Errors)) < e.Failed,
		},
	}
}
