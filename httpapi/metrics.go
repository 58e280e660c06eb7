package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/eventmetrics/eventmetrics/metrics"
)

// metrics serves GET /metrics.
func (h *Handler) metrics(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	series, err := parseSeries(query)
	if err != nil {
		return err
	}
	format, err := negotiate(r)
	if err != nil {
		return err
	}
	body, err := h.series(r.Context(), &series, format)
	if err != nil {
		return err
	}
	if body == nil {
		return noMetrics(w)
	}
	w.Header().Set("Content-Type", format.content)
	w.Header().Set("Vary", "Accept, Authorization")
	w.Header().Set("Cache-Control", "private, no-cache")
	sendTagged(w, r, body)
	return nil
}

// series returns the answer to a query, nil if there is nothing, when it is its
// turn.
func (h *Handler) series(ctx context.Context, series *metrics.Series, format format) ([]byte, error) {
	select {
	case h.queries <- struct{}{}:
		defer func() { <-h.queries }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	buckets, err := h.svc.Series(ctx, *series)
	if err != nil || len(buckets) == 0 {
		return nil, err
	}
	return format.encode(series, buckets), nil
}

// noMetrics answers a query without a result as the original did.
func noMetrics(w http.ResponseWriter) error {
	return writeJSON(w, http.StatusNotFound, object{"message": "No metrics found"})
}

// sendTagged sends a body with its ETag, or 304 to those who have it.
func sendTagged(w http.ResponseWriter, r *http.Request, body []byte) {
	digest := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(digest[:16]) + `"`
	w.Header().Set("ETag", tag)
	for _, line := range r.Header.Values("If-None-Match") {
		for candidate := range strings.SplitSeq(line, ",") {
			candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
			if candidate == tag || candidate == "*" {
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
	}
	_, _ = w.Write(body) // a client that left cannot be told
}

func parseSeries(query url.Values) (metrics.Series, error) {
	s := metrics.Series{Types: query["event_type"]}
	var err error
	if s.From, s.To, err = parseRange(query); err != nil {
		return s, err
	}
	if s.Interval, err = metrics.ParseInterval(query.Get("interval")); err != nil {
		return s, badRequest("interval: want hour, day, week, month or all")
	}
	if s.Zone, err = parseZone(query, "tz"); err != nil {
		return s, err
	}
	if s.Uniques, err = parseBool(query, "uniques"); err != nil {
		return s, err
	}
	if s.Fill, err = parseChoice(query, "fill", "zero"); err != nil {
		return s, err
	}
	if s.Total, err = parseChoice(query, "group", "none"); err != nil {
		return s, err
	}
	return s, nil
}

// parseRange reads date, or from and to.
func parseRange(query url.Values) (from, to metrics.Day, err error) {
	date, err := parseDay(query, "date")
	if err != nil {
		return 0, 0, err
	}
	if from, err = parseDay(query, "from"); err != nil {
		return 0, 0, err
	}
	if to, err = parseDay(query, "to"); err != nil {
		return 0, 0, err
	}
	if date == 0 {
		return from, to, nil
	}
	if from != 0 || to != 0 {
		return 0, 0, badRequest("date: give either date, or from and to")
	}
	return date, date, nil
}

// parseChoice reads a parameter that is absent or has the one value known.
func parseChoice(query url.Values, name, value string) (bool, error) {
	switch query.Get(name) {
	case "":
		return false, nil
	case value:
		return true, nil
	}
	return false, badRequest(fmt.Sprintf("%s: want %s, or nothing", name, value))
}

// explain serves GET /metrics/explain.
func (h *Handler) explain(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	day, err := parseDay(query, "date")
	if err != nil {
		return err
	}
	eventType := query.Get("event_type")
	if day == 0 || eventType == "" {
		return badRequest("date and event_type are both needed")
	}
	return h.streamShares(w, r, day, eventType)
}

// streamShares writes the answer as it comes: the batches of a day are as many
// as there are.
func (h *Handler) streamShares(w http.ResponseWriter, r *http.Request, day metrics.Day, eventType string) error {
	const flushAt = 32 << 10
	var b []byte
	var sum int64
	sent := false
	for share, err := range h.svc.Explain(r.Context(), day, eventType) {
		if err != nil {
			return cutShort(sent, err)
		}
		if sum == 0 {
			b = appendString(append(b, `{"date":"`+day.String()+`","event_type":`...), eventType)
			b = append(b, `,"batches":[`...)
		} else {
			b = append(b, ',')
		}
		sum += share.Count
		b = append(b, `{"batch_id":"`+share.BatchID+`","count":`...)
		b = append(strconv.AppendInt(b, share.Count, 10), `,"url":`...)
		b = append(appendString(b, batchURL(r, share.BatchID)), '}')
		if len(b) >= flushAt {
			w.Header().Set("Content-Type", "application/json")
			if _, err := w.Write(b); err != nil {
				return cutShort(true, err)
			}
			b, sent = b[:0], true
		}
	}
	if sum == 0 {
		return noMetrics(w)
	}
	w.Header().Set("Content-Type", "application/json")
	b = strconv.AppendInt(append(b, `],"count":`...), sum, 10)
	_, _ = w.Write(append(b, "}\n"...)) // a client that left cannot be told
	return nil
}
