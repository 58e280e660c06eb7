package httpapi

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/eventmetrics/eventmetrics"
)

// parseDedupe reads dedupe.
func parseDedupe(query url.Values) (eventmetrics.Dedupe, error) {
	switch text := query.Get("dedupe"); text {
	case "", "none":
		return eventmetrics.DedupeNone, nil
	case string(eventmetrics.DedupeEventID), string(eventmetrics.DedupeOccurrence):
		return eventmetrics.Dedupe(text), nil
	}
	return "", badRequest("dedupe: want none, event_id or occurrence")
}

// parseOnDuplicate reports whether on_duplicate allows a file that is there.
func parseOnDuplicate(query url.Values) (bool, error) {
	switch query.Get("on_duplicate") {
	case "", "answer":
		return false, nil
	case "allow":
		return true, nil
	}
	return false, badRequest("on_duplicate: want answer or allow")
}

func dedupeLimitProblem(e *eventmetrics.DedupeLimitError) problem {
	return problem{
		status: http.StatusRequestEntityTooLarge, code: CodeTooManyDistinctRows,
		detail:  strings.TrimPrefix(e.Error(), "eventmetrics: ") + "; nothing was stored",
		members: object{"limit_value": e.Limit},
	}
}
