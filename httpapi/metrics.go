package httpapi

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
	"github.com/eventmetrics/eventmetrics/store"
)

// metrics serves GET /metrics.
func (h *Handler) metrics(w http.ResponseWriter, r *http.Request) error {
	asked, format, err := readAnswer(r)
	if err != nil {
		return err
	}
	asked.Fill = asked.Fill || format.fill
	var body []byte
	err = h.svc.QueryFunc(r.Context(), asked.Query, func(result *series.Result, more func(int64) error) error {
		if err := more(format.bytes(result)); err != nil {
			return err
		}
		asked.result, asked.numbers = *result, numbers(asked)
		if asked.sliced() {
			w.Header().Set("Unattributed-Count", strconv.FormatInt(result.Unattributed, 10))
		}
		if len(result.Buckets) == 0 {
			return noMetrics(w)
		}
		w.Header().Set("Content-Type", format.content)
		w.Header().Add("Vary", "Accept, Authorization, Cookie")
		w.Header().Set("Cache-Control", cacheControl(result.Finality))
		body = sendLong(w, r, asked, format)
		return nil
	})
	if _, ok := errors.AsType[*eventmetrics.MemoryExceededError](err); ok {
		return problem{
			status: http.StatusBadRequest, code: CodeBadRequest, cause: err,
			detail: "the answer needs more memory than a query may take; ask for a shorter range, a longer interval or fewer groups",
		}
	}
	if err == nil && body != nil {
		asked.result = series.Result{} // while the client reads
		sendTagged(w, r, body)
	}
	return err
}

// cacheControl returns how long an answer may be cached. A deleted batch or a
// late file can change any answer, so none is cached permanently: a settled one
// for a minute, which is enough to turn pages, and a sealed one, which rarely
// changes, for a day. After a change a client asks with no-cache, as the
// dashboard does.
func cacheControl(f series.Finality) string {
	switch f {
	case series.Sealed:
		return "private, max-age=86400"
	case series.Settled:
		return "private, max-age=60"
	}
	return "private, no-cache"
}

// noMetrics answers a query without a result in the form that older clients
// expect.
func noMetrics(w http.ResponseWriter) error {
	return writeJSON(w, http.StatusNotFound, noMetricsJSON{Message: "No metrics found"})
}

// tagged sets the ETag of a body from its digest. If the client has the body, it
// answers 304 and returns true. The tag is weak: a compressed body has the same.
func tagged(w http.ResponseWriter, r *http.Request, digest []byte) bool {
	tag := `"` + hex.EncodeToString(digest[:16]) + `"`
	w.Header().Set("ETag", "W/"+tag)
	for _, line := range r.Header.Values("If-None-Match") {
		for candidate := range strings.SplitSeq(line, ",") {
			candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
			if candidate == tag || candidate == "*" {
				w.WriteHeader(http.StatusNotModified)
				return true
			}
		}
	}
	return false
}

// explain serves GET /metrics/explain.
func (h *Handler) explain(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r)
	day, eventType, hour := p.day("date"), p.text("event_type"), p.hour("hour")
	if err := p.err(); err != nil {
		return err
	}
	if day == 0 || eventType == "" {
		return badRequest("date and event_type are both needed")
	}
	return h.streamShares(w, r, day, eventType, hour)
}

// inHour returns the events of a share in an hour of its day.
func inHour(share *store.Share, hour int) (n int64) {
	const slots = metrics.SlotsPerDay / 24
	for slot, events := range share.Slots.Each() {
		if slot/slots == hour {
			n += events
		}
	}
	return n
}

// streamShares writes the answer in pieces: the number of batches of a day has no
// limit.
func (h *Handler) streamShares(w http.ResponseWriter, r *http.Request, day metrics.Day, eventType string, hour *int) error {
	const flushAt = 32 << 10
	var b []byte
	var sum int64
	sent := false
	for share, err := range h.svc.Explain(r.Context(), day, eventType) {
		if err != nil {
			return cutShort(sent, err)
		}
		if hour != nil {
			share.Count = inHour(&share, *hour)
		}
		if share.Count == 0 {
			continue
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
	_, _ = w.Write(append(b, "}\n"...)) // an error means that the client left
	return nil
}
