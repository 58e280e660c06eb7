package httpapi

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/metrics/series"
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
