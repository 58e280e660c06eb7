package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

func writeJSON(w http.ResponseWriter, status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("httpapi: encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // an error means that the client left
	return nil
}

// prefix returns the path that the handler is mounted under, which
// http.StripPrefix has removed.
func prefix(r *http.Request) string {
	asked, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		return ""
	}
	p, _ := strings.CutSuffix(asked.EscapedPath(), r.URL.EscapedPath())
	if p == asked.EscapedPath() {
		return ""
	}
	return p
}

func batchURL(r *http.Request, id string) string { return prefix(r) + "/batches/" + id }

func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func timeOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(timeText(t))
}

// orNull returns nil for "".
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// nonNil returns an empty list for nil, which would be null.
func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
