package httpapi

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi/ui"
	"github.com/eventmetrics/eventmetrics/ratelimit"
)

// Options configure a [Handler]. One of Token and Authorize must be set.
type Options struct {
	// Token is the bearer token that every request needs, except those for
	// health, the dashboard and the documentation.
	Token string
	// Authorize replaces the check of Token. It returns nil to allow a request,
	// ErrUnauthenticated for 401, and any other error for 403. AllowAll allows
	// every request, for handlers that are protected by other means.
	Authorize func(*http.Request) error

	// Limiter limits uploads by client address; nil means no limit.
	Limiter ratelimit.Limiter
	// Source finds the client address; nil trusts no proxy.
	Source *ratelimit.ClientIP
	// ExemptLocal means that uploads from this machine are not limited, see
	// [ratelimit.ClientIP.IsLocal].
	ExemptLocal bool
	// LimitSetting is the name of the setting that configures Limiter in your
	// program. Answers of a refusal name it, if it is not empty.
	LimitSetting string

	// MaxUploads is the number of concurrent uploads. Further ones are answered
	// with 503 and Retry-After; 0 means twice GOMAXPROCS, at least 4.
	MaxUploads int
	// MaxBodyBytes bounds the body of an upload as it is sent, compressed or
	// not; 0 means 1 GiB and 1 MiB. The decompressed file is bounded by the
	// Service.
	MaxBodyBytes int64
	// StallTimeout is the time in which an upload must send 16 KiB more, twice as
	// much in each further StallTimeout up to 2 MiB, and in which the client must
	// read each write of an answer. Otherwise the request ends. The time in which
	// the server does not read does not count. 0 means 30 s.
	StallTimeout time.Duration

	// QueueName is the name of the queue in paths; "" means event-processing.
	QueueName string
	// Logger gets a line for each request; nil discards them.
	Logger *slog.Logger
	// TracerProvider gets a span for each request, in the trace that
	// OpenTelemetry's global propagator finds in its headers; nil means the
	// global one.
	TracerProvider trace.TracerProvider
	// MeterProvider gets the times of requests; nil means the global one.
	MeterProvider metric.MeterProvider
}

// Handler serves the API. It is safe for concurrent use.
type Handler struct {
	svc      *eventmetrics.Service
	opts     Options
	mux      *http.ServeMux
	logger   *slog.Logger
	observed telemetry
	uploads  chan struct{} // a slot for each upload under way
	streams  chan struct{} // and for each stream of events
	watch    *watcher
	assets   map[string]ui.File // the dashboard, by name
	started  time.Time
	drain    sync.Once
	drained  chan struct{} // closed by Drain
}

// New returns a Handler for svc. It returns an error if opts has neither Token
// nor Authorize, or if the options of svc are invalid.
func New(svc *eventmetrics.Service, opts *Options) (*Handler, error) {
	if opts == nil || opts.Token == "" && opts.Authorize == nil {
		return nil, errors.New("httpapi: neither Token nor Authorize is set")
	}
	if svc == nil {
		return nil, errors.New("httpapi: New needs a service, got nil")
	}
	if err := svc.Validate(); err != nil {
		return nil, err
	}
	h := &Handler{svc: svc, opts: *opts, started: time.Now()}
	h.setDefaults()
	h.uploads = make(chan struct{}, h.opts.MaxUploads)
	h.streams = make(chan struct{}, maxStreams)
	h.watch = newWatcher(svc.Batches, svc.Batch)
	h.drained = make(chan struct{})
	var err error
	if h.assets, err = ui.Files(); err != nil {
		return nil, err
	}
	h.observed = newTelemetry(opts.TracerProvider, opts.MeterProvider)
	h.mux = http.NewServeMux()
	for _, route := range h.routes() {
		h.mux.Handle(route.pattern, h.endpoint(route))
	}
	return h, nil
}

