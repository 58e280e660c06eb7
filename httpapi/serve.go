package httpapi

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/internal/text/clip"
)

// bodyGrace is the time in which a body must arrive that the handler does not
// read, or does not read to its end.
func (h *Handler) bodyGrace() time.Duration { return min(h.opts.StallTimeout, 10*time.Second) }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	id := requestID(r)
	r = r.WithContext(eventmetrics.WithRequestID(r.Context(), id))
	_, pattern := h.mux.Handler(r)
	ctx, observed := h.observed.observe(r, pattern)
	ctx, who := withCaller(ctx)
	r = r.WithContext(ctx)
	rec := &recorder{ResponseWriter: w, control: http.NewResponseController(w), timeout: h.opts.StallTimeout}
	_ = rec.control.SetWriteDeadline(time.Time{}) // clear that of the previous request on this connection
	if r.ContentLength != 0 {
		// A body that the handler does not read is drained by the server before
		// it answers.
		_ = rec.control.SetReadDeadline(start.Add(h.bodyGrace()))
	}
	setHeaders(rec.Header(), id)
	defer func() { observed(rec.status) }()
	defer h.finish(rec, r, pattern, start, who)
	if pattern == "" {
		h.unrouted(rec, r)
		return
	}
	if pattern == eventsPattern { // each event must arrive at once
		h.mux.ServeHTTP(rec, r)
		return
	}
	h.compressed.ServeHTTP(rec, r)
}

// finish answers a panic and logs the request, with the name of its token and
// never its value.
func (h *Handler) finish(w *recorder, r *http.Request, pattern string, start time.Time, who *caller) {
	p := recover()
	if p == http.ErrAbortHandler { //nolint:errorlint // a recovered value is compared, not an error unwrapped
		panic(p)
	}
	if p != nil {
		h.logger.ErrorContext(r.Context(), "handler panicked", "request_id", requestIDOf(r), "panic", p)
		if w.status != 0 { // the status is sent: cut the connection
			panic(http.ErrAbortHandler)
		}
		h.fail(w, r, problem{status: http.StatusInternalServerError, code: CodeInternal, detail: "internal error"})
	}
	level := slog.LevelInfo
	if w.status < http.StatusBadRequest && isFrequent(pattern) {
		level = slog.LevelDebug
	}
	h.logger.Log(r.Context(), level, "request", "request_id", requestIDOf(r), "client", h.opts.Source.Key(r), "token", short(who.Name), "method", short(r.Method),
		"path", short(r.URL.Path), "route", pattern, "status", w.status, "bytes", w.bytes, "seconds", time.Since(start).Seconds())
}

// isFrequent reports whether a pattern is that of assets or of a probe, which are
// asked for all the time.
func isFrequent(pattern string) bool {
	switch pattern {
	case "GET /assets/{path...}", "GET /health", "GET /healthz", "GET /readyz":
		return true
	}
	return false
}

// unrouted answers a request that no pattern matches: with 404, or with 405 and
// the Allow header of http.ServeMux.
func (h *Handler) unrouted(w http.ResponseWriter, r *http.Request) {
	found := &discard{header: http.Header{}}
	h.mux.ServeHTTP(found, r)
	p := problem{status: http.StatusNotFound, code: CodeNotFound, detail: "no such route"}
	if found.status == http.StatusMethodNotAllowed {
		w.Header()["Allow"] = found.header["Allow"]
		p = problem{status: found.status, code: CodeMethodNotAllowed, detail: "method not allowed here; see the Allow header"}
	}
	h.fail(w, r, p)
}

// contentPolicy forbids browsers to load or run anything.
const contentPolicy = "default-src 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// setHeaders sets the headers of every answer.
func setHeaders(header http.Header, requestID string) {
	header.Set("X-Request-Id", requestID)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
}

// requestID returns the request id of the context, which the embedding program
// may have set, or that of the header if it is printable, or a new one.
func requestID(r *http.Request) string {
	if id := requestIDOf(r); id != "" {
		return id
	}
	if id := r.Header.Get("X-Request-Id"); printable(id, 64) {
		return id
	}
	return rand.Text()
}

func requestIDOf(r *http.Request) string { return eventmetrics.RequestID(r.Context()) }

// recorder notes the status and the size of an answer. It sets a deadline for
// each write, so that a client that does not read cannot hold a database cursor.
type recorder struct {
	http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	status  int
	bytes   int64
}

// extend sets the deadline of the next write. Servers that do not support
// deadlines are left to end requests themselves.
func (w *recorder) extend() { _ = w.control.SetWriteDeadline(time.Now().Add(w.timeout)) }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.extend()
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.extend()
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap serves http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// discard is a ResponseWriter that sends nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// short cuts a value for the log, where slog's handlers escape it.
func short(s string) string { return clip.Text(s, 200) }