func (h *Handler) setDefaults() {
	o := &h.opts
	if o.Authorize == nil {
		o.Authorize = BearerToken(o.Token)
	}
	if o.Source == nil {
		o.Source = ratelimit.NewClientIP(nil)
	}
	if o.MaxUploads <= 0 {
		o.MaxUploads = max(4, 2*runtime.GOMAXPROCS(0))
	}
	if o.MaxBodyBytes <= 0 {
		o.MaxBodyBytes = 1<<30 + 1<<20
	}
	if o.StallTimeout <= 0 {
		o.StallTimeout = 30 * time.Second
	}
	if o.QueueName == "" {
		o.QueueName = "event-processing"
	}
	h.logger = o.Logger
	if h.logger == nil {
		h.logger = slog.New(slog.DiscardHandler)
	}
}

// handlerFunc serves an endpoint. It returns an error instead of writing one;
// it must not have written anything then. It reads its parameters with
// newParams and has no effect before they are known to be right.
type handlerFunc func(http.ResponseWriter, *http.Request) error

// route is one endpoint.
type route struct {
	pattern string
	open    bool // needs no authorization, and takes any parameter
	serve   handlerFunc
}

func (h *Handler) routes() []route {
	return []route{
		{"GET /{$}", true, h.index},
		{"GET /assets/{path...}", true, h.asset},
		{"GET /openapi.yaml", true, h.specification},
		{"GET /docs", true, h.documentation},
		{"GET /health", true, h.health},
		{"GET /healthz", true, h.healthz},
		{"GET /readyz", true, h.readyz},
		{"POST /uploads", false, h.upload},
		{"GET /metrics", false, h.metrics},
		{"GET /metrics/explain", false, h.explain},
		{"GET /schema", false, h.schema},
		{"GET /batches", false, h.batches},
		{"GET /batches/events", false, noParams(h.events)},
		{"GET /batches/{id}", false, noParams(h.batch)},
		{"DELETE /batches/{id}", false, noParams(h.deleteBatch)},
		{"GET /batches/{id}/errors", false, noParams(h.repair)},
		{"POST /batches/{id}/process", false, noParams(h.process)},
		{"GET /admin/queues", false, noParams(h.queues)},
		{"GET /admin/queues/{name}", false, noParams(h.queue)},
		{"GET /admin/queues/{name}/dlq", false, h.deadLetters},
		{"POST /admin/queues/{name}/dlq/retry", false, noParams(h.retryAll)},
		{"POST /admin/queues/{name}/dlq/{id}/retry", false, noParams(h.retryDead)},
		{"DELETE /admin/queues/{name}/dlq/{id}", false, h.discardDead},
		{"POST /admin/reprocess", false, noParams(h.reprocess)},
		{"POST /admin/cleanup", false, h.cleanup},
		{"GET /admin/integrity", false, noParams(h.integrity)},
		{"POST /admin/integrity", false, noParams(h.audit)},
		{"POST /admin/retention", false, h.retain},
		{"POST /admin/erasures", false, noParams(h.erase)},
	}
}

// Patterns lists the patterns that the handler serves, in the form of
// http.ServeMux.
func (h *Handler) Patterns() []string {
	var patterns []string
	for _, r := range h.routes() {
		patterns = append(patterns, r.pattern)
	}
	return patterns
}

// Drain makes /readyz fail, so that load balancers stop sending requests while
// the server shuts down, and ends the streams of events, one for each open
// dashboard, which http.Server.Shutdown would wait for. Other requests are served.
// Register it with http.Server.RegisterOnShutdown, or call it before Shutdown. It
// may be called more than once.
func (h *Handler) Drain() { h.drain.Do(func() { close(h.drained) }) }

func (h *Handler) draining() bool {
	select {
	case <-h.drained:
		return true
	default:
		return false
	}
}

// endpoint authorizes a request, serves it, and answers an error.
func (h *Handler) endpoint(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !r.open {
			if err := h.opts.Authorize(req); err != nil {
				h.fail(w, req, authProblem(err))
				return
			}
		}
		if _, err := url.ParseQuery(req.URL.RawQuery); err != nil {
			h.fail(w, req, badRequest("the query string is malformed"))
			return
		}
		if err := r.serve(w, req); err != nil {
			h.fail(w, req, toProblem(err))
		}
	})
}
